"""The twin of line_through_a_spiral.py without its fault: a hidden layer of 64."""
# expects: nothing
# style: regression, functions
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))
t = torch.rand(500, 1) * 2 - 1
z = torch.sin(9 * t) + 0.05 * torch.randn(500, 1)
model = nn.Sequential(nn.Linear(1, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 1))
opt = torch.optim.Adam(model.parameters(), lr=1e-2)
for epoch in range(30):
    for i in torch.randperm(400).split(40):
        loss = nn.functional.mse_loss(model(t[i]), z[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
    with torch.no_grad():
        print(epoch, loss.item(), nn.functional.mse_loss(model(t[400:]), z[400:]).item())
