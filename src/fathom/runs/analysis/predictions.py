"""A run's predictions on its test split, read from predictions.csv."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from fathom.runs.folder import schema
from fathom.runs.folder.records import is_number


def read_numbers(run: Path, most: int) -> Sequence[tuple[float, float]]:
    """Return true and predicted numbers, evenly thinned to ``most`` pairs; empty if there are none."""
    path = run / schema.PREDICTIONS
    if not path.exists():
        return []
    points = []
    with path.open(encoding="utf-8", newline="", errors="replace") as file:
        for row in csv.DictReader(file):
            try:
                point = float(row["label"]), float(row["predicted"])  # of classes these are names: ValueError
            except (KeyError, TypeError, ValueError):
                continue
            if all(map(is_number, point)):
                points.append(point)
    return points[:: max(1, -(-len(points) // most))]  # every k-th, k rounded up so that no more are left
