"""What the playground trains: data, module and trainer as anybody would make them from Python."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from fathom.board.play.points import make_points
from fathom.board.play.settings import FEATURES, PlaySettings
from fathom.data.array_data import ArrayData
from fathom.data.arrays import Arrays
from fathom.models.initializers import initialize
from fathom.module import Classifier
from fathom.training.callbacks import Callback
from fathom.training.optimizers import make_optimizer
from fathom.training.random_state import seed_everything
from fathom.training.trainer import Trainer

LOG_EVERY = 10
_ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "gelu": nn.GELU, "linear": nn.Identity}


class Features(nn.Module):
    """Functions of the two coordinates, as the network's inputs.

    Shape:   X (N, 2) -> (N, number of names)
    """

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self.names = tuple(names)

    def forward(self, X: Tensor) -> Tensor:
        """Compute them."""
        x, y = X[:, 0], X[:, 1]  # (N,) both
        all_of_them = (x, y, x * x, y * y, x * y, torch.sin(3 * x), torch.sin(3 * y))
        chosen = dict(zip(FEATURES, all_of_them, strict=True))
        return torch.stack([chosen[name] for name in self.names], dim=1)  # (N, D)


def make_data(settings: PlaySettings) -> ArrayData:
    """Return the points, half of each class held out for validation."""
    X, y = make_points(settings)
    names = tuple(map(str, range(int(y.max()) + 1)))
    arrays = Arrays(X, y, None, None, class_names=names)
    batch_size = min(settings.batch_size, len(y) // 2)
    return ArrayData(arrays, batch_size, name=settings.points, val=0.5, seed=settings.seed)


def make_net(settings: PlaySettings, num_classes: int) -> nn.Sequential:
    """Return the network; its first weights follow from the seed."""
    seed_everything(settings.seed)
    is_plane = settings.points != "digits"
    parts: list[nn.Module] = [Features(settings.features) if is_plane else nn.Identity()]
    width = len(settings.features) if is_plane else 64
    for units in settings.layers:
        parts.append(nn.Linear(width, units))
        if settings.batch_norm:
            parts.append(nn.BatchNorm1d(units))
        parts.append(_ACTIVATIONS[settings.activation]())
        if settings.dropout:
            parts.append(nn.Dropout(settings.dropout))
        width = units
    net = nn.Sequential(*parts, nn.Linear(width, num_classes))
    if settings.init != "default":
        initialize(net, settings.init)
    return net


def make_trainer(settings: PlaySettings, callbacks: Sequence[Callback] = ()) -> Trainer:
    """Return the trainer."""
    options: dict[str, Any] = {"weight_decay": settings.weight_decay}
    name = settings.optimizer
    if name in ("momentum", "nesterov"):
        options |= {"momentum": 0.9, "nesterov": name == "nesterov"}
        name = "sgd"
    return Trainer(
        settings.epochs,
        optimizer=lambda module: make_optimizer(name, module, settings.lr, **options),
        schedule=settings.schedule,
        device="cpu",
        precision="fp32",
        callbacks=callbacks,
        seed=settings.seed,
        log_every=LOG_EVERY,
        progress=False,
    )


def make_all(settings: PlaySettings, callbacks: Sequence[Callback] = ()) -> tuple[Trainer, Classifier, ArrayData]:
    """Return trainer, module and data; one thread, so that sums are rounded alike on every machine of a kind."""
    torch.set_num_threads(1)
    data = make_data(settings)
    names = data.class_names
    return make_trainer(settings, callbacks), Classifier(make_net(settings, len(names)), class_names=names), data


class StopAt(Callback):
    """End training after a number of steps."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_end(self, trainer: Trainer) -> None:
        """Leave the loop."""
        if trainer.step >= self.step:
            raise Reached

    def on_fit_start(self, trainer: Trainer) -> None:
        """Leave before the first step where none is asked for."""
        if self.step <= 0:
            raise Reached


class Reached(Exception):
    """The step that was asked for."""


def train_to(settings: PlaySettings, step: int) -> tuple[Trainer, Classifier, ArrayData]:
    """Train as the playground does, as far as a step, or to the end."""
    trainer, module, data = make_all(settings, [StopAt(step)])
    with contextlib.suppress(Reached):
        trainer.fit(module, data)
    return trainer, module, data


def digest(module: nn.Module) -> str:
    """Return what tells whether two networks are equal to the bit."""
    found = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        found.update(name.encode() + tensor.detach().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()[:16]


def rows_of(data: ArrayData, split: str) -> tuple[Tensor, Tensor]:
    """Return the samples and classes of a split: (n, D), (n,)."""
    rows = data.splits[split]
    assert rows.X is not None
    return (rows.X, rows.y) if rows.index is None else (rows.X[rows.index], rows.y[rows.index])


@torch.inference_mode()
def losses(module: Classifier, data: ArrayData) -> dict[str, float]:
    """Return loss and accuracy on both splits, in evaluation mode."""
    training = module.training
    module.eval()
    found = {}
    for split in ("train", "val"):
        X, y = rows_of(data, split)  # (n, D), (n,)
        logits = module(X)  # (n, classes)
        found[f"{split}_loss"] = float(nn.functional.cross_entropy(logits, y))
        found[f"{split}_accuracy"] = float((logits.argmax(1) == y).float().mean())
    module.train(training)
    return found
