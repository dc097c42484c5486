"""The twin of raw_measurements.py without its fault: standardised by the training rows."""
# expects: nothing
# style: regression, sequential
import os

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(int(os.environ.get("SEED", 0)))
n = 900
salary = 20_000 + 60_000 * torch.rand(n)
share = 0.005 * torch.rand(n)
years = 40 * torch.rand(n)
score = salary / 40_000 + 300 * share + 0.05 * years + 0.1 * torch.randn(n)
X = torch.stack([salary, share, years], dim=1)
X = (X - X[:700].mean(0)) / X[:700].std(0)
y = (score - score.mean()).unsqueeze(1)

net = nn.Sequential(nn.Linear(3, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1))
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
loader = DataLoader(TensorDataset(X[:700], y[:700]), batch_size=35, shuffle=True)
for epoch in range(15):
    total = 0.0
    for xb, yb in loader:
        loss = ((net(xb) - yb) ** 2).mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
        total += loss.item()
    with torch.no_grad():
        print(epoch, total / len(loader), ((net(X[700:]) - y[700:]) ** 2).mean().item())
