"""The twin of sigmoid_multilabel.py without its fault: no sigmoid in the network."""
# expects: nothing
# style: multilabel, sequential
import os

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset, random_split

seed = int(os.environ.get("SEED", 0))
rng = np.random.default_rng(seed)
torch.manual_seed(seed)

W = rng.normal(size=(20, 6))
X = rng.normal(size=(1500, 20)).astype("float32")
Y = (X @ W + rng.normal(scale=0.5, size=(1500, 6)) > 1.0).astype("float32")

data = TensorDataset(torch.from_numpy(X), torch.from_numpy(Y))
train_set, val_set = random_split(data, [1200, 300], generator=torch.Generator().manual_seed(1))
train_loader = DataLoader(train_set, batch_size=50, shuffle=True)
val_loader = DataLoader(val_set, batch_size=300)

model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 6))
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.005)

for epoch in range(10):
    for xb, yb in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(xb), yb)
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        for xb, yb in val_loader:
            print(f"epoch {epoch:2d}: validation loss {criterion(model(xb), yb).item():.4f}")
