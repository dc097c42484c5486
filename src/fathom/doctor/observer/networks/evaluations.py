"""What networks are evaluated on: whether it is like what was learned from, and the same each time."""

from __future__ import annotations

from collections import Counter
from typing import Any

import torch
from torch import Tensor

from fathom.doctor.observer.places import user_place
from fathom.doctor.observer.record import RootRecord
from fathom.doctor.observer.statistics import describe_input, digest

MOST_PLACES = 6  # of evaluations, whose inputs are described
MOST_ROWS, MOST_VALUES = 64, 1024  # of the batch that is kept to be compared with later ones
LEAST_ROWS = 8
REPEATS = 3  # of one input between two steps, for a mean of random answers; two may be for a loss and an accuracy
COMPARISONS = 4  # of later evaluations with the first one
SAME, CHANGED, NEAR = 0.9, 0.2, 0.5  # see ``redrawn``
VERY_NEAR = 0.25  # see ``are_near``


class Evaluations:
    """Follows the calls without gradients."""

    def __init__(self) -> None:
        self._first: dict[tuple[int, str, Any], tuple[int, Tensor]] = {}  # step and rows of the first evaluation
        self._compared: Counter[Any] = Counter()
        self._given: dict[int, tuple[int, Counter[str]]] = {}  # step, and how often a network got which input at it

    def called(self, record: RootRecord, x: Tensor, first: Tensor | None, step: int) -> None:
        """Note a call.

        Args:
            x: what the network got.
            first: what its first layer with weights got, which stands for what was done to the data.
            step: of the training; −1 for a call that carries gradients, whose inputs are described alone.
        """
        place = user_place()
        described = [each for each in record.evaluation_inputs if each["place"] == place]
        if first is not None and len(described) < 2 and len(record.evaluation_inputs) < MOST_PLACES:
            record.evaluation_inputs.append(describe_input(first) | {"place": place})
        if step < 0 or x.is_sparse or x.numel() == 0:
            return
        rows = rows_of(x)
        found = digest(rows)
        if self._given.get(id(record), (-1, None))[0] != step:
            self._given[id(record)] = step, Counter()
        given = self._given[id(record)][1]
        given[found] += 1
        record.repeats_inputs |= given[found] >= REPEATS or (x.dim() > 1 and _holds_copies(x.detach().flatten(1)))
        self._compare((id(record), place, tuple(x.shape)), record, rows, step, place)

    def _compare(self, key: Any, record: RootRecord, rows: Tensor, step: int, place: str) -> None:
        """Compare the first batch of an evaluation with that of the first evaluation at this line."""
        earlier = self._first.get(key)
        if earlier is None:
            self._first[key] = step, rows.clone()
            return
        if step <= earlier[0] or self._compared[key] >= COMPARISONS:
            return
        self._first[key] = step, earlier[1]  # the next batch of this evaluation is another one
        self._compared[key] += 1
        if redrawn(earlier[1], rows):
            record.redrawn = {"place": place, "times": record.redrawn.get("times", 0) + 1, "rows": len(rows)}


@torch.no_grad()
def redrawn(first: Tensor, again: Tensor) -> bool:
    """Whether rows are those of before in their order, some of them altered: each is nearest to what it was.

    Also by their values without their places: a picture that is turned or shifted has the same ones.

    Shape:   first, again (N, D)
    """
    if len(first) < LEAST_ROWS or first.shape[1] < 2 or torch.equal(first, again):
        return False
    if not (bool(first.isfinite().all()) and bool(again.isfinite().all())):
        return False
    if float((first != again).any(1).double().mean()) < CHANGED:
        return False
    return _each_is_nearest(first, again) or _each_is_nearest(first.sort(1).values, again.sort(1).values)


def _each_is_nearest(first: Tensor, again: Tensor) -> bool:
    distances = torch.cdist(again.double(), first.double())  # (N, N)
    own = distances.diagonal()  # (N,)
    others = distances.masked_fill(torch.eye(len(own), dtype=torch.bool), torch.inf).amin(1)  # (N,)
    is_nearest = float((own < others).double().mean()) >= SAME
    return is_nearest and float(own.median()) < NEAR * float(distances.median())


@torch.no_grad()
def are_near(first: Tensor, again: Tensor) -> bool:
    """Whether rows in any order are altered ones of before: far nearer to one of them than rows are to one another.

    Shape:   first (M, D), again (N, D)
    """
    if min(len(first), len(again)) < LEAST_ROWS or first.shape[1] < 2:
        return False
    distances = torch.cdist(again.double(), first.double())  # (N, M)
    return float(distances.amin(1).median()) < VERY_NEAR * float(distances.median())


def rows_of(x: Tensor) -> Tensor:
    """Return some rows of a batch as numbers.

    Shape:   x (N, …) -> float32 (n, D)
    """
    rows = x.detach()[:MOST_ROWS] if x.dim() else x.detach()[None]
    return rows.reshape(len(rows), -1)[:, :MOST_VALUES].float().cpu()


def _holds_copies(rows: Tensor) -> bool:
    """Whether the first samples are given several times in one batch, for a mean of random answers."""
    return bool(rows.any()) and all(int((rows == row).all(1).sum()) >= REPEATS for row in rows[:2])
