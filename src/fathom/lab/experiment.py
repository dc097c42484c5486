"""What an experiment of the lab is: a claim, how it is measured, and what was fixed before anything was measured.

A file in ``lab/claims`` makes one ``Claim`` and calls it ``CLAIM``; the file's name is the claim's. The loop over arms
and seeds, pairing, intervals and verdicts are the frame's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from fathom.lab.data import LabData
    from fathom.lab.statistics import Statistic

Expected = Literal["more", "less", "same", "not more", "not less"]
Values = Mapping[str, float]


@dataclass(frozen=True)
class Conditions:
    """What a measurement is made under.

    Attributes:
        settings: the claim's, with those that ``--set`` or ``--quick`` changed.
        data: what ``--data`` named, else the claim's own; None where the claim makes its samples.
    """

    settings: Mapping[str, Any]
    data: LabData | None = None

    def __getitem__(self, name: str) -> Any:
        return self.settings[name]

    @property
    def samples(self) -> LabData:
        """The data, of a claim that has some."""
        assert self.data is not None
        return self.data


Measure = Callable[[str, Sequence[int], Conditions], Iterable[Values]]
"""Measures one arm: takes its name, seeds and conditions, and yields values by name, seed after seed in this order.

What a seed gives must not depend on the seeds beside it. A value that is not finite is a divergence, as is the error of
the Trainer; a measure that can diverge inside a batch of seeds yields NaN for that one.
"""


@dataclass(frozen=True)
class Comparison:
    """One paired question: by how much does ``first`` exceed ``second``, seed by seed.

    Attributes:
        title: what the difference is, such as "after − before the activation".
        first, second: arms; ``second`` may be a number to compare with.
        measure: which value; ``second_measure`` where the other side's is another.
        expected: what the claim says of the difference.
        margin: a mean difference within ±margin does not matter; as a factor above 1 where ``is_ratio``.
        effect: the smallest effect that should be found, of the same kind; None for the margin.
        unit: "pp" for differences of shares, which are then written in percentage points.
        is_ratio: compare by factor: the interval is that of the geometric mean.
        is_judged: counts for the verdict; others are context.
    """

    title: str
    first: str
    second: str | float
    expected: Expected
    margin: float
    measure: str = "accuracy"
    second_measure: str | None = None
    effect: float | None = None
    unit: str = ""
    is_ratio: bool = False
    is_judged: bool = True
    statistic: Statistic = "t"


@dataclass(frozen=True)
class Fact:
    """One exact statement that was checked: what it says, whether it is so, and the numbers."""

    title: str
    holds: bool
    detail: str = ""
    is_judged: bool = True


@dataclass(frozen=True)
class Design:
    """How the question is put, fixed beforehand.

    Attributes:
        factor: what is changed; its levels are the arms.
        fixed: what is the same in all arms.
        budget: how the arms are given the same chance: steps, and the search for the learning rate.
        arms: name to label, in the order in which they are drawn.
        seeds: of the published measurement; ``quick_seeds`` of a small one.
        is_timed: the arms take turns, seed by seed, so that what else a machine does strikes all of them alike.
    """

    factor: str
    fixed: str
    budget: str
    arms: Mapping[str, str] = field(default_factory=dict)
    seeds: int = 10
    quick_seeds: int = 5
    is_timed: bool = False


@dataclass(frozen=True)
class Reading:
    """What a reader takes away. Names of arms and of comparisons (c1, c2 …) in braces become their numbers.

    Attributes:
        sentences: three: what the claim is about, what was measured, what to do.
        would_change: what would change the verdict.
        depends_on: completes "depends on …", where some comparisons agree with the claim and some do not.
        chinese: the claim, and what was measured, for the overview in Chinese.
    """

    sentences: tuple[str, str, str]
    would_change: str
    depends_on: str = ""
    chinese: tuple[str, str] = ("", "")


@dataclass(frozen=True)
class Plot:
    """What the figure shows: a value of every arm, or the differences.

    Attributes:
        measure: the value drawn against the arms; "" draws the comparisons.
        x: numbers of the arms on the axis, in their order, where they have some.
    """

    measure: str = ""
    title: str = ""
    x: Sequence[float] = ()
    x_label: str = ""
    log_x: bool = False
    log_y: bool = False


@dataclass(frozen=True)
class Claim:
    """One claim of the notes as an experiment.

    Attributes:
        number: its place in the order of the notes.
        statement: the claim in one sentence.
        place: where the notes make it, such as "N1 §1.6.3".
        paper: a published test, "" for none.
        measure: makes the values of an arm; None where everything is exact.
        facts: checks what is exact.
        data: the data set it is measured on, "" where it makes its samples.
        takes: kinds of own data that suit it: "images", "rows".
        settings: names and values that ``--set`` may change; ``quick`` holds those of a small measurement.
    """

    number: int
    title: str
    statement: str
    place: str
    design: Design
    reading: Reading
    paper: str = ""
    comparisons: Sequence[Comparison] = ()
    measure: Measure | None = None
    facts: Callable[[Conditions], Sequence[Fact]] | None = None
    plot: Plot = Plot()
    data: str = ""
    takes: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    quick: Mapping[str, Any] = field(default_factory=dict)
