"""The twin of two_images_a_batch.py without its fault: group normalisation."""
# expects: nothing
# style: cnn, sequential
import os

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(int(os.environ.get("SEED", 0)))
y = torch.randint(0, 3, (240,))
x = 0.7 * torch.randn(240, 1, 10, 10)
for i, k in enumerate(y.tolist()):
    x[i] += 0.5 * k
norm = nn.GroupNorm(2, 8)
net = nn.Sequential(nn.Conv2d(1, 8, 3), norm, nn.ReLU(), nn.Flatten(), nn.Linear(512, 3))
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
for epoch in range(3):
    net.train()
    for xb, yb in DataLoader(TensorDataset(x[:200], y[:200]), batch_size=2, shuffle=True):
        loss = nn.functional.cross_entropy(net(xb), yb)
        opt.zero_grad()
        loss.backward()
        opt.step()
    net.eval()
    with torch.no_grad():
        print(epoch, nn.functional.cross_entropy(net(x[200:]), y[200:]).item())
