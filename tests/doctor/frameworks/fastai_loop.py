"""A classifier by the Learner of fastai; the argument names the fault, if any."""

import sys

import fastai.callback.schedule  # Learner.fit_one_cycle  # noqa: F401
import torch
from fastai.data.core import DataLoaders
from fastai.data.load import DataLoader
from fastai.learner import Learner
from fastai.losses import CrossEntropyLossFlat
from torch import nn


class Points(torch.utils.data.Dataset):
    def __init__(self, number, seed):
        self.x = torch.randn(number, 8, generator=torch.Generator().manual_seed(seed))

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i], self.x[i, :3].argmax()


def main(fault=""):
    torch.manual_seed(0)
    last = [nn.Softmax(1)] if fault == "softmax" else []
    model = nn.Sequential(nn.Linear(8, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.1), nn.Linear(32, 3), *last)
    train = DataLoader(Points(300, 0), bs=20, shuffle=True, num_workers=0)
    parts = {"splitter": lambda network: [list(network[4].parameters())]} if fault == "part" else {}
    loaders = DataLoaders(train, DataLoader(Points(100, 1), bs=20, num_workers=0))
    learner = Learner(loaders, model, loss_func=CrossEntropyLossFlat(), **parts)
    learner.logger = lambda *values: None
    learner.fit_one_cycle(6, {"rate": 1e-9}.get(fault, 1e-2))


if __name__ == "__main__":
    main(*sys.argv[1:])
