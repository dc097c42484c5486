"""The twin of raw_housing_explodes.py without its fault: both are standardised."""
# expects: nothing
# style: regression, class
import os

import numpy as np
import torch
import torch.nn as nn

rng = np.random.default_rng(int(os.environ.get("SEED", 0)))
torch.manual_seed(int(os.environ.get("SEED", 0)))


def house_table(rows=500):
    area = rng.normal(1800, 500, rows).clip(400)
    lot = rng.normal(9000, 3000, rows).clip(1000)
    year = rng.integers(1920, 2020, rows)
    price = 120 * area + 4 * lot + 300 * (year - 1900) + rng.normal(0, 10_000, rows)
    return np.column_stack([area, lot, year]).astype(np.float32), price.astype(np.float32)[:, None]


class PriceNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(3, 32)
        self.price = nn.Linear(32, 1)

    def forward(self, x):
        return self.price(torch.relu(self.hidden(x)))


X, y = house_table()
X, y = torch.from_numpy((X - X.mean(0)) / X.std(0)), torch.from_numpy((y - y.mean()) / y.std())
net = PriceNet()
optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
mse = nn.MSELoss()
for epoch in range(15):
    for i in range(0, 500, 25):
        loss = mse(net(X[i : i + 25]), y[i : i + 25])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print("epoch", epoch, "loss", loss.item())
