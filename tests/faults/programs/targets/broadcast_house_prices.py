"""Targets of shape (N,) against predictions of shape (N, 1): MSELoss broadcasts to (N, N) (catalogue; torch warns)."""
# expects: loss.target_broadcast
# style: regression, functions
import os

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(int(os.environ.get("SEED", 0)))

area = torch.rand(1000) * 150 + 30
rooms = torch.randint(1, 7, (1000,)).float()
age = torch.rand(1000) * 80
price = 2.0 * area + 15 * rooms - 0.8 * age + 10 * torch.randn(1000)

features = torch.stack([area, rooms, age], dim=1)
features = (features - features[:800].mean(0)) / features[:800].std(0)
price = (price - price[:800].mean()) / price[:800].std()

loader = DataLoader(TensorDataset(features[:800], price[:800]), batch_size=32, shuffle=True)
model = nn.Sequential(nn.Linear(3, 32), nn.ReLU(), nn.Linear(32, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
loss_fn = nn.MSELoss()


def run_epoch():
    total = 0.0
    for x, y in loader:
        loss = loss_fn(model(x), y)  # <- fault
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(loader)


for epoch in range(15):
    print(f"epoch {epoch} mse {run_epoch():.4f}")
