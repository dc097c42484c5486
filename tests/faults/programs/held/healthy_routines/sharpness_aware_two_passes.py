"""Sharpness-aware minimisation: two backward passes a step, weights moved up and back in between."""
# expects: nothing
# style: class, sklearn
import os

import torch
from torch import nn
from sklearn.datasets import load_wine

torch.manual_seed(int(os.environ.get("SEED", 0)))
X, y = load_wine(return_X_y=True)
X, y = torch.tensor((X - X.mean(0)) / X.std(0)).float(), torch.tensor(y)
net = nn.Sequential(nn.Linear(13, 24), nn.ReLU(), nn.Linear(24, 3))
opt = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
ce = nn.CrossEntropyLoss()
for epoch in range(20):
    for i in torch.randperm(178).split(30):
        opt.zero_grad()
        loss = ce(net(X[i]), y[i])
        loss.backward()
        norm = torch.stack([p.grad.norm() for p in net.parameters()]).norm()
        moves = [0.05 * p.grad / (norm + 1e-12) for p in net.parameters()]
        with torch.no_grad():
            for p, e in zip(net.parameters(), moves):
                p.add_(e)
        opt.zero_grad()
        ce(net(X[i]), y[i]).backward()
        with torch.no_grad():
            for p, e in zip(net.parameters(), moves):
                p.sub_(e)
        opt.step()
    print(epoch, loss.item())
