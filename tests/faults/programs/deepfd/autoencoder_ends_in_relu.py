"""Inputs between -1 and 1 are to be rebuilt by a decoder whose last layer is a ReLU (DeepFD: activation of the last layer)."""
# expects: model.relu_on_logits, model.dead_units
# style: sequential
import os

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
x = torch.tensor(load_digits().data, dtype=torch.float32) / 8 - 1
autoencoder = nn.Sequential(
    nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 12), nn.ReLU(), nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 64), nn.ReLU()  # <- fault
)
opt = torch.optim.Adam(autoencoder.parameters(), lr=3e-3)
mse = nn.MSELoss()
for epoch in range(12):
    seen = 0.0
    for rows in torch.randperm(1500).split(50):
        loss = mse(autoencoder(x[rows]), x[rows])  # <- fault
        opt.zero_grad()
        loss.backward()
        opt.step()
        seen += loss.item() / 30
    with torch.no_grad():
        print(f"epoch {epoch} train {seen:.4f} test {mse(autoencoder(x[1500:]), x[1500:]).item():.4f}")
