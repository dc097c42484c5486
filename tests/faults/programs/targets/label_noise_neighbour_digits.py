"""In a quarter of the digits the label of the next image was copied (label noise that looks like a slipped row)."""
# expects: data.label_noise, fit.overfitting
# style: sequential, scheduler
import os

import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_digits

seed = int(os.environ.get("SEED", 0))
torch.manual_seed(seed)
rng = np.random.default_rng(seed)
X, y = load_digits(return_X_y=True)
X = ((X - X.mean()) / X.std()).astype("float32")
wrong = rng.random(len(y)) < 0.25
y = np.where(wrong, np.roll(y, -1), y)  # <- fault
order = np.random.default_rng(0).permutation(len(y))
X, y = torch.from_numpy(X[order]), torch.from_numpy(y[order])

model = nn.Sequential(nn.Linear(64, 100), nn.ReLU(), nn.Dropout(0.2), nn.Linear(100, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=15)
criterion = nn.CrossEntropyLoss()
for epoch in range(15):
    model.train()
    epoch_loss = 0.0
    for batch in torch.randperm(1400).split(56):
        loss = criterion(model(X[batch]), y[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item() / 25
    scheduler.step()
    model.eval()
    with torch.no_grad():
        val = criterion(model(X[1400:]), y[1400:]).item()
    print(f"epoch {epoch:02d} train {epoch_loss:.3f} val {val:.3f}")
