"""Labels for pictures, in the order they were given, with an error where a picture is none."""

from __future__ import annotations

import csv
import io
import itertools
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fathom.data.image_folder import EXTENSIONS, read_picture
from fathom.errors import FathomError, UsageError
from fathom.files import atomic_file
from fathom.module import Module
from fathom.recipes.saved import load_module
from fathom.training.device import find_device

_BATCH = 128


def predict_to_csv(
    run: Path, inputs: Sequence[str], out: str | None, *, top: int = 1, device: str = "auto"
) -> tuple[int, int]:
    """Write ``file,label,probability,…,error`` for every picture to ``out``, or to standard output.

    Returns: how many were labelled and how many failed
    Raises:  UsageError if the model is no image classifier, ``top`` is out of range or a folder holds no picture
    """
    module, description = load_module(run)
    names = description["class_names"] or [str(i) for i in range(description["model"]["num_classes"])]
    if description["kind"] != "classifier" or description["input"]["kind"] != "image":
        raise UsageError(
            f"{run}: predict labels pictures, this is a {description['kind']} of {description['input']['kind']}"
        )
    if not 1 <= top <= len(names):
        raise UsageError(f"--top {top}: the model knows {len(names)} classes")
    paths = list_pictures(inputs)
    columns = ["file", "label", "probability"]
    columns += [f"{name}_{k}" for k in range(2, top + 1) for name in ("label", "probability")] + ["error"]
    rows = predict_rows(module.to(find_device(device)), description["input"], names, paths, top)
    counts = [0, 0]

    def counted() -> Iterator[list[Any]]:
        for row in rows:
            counts[bool(row[-1])] += 1
            yield row

    if out is None:
        table = csv.writer(sys.stdout, lineterminator="\n")
        table.writerow(columns)
        table.writerows(counted())
    else:
        with atomic_file(out) as file:
            text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
            table = csv.writer(text, lineterminator="\n")
            table.writerow(columns)
            table.writerows(counted())
            text.flush()
            text.detach()
    return counts[0], counts[1]


def list_pictures(inputs: Iterable[str]) -> list[Path]:
    """Give every file named and every picture inside every folder named, sorted within a folder.

    Raises:  UsageError for a folder without pictures
    """
    paths: list[Path] = []
    for text in inputs:
        path = Path(text)
        if not path.is_dir():
            paths.append(path)
            continue
        found = sorted(p for p in path.rglob("*") if p.suffix.lower() in EXTENSIONS and p.is_file())
        if not found:
            raise UsageError(f"{path}: there is no picture in this folder ({', '.join(sorted(EXTENSIONS))})")
        paths += found
    return paths


def predict_rows(
    module: Module, stored: dict[str, Any], names: Sequence[str], paths: Iterable[Path], top: int = 1
) -> Iterator[list[Any]]:
    """Give one row per picture: file, label and probability ``top`` times, error; a batch of them at a time."""
    shape = (stored["channels"], stored["height"], stored["width"])
    device = next(module.parameters()).device
    source = iter(paths)
    while batch := list(itertools.islice(source, _BATCH)):
        pictures: list[np.ndarray | FathomError] = []
        for path in batch:
            try:
                pictures.append(read_picture(path, shape[0], shape[1:]))
            except FathomError as error:
                pictures.append(error)
        good = [p for p in pictures if isinstance(p, np.ndarray)]
        ranked: Iterator[list[Any]] = iter(())
        if good:
            with torch.inference_mode():
                probability = module.predict_step(torch.from_numpy(np.stack(good)).to(device)).cpu()
            values, classes = probability.topk(top, dim=1)
            ranked = iter(
                [cell for p, k in zip(v, c, strict=True) for cell in (names[k], f"{p:.6f}")]
                for v, c in zip(values.tolist(), classes.tolist(), strict=True)
            )
        for path, picture in zip(batch, pictures, strict=True):
            if isinstance(picture, FathomError):
                yield [str(path), *[""] * (2 * top), str(picture)]
            else:
                yield [str(path), *next(ranked), ""]
