"""'Days until cancelled' is only known for those who cancelled: it tells the class by itself (leakage by time)."""
# expects: data.leakage
# style: class, functions
import os

import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))


def customers(n):
    tenure = torch.rand(n) * 60
    calls = torch.poisson(torch.full((n,), 2.0))
    price = 20 + 60 * torch.rand(n)
    risk = torch.sigmoid(0.8 * (calls - 2) + 0.04 * (price - 50) - 0.05 * (tenure - 30))
    gone = torch.bernoulli(risk)
    days_to_cancel = torch.where(gone == 1, 1 + torch.rand(n) * 90, torch.zeros(n))
    return torch.stack([tenure, calls, price, days_to_cancel], 1), gone


class Churn(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.norm = nn.BatchNorm1d(d)
        self.mlp = nn.Sequential(nn.Linear(d, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, x):
        return self.mlp(self.norm(x)).squeeze(1)


columns, gone = customers(1200)
columns = columns[:, [0, 1, 2, 3]]  # <- fault
columns = (columns - columns[:900].mean(0)) / columns[:900].std(0)
model = Churn(columns.shape[1])
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(10):
    model.train()
    for rows in torch.randperm(900).split(45):
        loss = criterion(model(columns[rows]), gone[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        logits = model(columns[900:])
        acc = ((logits > 0).float() == gone[900:]).float().mean()
    print(f"epoch {epoch} loss {loss.item():.3f} val acc {acc:.3f}")
