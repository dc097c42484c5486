"""Models that ``fathom export`` wrote as ONNX, opened with onnxruntime; torch is not imported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import numpy as np

from fathom.data.picture_file import check_form
from fathom.data.tables.fit import TableDescription
from fathom.data.workers import available_cores
from fathom.errors import FathomError, UsageError
from fathom.recipes.onnx_bytes import MAX_BYTES, has_outside_data, is_sealed, is_whole
from fathom.runs.schema import SCHEMA

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

PICTURES, FEATURES, CELLS = "pictures", "features", "cells"  # what goes in
LOGITS, PROBABILITIES, VALUES = "logits", "probabilities", "values"  # what comes out
METADATA = ("fathom_version", "schema", "kind", "model", "class_names", "input")


class PictureInput(msgspec.Struct, frozen=True, tag_field="kind", tag="image"):
    """Pictures, uint8 (batch, channels, height, width)."""

    channels: int
    height: int
    width: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one example."""
        return (self.channels, self.height, self.width)


class FeatureInput(msgspec.Struct, frozen=True, tag_field="kind", tag="features"):
    """Plain numbers, float32 (batch, features)."""

    features: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one example."""
        return (self.features,)


Input = PictureInput | FeatureInput | TableDescription
"""What the graph takes; of a table the cells of rows, float64 (batch, columns)."""

_TYPES = {PictureInput: "tensor(uint8)", FeatureInput: "tensor(float)", TableDescription: "tensor(double)"}


class OnnxModel:
    """An ``.onnx`` file of Fathom's, checked and ready to run.

    Attributes:
        kind: "classifier" or "regressor".
        input: what goes in.
        class_names: of a classifier.
        metadata: all texts that the file carries.
    Args:
        threads: None takes every core that this process may use.
    Raises:  FathomError, one line, if the file is missing, damaged, not Fathom's or from a newer Fathom, or if it
        would read another file
    """

    def __init__(self, path: str | Path, threads: int | None = None) -> None:
        self.path = Path(path)
        self.session = open_session(read_checked(self.path), self.path, threads)
        self.metadata = dict(self.session.get_modelmeta().custom_metadata_map)
        self.kind, self.input, self.class_names = self._read_metadata()
        (self._in,) = self.session.get_inputs()
        self._check_shapes()

    def run(self, X: np.ndarray) -> dict[str, np.ndarray]:
        """Apply the model to a batch.

        Returns: logits and probabilities of a classifier, values of a regressor
        Raises:  FathomError if the runtime fails, for want of memory for instance
        """
        names = [output.name for output in self.session.get_outputs()]
        try:
            outputs = self.session.run(names, {self._in.name: X})
        except Exception as error:
            raise FathomError(f"{self.path}: onnxruntime cannot run it ({first_line(error)})") from error
        return dict(zip(names, map(np.asarray, outputs), strict=True))

    def probabilities(self, pictures: np.ndarray) -> np.ndarray:
        """Give class probabilities (N, classes) for pictures uint8 (N, C, H, W)."""
        return self.run(pictures)[PROBABILITIES]

    def outputs(self, X: np.ndarray) -> np.ndarray:
        """Give what a user wants to read: class probabilities (N, classes), or numbers (N, D)."""
        return self.run(X)[PROBABILITIES if self.kind == "classifier" else VALUES]

    @property
    def table(self) -> TableDescription:
        """The columns that a model of a table reads."""
        assert isinstance(self.input, TableDescription)
        return self.input

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one example."""
        return self.input.shape

    def _read_metadata(self) -> tuple[str, Input, list[str]]:
        absent = [name for name in METADATA if name not in self.metadata]
        if absent:
            raise FathomError(f"{self.path}: not exported by Fathom, it lacks {', '.join(absent)} in its metadata")
        if not self.metadata["schema"].isdecimal() or not 1 <= int(self.metadata["schema"][:9]) <= SCHEMA:
            raise FathomError(
                f"{self.path}: written by another Fathom (schema {self.metadata['schema'][:20]}, this one reads "
                f"{SCHEMA}); upgrade fathom"
            )
        try:
            form: Input = msgspec.convert(json.loads(self.metadata["input"]), Input)
            names = msgspec.convert(json.loads(self.metadata["class_names"]), list[str])
            kind = msgspec.convert(self.metadata["kind"], Literal["classifier", "regressor"])
            if isinstance(form, PictureInput):
                check_form(form.channels, (form.height, form.width))
        except (ValueError, RecursionError, UsageError) as error:
            raise FathomError(f"{self.path}: its metadata are damaged ({first_line(error)})") from None
        return str(kind), form, names

    def _check_shapes(self) -> None:
        """Refuse a graph that is not what its metadata say: reading for it would end in an error of the runtime's."""
        outputs = {output.name: output.shape[1:] for output in self.session.get_outputs()}
        fits = self._in.type == _TYPES[type(self.input)] and tuple(self._in.shape[1:]) == self.input.shape
        if self.kind == "classifier":
            fits &= bool(self.class_names) and outputs.get(PROBABILITIES) == [len(self.class_names)]
        elif isinstance(self.input, TableDescription):
            fits &= not self.class_names and outputs.get(VALUES) == [1]
        if not fits:
            raise FathomError(f"{self.path}: its metadata and its graph contradict each other")


def is_onnx(path: str | Path) -> bool:
    """Tell whether a name means an ONNX file and not a run folder."""
    return Path(path).suffix.lower() == ".onnx" and not Path(path).is_dir()


def read_checked(path: Path) -> bytes:
    """Read an ONNX file of Fathom's.

    Raises:  FathomError if it cannot be read, is not Fathom's, is damaged, or refers to other files
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise FathomError(f"{path}: larger than 2 GiB, so it is no ONNX file")
        content = path.read_bytes()
    except OSError as error:
        raise FathomError(f"{path}: cannot be read ({error.strerror or error})") from error
    if not is_sealed(content):
        raise FathomError(
            f"{path}: not an ONNX file as `fathom export` wrote it (no checksum at its end): foreign, truncated "
            "or altered"
        )
    if not is_whole(content):
        raise FathomError(f"{path}: damaged or altered since `fathom export` wrote it, its checksum is another")
    try:
        points_outside = has_outside_data(content)
    except ValueError as error:
        raise FathomError(f"{path}: not an ONNX file ({error})") from None
    if points_outside:
        raise FathomError(f"{path}: refused, it would read its weights from other files; Fathom exports a single file")
    return content


def open_session(content: bytes, path: Path, threads: int | None = None) -> InferenceSession:
    """Let onnxruntime take up a model, on the CPU.

    Raises:  FathomError if onnxruntime is not installed or refuses the model
    """
    runtime = import_runtime()
    options = runtime.SessionOptions()
    options.log_severity_level = 4  # what fails raises; the log would say it twice
    options.intra_op_num_threads = available_cores() if threads is None else threads
    try:
        return runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise FathomError(f"{path}: onnxruntime cannot open it ({first_line(error)})") from error


def import_runtime() -> Any:
    """Import onnxruntime.

    Raises:  FathomError saying how to install it
    """
    try:
        import onnxruntime
    except ImportError:
        raise FathomError("ONNX files need onnxruntime: pip install 'fathom[export]'") from None
    return onnxruntime


def first_line(error: BaseException) -> str:
    """Give an error's text as one line, without end."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else f"{text[:200]} …"
