"""The loss is the tensor itself (twin)."""
# expects: nothing
# style: regression, functions
import os

import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
x = torch.rand(320, 4)
y = (x * torch.tensor([1.0, -2.0, 0.5, 3.0])).sum(1, keepdim=True)
model = nn.Sequential(nn.Linear(4, 24), nn.Tanh(), nn.Linear(24, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)


def squared_error(prediction, wanted):
    value = ((prediction - wanted) ** 2).mean()
    return value


for epoch in range(12):
    for rows in torch.randperm(320).split(32):
        optimizer.zero_grad()
        loss = squared_error(model(x[rows]), y[rows])
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch} loss {loss.item():.4f}")
