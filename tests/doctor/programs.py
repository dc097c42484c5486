"""Small trainings, each right or with one fault."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def classes(n=96, features=6, k=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, features, generator=generator)
    return x, x[:, :k].argmax(1)


def network(*last, dropout=0.0, k=3):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(dropout), nn.Linear(16, k), *last)


def sgd(model, lr=0.1, **options):
    return torch.optim.SGD(model.parameters(), lr=lr, **options)


def learn(model, optimizer, loss="cross_entropy", data=None, *, epochs=3, clear=True, accumulate=1, mode=True):
    """Train and return the losses; ``clear`` and ``mode`` are what a careful loop does."""
    x, y = data or classes()
    losses = []
    loss = getattr(F, loss) if isinstance(loss, str) else loss  # looked up when it is used, as in a script
    for _ in range(epochs):
        if mode is not None:
            model.train(mode)
        for i, (xb, yb) in enumerate(zip(x.split(32), y.split(32), strict=True)):
            if clear and i % accumulate == 0:
                optimizer.zero_grad()
            value = loss(model(xb), yb) / accumulate
            value.backward()
            losses.append(value.item())
            if (i + 1) % accumulate == 0:
                optimizer.step()
    return losses


def loaders(seed=0, shuffle=True):
    x, y = classes()
    generator = torch.Generator().manual_seed(seed)
    train = DataLoader(TensorDataset(x[:64], y[:64]), batch_size=16, shuffle=shuffle, generator=generator)
    return train, DataLoader(TensorDataset(x[64:], y[64:]), batch_size=16)


def epochs(model, optimizer, train, val, *, evaluate=True, num_epochs=4):
    """The usual loop with loaders, evaluation after each epoch."""
    losses = []
    for _ in range(num_epochs):
        model.train()
        for xb, yb in train:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(xb), yb)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        if evaluate:
            model.eval()
        with torch.no_grad():
            losses += [F.cross_entropy(model(xb), yb).item() for xb, yb in val]
    return losses
