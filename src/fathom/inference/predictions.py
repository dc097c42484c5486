"""What is asked of a model that predicts, and the rows that come of it, alike for every kind of model. Torch-free."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fathom.errors import UsageError
from fathom.findings import Finding
from fathom.inference.image_inputs import LabelFileOptions
from fathom.inference.ranking import Row

TRUTH = (
    "truth"  # in rows, where it is asked for: what the input itself says is right, as text; "" where it says nothing
)


@dataclass(frozen=True)
class PredictionRequest:
    """What is to be predicted.

    Attributes:
        model: the run or the exported file, as errors call it.
        inputs: files, folders, addresses, or "-" for standard input.
        top: how many classes a row names, the most probable first.
        id_column: a column of the inputs whose cells identify samples, for a submission.
        label_file: how a file of rows names images; None where none was said to.
        encoding: of texts and tables; None finds it.
        with_truth: whether each row holds ``TRUTH``: the target's cell, the label in a file, the name of the folder.
    """

    model: str | Path
    inputs: Sequence[str | Path]
    top: int = 1
    label_file: LabelFileOptions | None = None
    encoding: str | None = None
    id_column: str | None = None
    with_truth: bool = False

    def refuse_label_file(self, what: str) -> None:
        """Refuse --images for a model that reads something else.

        Raises:  UsageError
        """
        if self.label_file is not None:
            raise UsageError(f"--images: {self.model} reads {what}, not images")


@dataclass
class Score:
    """How many of the images that somebody labelled the model labels so; it grows with the rows."""

    # right of labelled; unlabelled images count for neither
    right: int = 0
    labelled: int = 0


@dataclass(frozen=True)
class Predictions:
    """Rows to come.

    Attributes:
        columns: their names; every row has "error", empty or saying what failed, and then no prediction is in it.
        what: what a row is about, in the plural.
        count: gives how many rows there will be, None if nobody can know yet; it may walk through folders.
        score: None where the inputs say nothing of what is right.
        findings: of what was read so far, complete after the last row.
    """

    columns: list[str]
    rows: Iterator[Row]
    what: str = "images"  # for messages: images, rows
    count: Callable[[], int | None] = lambda: None  # None: not known before it is read
    score: Score | None = None
    findings: Callable[[], Sequence[Finding]] = tuple
