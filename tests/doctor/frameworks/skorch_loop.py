"""A classifier by ``fit`` of skorch; the argument names the fault, if any."""

import sys

import torch
from skorch import NeuralNetClassifier
from torch import nn


def main(fault=""):
    torch.manual_seed(0)
    x = torch.randn(400, 8)
    y = x[:, :3].argmax(1)
    last = [nn.Softmax(1)] if fault == "softmax" else []
    model = nn.Sequential(nn.Linear(8, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.1), nn.Linear(32, 3), *last)
    rate = {"rate": 1e-9, "high": 1e4}.get(fault, 0.1)
    net = NeuralNetClassifier(
        model, max_epochs=8, lr=rate, batch_size=20, criterion=nn.CrossEntropyLoss, iterator_train__shuffle=True
    )
    net.set_params(verbose=0).fit(x.numpy(), y.numpy())


if __name__ == "__main__":
    main(*sys.argv[1:])
