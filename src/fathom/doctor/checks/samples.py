"""What single samples show: features that give the target away, labels that contradict their inputs. All notes."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from fathom.doctor import thresholds
from fathom.doctor.catalog import found
from fathom.doctor.observer.record import Record
from fathom.findings import Finding, NotChecked


def check(record: Record) -> Iterator[Finding | NotChecked]:
    """Check the rows that were learned from, and the predictions of the last evaluation."""
    yield from _leakage(record)
    yield from _contradictions(record)
    yield from _noise(record)


def _leakage(record: Record) -> Iterator[Finding | NotChecked]:
    """Report a feature that alone gives the target: linearly, or by one interval of its values for each class."""
    if record.rows is None or len(record.rows[0]) < thresholds.LEAST_ROWS or record.rows[0].shape[1] < 3:
        reason = "it takes rows of three features and more, with one target each"
        if record.rows is not None and len(record.rows[0]) < thresholds.LEAST_ROWS:
            reason = f"only {len(record.rows[0])} rows were seen"
        yield NotChecked("data.leakage", reason)
        return
    x, y = record.rows
    classes = y.unique()
    is_classes = bool((y == y.round()).all()) and len(classes) <= thresholds.MOST_CLASSES_OF_A_COLUMN
    shares = _purity(x, y) if is_classes else _squared_correlation(x, y)  # (features,)
    guess = float((y[:, None] == classes).float().mean(0).max()) if is_classes else 0.0
    if len(classes) < 2 or guess > thresholds.LARGEST_CLASS_SHARE:
        return
    best = int(shares.argmax())
    if float(shares[best]) < (thresholds.TELLS_CLASSES if is_classes else thresholds.TELLS_VALUES):
        return
    what = (
        "of the targets follow from the interval that it lies in" if is_classes else "of their variance is linear in it"
    )
    yield found(
        "data.leakage",
        f"Feature {best} of {x.shape[1]} alone gives the target: {float(shares[best]):.1%} {what}, in {len(x):,} rows",
        {"feature": best, "features": x.shape[1], "share": float(shares[best]), "rows": len(x)},
    )


def _purity(x: Tensor, y: Tensor) -> Tensor:
    """Return for each feature the share of rows in the right class, if each class takes one interval of its values.

    Shape:   x (N, features), y (N,) -> (features,)
    """
    labels = torch.unique(y, return_inverse=True)[1]
    shares = []
    for column in x.T:
        if len(column.unique()) < 2:
            shares.append(0.0)
            continue
        order = torch.argsort(column, stable=True)
        medians = torch.tensor([float(column[labels == k].median()) for k in range(int(labels.max()) + 1)])
        ranks = torch.argsort(torch.argsort(medians))[labels][order]  # classes in the order of their medians
        # equal values cannot be told apart, whatever their order here: they count as their most frequent class
        values, groups = torch.unique_consecutive(column[order], return_inverse=True)
        counts = torch.zeros(len(values), int(labels.max()) + 1).index_put_(
            (groups, ranks), torch.ones(len(ranks)), accumulate=True
        )
        shares.append(_best_intervals(counts) / len(y))
    return torch.tensor(shares)


def _best_intervals(counts: Tensor) -> float:
    """Return the most rows that are right when the classes take intervals of the values, in their order.

    Shape:   counts (values, classes)
    """
    best = torch.cumsum(counts[:, 0], 0)  # right so far, if the last interval is that of this class
    for k in range(1, counts.shape[1]):
        own = torch.cumsum(counts[:, k], 0)
        start = torch.cat([torch.zeros(1), best[:-1]]) - torch.cat([torch.zeros(1), own[:-1]])
        best = torch.maximum(torch.cummax(start, 0).values + own, best)
    return float(best[-1])


def _squared_correlation(x: Tensor, y: Tensor) -> Tensor:
    """Return R² of the target on each feature alone.

    Shape:   x (N, features), y (N,) -> (features,)
    """
    x, y = x.double() - x.double().mean(0), y.double() - y.double().mean()
    scale = x.square().sum(0) * y.square().sum()
    return torch.where(scale > 0, (x * y[:, None]).sum(0) ** 2 / scale.clamp_min(1e-300), 0.0)


def _contradictions(record: Record) -> Iterator[Finding]:
    for loader in record.loaders:
        if loader.contradictions and loader.is_training:
            yield found(
                "data.label_noise",
                f"{loader.contradictions} inputs occur more than once in {loader.dataset}, with different labels",
                {"inputs": loader.contradictions, "samples": loader.samples_seen},
                place=loader.place,
                cause="at most one of their labels is right",
                remedy="look at these samples: group them by their inputs",
            )


def _noise(record: Record) -> Iterator[Finding | NotChecked]:
    """Report samples that the network is as sure to be of another class as it is of those that it gets right.

    Source:  after the confident joint of Northcutt, Jiang & Chuang 2021, "Confident Learning", section 3.1
    """
    if record.predicted is None or len(record.predicted[1]) < thresholds.LEAST_PREDICTED:
        yield NotChecked("data.label_noise", "it takes an evaluation of 100 samples from a loader, by a classifier")
        return
    probabilities, labels = record.predicted  # (N, classes), (N,)
    surest, guess = probabilities.max(1)
    is_right = guess == labels
    accuracy = float(is_right.float().mean())
    if float(surest.mean()) > accuracy + thresholds.TOO_SURE:
        yield NotChecked(
            "data.label_noise", "the network is surer than it is right: its mistakes say nothing of labels"
        )
        return
    if accuracy < thresholds.GOOD_ENOUGH or bool(is_right.all()):
        return
    own = torch.stack(
        [
            probabilities[labels == k, k].mean() if bool((labels == k).any()) else torch.tensor(1.0)
            for k in range(probabilities.shape[1])
        ]
    )  # the mean probability that samples of a class get for it
    doubtful = (~is_right) & (surest >= own[guess])
    share = float(doubtful.float().mean())
    ratio = float(surest[~is_right].median() / surest[is_right].median())
    if share > thresholds.NOISY_SHARE and ratio > thresholds.AS_SURE:
        worst = torch.where(doubtful, surest, 0.0).argsort(descending=True)[:5].tolist()
        yield found(
            "data.label_noise",
            f"{share:.1%} of {len(labels):,} evaluated samples are taken for another class, as surely as the others "
            f"for their own; first by rank: {', '.join(map(str, worst))}",
            {"share": share, "samples": len(labels), "accuracy": accuracy, "sureness_ratio": ratio},
        )
