"""Labels for images, in the order they were given, with an error where an image is none; rows are passed on.

An ``.onnx`` file is served here without torch; a run folder by ``run_model``, with it. Reading is the same for both.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from fathom.address import conceal
from fathom.build.failures import readable_failures
from fathom.data.images.label_file import ImageRows
from fathom.data.loaders.workers import default_workers
from fathom.data.tables.fit import TableDescription
from fathom.errors import FathomError, UsageError
from fathom.inference.image_inputs import (
    STDIN,
    InputImage,
    LabelFileOptions,
    find_inputs,
    label_file_options,
    list_images,
)
from fathom.inference.line_perplexity import predict_lines
from fathom.inference.onnx_file import OnnxModel, is_onnx, open_export
from fathom.inference.onnx_inputs import ImageInput, TokenInput
from fathom.inference.prediction_file import choose_format, write_rows
from fathom.inference.ranking import Row, label_columns, most_probable
from fathom.inference.rows import predict_rows
from fathom.inference.text_model import OnnxTextModel
from fathom.outputs import check_output
from fathom.runs.folder.reader import resolve_run

_BATCH = 128
_BATCH_BYTES = 1 << 26


class ImageModel(Protocol):
    """What labels images: a run's model or an exported one."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Channels, height and width of an image."""

    @property
    def class_names(self) -> Sequence[str]:
        """The classes, in the order of the probabilities."""

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Return class probabilities (N, classes) for images uint8 (N, C, H, W)."""


@dataclass
class Score:
    """How many of the images that somebody labelled the model labels so; it grows with the rows."""

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
    """

    columns: list[str]
    rows: Iterator[Row]
    what: str = "images"
    count: Callable[[], int | None] = lambda: None
    score: Score | None = None


class PredictionCounts(NamedTuple):
    """How many were predicted, how many failed, what they are, in the plural, and how many were right."""

    good: int
    bad: int
    what: str
    score: Score | None


def predict(
    run: str | Path,
    inputs: Sequence[str | Path],
    *,
    top: int = 1,
    device: str = "auto",
    images: str | Path | None = None,
    file_column: str | None = None,
    label_column: str | None = None,
) -> tuple[list[str], Iterator[Row]]:
    """Label images, all images in folders, or the rows of files, with the model of a run or an exported one.

    Args:
        run: the run folder, its name in ``runs/``, "last", or an ``.onnx`` file that ``fathom export`` wrote.
        inputs: images and folders, on this machine or by their addresses; "-" stands for a list of images on
            standard input, one a line. For a model of a table, what ``predict_rows`` takes.
        top: how many classes to give, the most probable first.
        images: the folder, or an archive of it, in which the images lie that a file of rows among the inputs names.
        file_column, label_column: of such a file; None finds them, and there need not be one of labels.
    Returns: the names of the columns, and one row per image, made as they are asked for: file, label and probability
        (then label_2, probability_2, …), error; what failed has an error and nothing else; of a table, see
        ``predict_rows``, of a text ``predict_lines``
    Raises:  UsageError if the model is no image classifier, ``top`` is out of range or a folder holds no image;
        FathomError if the model cannot be read
    """
    label_file = label_file_options(images, file_column, label_column)
    predictions = open_predictions(run, inputs, top=top, device=device, label_file=label_file)
    return predictions.columns, predictions.rows


def open_predictions(
    run: str | Path,
    inputs: Sequence[str | Path],
    *,
    top: int = 1,
    device: str = "auto",
    label_file: LabelFileOptions | None = None,
) -> Predictions:
    """As ``predict``, with what is known of the rows beforehand."""
    inputs = [conceal(source) if isinstance(source, str) else source for source in inputs]
    if is_onnx(run):
        exported = open_export(run, device)
        if isinstance(exported.input, TableDescription):
            _refuse_label_file(label_file, run, "rows")
            return Predictions(*predict_rows(exported, inputs, top=top), what="rows")
        if isinstance(exported.input, TokenInput):
            _refuse_label_file(label_file, run, "texts")
            return Predictions(*predict_lines(OnnxTextModel(exported), inputs, top=top), what="lines")
        return _predict_images(_check_kind(exported), inputs, top, label_file)
    from fathom.inference.run_models import RunImageModel, RunTableModel, RunTextModel
    from fathom.inference.saved import load_module
    from fathom.module import LanguageModel
    from fathom.training.device import find_device

    run = resolve_run(run)
    module, description = load_module(run)
    if description["input"]["kind"] == "table":
        _refuse_label_file(label_file, run, "rows")
        table = RunTableModel(module, description, device)
        return Predictions(*predict_rows(table, inputs, top=top), what="rows")
    if isinstance(module, LanguageModel):
        _refuse_label_file(label_file, run, "texts")
        return Predictions(
            *predict_lines(RunTextModel(module.to(find_device(device)).eval()), inputs, top=top), what="lines"
        )
    return _predict_images(RunImageModel(module, description, run, device), inputs, top, label_file)


def _refuse_label_file(label_file: LabelFileOptions | None, run: str | Path, what: str) -> None:
    if label_file is not None:
        raise UsageError(f"--images: {run} reads {what}, not images")


def predict_to_file(
    run: str | Path,
    inputs: Sequence[str | Path],
    out: str | Path | None = None,
    *,
    top: int = 1,
    device: str = "auto",
    format: str | None = None,
    label_file: LabelFileOptions | None = None,
    watch: Callable[[Predictions], Iterable[Row]] = lambda predictions: predictions.rows,
) -> PredictionCounts:
    """Write the rows of ``predict`` to ``out``, or to standard output.

    Args:
        format: csv, excel, json or jsonl; None goes by the ending of ``out``, and is CSV without one.
        label_file: of files of rows that name images.
        watch: passes the rows on, and may show how far they are.
    Raises:  as ``predict``; FathomError if ``out`` cannot be written, and then nothing of it is
    """
    format = choose_format(format, out)
    if out is not None:
        check_output(out)
    with readable_failures():
        predictions = open_predictions(run, inputs, top=top, device=device, label_file=label_file)
        good, bad = write_rows(predictions.columns, watch(predictions), out, format)
    return PredictionCounts(good, bad, predictions.what, predictions.score)


def _check_kind(model: OnnxModel) -> OnnxModel:
    if model.kind != "classifier" or not isinstance(model.input, ImageInput):
        given = "images" if isinstance(model.input, ImageInput) else "numbers"
        raise UsageError(f"{model.path}: predict labels images, and this model is a {model.kind} of {given}")
    return model


def _predict_images(
    model: ImageModel, inputs: Sequence[str | Path], top: int, label_file: LabelFileOptions | None
) -> Predictions:
    if not 1 <= top <= len(model.class_names):
        raise UsageError(f"--top {top}: the model knows {len(model.class_names)} classes")
    found = find_inputs(inputs, label_file, model.class_names)
    score = Score() if any(isinstance(source, ImageRows) and source.has_labels for source in found) else None
    columns = ["file", *(["true_label"] if score is not None else []), *label_columns(top), "error"]

    def count() -> int | None:
        return None if STDIN in inputs else sum(1 for _ in list_images(found))

    return Predictions(columns, _label(model, list_images(found), top, score), count=count, score=score)


def _label(model: ImageModel, listed: Iterator[InputImage], top: int, score: Score | None) -> Iterator[Row]:
    """Return the row of each image, a batch of them at a time."""
    channels, height, width = model.shape
    size = max(1, min(_BATCH, _BATCH_BYTES // (channels * height * width)))

    def read(image: InputImage) -> np.ndarray | FathomError:
        try:
            return image.read(channels, (height, width))
        except FathomError as error:
            return error

    with ThreadPoolExecutor(default_workers()) as pool:  # decoding leaves the interpreter free
        while batch := list(itertools.islice(listed, size)):
            images = list(pool.map(read, batch))
            good = [image for image in images if isinstance(image, np.ndarray)]
            rows = iter(most_probable(model.probabilities(np.stack(good)), model.class_names, top) if good else ())
            for named, image in zip(batch, images, strict=True):
                row = {"error": str(image)} if isinstance(image, FathomError) else next(rows)
                if score is not None:
                    row["true_label"] = named.label
                    if named.label and "label" in row:
                        score.labelled += 1
                        score.right += row["label"] == named.label
                yield {"file": named.shown, **row}
