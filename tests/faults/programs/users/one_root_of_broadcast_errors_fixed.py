"""A root-mean-square loss of one's own: outputs and targets (N,) (twin)."""
# expects: nothing
# style: class, regression
import argparse
import os

import torch
from sklearn.datasets import load_diabetes
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class RMSE(nn.Module):
    def forward(self, prediction, wanted):
        return torch.sqrt(torch.mean((prediction - wanted) ** 2) + 1e-8)


class Net(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(10, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
        self.out = nn.Linear(width, 1)

    def forward(self, x):
        return self.out(self.body(x)).squeeze(1)


def train_one_epoch(model, loader, criterion, optimizer):
    model.train()
    total = 0.0
    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item() / len(loader)
    return total


def main(args):
    torch.manual_seed(int(os.environ.get("SEED", 0)))
    x, y = (torch.tensor(a, dtype=torch.float32) for a in load_diabetes(return_X_y=True))
    x, y = (x - x.mean(0)) / x.std(0), (y - y.mean()) / y.std()
    loader = DataLoader(TensorDataset(x, y), args.batch_size, shuffle=True)
    model = Net(args.width)
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    for epoch in range(12):
        print(f"epoch {epoch} loss {train_one_epoch(model, loader, RMSE(), optimizer):.3f}")


parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=3e-3)
parser.add_argument("--width", type=int, default=48)
parser.add_argument("--batch-size", type=int, default=34)
main(parser.parse_args())
