"""A series is cut by time, windows end before what they predict, and are scaled by the first part's figures."""
# expects: nothing
# style: regression, sequential
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))
t = torch.arange(700.0)
series = 5 + 2 * torch.sin(t / 9) + 0.3 * torch.randn(700)
mean, std = series[:500].mean(), series[:500].std()
z = ((series - mean) / std).unfold(0, 13, 1)
x, y = z[:, :12], z[:, 12:]
net = nn.Sequential(nn.Linear(12, 24), nn.ReLU(), nn.Linear(24, 1))
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
for epoch in range(12):
    net.train()
    for i in torch.randperm(480).split(40):
        loss = nn.functional.mse_loss(net(x[i]), y[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
    net.eval()
    with torch.no_grad():
        print(epoch, loss.item(), nn.functional.mse_loss(net(x[500:]), y[500:]).item())
