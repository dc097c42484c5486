"""Validation in evaluation mode but without no_grad, a new loader each epoch over a growing share of the data."""
# expects: nothing
# style: cnn, functions
import os

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(int(os.environ.get("SEED", 0)))
digits = load_digits()
x = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 16
y = torch.tensor(digits.target)
order = torch.randperm(len(x))
x, y = x[order], y[order]
net = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.1), nn.Linear(256, 10))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, nesterov=True)
for epoch in range(5):
    share = 300 * (epoch + 1)
    net.train()
    for xb, yb in DataLoader(TensorDataset(x[:share], y[:share]), 50, shuffle=True):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(xb), yb)
        loss.backward()
        optimizer.step()
    net.eval()
    out = net(x[1500:])
    print(f"epoch {epoch} loss {nn.functional.cross_entropy(out, y[1500:]).item():.3f} acc {(out.argmax(1) == y[1500:]).float().mean():.3f}")
