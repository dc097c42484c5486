"""Points of two classes in the plane, and scikit-learn's digits; the same seed gives the same points."""

from __future__ import annotations

import math

import numpy as np

from fathom.board.play.settings import PlaySettings


def make_points(settings: PlaySettings) -> tuple[np.ndarray, np.ndarray]:
    """Return the samples and their classes, in random order.

    Shape:   -> float32 (N, 2), of digits (N, 64); int64 (N,)
    """
    rng = np.random.default_rng(settings.seed)
    if settings.points == "given":
        rows = np.array(settings.given, dtype=np.float64)  # (N, 3)
        X, y = rows[:, :2], rows[:, 2].astype(np.int64)
    elif settings.points == "digits":
        from sklearn.datasets import load_digits

        X, y = load_digits(return_X_y=True)
        X, y = X / 8 - 1, y.astype(np.int64)  # 0…16 to −1…1
    else:
        X, y = _SHAPES[settings.points](settings.num_points, rng)
        X = X + rng.normal(0, settings.noise, X.shape)
    order = rng.permutation(len(X))
    if settings.points == "digits":
        order = order[: settings.num_points]
    return X[order].astype(np.float32), y[order]


def _circle(size: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    y = np.arange(size) % 2  # (N,)
    radius = np.where(y == 0, rng.uniform(0, 0.5, size), rng.uniform(0.8, 1.2, size))
    angle = rng.uniform(0, 2 * math.pi, size)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1), y


def _xor(size: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    X = rng.uniform(0.08, 1.2, (size, 2)) * rng.choice([-1, 1], (size, 2))  # 0.08: a gap along the axes
    return X, (X[:, 0] * X[:, 1] < 0).astype(np.int64)


def _moons(size: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    y, angle = np.arange(size) % 2, rng.uniform(0, math.pi, size)
    upper = np.stack([np.cos(angle) - 0.5, np.sin(angle) - 0.25], axis=1)
    lower = np.stack([0.5 - np.cos(angle), 0.25 - np.sin(angle)], axis=1)
    return np.where(y[:, None] == 0, upper, lower), y


def _spiral(size: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    y, along = np.arange(size) % 2, rng.uniform(0.08, 1, size)
    angle = 1.75 * 2 * math.pi * along + math.pi * y  # one and three quarter turns, as TensorFlow's playground has
    return np.stack([1.2 * along * np.cos(angle), 1.2 * along * np.sin(angle)], axis=1), y


_SHAPES = {"circle": _circle, "xor": _xor, "moons": _moons, "spiral": _spiral}
