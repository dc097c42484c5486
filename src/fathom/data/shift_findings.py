"""What is said of samples that are drawn otherwise than the training split: the same for rows and for images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from fathom.data.checks import DataCheck
from fathom.data.shift import Difference, Separation, correct
from fathom.findings import Finding, NotChecked, Severity
from fathom.phrases import enumerated

# 1 % for all comparisons together, see ``correct``
LEVEL = 0.01  # of the corrected p-values
LARGE = 0.1  # an effect from which on a difference matters, whatever the number of samples: Cohen's "small" for V
_TOLD = 0.6  # an area under the curve from which on train and test are different sets
_MOST_SHOWN = 5


class Advice(NamedTuple):
    """What may be behind a shift, and what helps."""

    cause: str
    remedy: str


def report_differences(
    found: DataCheck, differences: Mapping[str, Difference], split: str, advice: Advice, noun: str = "column"
) -> list[str]:
    """Report the comparisons of single columns or statistics that differ by more than chance.

    Args:
        split: which one is compared with the training split.
        noun: what is compared.
    Returns: the names of those that differ, the largest effect first
    """
    corrected = correct([difference.p for difference in differences.values()])
    significant = [(name, d) for (name, d), p in zip(differences.items(), corrected, strict=True) if p < LEVEL]
    significant.sort(key=lambda item: -item[1].effect)
    names = [name for name, _ in significant]
    if not names:
        return []
    # many samples make any difference significant; only the effect tells if it matters
    severity: Severity = "warning" if any(d.effect >= LARGE for _, d in significant) else "note"
    shown = enumerated([f"{name} ({d.effect:.2f})" for name, d in significant[:_MOST_SHOWN]])
    shown += " …" if len(names) > _MOST_SHOWN else ""
    found.findings.append(
        Finding(
            "data.shift",
            severity,
            f"train and {split} differ in {len(names)} of {len(differences)} comparisons, from 0 (alike) to 1: {shown}",
            {name: d.effect for name, d in significant} | {f"p of {name}": d.p for name, d in significant},
            cause=advice.cause,
            remedy=advice.remedy.format(first=names[0].removesuffix(" (missing)")),
            place=f"{noun}s {enumerated(names[:_MOST_SHOWN])}",
        )
    )
    return names


def report_separation(
    found: DataCheck, separation: Separation | None, split: str, advice: Advice, what: str = "rows"
) -> None:
    """Report how well a classifier tells a split from the training split; None is of too few samples."""
    if separation is None:
        reason = f"too few {what} for a classifier that tells train from {split}"
        found.not_checked.append(NotChecked("data.classifier_shift", reason))
        return
    auc, low, high = separation
    interval = f"AUC {auc:.2f}, 95 % interval {low:.2f} to {high:.2f}; 0.50 is chance"
    evidence = {"auc": auc, "low": low, "high": high}
    if low <= 0.5:  # 0.5 within the interval: chance explains it
        text = f"a logistic regression cannot tell train from {split} ({interval})"
        found.findings.append(Finding("data.classifier_shift", "note", text, evidence))
        return
    severity: Severity = "warning" if auc >= _TOLD else "note"
    text = f"a logistic regression tells train from {split} ({interval})"
    found.findings.append(
        Finding("data.classifier_shift", severity, text, evidence, cause=advice.cause, remedy=advice.remedy)
    )
