"""Areas in square feet and prices in dollars with MSE and SGD at 0.01: NaN in the first epoch (DeepFD: scaling and rate)."""
# expects: loss.not_finite, data.not_scaled, gradient.exploding, lr.too_high
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
X, y = torch.from_numpy(X), torch.from_numpy(y)  # <- fault
net = PriceNet()
optimizer = torch.optim.SGD(net.parameters(), lr=0.01)  # <- fault
mse = nn.MSELoss()
for epoch in range(15):
    for i in range(0, 500, 25):
        loss = mse(net(X[i : i + 25]), y[i : i + 25])  # <- fault
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print("epoch", epoch, "loss", loss.item())
