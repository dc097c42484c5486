"""From intervals to words: what a comparison came out as, and what that says of the claim.

A comparison is *same* if its 90 % interval lies inside ±margin, *more* or *less* if its 95 % interval excludes zero and
it is not the same, else *open*. A claim holds if every judged comparison comes out as it says, fails if every one comes
out otherwise, depends if some do, and is undecided while one is open and none speaks for another verdict.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from fathom.lab.experiment import Claim, Comparison, Expected, Fact
from fathom.lab.statistics import Estimate

Outcome = Literal["more", "less", "same", "open"]
Answer = Literal["yes", "no", "open"]
Kind = Literal["holds", "fails", "depends", "undecided"]


@dataclass(frozen=True)
class Verdict:
    """What the measurements say of the claim; ``on`` completes "depends on …"."""

    kind: Kind
    on: str = ""

    @property
    def text(self) -> str:
        """The verdict in words."""
        return f"depends on {self.on}" if self.kind == "depends" else self.kind


def outcome_of(estimate: Estimate, margin: float) -> Outcome:
    """Return what a mean difference came out as."""
    if -margin < estimate.inner_low and estimate.inner_high < margin:
        return "same"
    if estimate.low > 0:
        return "more"
    return "less" if estimate.high < 0 else "open"


def answer(expected: Expected, outcome: Outcome, estimate: Estimate, margin: float) -> Answer:
    """Return whether a comparison came out as the claim says."""
    if expected in ("not less", "not more"):  # one of the two one-sided tests is enough
        if (estimate.inner_low > -margin) if expected == "not less" else (estimate.inner_high < margin):
            return "yes"
        against = "less" if expected == "not less" else "more"
        return "no" if outcome == against else "open"
    if outcome == "open":
        return "open"
    return "yes" if outcome == expected else "no"


def p_of(comparison: Comparison, outcome: Outcome, estimate: Estimate) -> float:
    """Return the p of the test that the outcome rests on."""
    return estimate.p_same if outcome == "same" or comparison.expected == "same" else estimate.p


def judge(claim: Claim, answers: Sequence[Answer], facts: Sequence[Fact]) -> Verdict:
    """Return the verdict from the judged comparisons' answers and the exact facts."""
    found: list[Answer] = [*answers, *("yes" if fact.holds else "no" for fact in facts if fact.is_judged)]
    yes, no, still_open = (found.count(kind) for kind in ("yes", "no", "open"))
    if yes and no:
        return Verdict("depends", claim.reading.depends_on or "the conditions")
    if still_open or not found:
        return Verdict("undecided")
    return Verdict("holds") if yes else Verdict("fails")


def rule_of(claim: Claim) -> str:
    """Return the rule of the verdict in a sentence."""
    judged = sum(comparison.is_judged for comparison in claim.comparisons)
    parts = []
    if judged:
        parts.append("the judged comparison" if judged == 1 else f"all {judged} judged comparisons")
    if claim.facts is not None:
        parts.append("every exact check")
    what = " and ".join(parts)
    several = judged + (claim.facts is not None) > 1
    depends = (
        f"; where some do, it depends on {claim.reading.depends_on}" if several and claim.reading.depends_on else ""
    )
    return f"The claim holds if {what} come{'' if several else 's'} out as it says, fails if none does{depends}."
