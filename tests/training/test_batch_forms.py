"""Batches that are no pair of inputs and targets reach the steps as they are."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from fathom.errors import UsageError
from fathom.module import Module
from fathom.training.trainer import Trainer

X = torch.linspace(-1, 1, 24).reshape(12, 2)
Y = X @ torch.tensor([[1.0], [2.0]])


class Loaders:
    """Two batches of six, in whatever form."""

    def __init__(self, form):
        self.batches = [form(X[i : i + 6], Y[i : i + 6]) for i in (0, 6)]

    def train_dataloader(self):
        return self.batches

    def val_dataloader(self):
        return self.batches


class Pair(Module):
    """Takes two inputs, each a column."""

    def __init__(self, unpack, layer=None):
        super().__init__()
        self.layer, self.unpack = layer or nn.Linear(2, 1), unpack

    def forward(self, a, b):
        return self.layer(torch.cat([a, b], 1))  # (N, 1)

    def training_step(self, batch):
        a, b, y = self.unpack(batch)
        return {"loss": (self(a, b) - y).square().mean()}

    validation_step = training_step

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


FORMS = {
    "dictionary": (lambda x, y: {"a": x[:, :1], "b": x[:, 1:], "y": y}, lambda batch: batch.values()),
    "two inputs": (lambda x, y: (x[:, :1], x[:, 1:], y), lambda batch: batch),
    "inputs in a pair": (lambda x, y: ((x[:, :1], x[:, 1:]), y), lambda batch: (*batch[0], batch[1])),
}


@pytest.mark.parametrize("form", FORMS)
def test_any_form_of_batch_is_learned_from_as_by_hand(form):
    make, unpack = FORMS[form]
    module, by_hand = Pair(unpack), nn.Linear(2, 1)
    by_hand.load_state_dict(module.layer.state_dict())
    trainer = Trainer(3)
    trainer.fit(module, Loaders(make))
    optimizer = torch.optim.SGD(by_hand.parameters(), lr=0.1)
    for _ in range(3):
        for i in (0, 6):
            optimizer.zero_grad()
            (by_hand(X[i : i + 6]) - Y[i : i + 6]).square().mean().backward()
            optimizer.step()
    torch.testing.assert_close(module.layer.weight, by_hand.weight)
    assert "cannot be tried on the first part of a batch (TypeError)" in trainer.execution.describe()["memory format"]


def test_lazy_layers_that_cannot_be_tried_are_one_line():
    make, unpack = FORMS["two inputs"]
    with pytest.raises(UsageError, match=r"lazy layers and cannot be tried .* call it once on a batch before fit"):
        Trainer(1).fit(Pair(unpack, nn.LazyLinear(1)), Loaders(make))
