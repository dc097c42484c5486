"""The twin of return_inside_the_batch_loop.py without its fault: return after the loop."""
# expects: nothing
# style: functions, sequential
import os

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(int(os.environ.get("SEED", 0)))


def get_dataloaders(batch_size):
    d = load_digits()
    X = torch.tensor(d.data, dtype=torch.float32) / 8 - 1
    y = torch.tensor(d.target)
    order = torch.randperm(len(X), generator=torch.Generator().manual_seed(5))
    train, test = order[:1400], order[1400:]
    return (
        DataLoader(TensorDataset(X[train], y[train]), batch_size, shuffle=True),
        DataLoader(TensorDataset(X[test], y[test]), 397),
    )


def train_epoch(net, train_iter, loss, updater):
    net.train()
    total, count = 0.0, 0
    for X, y in train_iter:
        l = loss(net(X), y)
        updater.zero_grad()
        l.backward()
        updater.step()
        total += l.item() * len(y)
        count += len(y)
    return total / count


def evaluate_accuracy(net, data_iter):
    net.eval()
    with torch.no_grad():
        return sum((net(X).argmax(1) == y).sum().item() for X, y in data_iter) / 397


train_iter, test_iter = get_dataloaders(32)
net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
trainer = torch.optim.SGD(net.parameters(), lr=0.1)
for epoch in range(10):
    train_loss = train_epoch(net, train_iter, nn.CrossEntropyLoss(), trainer)
    print(f"epoch {epoch + 1}, loss {train_loss:.3f}, test acc {evaluate_accuracy(net, test_iter):.3f}")
