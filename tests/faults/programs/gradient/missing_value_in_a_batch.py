"""One row of the table holds NaN, and the batch that meets it spoils all weights (first bad tensor: the batch)."""
# expects: loss.not_finite
# style: regression, sequential
import os

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

seed = int(os.environ.get("SEED", 0))
rng = np.random.default_rng(seed)
torch.manual_seed(seed)
table = rng.normal(size=(700, 6))
goal = table[:, 0] - 2 * table[:, 3] + 0.1 * rng.normal(size=700)
table[rng.integers(0, 700), 2] = np.nan  # <- fault
X, y = torch.tensor(table).float(), torch.tensor(goal).float().unsqueeze(1)
loader = DataLoader(TensorDataset(X, y), batch_size=35, shuffle=True)
model = nn.Sequential(nn.Linear(6, 16), nn.ELU(), nn.Linear(16, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for epoch in range(8):
    for xb, yb in loader:
        loss = nn.functional.mse_loss(model(xb), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch}: {loss.item():.4f}")
