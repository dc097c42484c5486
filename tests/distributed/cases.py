"""Trainings whose losses and weights must not depend on the number of processes. Float64, no batch norm, no dropout."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset
from torch.utils.data.distributed import DistributedSampler

from fathom import Classifier, LanguageModel, Regressor
from fathom.data.loaders.memory import MemoryLoader
from fathom.data.texts.loaders import Columns, Windows
from fathom.errors import FathomError
from fathom.training.callbacks import AverageWeights, Callback, EarlyStopping, L1Penalty
from fathom.training.checkpoint import load_latest
from fathom.training.device import Execution
from fathom.training.distributed.world import join_world
from fathom.training.divergence import Diverged
from fathom.training.rehearsal import Rehearsal
from fathom.training.signals import Interrupted
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


def fit(module, data, val=None, *, callbacks=(), state=None, **options):
    losses = Losses()
    options = {"max_epochs": 2, "optimizer": "sgd:momentum=0.9", "log_every": 1, "progress": False} | options
    execution = Execution(torch.device("cpu"), world=join_world("cpu"), strategy=os.environ.get("STRATEGY", "ddp"))
    trainer = Trainer(execution=execution, callbacks=[*callbacks, losses], **options)
    records = trainer.fit(module, data, val, state=state)
    with trainer.evaluation_weights():
        weights = torch.cat([p.detach().flatten() for p in module.parameters()]).tolist()
    timeless = [{k: v for k, v in r.items() if k not in ("elapsed_s", "samples_per_s", "event")} for r in records]
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


class StopAfter(Callback):
    """Signals one process alone after a number of steps, as a scheduler does that takes a machine away."""

    def __init__(self, steps, rank):
        self.steps, self.rank = steps, rank

    def on_step_start(self, trainer):
        if trainer.step == self.steps and trainer.world.rank == min(self.rank, trainer.world.size - 1):
            os.kill(os.getpid(), signal.SIGTERM)


def _long(place, callbacks=(), state=None, kind="memory"):
    if kind == "columns":
        tokens = torch.randint(0, 11, (400,), generator=torch.Generator().manual_seed(2))
        module, train = LanguageModel(Recurrent(), lr=0.5), Columns(tokens, 6, 7, shift=True, seed=5)
        return fit(module, train, max_epochs=3, callbacks=callbacks, state=state, out=place)
    loaders = {
        "memory": MemoryLoader(*samples(), 5, shuffle=True, seed=3),
        "loader": DataLoader(TensorDataset(*samples()), 5, shuffle=True),
    }
    module = Classifier(net(), metrics=["f1"], lr=0.2)
    callbacks = [AverageWeights(0.9), *callbacks]
    return fit(module, loaders[kind], max_epochs=3, optimizer="adam", callbacks=callbacks, state=state, out=place)


KINDS = ("memory", "loader", "columns")


def whole(place):
    """Trainings that nothing stops."""
    return [_long(place / kind, kind=kind) for kind in KINDS]


def stopped(place):
    """The same, stopped by a signal to the last process in the middle of the second epoch: what each was told."""
    told = []
    for kind in KINDS:
        try:
            _long(place / kind, [StopAfter(11, 1)], kind=kind)
        except Interrupted as stop:
            told.append(str(stop))
    return told


def resumed(place):
    """And taken up from the checkpoint that two processes left."""
    root = Path(os.environ["STOPPED"])
    found = []
    for kind in KINDS:
        state, _, refused = load_latest(root / kind / "checkpoints")
        assert not refused
        found.append(_long(place / kind, state=state, kind=kind))
    return found


class Poisoned(Classifier):
    """A loss that is not finite in one process, at one step."""

    def training_step(self, batch):
        self.calls = getattr(self, "calls", 0) + 1
        found = super().training_step(batch)
        if self.calls == 4 and join_world("cpu").rank == 1:
            found["loss"] = found["loss"] * float("nan")
        return found


def poisoned(place):
    module = Poisoned(net(), lr=0.1)
    module.find_unused_parameters = True  # no trial step, which would be counted
    try:
        fit(module, MemoryLoader(*samples(), 10, shuffle=True))
    except Diverged as error:
        return [error.finding.message, torch.cat([p.detach().flatten() for p in module.parameters()]).tolist()]


class Alone(Callback):
    """Changes weights in one process alone, as a callback may by mistake."""

    def on_step_end(self, trainer):
        if trainer.world.rank == 1:
            next(trainer.module.parameters()).data.add_(1e-9)


def unequal(place):
    try:
        fit(Classifier(net(), lr=0.1), MemoryLoader(*samples(), 10), callbacks=[Alone()], out=place)
    except FathomError as error:
        return str(error)


def unseeded(place):
    """A script that shuffles differently in every process."""
    order = torch.randperm(37, generator=torch.Generator().manual_seed(join_world("cpu").rank))
    X, y = samples()
    try:
        fit(Classifier(net(), lr=0.1), DataLoader(TensorDataset(X[order], y[order]), 10, sampler=order.tolist()))
    except FathomError as error:
        return str(error)


def masks(place):
    """Dropout masks of the processes, in the first two steps."""
    seen = []
    module = Classifier(nn.Sequential(nn.Dropout(0.5), nn.Linear(5, 3)), lr=0.0)
    module.net[0].register_forward_hook(lambda layer, given, output: seen.append((output[0] != 0).tolist()))
    ones = MemoryLoader(torch.ones(8, 5), torch.zeros(8, dtype=torch.int64), 4)
    fit(module, ones, max_epochs=1)
    return seen[-2:]


def norms(place):
    """Statistics of batch norm are those of all processes once they are evaluated or saved."""
    torch.manual_seed(0)
    module = Classifier(nn.Sequential(nn.BatchNorm1d(5), nn.Linear(5, 3)), lr=0.1)
    fit(module, MemoryLoader(*samples(40), 8), MemoryLoader(*samples(12), 4), max_epochs=1)
    return module.net[0].running_mean.tolist()


def sampler(place):
    """A loader with torch's own DistributedSampler is divided already."""
    world = join_world("cpu")
    data = TensorDataset(*samples(16))
    own = DistributedSampler(data, world.size, world.rank, shuffle=False)
    return fit(Classifier(net(), lr=0.1), DataLoader(data, 8 // world.size, sampler=own))["samples"]


def sharded(place):
    """Weights, gradients and optimiser state in pieces; clipped, accumulated, averaged, evaluated, saved, resumed."""
    found = []
    for state in (None, "last"):
        if state is not None:
            state = load_latest(place / "checkpoints")[0]
            assert all(not hasattr(t, "to_local") for t in state["module"].values())
        torch.manual_seed(7)
        wide = nn.Sequential(nn.Linear(5, 71), nn.Tanh(), nn.Linear(71, 70), nn.Tanh(), nn.Linear(70, 3))
        train, val = MemoryLoader(*samples(), 10, shuffle=True, seed=3), MemoryLoader(*samples(29), 4)
        options = {"accumulate": 2, "clip_norm": 0.5, "optimizer": "adam", "out": place, "max_epochs": 3}
        stop = [StopAfter(3, 1)] if state is None else []
        module = Classifier(wide, lr=0.01)
        try:
            found.append(fit(module, train, val, callbacks=[*stop, AverageWeights(0.9)], state=state, **options))
        except Interrupted as error:
            found.append([str(error), sum(p.numel() for p in module.parameters())])
    names = sorted(p.name for p in (place / "checkpoints" / "last").iterdir())
    return [*found, names]
