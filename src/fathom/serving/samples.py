"""What a request holds, as a model takes it: images, rows, vectors, texts. Never a path, never an address."""

from __future__ import annotations

import base64
import binascii
import csv
import io
import json
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

import numpy as np

from fathom.data.images.decode import read_pixels
from fathom.data.tables.cells import read_texts
from fathom.data.tables.column import Column
from fathom.errors import FathomError, UsageError
from fathom.inference.images import ImageModel
from fathom.inference.line_perplexity import score_line
from fathom.inference.ranking import answers, predicted_numbers, prediction_column
from fathom.inference.rows import RowModel
from fathom.inference.text_model import TextModel
from fathom.serving.multipart import read_parts

Row = dict[str, Any]


class Samples(ABC):
    """How one kind of model reads requests and answers them."""

    noun: ClassVar[str]  # the key of the JSON object
    content_types: ClassVar[tuple[str, ...]]  # besides JSON
    example: Any  # a sample, for the documentation

    def __init__(self, model: Any) -> None:
        self.model = model
        self.class_names = list(getattr(model, "class_names", ()))

    def read(self, kind: str, body: bytes) -> list[Any]:
        """Return the samples of a request; one that is invalid is a ``FathomError`` among them.

        Args:
            kind: the content type, with its parameters.
        Raises:  UsageError if the request as a whole cannot be read
        """
        plain = kind.partition(";")[0].strip().lower()
        if plain == "application/json":
            content = _parse(body)
            found = content.get(self.noun) if isinstance(content, dict) and self.noun in content else content
            return [self.sample(part) for part in (found if isinstance(found, list) else [found])]
        if plain in self.content_types:
            return self.read_plain(plain, kind, body)
        known = ", ".join(("application/json", *self.content_types))
        raise UsageError(f"content-type {plain or 'missing'}: this model takes {known}")

    @abstractmethod
    def sample(self, part: Any) -> Any:
        """Return a sample from what JSON holds."""

    @abstractmethod
    def read_plain(self, plain: str, kind: str, body: bytes) -> list[Any]:
        """Return the samples of a body that is no JSON."""

    @abstractmethod
    def answer(self, samples: list[Any], top: int) -> list[Row]:
        """Return the prediction for valid samples."""

    def check(self, top: int) -> None:
        """Refuse a number of classes that the model does not have.

        Raises:  UsageError
        """
        # labels, each of which holds or not, have no ranks
        known = 1 if getattr(self.model, "multilabel", False) or not self.class_names else len(self.class_names)
        if top > known:
            what = f"knows {known} classes" if known > 1 else "gives one answer"
            raise UsageError(f"top={top}: the model {what}")

    def predict(self, samples: Sequence[Any], top: int) -> list[Row]:
        """Return a row for every sample, in order; of an invalid one its error."""
        good = [sample for sample in samples if not isinstance(sample, FathomError)]
        rows = iter(self.answer(good, top) if good else ())
        return [{"error": str(s)} if isinstance(s, FathomError) else _clean(next(rows)) for s in samples]


class ImageSamples(Samples):
    """Images: files as they are, or base64 in JSON."""

    noun, example = "images", "iVBORw0KGgo…"
    content_types = ("image/png", "image/jpeg", "image/webp", "image/tiff", "image/bmp", "image/gif") + (
        "application/octet-stream",
        "multipart/form-data",
    )
    model: ImageModel

    def sample(self, part: Any) -> Any:
        """Decode base64, also as a data: address, which browsers make."""
        if not isinstance(part, str):
            return UsageError("an image is base64 in a string, or the body itself")
        try:
            content = base64.b64decode(part.partition(",")[2] if part.startswith("data:") else part, validate=True)
        except (binascii.Error, ValueError):
            return UsageError("this is not base64 of an image file")
        return self._decode(content)

    def read_plain(self, plain: str, kind: str, body: bytes) -> list[Any]:
        """Read one image, or the files of a form."""
        files = read_parts(kind, body) if plain == "multipart/form-data" else [body]
        return [self._decode(content) for content in files]

    def _decode(self, content: bytes) -> Any:
        try:
            return read_pixels(content, self.model.form)
        except FathomError as error:
            return error

    def answer(self, samples: list[Any], top: int) -> list[Row]:
        """Return labels and probabilities, or numbers."""
        outputs = self.model.outputs(np.stack(samples))  # (N, C, H, W) -> (N, classes)
        if self.class_names:
            return list(answers(self.model, outputs, top))
        return list(predicted_numbers(outputs, prediction_column(self.model.target)))


class RowSamples(Samples):
    """Rows of a table: objects by column name, or a CSV with a header."""

    noun, content_types = "rows", ("text/csv",)
    model: RowModel

    def __init__(self, model: Any) -> None:
        super().__init__(model)
        self.columns = model.table.columns
        self.example = {column.name: _usual_cell(column) for column in self.columns}

    def sample(self, part: Any) -> Any:
        """Read the cells of an object; a column that is left out is missing."""
        if not isinstance(part, Mapping):
            return UsageError("a row is an object: column by name")
        cells = np.full(len(self.columns), np.nan)
        for place, column in enumerate(self.columns):
            text = _cell(part.get(column.name))
            # (1,): the number of the cell, with NaN or the code of a missing one
            numbers, is_invalid = read_texts([text], column)
            if is_invalid[0]:
                unit = f" in {column.unit}" if column.unit else ""
                return UsageError(f"{column.name}: {text!r} is not a {column.kind}{unit}")
            cells[place] = numbers[0]
        if not any(column.name in part for column in self.columns):
            return UsageError(f"no column of the model is in this row; it reads {', '.join(self.example)}")
        return cells

    def read_plain(self, plain: str, kind: str, body: bytes) -> list[Any]:
        """Read a CSV."""
        lines = csv.DictReader(io.StringIO(_text(body), newline=""))
        missing = [name for name in self.example if name not in (lines.fieldnames or ())]
        if missing:
            raise UsageError(f"the CSV lacks columns that the model was trained on: {', '.join(missing)}")
        return [self.sample(line) for line in lines]

    def answer(self, samples: list[Any], top: int) -> list[Row]:
        """Return labels and probabilities, or numbers."""
        outputs = self.model.outputs(np.stack(samples))  # (N, columns) -> (N, classes)
        if self.class_names:
            return list(answers(self.model, outputs, top))
        table = self.model.table
        return list(predicted_numbers(outputs, prediction_column(table.target), table.digits))


class VectorSamples(Samples):
    """Vectors, or arrays of another shape, as nested lists of numbers."""

    noun, content_types = "inputs", ()

    def __init__(self, model: Any) -> None:
        super().__init__(model)
        self.example = np.zeros(model.shape).tolist()

    def sample(self, part: Any) -> Any:
        """Read nested lists of numbers."""
        try:
            found = np.asarray(part, np.float32)
        except (ValueError, TypeError, OverflowError):
            return UsageError("an input is a list of numbers")
        if found.shape != tuple(self.model.shape):
            return UsageError(f"an input has the shape {found.shape}, and the model reads {tuple(self.model.shape)}")
        return found

    def read_plain(self, plain: str, kind: str, body: bytes) -> list[Any]:
        """There is no other form."""
        raise AssertionError("no content type but JSON is listed")

    def answer(self, samples: list[Any], top: int) -> list[Row]:
        """Return labels and probabilities, or numbers."""
        outputs = self.model.outputs(np.stack(samples))
        if self.class_names:
            return list(answers(self.model, outputs, top))
        if outputs.shape[1] == 1:
            return list(predicted_numbers(outputs, "prediction"))
        return [{f"prediction_{i}": value for i, value in enumerate(line, 1)} for line in outputs.tolist()]


class TextSamples(Samples):
    """Texts for a language model, which says how well it would have foretold them."""

    noun, content_types, example = "texts", ("text/plain",), "the time traveller"
    model: TextModel

    def sample(self, part: Any) -> Any:
        """Take a string."""
        return part if isinstance(part, str) else UsageError("a text is a string")

    def read_plain(self, plain: str, kind: str, body: bytes) -> list[Any]:
        """Read the lines of a text that are not empty."""
        return [line for line in _text(body).split("\n") if line.strip()]

    def answer(self, samples: list[Any], top: int) -> list[Row]:
        """Return the perplexity of each text, one after another: their lengths differ."""
        return [score_line(self.model, text) or {"error": "too short to score"} for text in samples]


def _parse(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise UsageError("the body is not JSON") from None


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError("the body is not UTF-8") from None


def _usual_cell(column: Column) -> str:
    """Return what a cell of a column may be: its commonest category, or its mean."""
    if column.kind == "category":
        return column.values[0] if column.values else ""
    if column.kind == "boolean" or column.mean is None:
        return "1"
    if column.kind == "date":
        return (datetime(1970, 1, 1) + timedelta(days=round(column.mean))).strftime(column.format)
    return f"{column.mean:.4g}"


def _cell(value: Any) -> str:
    """Return what stands in a file for a value of JSON."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _clean(row: Row) -> Row:
    """Return a row without an empty error, which files have a column for."""
    return {name: value for name, value in row.items() if name != "error" or value}
