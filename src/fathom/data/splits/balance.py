"""Classes of unequal size: what to say of them, and two ways of giving each the same say in what is learned."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

_UNBALANCED = 3  # times as many samples in the largest class as in the smallest


def count_classes(labels: Tensor, num_classes: int) -> list[int]:
    """Count the samples of each class.

    Shape:   labels int64 (N,) ->; a list of num_classes counts
    """
    return torch.bincount(labels.flatten(), minlength=num_classes).tolist()


def class_weights(counts: Sequence[int]) -> list[float]:
    """Weight the classes so that all weigh the same together, and a sample weighs 1 in the mean.

    With N samples of K classes that are there, n_c of class c, that is N / (K · n_c); a class without any gets 0.

    Equals:  sklearn.utils.class_weight.compute_class_weight("balanced", …)
    """
    present = sum(count > 0 for count in counts)  # absent ones weigh nothing, and take no share
    return [sum(counts) / (present * count) if count else 0.0 for count in counts]


def draw_balanced(labels: Tensor, generator: torch.Generator) -> Tensor:
    """Draw as many samples as there are, of each class the same number to within one, in random order.

    Within a class every sample comes equally often to within one: a small class is gone through several times, of a
    large one some are left out this time.

    Shape:   labels int64 (N,) -> int64 (N,), places in ``labels``
    """
    total = len(labels)
    classes, counts = torch.unique(labels, return_counts=True)
    places = labels.argsort(stable=True).split(counts.tolist())  # a tensor of places for each class
    quota = torch.full((len(classes),), total // len(classes))
    # what does not divide evenly goes to classes drawn anew in every pass
    quota[torch.randperm(len(classes), generator=generator)[: total % len(classes)]] += 1
    drawn = []
    for place, wanted in zip(places, quota.tolist(), strict=True):
        # without replacement, after whole rounds
        rest = torch.randperm(len(place), generator=generator)[: wanted % len(place)]
        drawn += [place.repeat(wanted // len(place)), place[rest]]
    return torch.cat(drawn)[torch.randperm(total, generator=generator)]


def draw_weighted(weights: Tensor, generator: torch.Generator) -> Tensor:
    """Draw as many samples as there are, each as often as its weight says to within one, in random order.

    Shape:   weights float (N,), at least 0 -> int64 (N,), places in ``weights``
    Source:  systematic resampling, Kitagawa 1996: one offset for evenly spaced points on the cumulated weights
    """
    total = len(weights)
    # weights laid end to end
    ends = weights.double().cumsum(0)  # (N,)
    # one point in each of N equal stretches, all shifted alike: systematic sampling
    points = torch.arange(total, dtype=torch.float64) + torch.rand(1, dtype=torch.float64, generator=generator)  # (N,)
    # clamp: rounding may push the last point past the end
    drawn = torch.searchsorted(ends, points * (ends[-1] / total), right=True).clamp_(max=total - 1)
    return drawn[torch.randperm(total, generator=generator)]


def describe_balance(counts: Sequence[int], names: Sequence[str], balance: str = "none") -> str:
    """Say how unequal the classes of the training split are, and what is done about it; nothing where they are not."""
    present = [i for i, count in enumerate(counts) if count]
    if len(present) < 2:  # one class cannot be unbalanced
        return ""
    largest, smallest = max(present, key=counts.__getitem__), min(present, key=counts.__getitem__)
    # a factor below three is told only where something is done about it
    if balance == "none" and counts[largest] < _UNBALANCED * counts[smallest]:
        return ""
    sizes = f"{counts[largest]:,} training samples of {names[largest]}, {counts[smallest]:,} of {names[smallest]}"
    if counts[largest] == counts[smallest]:
        sizes = f"{counts[largest]:,} training samples of each"
    cures = {
        "none": "; accuracy alone will say little, and --balance weights or sampler gives each class the same say",
        "weights": "; the loss of each class is weighted to count the same (--balance weights)",
        "sampler": "; classes are drawn equally often (--balance sampler)",
    }
    return f"classes: {sizes}{cures[balance]}"
