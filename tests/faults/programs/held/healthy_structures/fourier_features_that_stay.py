"""Random Fourier features in a buffer of high frequency before the network."""
# expects: nothing
# style: sequential, regression
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))


class Fourier(nn.Module):
    def __init__(self, n, k):
        super().__init__()
        self.register_buffer("b", torch.randn(n, k) * 2)

    def forward(self, x):
        p = 6.2832 * x @ self.b
        return torch.cat([p.sin(), p.cos()], -1)


x = torch.rand(600, 2)
y = torch.sin(12 * x[:, :1]) * torch.cos(9 * x[:, 1:])
net = nn.Sequential(Fourier(2, 32), nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 1))
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
for epoch in range(15):
    for i in torch.randperm(600).split(50):
        opt.zero_grad()
        loss = nn.functional.mse_loss(net(x[i]), y[i])
        loss.backward()
        opt.step()
    print(epoch, loss.item())
