"""Two heads; each batch belongs to one task, so the other head has no gradient on that step."""
# expects: nothing
# style: class, multitask
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))


class Turns(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(6, 32), nn.ReLU())
        self.heads = nn.ModuleDict({"colour": nn.Linear(32, 3), "size": nn.Linear(32, 1)})

    def forward(self, x, task):
        return self.heads[task](self.body(x))


x = torch.randn(600, 6)
colour, size = x[:, :3].argmax(1), x[:, 3:].sum(1, keepdim=True)
net = Turns()
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
for step in range(300):
    i = torch.randint(0, 600, (50,))
    opt.zero_grad()
    if step % 2:
        loss = nn.functional.cross_entropy(net(x[i], "colour"), colour[i])
    else:
        loss = nn.functional.mse_loss(net(x[i], "size"), size[i])
    loss.backward()
    opt.step()
    if step % 60 < 2:
        print(step, loss.item())
