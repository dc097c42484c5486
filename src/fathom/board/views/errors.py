"""Which test samples stand behind a cell of the confusion matrix, and which labels are likely to be wrong."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fathom.runs.folder import schema

MOST = 60  # samples of an answer: a screenful
_CODES = ("label", "predicted", "probability")


def list_cell(run: Path, label: str, predicted: str) -> dict[str, Any]:
    """Return the samples of one label that got one prediction, the surest first, and how many there are."""
    found = [row for row in _rows(run) if row["label"] == label and row["predicted"] == predicted]
    return _as_answer(found)


def list_likely_label_errors(run: Path) -> dict[str, Any]:
    """Return the samples whose label the model contradicts most surely.

    A model that has learned is seldom sure and wrong: a share of these is mislabelled, the rest is truly hard.

    Source:  Northcutt et al. 2021, "Confident Learning", ranks by the model's confidence too
    """
    found = [row for row in _rows(run) if row["label"] != row["predicted"] and row["probability"] is not None]
    return _as_answer(found)


def _as_answer(found: list[dict[str, Any]]) -> dict[str, Any]:
    found.sort(key=lambda row: row["probability"] or 0.0, reverse=True)
    return {"total": len(found), "rows": found[:MOST]}


def _rows(run: Path) -> Iterator[dict[str, Any]]:
    try:
        with (run / schema.PREDICTIONS).open(encoding="utf-8", newline="", errors="replace") as file:
            for place, row in enumerate(csv.DictReader(file)):
                yield {
                    "place": place,  # in the test split, which is predicted in its own order
                    "label": row.get("label") or "",
                    "predicted": row.get("predicted") or "",
                    "probability": _number(row.get("probability")),
                    # what names the sample: a file, a row, a number
                    "name": next((str(value) for key, value in row.items() if key not in _CODES and value), str(place)),
                }
    except (OSError, csv.Error):
        return


def _number(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:
        return None
