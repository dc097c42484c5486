"""Digits by softmax, mean squared error against one-hot rows and SGD at 0.01 (DeepFD's most frequent pair: loss and rate)."""
# expects: loss.wrong_kind, lr.too_low, fit.underfitting, gradient.vanishing
# style: sequential
import os

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
X, y = load_digits(return_X_y=True)
X = torch.tensor(X / 16, dtype=torch.float32)
Y = nn.functional.one_hot(torch.tensor(y), 10).float()
order = torch.randperm(1797, generator=torch.Generator().manual_seed(4))
X, Y = X[order], Y[order]
model = nn.Sequential(nn.Linear(64, 32), nn.Sigmoid(), nn.Linear(32, 10), nn.Softmax(dim=1))
criterion = nn.MSELoss()  # <- fault
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)  # <- fault
for epoch in range(10):
    for i in range(0, 1400, 56):
        optimizer.zero_grad()
        loss = criterion(model(X[i : i + 56]), Y[i : i + 56])
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        acc = (model(X[1400:]).argmax(1) == Y[1400:].argmax(1)).float().mean()
    print(f"epoch {epoch} loss {loss.item():.4f} acc {acc:.3f}")
