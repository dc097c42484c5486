"""The helper package of Dive into Deep Learning, as published, without its plots: https://d2l.ai"""

from __future__ import annotations

import os
from typing import Any

import torch
from torch import nn

from bench.files import data_folder
from bench.gate import Gate
from bench.networks import make_net
from bench.problems import Problem


def run(problem: Problem, gate: Gate) -> None:
    """Train with ``Trainer.fit`` on its own data sets; Fashion-MNIST comes through torchvision, with four workers."""
    from d2l import torch as d2l

    # Its data root is ../data, and cannot be set.
    workplace = data_folder().parent / "d2l"
    workplace.mkdir(exist_ok=True)
    os.chdir(workplace)

    class Trainer(d2l.Trainer):
        def fit_epoch(self) -> None:
            gate.start_epoch()
            super().fit_epoch()
            drawn = self.model.board.data.get("train_loss")
            gate.end_epoch({"train_loss": drawn[-1].y} if drawn else {})

    class MLP(d2l.Classifier):
        def __init__(self, lr: float) -> None:
            super().__init__()
            self.save_hyperparameters()
            self.net = make_net(problem)

    torch.manual_seed(problem.seed)
    data = _make_data(d2l, problem)
    if problem.is_regression:
        model = d2l.LinearRegression(lr=problem.lr)
    elif problem.model == "mlp":
        model = MLP(lr=problem.lr)
    else:
        model = d2l.LeNet(lr=problem.lr)
        model.apply_init([next(iter(data.get_dataloader(True)))[0]], _init_xavier)
    model.board.display = False
    Trainer(max_epochs=gate.num_epochs).fit(model, data)


def _make_data(d2l: Any, problem: Problem) -> Any:
    kind = d2l.SyntheticRegressionData if problem.is_regression else d2l.FashionMNIST

    class WithoutValidation(kind):  # type: ignore[valid-type,misc]  # the validation pass of every epoch is no part of what is compared
        def val_dataloader(self) -> None:
            return None

    if problem.is_regression:
        w, number = torch.tensor([2.0, -3.4]), problem.num_samples
        return WithoutValidation(w, 4.2, num_train=number, num_val=1, batch_size=problem.batch_size)
    return WithoutValidation(batch_size=problem.batch_size)


def _init_xavier(layer: nn.Module) -> None:
    if isinstance(layer, (nn.Linear, nn.Conv2d)):
        nn.init.xavier_uniform_(layer.weight)
