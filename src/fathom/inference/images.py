"""Labels for images, in the order given; an unreadable image gets an error instead. Torch-free.

The same for a run's model and for an exported one.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import numpy as np

from fathom.data.fetch.archives import is_packed
from fathom.data.images.folders.walk import describe_strays
from fathom.data.images.labels.named_images import ImageRows
from fathom.data.images.pixels.form import PixelForm
from fathom.data.label_spellings import spelling_among
from fathom.data.loaders.workers import default_workers
from fathom.errors import FathomError, UsageError
from fathom.findings import Finding
from fathom.inference.image_inputs import STDIN, InputImage, find_inputs, list_images
from fathom.inference.onnx_file import OnnxModel
from fathom.inference.onnx_inputs import ImageInput
from fathom.inference.predictions import TRUTH, PredictionRequest, Predictions, Score
from fathom.inference.ranking import Labeller, Row, answer_columns, answers, predicted_numbers, prediction_column

_BATCH = 128  # images at a time: enough to fill the cores
_BATCH_BYTES = 1 << 26  # fewer large images at a time


class ImageModel(Labeller, Protocol):
    """A model of images: a run's or an exported one."""

    @property
    def form(self) -> PixelForm:
        """What an image is brought to."""

    @property
    def target(self) -> str:
        """What a model of numbers predicts."""

    def outputs(self, images: np.ndarray) -> np.ndarray:
        """Return class probabilities (N, classes), or numbers (N, 1), for images in that form (N, C, H, W)."""


def image_model(exported: OnnxModel) -> ImageModel:
    """Return an exported model as a model of images.

    Raises:  UsageError if it is not one
    """
    if not isinstance(exported.input, ImageInput):
        # features have no pixels
        raise UsageError(f"{exported.path}: predict needs a model of images; this one is a {exported.kind} of numbers")
    return exported  # duck-typed: OnnxModel has all that ImageModel asks


def predict_images(model: ImageModel, request: PredictionRequest) -> Predictions:
    """Label images, all images in folders, and those that files of rows name, or predict a number for each.

    Raises:  UsageError if ``top`` exceeds the number of classes, a folder has no images, or an encoding is given
    """
    has_archive = any(isinstance(source, str | Path) and is_packed(source) for source in request.inputs)
    if request.encoding is not None and request.label_file is None and not has_archive:
        raise UsageError(f"--encoding: {request.model} reads images, not texts or tables")
    inputs, top = request.inputs, request.top
    # classes give label and probability, a regression its number
    answer = answer_columns(model, top) if model.class_names else [prediction_column(model.target)]
    if not model.class_names and top > 1:
        raise UsageError(f"--top {top}: the model predicts a number, {model.target}, not classes")
    found = find_inputs(inputs, request.label_file, model.class_names, request.encoding)
    is_labelled = any(isinstance(source, ImageRows) and source.has_labels for source in found)
    # labels that can be compared: one class each
    score = Score() if is_labelled and model.class_names and not model.multilabel else None
    columns = ["file", *(["true_label"] if score is not None else []), *answer, "error"]

    def count() -> int | None:
        return None if STDIN in inputs else sum(1 for _ in list_images(found))  # standard input can be read once

    strays: Counter[str] = Counter()  # files that are no images, by ending; filled while listing
    rows = _label(model, list_images(found, strays), top, score, with_truth=request.with_truth)

    def findings() -> list[Finding]:
        notes = describe_strays(Counter(strays))  # a copy: rows may still be added
        passed_over = [Finding("data.files_passed_over", "note", note, place="inputs") for note in notes]
        differing = [note for source in found if isinstance(source, ImageRows) for note in source.notes]
        return [*passed_over, *(Finding("data.names_differ", "note", note, place="inputs") for note in differing)]

    return Predictions(columns, rows, count=count, score=score, findings=findings)


def _label(
    model: ImageModel, listed: Iterator[InputImage], top: int, score: Score | None, *, with_truth: bool
) -> Iterator[Row]:
    """Yield the row of each image, one batch at a time."""
    form = model.form
    assert form.size is not None
    # bytes of a batch, whatever the images' size
    size = max(1, min(_BATCH, _BATCH_BYTES // (form.channels * math.prod(form.size) * form.dtype.itemsize)))

    def read(image: InputImage) -> np.ndarray | FathomError:
        try:
            return image.read(form)
        except FathomError as error:
            return error  # kept for its row: one bad file must not end the pool's map

    with ThreadPoolExecutor(default_workers()) as pool:  # decoding leaves the interpreter free
        while batch := list(itertools.islice(listed, size)):  # in batches, so that listing a large folder does not wait
            images = list(pool.map(read, batch))
            good = [image for image in images if isinstance(image, np.ndarray)]
            # (n, C, H, W); those that could not be read are left out
            rows = iter(_answer(model, np.stack(good), top) if good else ())
            for named, image in zip(batch, images, strict=True):
                row = {"error": str(image)} if isinstance(image, FathomError) else next(rows)
                if score is not None:
                    row["true_label"] = named.label
                    if named.label and "label" in row:
                        score.labelled += 1
                        score.right += row["label"] == named.label  # by name: a list may order its classes otherwise
                if with_truth:
                    row[TRUTH] = named.label or _folder_class(named.shown, model.class_names)
                yield {"file": named.shown, **row}


def _folder_class(path: str, class_names: Sequence[str]) -> str:
    """Return the class of the innermost folder that is called like one; else the name of the file's own folder."""
    folders = Path(path).parts[-2::-1]  # from the innermost folder outwards, without the file itself
    classes = (spelling_among(class_names, folder) for folder in folders)
    return next((name for name in classes if name in class_names), folders[0] if folders else "")


def _answer(model: ImageModel, images: np.ndarray, top: int) -> Iterator[Row]:
    """Return the cells of the prediction for each image, and error."""
    outputs = model.outputs(images)
    if model.class_names:
        return answers(model, outputs, top)
    return predicted_numbers(outputs, prediction_column(model.target))
