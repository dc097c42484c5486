"""The twin of overfits_random_digits_subset.py without its fault: all rows, clean images, three epochs."""
# expects: nothing
# style: cnn, sequential
import os

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(int(os.environ.get("SEED", 0)))
d = load_digits()
x = torch.tensor(d.images, dtype=torch.float32).unsqueeze(1) / 8 - 1
y = torch.tensor(d.target)
order = torch.randperm(1797)
few, rest = order[:1297], order[1297:]
loader = DataLoader(TensorDataset(x[few], y[few]), batch_size=20, shuffle=True)
net = nn.Sequential(
    nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(2048, 10)
)
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
loss_fn = nn.CrossEntropyLoss()
for epoch in range(4):
    net.train()
    for xb, yb in loader:
        loss = loss_fn(net(xb), yb)
        opt.zero_grad()
        loss.backward()
        opt.step()
    net.eval()
    with torch.no_grad():
        val = loss_fn(net(x[rest]), y[rest]).item()
    print(f"epoch {epoch + 1}: train {loss.item():.4f} val {val:.4f}")
