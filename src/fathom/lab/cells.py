"""The cells of an experiment, arm by seed: measured once, kept in a file, so that an interrupted one goes on."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fathom.errors import FathomError
from fathom.files import describe_failure
from fathom.lab.experiment import Claim, Conditions
from fathom.runs.folder.records import read_lines, to_json
from fathom.training.divergence import Diverged

CELLS = "cells.jsonl"


@dataclass(frozen=True)
class Cell:
    """One arm under one seed; ``reason`` says why it diverged, and then there are no values."""

    arm: str
    seed: int
    values: Mapping[str, float]
    reason: str | None
    elapsed_s: float


class CellFile:
    """Cells in a file, a line for each: those of an earlier call are there again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.cells: dict[tuple[str, int], Cell] = {}
        for record in read_lines(path) if path.exists() else []:
            cell = Cell(**{key: record[key] for key in ("arm", "seed", "values", "reason", "elapsed_s")})
            self.cells[cell.arm, cell.seed] = cell

    def add(self, cell: Cell) -> None:
        """Keep a cell."""
        self.cells[cell.arm, cell.seed] = cell
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(to_json(vars(cell)) + "\n")
        except OSError as error:
            raise describe_failure("write", self.path, error) from error


def measure_cells(
    claim: Claim, conditions: Conditions, seeds: Sequence[int], file: CellFile, on_cell: Callable[[str], None]
) -> dict[tuple[str, int], Cell]:
    """Measure what is missing, arm after arm or, where time is measured, seed after seed; return all cells.

    Args:
        on_cell: called with the arm's label after each cell, those of an earlier call included.
    Raises:  FathomError if the measure yields too few or too many values
    """
    found: dict[tuple[str, int], Cell] = {}
    arms = claim.design.arms
    # (arm, seeds) in the order of measurement
    turns = (
        [(arm, [seed]) for seed in seeds for arm in arms] if claim.design.is_timed else [(a, [*seeds]) for a in arms]
    )
    for arm, wanted in turns:
        missing = [seed for seed in wanted if (arm, seed) not in file.cells]
        for seed in set(wanted) - set(missing):
            found[arm, seed] = file.cells[arm, seed]
            on_cell(arms[arm])
        while missing:  # again after a divergence, for the seeds behind it
            for cell in _measure(claim, arm, missing, conditions):
                file.add(cell)
                found[arm, cell.seed] = cell
                missing.remove(cell.seed)
                on_cell(arms[arm])
    return found


def _measure(claim: Claim, arm: str, seeds: Sequence[int], conditions: Conditions) -> Iterator[Cell]:
    """Yield cells; a divergence that ends the measure counts for the seed it struck."""
    assert claim.measure is not None
    remaining, began = list(seeds), time.perf_counter()
    try:
        for values in claim.measure(arm, list(seeds), conditions):
            if not remaining:
                raise FathomError(f"{claim.title}: arm {arm} yields more values than seeds")
            now = time.perf_counter()
            plain = {name: float(value) for name, value in values.items()}
            broken = [name for name, value in plain.items() if not math.isfinite(value)]
            reason = f"{broken[0]} is not finite" if broken else None
            yield Cell(arm, remaining.pop(0), {} if broken else plain, reason, now - began)
            began = now
    except Diverged as error:
        yield Cell(arm, remaining.pop(0), {}, str(error), time.perf_counter() - began)
        return
    if remaining:
        raise FathomError(f"{claim.title}: arm {arm} yields {len(remaining)} values too few")
