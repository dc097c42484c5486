"""Labels for pictures, in the order they were given, with an error where a picture is none; rows are passed on.

An ``.onnx`` file is served here without torch; a run folder by ``run_model``, with it. Reading is the same for both.
"""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from fathom.address import base_name, conceal, is_remote
from fathom.data.archives import is_packed
from fathom.data.packed import unpacked_copy
from fathom.data.picture_file import EXTENSIONS, read_picture
from fathom.data.workers import default_workers
from fathom.errors import FathomError, UsageError
from fathom.recipes.failures import readable_failures
from fathom.recipes.onnx_file import OnnxModel, is_onnx
from fathom.recipes.prediction_file import choose_format, write_rows
from fathom.recipes.remote import fetch_input
from fathom.runs.reader import resolve_run

STDIN = "-"
_BATCH = 128
_BATCH_BYTES = 1 << 26

Row = dict[str, Any]


class PictureModel(Protocol):
    """What labels pictures: a run's model or an exported one."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Channels, height and width of a picture."""

    @property
    def class_names(self) -> Sequence[str]:
        """The classes, in the order of the probabilities."""

    def probabilities(self, pictures: np.ndarray) -> np.ndarray:
        """Give class probabilities (N, classes) for pictures uint8 (N, C, H, W)."""


@dataclass(frozen=True)
class Predictions:
    """Rows to come.

    Attributes:
        columns: their names; every row has "error", empty or saying what failed, and then nothing else is in it.
        what: what a row is about, in the plural.
        count: gives how many rows there will be, None if nobody can know yet; it may walk through folders.
    """

    columns: list[str]
    rows: Iterator[Row]
    what: str = "pictures"
    count: Callable[[], int | None] = lambda: None


def predict(
    run: str | Path, inputs: Sequence[str | Path], *, top: int = 1, device: str = "auto"
) -> tuple[list[str], Iterator[Row]]:
    """Label pictures, all pictures in folders, or the rows of files, with the model of a run or an exported one.

    Args:
        run: the run folder, its name in ``runs/``, "last", or an ``.onnx`` file that ``fathom export`` wrote.
        inputs: pictures and folders, on this machine or by their addresses; "-" stands for a list of pictures on
            standard input, one a line. For a model of a table, what ``predict_rows`` takes.
        top: how many classes to give, the most probable first.
    Returns: the names of the columns, and one row per picture, made as they are asked for: file, label and probability
        (then label_2, probability_2, …), error; what failed has an error and nothing else; of a table, see
        ``predict_rows``, of a text ``score_lines``
    Raises:  UsageError if the model is no image classifier, ``top`` is out of range or a folder holds no picture;
        FathomError if the model cannot be read
    """
    predictions = open_predictions(run, inputs, top=top, device=device)
    return predictions.columns, predictions.rows


def open_predictions(
    run: str | Path, inputs: Sequence[str | Path], *, top: int = 1, device: str = "auto"
) -> Predictions:
    """As ``predict``, with what is known of the rows beforehand."""
    inputs = [conceal(source) if isinstance(source, str) else source for source in inputs]
    if is_onnx(run):
        if device not in ("auto", "cpu"):
            raise UsageError(f"--device {device}: an .onnx file runs on the CPU here")
        model: PictureModel = _check_kind(OnnxModel(run))
    else:
        from fathom.module import LanguageModel
        from fathom.recipes.run_model import RunModel
        from fathom.recipes.saved import load_module

        run = resolve_run(run)
        module, description = load_module(run)
        if description["input"]["kind"] == "table":
            from fathom.recipes.predict_rows import predict_rows

            return Predictions(*predict_rows(module, description, inputs, top=top, device=device), what="rows")
        if isinstance(module, LanguageModel):
            from fathom.recipes.score_lines import score_lines

            return Predictions(*score_lines(module, inputs, top=top, device=device), what="lines")
        model = RunModel(module, description, run, device)
    return _predict_pictures(model, inputs, top)


def predict_to_file(
    run: str | Path,
    inputs: Sequence[str | Path],
    out: str | Path | None = None,
    *,
    top: int = 1,
    device: str = "auto",
    format: str | None = None,
    watch: Callable[[Predictions], Iterable[Row]] = lambda predictions: predictions.rows,
) -> tuple[int, int, str]:
    """Write the rows of ``predict`` to ``out``, or to standard output.

    Args:
        format: csv, json or jsonl; None goes by the ending of ``out``, and is CSV without one.
        watch: passes the rows on, and may show how far they are.
    Returns: how many were predicted, how many failed, and what they are, in the plural
    Raises:  as ``predict``; FathomError if ``out`` cannot be written, and then nothing of it is
    """
    format = choose_format(format, out)
    if out is not None and Path(out).is_dir():
        raise UsageError(f"--out {out}: that is a folder; give the name of a file")
    with readable_failures():
        predictions = open_predictions(run, inputs, top=top, device=device)
        good, bad = write_rows(predictions.columns, watch(predictions), out, format)
    return good, bad, predictions.what


@dataclass(frozen=True)
class RemoteFolder:
    """A folder that lies elsewhere, or in an archive, and its copy here."""

    address: str
    path: Path


@dataclass(frozen=True)
class Picture:
    """What is to be labelled: its name in the output, and the file, or the address of one not fetched yet."""

    shown: str
    place: str | Path

    def read(self, channels: int, size: tuple[int, int]) -> np.ndarray:
        """Decode it.

        Raises:  FathomError
        """
        return read_picture(fetch_input(self.place), channels, size)


def list_pictures(inputs: Sequence[str | Path | RemoteFolder]) -> Iterator[Picture]:
    """Give every file named and every picture inside every folder named, sorted within a folder; hidden ones are not.

    "-" gives the files that standard input names, one a line.

    Raises:  UsageError at once for a folder without pictures, and for a table
    """
    for source in inputs:
        if str(source).lower().endswith((".csv", ".tsv")):
            raise UsageError(
                f"{source}: this model reads pictures; name files or folders of them, or give a list of files, one a "
                "line, on standard input (fathom predict RUN -)"
            )
        folder = source.path if isinstance(source, RemoteFolder) else Path(source)
        if folder.is_dir() and next(_walk(folder), None) is None:
            raise UsageError(f"{folder}: there is no picture in this folder ({', '.join(sorted(EXTENSIONS))})")
    return itertools.chain.from_iterable(map(_expand, inputs))


def _expand(source: str | Path | RemoteFolder) -> Iterator[Picture]:
    if isinstance(source, RemoteFolder):
        root, address = source.path, source.address.rstrip("/")
        return (Picture(f"{address}/{path.relative_to(root).as_posix()}", path) for path in _walk(root))
    if source == STDIN:
        lines = getattr(sys.stdin, "buffer", sys.stdin)
        names = (conceal(os.fsdecode(line).rstrip("\r\n")) for line in lines)
        return (_name_picture(name) for name in names if name)
    path = Path(source)
    if path.is_dir():
        return (Picture(str(path), path) for path in _walk(path))
    return iter((_name_picture(source),))


def _name_picture(source: str | Path) -> Picture:
    return Picture(str(source), source) if is_remote(source) else Picture(str(Path(source)), Path(source))


def _find_folder(source: str | Path) -> str | Path | RemoteFolder:
    """Fetch or unpack what is no single picture; those are fetched as they come up."""
    if is_packed(source):
        return RemoteFolder(str(source), unpacked_copy(source).path)
    if not is_remote(source) or os.path.splitext(base_name(str(source)))[1].lower() in EXTENSIONS:
        return source
    path = fetch_input(source)
    return RemoteFolder(str(source), path) if path.is_dir() else source


def _walk(folder: Path) -> Iterator[Path]:
    """Give the pictures below a folder in the order of their paths, holding the names of a folder at a time."""
    folders = set()
    names = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir():
                    if not entry.is_symlink():
                        folders.add(entry.name)
                        names.append(entry.name)
                elif os.path.splitext(entry.name)[1].lower() in EXTENSIONS and not entry.name.startswith("."):
                    names.append(entry.name)
    except OSError as error:
        raise FathomError(f"cannot read the folder {folder} ({error.strerror or error})") from error
    for name in sorted(names):
        if name in folders:
            yield from _walk(folder / name)
        else:
            yield folder / name


def _check_kind(model: OnnxModel) -> OnnxModel:
    if model.kind != "classifier" or model.input.kind != "image":
        given = "pictures" if model.input.kind == "image" else "numbers"
        raise UsageError(f"{model.path}: predict labels pictures, and this model is a {model.kind} of {given}")
    return model


def _predict_pictures(model: PictureModel, inputs: Sequence[str | Path], top: int) -> Predictions:
    if not 1 <= top <= len(model.class_names):
        raise UsageError(f"--top {top}: the model knows {len(model.class_names)} classes")
    found = [_find_folder(source) for source in inputs]
    columns = ["file", "label", "probability"]
    columns += [f"{name}_{k}" for k in range(2, top + 1) for name in ("label", "probability")] + ["error"]

    def count() -> int | None:
        return None if STDIN in inputs else sum(1 for _ in list_pictures(found))

    return Predictions(columns, _label(model, list_pictures(found), top), count=count)


def _label(model: PictureModel, listed: Iterator[Picture], top: int) -> Iterator[Row]:
    """Give the row of each picture, a batch of them at a time."""
    channels, height, width = model.shape
    size = max(1, min(_BATCH, _BATCH_BYTES // (channels * height * width)))

    def read(picture: Picture) -> np.ndarray | FathomError:
        try:
            return picture.read(channels, (height, width))
        except FathomError as error:
            return error

    with ThreadPoolExecutor(default_workers()) as pool:  # decoding leaves the interpreter free
        while batch := list(itertools.islice(listed, size)):
            pictures = list(pool.map(read, batch))
            good = [picture for picture in pictures if isinstance(picture, np.ndarray)]
            rows = iter(_most_probable(model.probabilities(np.stack(good)), model.class_names, top) if good else ())
            for named, picture in zip(batch, pictures, strict=True):
                row = {"error": str(picture)} if isinstance(picture, FathomError) else next(rows)
                yield {"file": named.shown, **row}


def _most_probable(probabilities: np.ndarray, names: Sequence[str], top: int) -> Iterator[Row]:
    classes = np.argsort(-probabilities, axis=1, kind="stable")[:, :top]
    values = np.take_along_axis(probabilities, classes, axis=1)
    for row, labels in zip(values.tolist(), classes.tolist(), strict=True):
        if not np.isfinite(row).all():
            yield {"error": "the model gives no probabilities for it, its numbers are not finite"}
            continue
        cells: Row = {}
        for k, (value, label) in enumerate(zip(row, labels, strict=True), start=1):
            suffix = "" if k == 1 else f"_{k}"
            cells |= {f"label{suffix}": names[label], f"probability{suffix}": round(value, 6)}
        yield cells | {"error": ""}
