"""Huber loss against outliers: a few targets are a hundred times larger than the rest."""
# expects: nothing
# style: regression, sequential
import os
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(int(os.environ.get("SEED", 0)))
x = torch.randn(900, 5)
y = x @ torch.tensor([[1.0], [-2.0], [0.5], [0.0], [1.5]]) + 0.1 * torch.randn(900, 1)
y[torch.randperm(700)[:10]] += 30 * torch.randn(10, 1)
loader = DataLoader(TensorDataset(x[:700], y[:700]), batch_size=35, shuffle=True)
net = nn.Sequential(nn.Linear(5, 32), nn.ReLU(), nn.Linear(32, 1))
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
huber = nn.HuberLoss(delta=1.0)
for epoch in range(12):
    for xb, yb in loader:
        opt.zero_grad()
        loss = huber(net(xb), yb)
        loss.backward()
        opt.step()
    with torch.no_grad():
        print(epoch, loss.item(), huber(net(x[700:]), y[700:]).item())
