"""Cosine annealing down to exactly zero at the very last step."""
# expects: nothing
# style: scheduler, cnn
import os

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(int(os.environ.get("SEED", 0)))
d = load_digits()
x, y = torch.tensor(d.images, dtype=torch.float32)[:, None] / 8 - 1, torch.tensor(d.target)
o = torch.randperm(1797, generator=torch.Generator().manual_seed(1))
loader = DataLoader(TensorDataset(x[o[:1400]], y[o[:1400]]), batch_size=50, shuffle=True)
net = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(256, 10))
opt = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
epochs = 8
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, T_max=epochs * len(loader), eta_min=0.0)
for epoch in range(epochs):
    for xb, yb in loader:
        loss = nn.functional.cross_entropy(net(xb), yb)
        opt.zero_grad()
        loss.backward()
        opt.step()
        sched.step()
    with torch.no_grad():
        acc = (net(x[o[1400:]]).argmax(1) == y[o[1400:]]).float().mean()
    print(f"epoch {epoch} loss {loss.item():.3f} lr {sched.get_last_lr()[0]:.5f} acc {acc:.3f}")
