"""The twin of months_from_one_to_twelve.py without its fault: months from 0."""
# expects: nothing
# style: functions
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))
day = torch.randint(0, 360, (600,))
month = day // 30
angle = day / 360 * 6.2832
x = torch.stack([angle.cos(), angle.sin(), (3 * angle).cos(), (3 * angle).sin()], 1) + 0.02 * torch.randn(600, 4)
net = nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 12))
opt = torch.optim.Adam(net.parameters(), lr=1e-2)
for epoch in range(12):
    for i in torch.randperm(600).split(6):
        loss = nn.functional.cross_entropy(net(x[i]), month[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
    print(epoch, loss.item())
