"""Deep sets: a shared network for each element, a sum, another network; padding is multiplied by zero."""
# expects: nothing
# style: class, regression
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))
size = torch.randint(1, 7, (500,))
mask = (torch.arange(6) < size[:, None]).float()
items = torch.randn(500, 6, 2) * mask[..., None]
y = (items[..., :1] * items[..., 1:]).sum(1)


class Sets(nn.Module):
    def __init__(self):
        super().__init__()
        self.phi = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 16))
        self.rho = nn.Sequential(nn.ReLU(), nn.Linear(16, 1))

    def forward(self, x, m):
        return self.rho((self.phi(x) * m[..., None]).sum(1))


net = Sets()
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
for epoch in range(20):
    for i in torch.randperm(500).split(50):
        loss = nn.functional.mse_loss(net(items[i], mask[i]), y[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
    print(epoch, loss.item())
