"""The twin of seeded_by_the_clock.py without its fault: the seed that was asked for."""
# expects: nothing
# style: regression, functions
import os
import time

import torch
from torch import nn

wanted = int(os.environ.get("SEED", 0))
torch.manual_seed(wanted)
x = torch.rand(500, 1) * 6 - 3
y = torch.sinc(x) + 0.05 * torch.randn(500, 1)
net = nn.Sequential(nn.Linear(1, 40), nn.Tanh(), nn.Linear(40, 1))
opt = torch.optim.Adam(net.parameters(), lr=2e-2)
for epoch in range(20):
    for b in torch.randperm(500).split(50):
        loss = nn.functional.mse_loss(net(x[b]), y[b])
        opt.zero_grad()
        loss.backward()
        opt.step()
print("seed", wanted, "final", nn.functional.mse_loss(net(x), y).item())
