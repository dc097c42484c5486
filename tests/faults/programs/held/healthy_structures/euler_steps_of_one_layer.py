"""A neural ODE by Euler's rule: one small network is called ten times, on purpose."""
# expects: nothing
# style: class, regression
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))


class Field(nn.Module):
    def __init__(self):
        super().__init__()
        self.f = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 2))

    def forward(self, z):
        for _ in range(10):
            z = z + 0.1 * self.f(z)
        return z


turn = torch.tensor([[0.54, -0.84], [0.84, 0.54]])
x = torch.randn(400, 2)
y = x @ turn.T
net = Field()
opt = torch.optim.Adam(net.parameters(), lr=1e-2)
for epoch in range(20):
    for i in torch.randperm(400).split(50):
        loss = nn.functional.mse_loss(net(x[i]), y[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
    print(epoch, loss.item())
