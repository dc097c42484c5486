"""Accumulation over 64 batches, but an epoch has 20 and gradients are cleared each epoch: no step is ever made."""
# expects: step.parameters_not_updated
# style: accumulation, sequential
import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
accumulate = 64
x = torch.randn(640, 6)
y = (x[:, 0] * x[:, 1] > 0).long()
net = nn.Sequential(nn.Linear(6, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2))
optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
criterion = nn.CrossEntropyLoss()

for epoch in range(30):
    optimizer.zero_grad()
    total = 0.0
    for i, idx in enumerate(torch.randperm(640).split(32)):
        loss = criterion(net(x[idx]), y[idx]) / accumulate
        loss.backward()
        if (i + 1) % accumulate == 0:  # <- fault
            optimizer.step()
            optimizer.zero_grad()
        total += loss.item() * accumulate
    if epoch % 5 == 0:
        print(f"epoch {epoch} loss {total / 20:.4f}")
