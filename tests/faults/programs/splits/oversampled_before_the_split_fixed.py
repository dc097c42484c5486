"""The twin of oversampled_before_the_split.py without its fault: split first, then only the training rows are copied."""
# expects: nothing
# style: sequential, functions
import os

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

seed = int(os.environ.get("SEED", 0))
torch.manual_seed(seed)
X = torch.randn(1000, 8)
y = (X[:, 0] + X[:, 1] * X[:, 2] > 1.6).long()


def oversample(X, y):
    rare = (y == 1).nonzero().squeeze(1)
    times = int((y == 0).sum() // len(rare)) - 1
    extra = rare.repeat(times)
    return torch.cat([X, X[extra]]), torch.cat([y, y[extra]])


order = torch.randperm(len(X), generator=torch.Generator().manual_seed(seed))
train_set = TensorDataset(*oversample(X[order[:800]], y[order[:800]]))
val_set = TensorDataset(X[order[800:]], y[order[800:]])
train_loader = DataLoader(train_set, batch_size=64, shuffle=True)
val_loader = DataLoader(val_set, batch_size=256)
net = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 2))
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
for epoch in range(12):
    net.train()
    for xb, yb in train_loader:
        loss = nn.functional.cross_entropy(net(xb), yb)
        opt.zero_grad()
        loss.backward()
        opt.step()
    net.eval()
    with torch.no_grad():
        right = sum((net(xb).argmax(1) == yb).sum().item() for xb, yb in val_loader)
    print(f"epoch {epoch}: loss {loss.item():.3f}, validation accuracy {right / len(val_set):.3f}")
