"""What one writes for a table with pandas and torch: read, fill, scale, one-hot, an embedding, and a loop."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench.gate import Gate
from bench.problems import Problem


class Net(nn.Module):
    """An MLP over numbers and one-hot vectors, with an embedding of the one column of many values."""

    def __init__(self, num_features: int, num_towns: int, width: int, hidden: int = 256) -> None:
        super().__init__()
        self.embedding = nn.Embedding(num_towns, width)
        self.layers = nn.Sequential(nn.Linear(num_features + width, hidden), nn.ReLU(), nn.Linear(hidden, 1))

    def forward(self, X: Tensor, town: Tensor) -> Tensor:
        """Map a batch to (N, 1)."""
        return self.layers(torch.cat([X, self.embedding(town)], 1))


def run(problem: Problem, gate: Gate) -> None:
    """Each round: read the file, prepare it, take one epoch with AdamW, evaluate on the validation rows."""
    path = Path(os.environ["BENCH_FOLDER"], "table.csv")
    for _ in range(gate.num_epochs):
        gate.start_epoch()
        torch.manual_seed(problem.seed)
        X, town, y, train, val = prepare(path)
        net = Net(X.shape[1], int(town.max()) + 1, 50)
        optimizer = torch.optim.AdamW(net.parameters(), lr=problem.lr)
        loss = train_epoch(net, optimizer, problem.batch_size, X[train], town[train], y[train])
        with torch.inference_mode():
            val_loss = float(F.mse_loss(net(X[val], town[val]), y[val]))
        gate.end_epoch({"train_loss": loss, "val_loss": val_loss})


def prepare(path: Path) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Read the file; statistics come from the training rows."""
    frame = pd.read_csv(path)
    order = torch.randperm(len(frame))
    tenth = len(frame) // 10
    train, val = order[2 * tenth :], order[tenth : 2 * tenth]
    frame["day"] = (pd.to_datetime(frame["day"], format="%Y-%m-%d") - pd.Timestamp(0)).dt.days
    numbers = frame.drop(columns="target").select_dtypes("number")
    known = numbers.iloc[train.numpy()]
    numbers = ((numbers - known.mean()) / known.std()).fillna(0)
    kinds = pd.get_dummies(frame[[name for name in frame if name.startswith("kind_")]], dtype="float32")
    X = torch.from_numpy(pd.concat([numbers.astype("float32"), kinds], axis=1).to_numpy("float32"))
    town = torch.from_numpy(pd.factorize(frame["town"])[0])
    target = torch.from_numpy(frame["target"].to_numpy("float32", copy=True))[:, None]
    target = (target - target[train].mean()) / target[train].std()
    return X, town, target, train, val


def train_epoch(
    net: Net, optimizer: torch.optim.Optimizer, batch_size: int, X: Tensor, town: Tensor, y: Tensor
) -> float:
    """Train for one epoch; return the mean loss."""
    total = 0.0
    for index in torch.randperm(len(X)).split(batch_size):
        target = y[index]
        loss = F.mse_loss(net(X[index], town[index]), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(index)
    return total / len(X)
