"""Inputs are zeros and ones, mostly zeros; that is their scale."""
# expects: nothing
# style: sequential
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))
x = (torch.rand(700, 30) < 0.2).float()
y = (x[:, :6].sum(1) > x[:, 6:12].sum(1)).float()
net = nn.Sequential(nn.Linear(30, 24), nn.ReLU(), nn.Linear(24, 1))
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
for epoch in range(12):
    for i in torch.randperm(700).split(50):
        loss = nn.functional.binary_cross_entropy_with_logits(net(x[i]).flatten(), y[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
    print(epoch, loss.item())
