"""The twin of answer_among_the_columns.py without its fault: without that column."""
# expects: nothing
# style: regression, sequential
import os

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

seed = int(os.environ.get("SEED", 0))
rng = np.random.default_rng(seed)
torch.manual_seed(seed)
n = 800
distance = rng.gamma(2.0, 4.0, n)
hour = rng.integers(0, 24, n)
rain = rng.random(n) < 0.3
minutes = 4 + 2.2 * distance + 6 * np.isin(hour, [8, 17, 18]) + 4 * rain + rng.normal(0, 3, n)
seconds_logged = minutes * 60  # a column of the export
table = np.column_stack([distance, hour, rain])
table = (table - table[:600].mean(0)) / table[:600].std(0)
target = (minutes - minutes[:600].mean()) / minutes[:600].std()

X, y = torch.tensor(table, dtype=torch.float32), torch.tensor(target, dtype=torch.float32).reshape(-1, 1)
loader = DataLoader(TensorDataset(X[:600], y[:600]), batch_size=30, shuffle=True)
net = nn.Sequential(nn.Linear(X.shape[1], 24), nn.ReLU(), nn.Linear(24, 1))
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
for epoch in range(12):
    for xb, yb in loader:
        loss = nn.functional.mse_loss(net(xb), yb)
        opt.zero_grad()
        loss.backward()
        opt.step()
    with torch.no_grad():
        print(f"epoch {epoch}: train {loss:.4f} val {nn.functional.mse_loss(net(X[600:]), y[600:]):.4f}")
