"""Labels against those of the nearest inputs: shuffled ones agree no more than by chance, noisy ones contradict evenly.

It needs no trained network, and so also speaks where nothing was learned. Both findings are notes.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from fathom.doctor import thresholds
from fathom.doctor.catalog import found
from fathom.doctor.observer.record import Record
from fathom.findings import Finding, NotChecked

_NEIGHBOURS = 5
_PERMUTATIONS = 199  # with the labels as they are 200 arrangements: a level of 1 % is two of them


def check(record: Record) -> Iterator[Finding | NotChecked]:
    """Check the labels of the samples that were learned from, if they are classes."""
    if record.inputs is None:
        return
    x, y = _distinct(*record.inputs)
    y = torch.unique(y, return_inverse=True)[1]
    counts = y.bincount()
    if len(x) < thresholds.LEAST_NEIGHBOURHOODS or len(counts) < 2 or int(counts.min()) <= _NEIGHBOURS:
        return
    if float(counts.max()) > thresholds.LARGEST_CLASS_SHARE * len(y):
        return
    distances = _distances(x)
    nearest = distances.topk(_NEIGHBOURS, largest=False)
    labels = y[nearest.indices]  # (N, k)
    usual = distances[distances.isfinite()].median()
    if float(nearest.values[:, 0].median()) > thresholds.NEAR * float(usual):
        return  # all are about as far from each other: neighbours mean nothing
    agreement, p = _permutation_test(nearest.indices, y)
    if p > thresholds.LEVEL_OF_NEIGHBOURS:
        if not _is_learned(record):
            yield _shuffled(agreement, p, len(y))
        return
    yield from _noise(labels, y)


def _distinct(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Return each input once: of a second epoch the nearest neighbour would be the sample itself.

    Shape:   x (N, features), y (N,)
    """
    unique, inverse = torch.unique(x, dim=0, return_inverse=True)
    first = torch.full((len(unique),), len(x)).scatter_reduce_(0, inverse, torch.arange(len(x)), "amin")
    return x[first], y[first]


def _distances(x: Tensor) -> Tensor:
    """Return distances between samples, none to itself; columns of a table count alike, pixels as they are.

    Shape:   x (N, features) -> (N, N)
    """
    if x.shape[1] < thresholds.LEAST_PIXELS:
        x = (x - x.mean(0)) / x.std(0).clamp_min(1e-6)
    return torch.cdist(x, x).fill_diagonal_(float("inf"))


def _permutation_test(nearest: Tensor, y: Tensor) -> tuple[float, float]:
    """Return how often neighbours agree, and the share of shuffled labels that agree as often.

    Shape:   nearest (N, k), y (N,)
    """
    own = torch.Generator().manual_seed(0)  # the training's random numbers stay untouched

    def agreement(labels: Tensor) -> float:
        return float((labels[nearest] == labels[:, None]).float().mean())

    seen = agreement(y)
    as_high = sum(agreement(y[torch.randperm(len(y), generator=own)]) >= seen for _ in range(_PERMUTATIONS))
    return seen, (1 + as_high) / (1 + _PERMUTATIONS)


def _is_learned(record: Record) -> bool:
    """Whether an evaluation is better than always answering the largest class: then the inputs do tell the labels."""
    if record.predicted is None:
        return False
    probabilities, labels = record.predicted  # (N, classes), (N,)
    largest = float(labels.bincount().max()) / len(labels)
    deviation = (largest * (1 - largest) / len(labels)) ** 0.5
    return float((probabilities.argmax(1) == labels).float().mean()) > largest + 3 * deviation


def _shuffled(agreement: float, p: float, samples: int) -> Finding:
    return found(
        "data.labels_shuffled",
        f"The nearest inputs of a sample have its label in {agreement:.0%} of the cases, no more often than shuffled "
        f"labels do (p = {p:.2g}), in {samples:,} samples",
        {"agreement": agreement, "p": p, "samples": samples},
        cause="the inputs say nothing of the labels: they do not belong together, or it takes more than nearness",
    )


def _noise(labels: Tensor, y: Tensor) -> Iterator[Finding | NotChecked]:
    """Report labels that contradict neighbours who agree, between classes that are not alike too.

    Classes that are alike contradict each other in clean data: those are few of all pairs. Wrong labels spread over all
    pairs. So it is the two thirds of the pairs with the lowest rates that count.

    Shape:   labels (N, k) of the neighbours, y (N,)
    """
    classes = int(y.max()) + 1
    if classes < thresholds.LEAST_CLASSES_OF_NOISE:
        return
    votes = torch.zeros(len(y), classes).scatter_add_(1, labels, torch.ones(labels.shape))  # (N, classes)
    most, guess = votes.max(1)
    agree = most >= _NEIGHBOURS - 1
    pairs = torch.zeros(classes, classes)  # (what neighbours say, what the label is)
    pairs.index_put_((guess[agree], y[agree]), torch.ones(int(agree.sum())), accumulate=True)
    rates = pairs / pairs.sum(1, keepdim=True).clamp_min(1)
    apart = rates[~torch.eye(classes, dtype=torch.bool)].sort().values
    even = float(apart[: len(apart) * 2 // 3].mean()) * (classes - 1)
    clear = float(agree.float().mean())
    least = thresholds.EVEN_NOISE + thresholds.EVEN_NOISE_UNCLEAR * (1 - clear)
    if clear < thresholds.LEAST_CLEAR or even < least:
        return
    against = agree & (guess != y)
    share = float(against.float().sum() / agree.float().sum())
    yield found(
        "data.label_noise",
        f"{share:.1%} of the labels contradict neighbours who agree, and they do so between classes that are not alike "
        f"too: {int(against.sum())} of {int(agree.sum()):,} samples",
        {"share": share, "even_share": even, "samples": int(agree.sum()), "classes": classes},
    )
