"""``fathom eval --data`` as a function: how good a model is on files that say what is right.

An exported model needs no torch.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fathom.address import is_remote
from fathom.build.details.classes import class_rows
from fathom.build.failures import readable_failures
from fathom.data.label_spellings import spelling_among
from fathom.data.tables.cells import MISSING
from fathom.data.tables.written_numbers import plain_number
from fathom.errors import FathomError, UsageError
from fathom.files import expand_home
from fathom.findings import Finding
from fathom.inference.image_inputs import LabelFileOptions
from fathom.inference.predictions import TRUTH, PredictionRequest
from fathom.inference.ranking import Labeller, Row, prediction_column
from fathom.phrases import enumerated
from fathom.recipes.opened import answer
from fathom.runs.folder.schema import SCHEMA


def evaluate_files(
    model: str | Path,
    data: str | Path,
    *,
    label_file: LabelFileOptions | None = None,
    encoding: str | None = None,
    device: str = "auto",
) -> tuple[dict[str, Any], Sequence[Finding]]:
    """Evaluate a model on data that it was not trained on: as anyone would use it, from the files.

    What is right stands in the target's column of a table, in a label file, or in the names of class folders; of a text
    each next token is. Files and rows that cannot be read, that say nothing of what is right, or whose class the model
    does not know are left out and counted.

    Args:
        model: a run's folder or name, or an exported ``.onnx`` file.
        data: a table with the target, a folder of class folders or an archive of one, a file of rows that names images
            (then ``label_file`` says where they are), a text.
    Returns: as ``evaluate``, without the loss of a classifier; "left_out" counts by reason. Of a text loss and
        perplexity, each line read by itself. And what was found while reading
    Raises:  UsageError if the data say nothing of what is right; FathomError if nothing can be evaluated
    """
    if not is_remote(data) and not expand_home(data).exists():
        raise UsageError(f"--data: no such file or folder: {data}")
    with readable_failures():
        # top 1: only the most probable class is compared
        asked, predictions = answer(PredictionRequest(model, [data], 1, label_file, encoding, with_truth=True), device)
        left_out: Counter[str] = Counter()
        # a list: the failures are counted only once all is read
        rows = list(_without_failures(predictions.rows, left_out))
        found = _summarize(asked, rows, left_out, str(data))
    return {"schema": SCHEMA, "split": str(data)} | found | {"left_out": dict(left_out)}, predictions.findings()


def _without_failures(rows: Iterable[Row], left_out: Counter[str]) -> Iterable[Row]:
    for row in rows:
        if row["error"]:
            left_out["unreadable"] += 1
        else:
            yield row


def _summarize(asked: Any, rows: list[Row], left_out: Counter[str], data: str) -> dict[str, Any]:
    if hasattr(asked, "vocabulary"):  # only a language model has one
        return _summarize_text(rows, data)
    classes = asked.class_names
    # a class may itself be called "NA"
    known = [row for row in rows if (truth := row[TRUTH].strip()) in classes or truth not in MISSING | {""}]
    if left := len(rows) - len(known):
        left_out["without a label"] = left
    if not known:
        # not one row: a folder without class folders, say
        raise UsageError(f"{data}: nothing in it says what is right: {_where(asked)}; use fathom predict")
    if asked.multilabel:
        raise UsageError(f"--data: a model of several labels is evaluated on its own splits; use fathom predict {data}")
    return (
        _summarize_classes(asked, known, left_out, data)
        if asked.class_names
        else _summarize_numbers(asked, known, data)
    )


def _where(asked: Any) -> str:
    if hasattr(asked, "table"):
        return f"no column {asked.table.target}"
    return "no class folders and no label file"


def _summarize_classes(asked: Labeller, rows: list[Row], left_out: Counter[str], data: str) -> dict[str, Any]:
    names = list(asked.class_names)
    places = {name: place for place, name in enumerate(names)}  # class name: row and column in the confusion matrix
    pairs, unknown = [], Counter[str]()
    for row in rows:
        truth = spelling_among(names, row[TRUTH].strip())  # "Cat" counts as "cat" where that is unambiguous
        if truth in places:
            pairs.append((places[truth], places[row["label"]]))
        else:
            unknown[truth] += 1
    if unknown:
        left_out[f"of classes that the model does not know ({enumerated(sorted(unknown), 4)})"] = unknown.total()
    if not pairs:
        theirs, ours = enumerated(sorted(unknown), 4), enumerated(names, 4)
        raise FathomError(f"{data}: its classes ({theirs}) are not those of the model ({ours})")
    confusion = np.zeros((len(names), len(names)), np.int64)  # (K, K), rows true, columns predicted
    np.add.at(confusion, tuple(np.array(pairs).T), 1)  # add.at, as += would count a repeated pair once
    return {
        "num_samples": len(pairs),
        "accuracy": float(confusion.trace() / len(pairs)),
        "confusion": confusion.tolist(),
        "class_names": names,
        "per_class": class_rows(confusion, names),
        "unknown_classes": dict(unknown),
    }


def _summarize_numbers(asked: Any, rows: list[Row], data: str) -> dict[str, Any]:
    target = asked.table.target if hasattr(asked, "table") else asked.target
    column = prediction_column(target)
    try:
        truth = np.array([float(plain_number(row[TRUTH].strip())) for row in rows])  # (N,)
    except ValueError as error:
        raise FathomError(f"{data}: {target} is to be a number in every row ({error})") from None
    residual = np.array([row[column] for row in rows]) - truth  # (N,)
    mse, variance = float(np.mean(residual**2)), float(np.var(truth))
    r2 = 1 - mse / variance if variance else None  # undefined where all targets are equal
    return {"num_samples": len(rows), "rmse": mse**0.5, "mae": float(np.abs(residual).mean()), "r2": r2}


def _summarize_text(rows: list[Row], data: str) -> dict[str, Any]:
    tokens = sum(row["tokens"] for row in rows)
    if not tokens:
        raise FathomError(f"{data}: no line has a token to predict")
    # mean over tokens: a long line counts for more
    loss = sum(row["tokens"] * math.log(row["perplexity"]) for row in rows) / tokens
    unknown = sum(row["unknown"] for row in rows)
    return {
        "num_samples": tokens,
        "loss": loss,
        "perplexity": math.exp(loss),
        "bits_per_token": loss / math.log(2),
        "unknown": unknown,
    }
