"""Labels for pictures, in the order they were given, with an error where a picture is none; rows are passed on."""

from __future__ import annotations

import csv
import io
import itertools
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fathom.data.picture_file import EXTENSIONS, read_picture
from fathom.data.workers import default_workers
from fathom.errors import FathomError, UsageError
from fathom.files import atomic_file
from fathom.module import Module
from fathom.recipes.failures import readable_failures
from fathom.recipes.predict_rows import predict_rows
from fathom.recipes.saved import load_module
from fathom.runs.reader import resolve_run
from fathom.training.device import find_device

_BATCH = 128

Row = dict[str, Any]


def predict(
    run: str | Path, inputs: Sequence[str | Path], *, top: int = 1, device: str = "auto"
) -> tuple[list[str], Iterator[Row]]:
    """Label pictures, all pictures in folders, or the rows of files, with the model of a run.

    Args:
        run: the run folder, its name in ``runs/``, or "last".
        inputs: files and folders; for a model of a table, what ``predict_rows`` takes.
        top: how many classes to give, the most probable first.
    Returns: the names of the columns, and one row per picture, made as they are asked for: file, label and probability
        (then label_2, probability_2, …), error; what failed has an error and nothing else; of a table, see
        ``predict_rows``
    Raises:  UsageError if the model is no image classifier, ``top`` is out of range or a folder holds no picture
    """
    run = resolve_run(run)
    module, description = load_module(run)
    stored, kind = description["input"], description["kind"]
    if stored["kind"] == "table":
        return predict_rows(module, description, inputs, top=top, device=device)
    if kind != "classifier" or stored["kind"] != "image":
        given = "pictures" if stored["kind"] == "image" else "numbers"
        raise UsageError(f"{run}: predict labels pictures, and this model is a {kind} of {given}")
    names = description["class_names"] or [str(i) for i in range(description["model"]["num_classes"])]
    if not 1 <= top <= len(names):
        raise UsageError(f"--top {top}: the model knows {len(names)} classes")
    paths = list_pictures(inputs)
    columns = ["file", "label", "probability"]
    columns += [f"{name}_{k}" for k in range(2, top + 1) for name in ("label", "probability")] + ["error"]
    return columns, _label(module.to(find_device(device)), stored, names, paths, top)


def predict_to_csv(
    run: str | Path, inputs: Sequence[str | Path], out: str | Path | None = None, *, top: int = 1, device: str = "auto"
) -> tuple[int, int]:
    """Write the rows of ``predict`` as CSV to ``out``, or to standard output.

    Returns: how many were labelled and how many failed
    Raises:  as ``predict``; FathomError if ``out`` cannot be written, and then nothing of it is
    """
    if out is not None and Path(out).is_dir():
        raise UsageError(f"--out {out}: that is a folder; give the name of a file")
    columns, rows = predict(run, inputs, top=top, device=device)
    counts = [0, 0]

    def counted() -> Iterator[Row]:
        for row in rows:
            counts[bool(row["error"])] += 1
            yield row

    with readable_failures():
        if out is None:
            if hasattr(sys.stdout, "reconfigure"):  # a file's name need not be text in the terminal's encoding
                sys.stdout.reconfigure(errors="surrogateescape" if _is_utf8(sys.stdout.encoding) else "replace")
            _write_table(sys.stdout, columns, counted())
        else:
            with atomic_file(out) as file:
                text = io.TextIOWrapper(file, encoding="utf-8", errors="surrogateescape", newline="")
                _write_table(text, columns, counted())
                text.flush()
                text.detach()
    return counts[0], counts[1]


def list_pictures(inputs: Iterable[str | Path]) -> list[Path]:
    """Give every file named and every picture inside every folder named, sorted within a folder; hidden ones are not.

    Raises:  UsageError for a folder without pictures
    """
    paths: list[Path] = []
    for path in map(Path, inputs):
        if not path.is_dir():
            paths.append(path)
            continue
        found = sorted(
            Path(place, name)
            for place, _, names in os.walk(path)
            for name in names
            if os.path.splitext(name)[1].lower() in EXTENSIONS and not name.startswith(".")
        )
        if not found:
            raise UsageError(f"{path}: there is no picture in this folder ({', '.join(sorted(EXTENSIONS))})")
        paths += found
    return paths


def _label(
    module: Module, stored: dict[str, Any], names: Sequence[str], paths: Iterable[Path], top: int
) -> Iterator[Row]:
    """Give the row of each picture, a batch of them at a time."""
    shape = (stored["channels"], stored["height"], stored["width"])
    device = next(module.parameters()).device
    source = iter(paths)

    def read(path: Path) -> np.ndarray | FathomError:
        try:
            return read_picture(path, shape[0], shape[1:])
        except FathomError as error:
            return error

    with ThreadPoolExecutor(default_workers()) as pool:  # decoding leaves the interpreter free
        while batch := list(itertools.islice(source, _BATCH)):
            pictures = list(pool.map(read, batch))
            good = [p for p in pictures if isinstance(p, np.ndarray)]
            labels: Iterator[Row] = iter(())
            if good:
                with torch.inference_mode():
                    probability = module.predict_step(torch.from_numpy(np.stack(good)).to(device)).cpu()
                values, classes = probability.topk(top, dim=1)
                labels = map(_cells, values.tolist(), classes.tolist(), itertools.repeat(names))
            for path, picture in zip(batch, pictures, strict=True):
                if isinstance(picture, FathomError):
                    yield {"file": str(path), "error": str(picture)}
                else:
                    yield {"file": str(path), **next(labels), "error": ""}


def _cells(values: Sequence[float], classes: Sequence[int], names: Sequence[str]) -> Row:
    cells: Row = {}
    for k, (value, label) in enumerate(zip(values, classes, strict=True), start=1):
        suffix = "" if k == 1 else f"_{k}"
        cells |= {f"label{suffix}": names[label], f"probability{suffix}": round(value, 6)}
    return cells


def _write_table(file: Any, columns: Sequence[str], rows: Iterable[Row]) -> None:
    table = csv.DictWriter(file, columns, restval="", lineterminator="\n")
    table.writeheader()
    for row in rows:
        table.writerow(row | {k: f"{v:.6f}" for k, v in row.items() if isinstance(v, float)})


def _is_utf8(encoding: str | None) -> bool:
    return (encoding or "").lower().replace("-", "") == "utf8"
