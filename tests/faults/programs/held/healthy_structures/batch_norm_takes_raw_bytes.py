"""Inputs from 0 to 255: the first layer is a batch normalisation, which is there for that."""
# expects: nothing
# style: cnn, sequential
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))
y = torch.randint(0, 3, (400,))
x = torch.randint(0, 120, (400, 1, 9, 9)).float()
for i, k in enumerate(y.tolist()):
    x[i, 0, 3 * k : 3 * k + 3] += 120
net = nn.Sequential(nn.BatchNorm2d(1), nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(392, 3))
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
for epoch in range(6):
    net.train()
    for i in torch.randperm(320).split(32):
        opt.zero_grad()
        loss = nn.functional.cross_entropy(net(x[i]), y[i])
        loss.backward()
        opt.step()
    net.eval()
    with torch.no_grad():
        print(epoch, loss.item(), (net(x[320:]).argmax(1) == y[320:]).float().mean().item())
