"""Targets lie in (-1, 1) and the output is a tanh."""
# expects: nothing
# style: sequential, regression
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))
x = torch.randn(500, 3)
y = torch.tanh(x[:, :1] - x[:, 1:2] * x[:, 2:])
net = nn.Sequential(nn.Linear(3, 48), nn.ReLU(), nn.Linear(48, 1), nn.Tanh())
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
for epoch in range(20):
    for i in torch.randperm(500).split(50):
        loss = nn.functional.l1_loss(net(x[i]), y[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
    print(epoch, loss.item())
