"""Standardising a sensor table in which one column never changes: 0 / 0."""
# expects: loss.not_finite
# style: sequential, regression
import os

import torch
from torch import nn
import numpy as np

rng = np.random.default_rng(int(os.environ.get("SEED", 0)))
torch.manual_seed(int(rng.integers(1 << 30)))
table = rng.normal(20, 4, (500, 6)).astype("float32")
table[:, 3] = 5.0  # a sensor that is switched off
y = 0.3 * table[:, :1] - 0.2 * table[:, 1:2]
table = (table - table.mean(0)) / table.std(0)  # <- fault
x, y = torch.from_numpy(table), torch.from_numpy(y - y.mean())
model = nn.Sequential(nn.Linear(6, 12), nn.ELU(), nn.Linear(12, 1))
opt = torch.optim.RMSprop(model.parameters(), lr=5e-3)
for epoch in range(15):
    for i in range(0, 500, 50):
        loss = nn.functional.l1_loss(model(x[i : i + 50]), y[i : i + 50])
        opt.zero_grad()
        loss.backward()
        opt.step()
    print(epoch, loss.item())
