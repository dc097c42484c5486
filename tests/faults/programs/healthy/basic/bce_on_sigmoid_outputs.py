"""A sigmoid at the end with nn.BCELoss, which wants probabilities."""
# expects: nothing
# style: sequential
import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
x = torch.randn(800, 8)
y = ((x[:, 0] + x[:, 1] ** 2 - 1) > 0).float().unsqueeze(1)
net = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 1), nn.Sigmoid())
bce = nn.BCELoss()
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
for epoch in range(15):
    for rows in torch.randperm(600).split(30):
        loss = bce(net(x[rows]), y[rows])
        opt.zero_grad()
        loss.backward()
        opt.step()
    with torch.no_grad():
        p = net(x[600:])
        print(epoch, round(bce(p, y[600:]).item(), 4), ((p > 0.5) == y[600:].bool()).float().mean().item())
