"""Sigmoid and BCELoss: the older pair, in order."""
# expects: nothing
# style: sequential, sklearn
import os

import torch
from torch import nn
from sklearn.datasets import make_moons

seed = int(os.environ.get("SEED", 0))
torch.manual_seed(seed)
X, y = make_moons(500, noise=0.15, random_state=seed)
X, y = torch.tensor(X).float(), torch.tensor(y).float().view(-1, 1)
net = nn.Sequential(nn.Linear(2, 24), nn.Tanh(), nn.Linear(24, 1), nn.Sigmoid())
opt = torch.optim.Adam(net.parameters(), lr=2e-2)
bce = nn.BCELoss()
for epoch in range(25):
    for i in torch.randperm(500).split(50):
        opt.zero_grad()
        loss = bce(net(X[i]), y[i])
        loss.backward()
        opt.step()
print(loss.item())
