"""What is chosen in the playground: one closed set of values, as it stands in the address. Torch-free."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode

import msgspec

from fathom.errors import UsageError

FEATURES = ("x", "y", "x²", "y²", "xy", "sin x", "sin y")
POINTS = ("circle", "xor", "moons", "spiral", "digits", "given")
ACTIVATIONS = ("relu", "tanh", "sigmoid", "gelu", "linear")
OPTIMIZERS = ("sgd", "momentum", "nesterov", "adam", "adamw", "rmsprop", "adagrad")
SCHEDULES = ("constant", "cosine", "step", "one_cycle", "exponential:gamma=0.999")
INITIALIZERS = ("default", "xavier_uniform", "kaiming_normal", "normal:0.01", "normal:1", "zeros", "orthogonal")
MOST_UNITS, MOST_LAYERS, MOST_POINTS = 8, 6, 2000


class PlaySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Points, network, optimiser.

    Attributes:
        given: rows (x, y, class) of points that were drawn or read; of ``points="given"`` alone.
        epochs: where training ends, and what the schedule is laid out over.
    """

    points: str = "moons"
    num_points: int = 300
    noise: float = 0.1
    features: tuple[str, ...] = ("x", "y")
    layers: tuple[int, ...] = (4, 4)
    activation: str = "tanh"
    optimizer: str = "sgd"
    lr: float = 0.1
    schedule: str = "constant"
    init: str = "default"
    batch_norm: bool = False
    dropout: float = 0.0
    weight_decay: float = 0.0
    batch_size: int = 16
    epochs: int = 300
    seed: int = 0
    given: tuple[tuple[float, float, int], ...] = ()

    def __post_init__(self) -> None:
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise UsageError(f"{name}={getattr(self, name)}: it is one of {', '.join(allowed)}")
        for name, (low, high) in _BOUNDS.items():
            if not low <= getattr(self, name) <= high:  # not <=: NaN is refused too
                raise UsageError(f"{name}={getattr(self, name)}: from {low:g} to {high:g}")
        if not self.features or not set(self.features) <= set(FEATURES):
            raise UsageError(f"features: one or more of {', '.join(FEATURES)}")
        if len(self.layers) > MOST_LAYERS or not all(1 <= units <= MOST_UNITS for units in self.layers):
            raise UsageError(f"layers: at most {MOST_LAYERS}, each of 1 to {MOST_UNITS} units")
        if self.points == "given":
            _check_given(self.given)

    def to_query(self) -> str:
        """Return what differs from the defaults, as it stands in the address.

        Equals:  ``read_query`` of it gives these settings
        """
        chosen = {}
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if value != getattr(_DEFAULT, name):
                chosen[name] = _written(value)
        return urlencode(chosen)


def _written(value: object) -> str:
    if isinstance(value, tuple) and value and isinstance(value[0], tuple):
        return json.dumps(value, separators=(",", ":"))
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(int(value)) if isinstance(value, bool) else str(value)


def _check_given(rows: tuple[tuple[float, float, int], ...]) -> None:
    if not 8 <= len(rows) <= MOST_POINTS:
        raise UsageError(f"given: from 8 to {MOST_POINTS} points")
    classes = {row[2] for row in rows}
    if classes != set(range(len(classes))) or not 2 <= len(classes) <= 10:
        raise UsageError("given: classes are 0, 1 … without a gap, at least two and at most ten")
    if any(sum(row[2] == label for row in rows) < 2 for label in classes):
        raise UsageError("given: each class needs two points, one to learn from and one to test with")
    if not all(abs(row[0]) <= 1e6 and abs(row[1]) <= 1e6 for row in rows):
        raise UsageError("given: coordinates up to a million")


_CHOICES = {
    "points": POINTS, "activation": ACTIVATIONS, "optimizer": OPTIMIZERS, "schedule": SCHEDULES, "init": INITIALIZERS,
}  # fmt: skip
_BOUNDS = {
    "num_points": (20, MOST_POINTS), "noise": (0, 1), "lr": (1e-6, 100), "dropout": (0, 0.9), "weight_decay": (0, 10),
    "batch_size": (1, MOST_POINTS), "epochs": (1, 100_000), "seed": (0, 2**31 - 1),
}  # fmt: skip
_READERS: dict[str, Callable[[str], Any]] = {
    "features": lambda text: tuple(text.split(",")),
    "layers": lambda text: tuple(int(part) for part in text.split(",") if part),
    "batch_norm": lambda text: text not in ("0", "false", "False", ""),
    "given": lambda text: tuple((float(x), float(y), int(label)) for x, y, label in json.loads(text)),
}
_DEFAULT = PlaySettings()


def read_query(text: str) -> PlaySettings:
    """Read settings as they stand in the address.

    Raises:  UsageError naming what is not understood

    >>> read_query("points=spiral&layers=8,8&lr=0.03").layers
    (8, 8)
    """
    chosen: dict[str, Any] = {}
    for name, value in parse_qsl(text.lstrip("?"), keep_blank_values=True):
        if name not in PlaySettings.__struct_fields__:
            raise UsageError(f"{name}: there is no such setting; they are {', '.join(PlaySettings.__struct_fields__)}")
        reader = _READERS.get(name, type(getattr(_DEFAULT, name)))
        try:
            chosen[name] = reader(value)
        except (ValueError, TypeError, RecursionError) as error:
            raise UsageError(f"{name}={value[:60]}: not understood ({error})") from None
    return PlaySettings(**chosen)
