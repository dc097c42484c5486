"""Trainings whose losses and weights must not depend on the number of processes. Float64, no batch norm, no dropout."""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from fathom import Classifier, LanguageModel, Regressor
from fathom.data.loaders.memory import MemoryLoader
from fathom.data.texts.loaders import Columns, Windows
from fathom.training.callbacks import AverageWeights, Callback, EarlyStopping, L1Penalty
from fathom.training.device import Execution
from fathom.training.distributed.world import join_world
from fathom.training.rehearsal import Rehearsal
from fathom.training.trainer import Trainer

torch.set_default_dtype(torch.float64)


class Losses(Callback):
    def __init__(self):
        self.found = []

    def on_log(self, trainer, record):
        if record["event"] == "step":
            self.found.append(record["train_loss"])


def samples(n=37, d=5, classes=3):
    generator = torch.Generator().manual_seed(1)
    X = torch.randn(n, d, generator=generator)
    return X, (X @ torch.randn(d, classes, generator=generator)).argmax(1)


def net(d=5, classes=3):
    torch.manual_seed(7)
    return nn.Sequential(nn.Linear(d, 8), nn.Tanh(), nn.Linear(8, classes))


def fit(module, data, val=None, *, callbacks=(), **options):
    losses = Losses()
    options = {"max_epochs": 2, "optimizer": "sgd:momentum=0.9", "log_every": 1, "progress": False} | options
    execution = Execution(torch.device("cpu"), world=join_world("cpu"))
    trainer = Trainer(execution=execution, callbacks=[*callbacks, losses], **options)
    records = trainer.fit(module, data, val)
    with trainer.evaluation_weights():
        weights = torch.cat([p.detach().flatten() for p in module.parameters()]).tolist()
    timeless = [{k: v for k, v in r.items() if k not in ("elapsed_s", "samples_per_s")} for r in records]
    return {"losses": losses.found, "weights": weights, "records": timeless, "samples": trainer.num_samples}


def memory(place):
    """Uneven last batches, accumulation, clipping, an L1 penalty, an average of the weights, a metric over samples."""
    X, y = samples()
    train = MemoryLoader(X, y, 10, shuffle=True, seed=3)
    val = MemoryLoader(*samples(29), 4)
    options = {"accumulate": 2, "clip_norm": 0.5, "callbacks": [L1Penalty(0.01), AverageWeights(0.9)]}
    return fit(Classifier(net(), metrics=["f1", "auroc"], lr=0.5), train, val, **options)


def tiny(place):
    """Fewer samples than processes."""
    X, y = samples(3)
    return fit(Classifier(net(), lr=0.5), MemoryLoader(X, y, 2, shuffle=True), MemoryLoader(X, y, 2))


def loader(place):
    """A DataLoader that shuffles by the global generator; cut by its indices."""
    train = DataLoader(TensorDataset(*samples()), 10, shuffle=True)
    return fit(Classifier(net(), lr=0.5), train, DataLoader(TensorDataset(*samples(29)), 4), optimizer="adam")


class Endless(IterableDataset):
    def __iter__(self):
        yield from zip(*samples(23), strict=True)


def stream(place):
    """A stream without length, cut after it is read; epochs of a given number of steps."""
    train = DataLoader(Endless(), 5)
    return fit(Classifier(net(), lr=0.5), train, DataLoader(Endless(), 4), steps_per_epoch=7)


def lists(place):
    """Batches in a list, as dictionaries or pairs of lists; a regression."""
    X, y = samples(20)
    batches = [(X[i : i + 6], y[i : i + 6, None].double()) for i in range(0, 20, 6)]
    return fit(Regressor(net(classes=1), lr=0.1), batches, batches, schedule="cosine:warmup=2")


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        self.embed, self.rnn, self.out = nn.Embedding(11, 6), nn.GRU(6, 7), nn.Linear(7, 11)

    def forward(self, X, state=None):
        Y, state = self.rnn(self.embed(X), state)
        return self.out(Y), state


def columns(place):
    """A text whose hidden state is carried from batch to batch, in columns that the processes share."""
    tokens = torch.randint(0, 11, (400,), generator=torch.Generator().manual_seed(2))
    train = Columns(tokens, 6, 7, shift=True, seed=5)
    return fit(LanguageModel(Recurrent(), lr=0.5), train, Columns(tokens[:90], 3, 5, whole=True), clip_norm=1.0)


def windows(place):
    """Windows of a text; more processes than sequences of the last batch."""
    tokens = torch.randint(0, 11, (200,), generator=torch.Generator().manual_seed(2))
    return fit(
        LanguageModel(Recurrent(), lr=0.5), Windows(tokens, 5, 6, seed=5), Columns(tokens[:90], 3, 5, whole=True)
    )


def stops(place):
    """A plateau lowers the rate, and early stopping ends the run, in the same epoch everywhere."""
    X, y = samples()
    stop = EarlyStopping(2, min_delta=0.05)
    options = {"max_epochs": 30, "schedule": "plateau:patience=1", "callbacks": [stop]}
    return fit(
        Classifier(net(), lr=2.0), MemoryLoader(X, y, 10, shuffle=True), MemoryLoader(*samples(29), 4), **options
    )


def overfit(place):
    X, y = samples()
    return fit(Classifier(net(), lr=0.5), MemoryLoader(X, y, 10, shuffle=True), rehearsal=Rehearsal(overfit_batches=2))


def frozen(place):
    """Frozen layers, one that is never used, and class weights."""
    module = Classifier(net(), class_weights=[0.5, 1.0, 2.0], lr=0.5)
    module.idle = nn.Linear(2, 2)
    module.freeze("0")
    module.double()
    return fit(module, MemoryLoader(*samples(), 10, shuffle=True), MemoryLoader(*samples(29), 4))


def drawn(place):
    """Samples drawn with weights, and classes drawn equally often."""
    X, y = samples()
    train = MemoryLoader(X, y, 8, shuffle=True, draw=torch.linspace(0.1, 2, len(X)))
    first = fit(Classifier(net(), lr=0.5), train)
    return first | {
        "more": fit(Classifier(net(), lr=0.5), MemoryLoader(X, y, 8, shuffle=True, draw="classes"))["losses"]
    }
