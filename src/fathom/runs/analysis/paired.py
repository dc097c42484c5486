"""Two classifiers on the same samples: their difference in accuracy, and how much of it chance allows.

The samples that both get right, or both wrong, say nothing about the difference; it comes from the others alone, on
which one of the two is right. Were both equally good, each of these m samples would fall to either with probability ½.
The difference that chance allows is the largest that such throws of a coin do not exclude at the 5% level: about
1.96·√m of the n samples. Models that agree on most samples are distinguished by far fewer of them than two test sets
would need.

Source:  McNemar 1947, "Note on the sampling error of the difference between correlated proportions or percentages", in
         its exact (binomial) form; Dietterich 1998 for its use with classifiers
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fathom.findings import Severity
from fathom.phrases import counted
from fathom.runs.folder import schema

LEVEL = 0.05  # Fisher's one in twenty, as the 95 % of the intervals elsewhere
METHOD = (
    "How much chance allows follows from McNemar's exact test (1947) at the 5% level: of the samples that one alone of "
    "two equally good models gets right, each would fall to either as a coin does."
)


@dataclass(frozen=True)
class PairedCounts:
    """Samples on which two models differ: those the second lost, which the first had right, and those it gained."""

    num_samples: int
    lost: int
    gained: int

    @classmethod
    def of(cls, content: object) -> PairedCounts | None:
        """Read what ``describe`` returned; None for anything else."""
        names = ("num_samples", "lost", "gained")
        # older or foreign files
        if not isinstance(content, Mapping) or not all(isinstance(content.get(name), int) for name in names):
            return None
        return cls(*(content[name] for name in names))  # in the order of the fields

    def describe(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)

    @property
    def difference(self) -> float:
        """Accuracy of the second minus that of the first."""
        return (self.gained - self.lost) / self.num_samples  # agreeing samples cancel out

    @property
    def chance(self) -> float:
        """The largest difference, either way, that a sign test at the 5% level attributes to chance."""
        return _largest_by_chance(self.lost + self.gained) / self.num_samples

    @property
    def is_significant(self) -> bool:
        """Whether the difference is more than chance allows."""
        return abs(self.difference) > self.chance

    def chance_sentence(self) -> str:
        """Return how much chance allows, and on how many samples that is based."""
        apart = f"{self.lost + self.gained:,} of {counted(self.num_samples, 'sample')}"
        return f"the {100 * self.chance:.2f} points that chance allows, as one alone of the two is right on {apart}"


def classify_difference(is_more_than_chance: bool) -> tuple[str, Severity]:
    """Return code and severity of the finding about a difference between models."""
    return ("series.difference", "note") if is_more_than_chance else ("series.no_difference", "warning")


def pair_correct(first: Sequence[bool], second: Sequence[bool]) -> PairedCounts:
    """Compare which samples two models get right; both sequences are of the same samples in the same order."""
    pairs = list(zip(first, second, strict=True))
    # bools add up as 0 and 1
    return PairedCounts(len(pairs), sum(a and not b for a, b in pairs), sum(b and not a for a, b in pairs))


def pair_runs(first: Path, second: Path) -> PairedCounts | None:
    """Compare two runs by what each predicted on its test split.

    Returns: None unless both are classifiers evaluated on the same samples, with the same labels in the same order
    """
    predictions = [_read_predictions(run / schema.PREDICTIONS) for run in (first, second)]
    # other samples, or the same in another order
    if not all(predictions) or [label for label, _ in predictions[0]] != [label for label, _ in predictions[1]]:
        return None
    return pair_correct(*([label == predicted for label, predicted in rows] for rows in predictions))


def _read_predictions(path: Path) -> list[tuple[str, str]]:
    try:
        with open(path, newline="", encoding="utf-8") as file:
            table = csv.DictReader(file)
            if not {"label", "predicted", "probability"} <= set(table.fieldnames or ()):  # columns of classifiers
                return []  # of numbers
            return [(row["label"], row["predicted"]) for row in table]
    except (OSError, UnicodeDecodeError, csv.Error):  # no predictions count as no comparison
        return []


def _largest_by_chance(num_apart: int) -> int:
    """Return the largest difference of heads and tails in so many throws that a two-sided sign test accepts.

    >>> _largest_by_chance(4), _largest_by_chance(23), _largest_by_chance(400)
    (4, 9, 40)
    """
    from scipy.special import bdtr  # P(at most k heads); not scipy.stats, which imports far more

    # two-sided: twice the smaller tail
    fewest = next((few for few in range(num_apart // 2 + 1) if 2 * bdtr(few, num_apart, 0.5) > LEVEL), 0)
    return num_apart - 2 * fewest  # heads − tails, with `fewest` tails
