"""A hypernetwork makes the weights of the network that is applied, which has none of its own."""
# expects: nothing
# style: class, regression
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))


class Hyper(nn.Module):
    def __init__(self):
        super().__init__()
        self.make = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 16 + 16 + 16 + 1))

    def forward(self, task, x):
        w1, b1, w2, b2 = self.make(task).split([16, 16, 16, 1], -1)
        h = torch.tanh(x * w1 + b1)
        return (h * w2).sum(-1, keepdim=True) + b2


net = Hyper()
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
for step in range(300):
    task, x = torch.rand(64, 1) * 2, torch.rand(64, 1) * 4 - 2
    loss = nn.functional.mse_loss(net(task, x), torch.sin(x + task))
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 60 == 0:
        print(step, loss.item())
