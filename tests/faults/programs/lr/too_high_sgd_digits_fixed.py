"""The twin of too_high_sgd_digits.py without its fault: lr 0.1."""
# expects: nothing
# style: sequential
import os
import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
d = load_digits()
X = torch.tensor(d.data, dtype=torch.float32)
X = (X - X.mean()) / X.std()
y = torch.tensor(d.target)
split = torch.randperm(len(X), generator=torch.Generator().manual_seed(0))
tr, te = split[:1350], split[1350:]

model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
criterion = nn.CrossEntropyLoss()
for epoch in range(10):
    for idx in tr[torch.randperm(len(tr))].split(50):
        loss = criterion(model(X[idx]), y[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        acc = (model(X[te]).argmax(1) == y[te]).float().mean()
    print(f"epoch {epoch}: loss {loss.item():.3f} acc {acc:.3f}")
