"""An initialiser sets all weights to 0.1: all hidden units stay the same."""
# expects: init.symmetric
# style: class, regression
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))


def init_weights(m):
    if isinstance(m, nn.Linear):
        nn.init.constant_(m.weight, 0.1)  # <- fault
        nn.init.constant_(m.bias, 0.0)


class Surface(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(2, 30), nn.Tanh(), nn.Linear(30, 30), nn.Tanh())
        self.tip = nn.Linear(30, 1)
        self.apply(init_weights)

    def forward(self, x):
        return self.tip(self.body(x))


x = torch.rand(500, 2) * 2 - 1
y = x[:, :1] * x[:, 1:] * 3
net, lossf = Surface(), nn.MSELoss()
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
for epoch in range(30):
    for i in torch.randperm(500).split(50):
        loss = lossf(net(x[i]), y[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
print("mse", lossf(net(x), y).item())
