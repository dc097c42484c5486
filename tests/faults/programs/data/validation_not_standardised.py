"""Training rows are standardised, validation rows go in raw (catalogue: wrong normalisation at prediction)."""
# expects: data.other_statistics_at_prediction
# style: regression, class
import os

import numpy as np
import torch
from torch import nn

seed = int(os.environ.get("SEED", 0))
rng = np.random.default_rng(seed)
torch.manual_seed(seed)


class Scaler:
    def fit(self, x):
        self.mean, self.std = x.mean(0), x.std(0)
        return self

    def transform(self, x):
        return (x - self.mean) / self.std


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.l1, self.l2 = nn.Linear(4, 32), nn.Linear(32, 1)

    def forward(self, x):
        return self.l2(torch.relu(self.l1(x)))


raw = rng.normal(loc=[12.0, -4.0, 30.0, 7.0], scale=[3.0, 2.0, 5.0, 1.5], size=(800, 4))
target = raw @ np.array([0.3, 0.5, 0.1, -0.4]) + 0.1 * rng.normal(size=800)
target = (target - target.mean()) / target.std()
scaler = Scaler().fit(raw[:600])
x_train = torch.tensor(scaler.transform(raw[:600]), dtype=torch.float32)
x_val = torch.tensor(raw[600:], dtype=torch.float32)  # <- fault
y = torch.tensor(target, dtype=torch.float32).unsqueeze(1)

model, mse = Net(), nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for epoch in range(20):
    model.train()
    for idx in torch.randperm(600).split(30):
        optimizer.zero_grad()
        loss = mse(model(x_train[idx]), y[idx])
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        val = mse(model(x_val), y[600:])  # <- fault
    print(f"epoch {epoch} train {loss.item():.4f} val {val.item():.4f}")
