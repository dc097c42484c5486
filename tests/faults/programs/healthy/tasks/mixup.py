"""Mixup: inputs and targets are blended within the batch, the loss stays high, accuracy on clean rows is good."""
# expects: nothing
# style: functions, cnn
import os

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

seed = int(os.environ.get("SEED", 0))
np.random.seed(seed)
torch.manual_seed(seed)
d = load_digits()
x, y = torch.tensor(d.images, dtype=torch.float32)[:, None] / 8 - 1, torch.tensor(d.target)
o = torch.randperm(1797, generator=torch.Generator().manual_seed(0))
train, test = o[:1400], o[1400:]
net = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(256, 64), nn.ReLU(), nn.Linear(64, 10))
opt = torch.optim.Adam(net.parameters(), lr=2e-3)


def mixup(x, y, alpha=0.4):
    lam = np.random.beta(alpha, alpha)
    other = torch.randperm(len(x))
    return lam * x + (1 - lam) * x[other], y, y[other], lam


for epoch in range(8):
    net.train()
    for rows in train[torch.randperm(1400)].split(50):
        xb, ya, yb, lam = mixup(x[rows], y[rows])
        out = net(xb)
        loss = lam * nn.functional.cross_entropy(out, ya) + (1 - lam) * nn.functional.cross_entropy(out, yb)
        opt.zero_grad()
        loss.backward()
        opt.step()
    net.eval()
    with torch.no_grad():
        print(f"epoch {epoch} loss {loss.item():.3f} clean acc {(net(x[test]).argmax(1) == y[test]).float().mean():.3f}")
