"""Two classifiers on the same samples: their difference in accuracy, and how much of it chance allows.

The samples that both get right, or both wrong, say nothing of the difference; it comes from the others alone, on which
one of the two is right. Were both equally good, each of these m samples would fall to either with probability ½. The
difference that chance allows is the largest that such throws of a coin do not exclude at the 5% level: about 1.96·√m of
the n samples. Models that agree on most samples are told apart by far fewer of them than two test sets would need.

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
    "How much chance allows is told by McNemar's exact test (1947) at the 5% level: of the samples that one alone of "
    "two equally good models gets right, each would fall to either as a coin does."
)


@dataclass(frozen=True)
class Pairing:
    """How a second model did against a first: how many it lost that the first had right, how many it gained."""

    num_samples: int
    lost: int
    gained: int

    @classmethod
    def of(cls, content: object) -> Pairing | None:
        """Read what ``describe`` gave; None where it is something else."""
        names = ("num_samples", "lost", "gained")
        if not isinstance(content, Mapping) or not all(isinstance(content.get(name), int) for name in names):
            return None
        return cls(*(content[name] for name in names))

    def describe(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)

    @property
    def difference(self) -> float:
        """Accuracy of the second minus that of the first."""
        return (self.gained - self.lost) / self.num_samples

    @property
    def chance(self) -> float:
        """The largest difference, either way, that a sign test at the 5% level takes for chance."""
        return _largest_by_chance(self.lost + self.gained) / self.num_samples

    @property
    def is_significant(self) -> bool:
        """Whether the difference is more than chance allows."""
        return abs(self.difference) > self.chance

    def chance_sentence(self) -> str:
        """Say how much chance allows, and on how many samples that rests."""
        apart = f"{self.lost + self.gained:,} of {counted(self.num_samples, 'sample')}"
        return f"the {100 * self.chance:.2f} points that chance allows, as one alone of the two is right on {apart}"


def classify_difference(is_more_than_chance: bool) -> tuple[str, Severity]:
    """Return code and severity of the finding that says what a difference between models amounts to."""
    return ("series.difference", "note") if is_more_than_chance else ("series.no_difference", "warning")


def pair_correct(first: Sequence[bool], second: Sequence[bool]) -> Pairing:
    """Compare which samples two models get right; both sequences are of the same samples in the same order."""
    pairs = list(zip(first, second, strict=True))
    return Pairing(len(pairs), sum(a and not b for a, b in pairs), sum(b and not a for a, b in pairs))


def pair_runs(first: Path, second: Path) -> Pairing | None:
    """Compare two runs by what each predicted on its test split.

    Returns: None unless both are classifiers evaluated on the same samples, with the same labels in the same order
    """
    told = [_read_predictions(run / schema.PREDICTIONS) for run in (first, second)]
    # other samples, or the same in another order
    if not all(told) or [label for label, _ in told[0]] != [label for label, _ in told[1]]:
        return None
    return pair_correct(*([label == predicted for label, predicted in rows] for rows in told))


def _read_predictions(path: Path) -> list[tuple[str, str]]:
    try:
        with open(path, newline="", encoding="utf-8") as file:
            table = csv.DictReader(file)
            if not {"label", "predicted", "probability"} <= set(table.fieldnames or ()):
                return []  # of numbers
            return [(row["label"], row["predicted"]) for row in table]
    except (OSError, UnicodeDecodeError, csv.Error):
        return []


def _largest_by_chance(num_apart: int) -> int:
    """Return the largest difference between heads and tails of so many throws that a two-sided sign test lets pass.

    >>> _largest_by_chance(4), _largest_by_chance(23), _largest_by_chance(400)
    (4, 9, 40)
    """
    from scipy.special import bdtr  # P(at most k heads); not scipy.stats, which imports far more

    fewest = next((few for few in range(num_apart // 2 + 1) if 2 * bdtr(few, num_apart, 0.5) > LEVEL), 0)
    return num_apart - 2 * fewest  # heads − tails, with `fewest` tails
