"""Models that ``fathom export`` wrote as ONNX, opened with onnxruntime; torch is not imported."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import numpy as np

from fathom.data.images.pixels.form import PixelForm
from fathom.data.loaders.workers import available_cores
from fathom.data.tables.fit import TableDescription
from fathom.errors import FathomError, UsageError, missing_library
from fathom.inference.onnx_bytes import MAX_BYTES, checksum_matches, has_checksum, has_external_data
from fathom.inference.onnx_inputs import (
    LOGITS,
    NEXT_STATES,
    PROBABILITIES,
    STATES,
    VALUES,
    FeatureInput,
    GraphInput,
    ImageInput,
    TokenInput,
    check_input,
)
from fathom.inference.ranking import NUMBER
from fathom.runs.folder.schema import SCHEMA

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

METADATA = ("fathom_version", "schema", "kind", "model", "class_names", "input")

_TYPES = {  # onnxruntime's names for element types
    FeatureInput: "tensor(float)",
    TableDescription: "tensor(double)",
    TokenInput: "tensor(int64)",
}
_Kind = Literal["classifier", "regressor", "language_model"]


class OnnxModel:
    """An ``.onnx`` file of Fathom's, checked and ready to run.

    Attributes:
        kind: "classifier", "regressor" or "language_model".
        input: what it takes.
        class_names: of a classifier, also of labels.
        metadata: all metadata of the file, as text.
    Args:
        threads: None takes every core that this process may use.
    Raises:  FathomError, one line, if the file is missing, damaged, not Fathom's or from a newer Fathom, or if it
        refers to another file
    """

    def __init__(self, path: str | Path, threads: int | None = None) -> None:
        self.path = Path(path)
        self.session = open_session(read_checked(self.path), self.path, threads)
        self.metadata = dict(self.session.get_modelmeta().custom_metadata_map)
        self.kind, self.input, self.class_names = self._read_metadata()
        # of the graph, in its order: run() pairs by place
        self._inputs = [entry.name for entry in self.session.get_inputs()]
        self._outputs = [entry.name for entry in self.session.get_outputs()]
        # both came in one file, but anyone can write a checksum
        if not graph_matches(self.session, self.kind, self.input, self.class_names):
            raise FathomError(f"{self.path}: metadata and graph contradict each other")

    def run(self, *inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Apply the model to a batch.

        Args:
            inputs: in the order of the graph's; for a language model the states follow the tokens.
        Returns: logits and probabilities of a classifier, values of a regressor, logits and states of a language model
        Raises:  FathomError if the runtime fails, for instance out of memory
        """
        try:
            outputs = self.session.run(self._outputs, dict(zip(self._inputs, inputs, strict=True)))
        except Exception as error:  # onnxruntime raises classes of its own C++ module
            raise FathomError(f"{self.path}: onnxruntime cannot run it ({first_line(error)})") from error
        return dict(zip(self._outputs, map(np.asarray, outputs), strict=True))

    def outputs(self, X: np.ndarray) -> np.ndarray:
        """Return the predictions: class probabilities (N, classes), or numbers (N, D)."""
        return self.run(X)[PROBABILITIES if self.kind == "classifier" else VALUES]

    @property
    def input_kind(self) -> str:
        """What it reads: "image", "features", "table" or "tokens"."""
        return str(json.loads(self.metadata["input"])["kind"])  # the tag of the structure

    @property
    def multilabel(self) -> bool:
        """Whether its classes are labels, each of which holds or does not."""
        return self.metadata.get("multilabel") == "true"

    @property
    def target(self) -> str:
        """What a regressor of images predicts."""
        assert isinstance(self.input, ImageInput)
        return self.input.target or NUMBER  # NUMBER: the model was trained without a name

    @property
    def table(self) -> TableDescription:
        """The columns that a model of a table reads."""
        assert isinstance(self.input, TableDescription)
        return self.input

    @property
    def form(self) -> PixelForm:
        """The form of the images that it reads."""
        assert isinstance(self.input, ImageInput)
        return self.input.form

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one image, row or vector of features."""
        assert not isinstance(self.input, TokenInput)
        return self.input.shape

    @property
    def state_sizes(self) -> list[tuple[int, int]]:
        """Layers and width of each state of a language model."""
        return [(entry.shape[0], entry.shape[2]) for entry in self.session.get_inputs()[1:]]  # (layers, batch, hidden)

    def _read_metadata(self) -> tuple[str, GraphInput, list[str]]:
        missing = [name for name in METADATA if name not in self.metadata]
        if missing:
            raise FathomError(f"{self.path}: not exported by Fathom: {', '.join(missing)} missing in its metadata")
        # cut to nine digits: int() refuses texts of thousands
        if not self.metadata["schema"].isdecimal() or not 1 <= int(self.metadata["schema"][:9]) <= SCHEMA:
            raise FathomError(
                f"{self.path}: written by another Fathom (schema {self.metadata['schema'][:20]}, this one reads "
                f"{SCHEMA}); upgrade fathom"
            )
        try:
            graph_input: GraphInput = msgspec.convert(json.loads(self.metadata["input"]), GraphInput)
            names = msgspec.convert(json.loads(self.metadata["class_names"]), list[str])
            kind: str = msgspec.convert(self.metadata["kind"], _Kind)
            check_input(graph_input)
        except (ValueError, RecursionError, UsageError) as error:
            # depth, types, values: whatever somebody wrote there
            raise FathomError(f"{self.path}: its metadata is damaged ({first_line(error)})") from None
        return kind, graph_input, names


def graph_matches(session: InferenceSession, kind: str, graph_input: GraphInput, class_names: Sequence[str]) -> bool:
    """Return whether a graph is what its metadata says; if not, running it would fail in the runtime."""
    first, *others = session.get_inputs()  # the first is the data, the others are states
    outputs = {output.name: output.shape for output in session.get_outputs()}
    expected = graph_input.type if isinstance(graph_input, ImageInput) else _TYPES[type(graph_input)]
    # texts go with language models alone
    if first.type != expected or (kind == "language_model") != isinstance(graph_input, TokenInput):
        return False
    if isinstance(graph_input, TokenInput):
        states = [(entry.name, entry.type, [isinstance(size, int) for size in entry.shape]) for entry in others]
        # layers and width are numbers, the batch is free
        known = [(name, "tensor(float)", [True, False, True]) for name in STATES[: len(others)]]
        names = [LOGITS, *NEXT_STATES[: len(others)]]
        return (
            bool(others)
            and states == known
            and list(outputs) == names
            and outputs[LOGITS][-1] == len(graph_input.tokens)
        )
    if others or tuple(first.shape[1:]) != graph_input.shape:
        return False
    if kind == "classifier":
        return bool(class_names) and outputs.get(PROBABILITIES, ())[1:] == [len(class_names)]
    # other regressors may predict several numbers
    width = 1 if isinstance(graph_input, TableDescription) else None  # a table has one target
    return not class_names and VALUES in outputs and width in (None, outputs[VALUES][-1])


def open_export(path: str | Path, device: str = "auto") -> OnnxModel:
    """Open an export, to run on the CPU.

    Raises:  UsageError for another device; FathomError as ``OnnxModel``
    """
    if device not in ("auto", "cpu"):
        raise UsageError(f"--device {device}: an .onnx file runs on the CPU; leave --device out")
    return OnnxModel(path)


def is_onnx(path: str | Path) -> bool:
    """Return whether a name means an ONNX file and not a run folder."""
    return Path(path).suffix.lower() == ".onnx" and not Path(path).is_dir()  # a run folder may be called best.onnx


def read_checked(path: Path) -> bytes:
    """Read an ONNX file of Fathom's.

    Raises:  FathomError if it cannot be read, is not Fathom's, is damaged, or refers to other files
    """
    try:
        if path.stat().st_size > MAX_BYTES:  # before it fills the memory
            raise FathomError(f"{path}: larger than 2 GiB, so not an ONNX file")
        content = path.read_bytes()  # read once: what is checked is what is run
    except OSError as error:
        raise FathomError(f"{path}: cannot be read ({error.strerror or error})") from error
    if not has_checksum(content):  # before onnxruntime: its parser need not meet foreign bytes
        raise FathomError(
            f"{path}: not an ONNX file of `fathom export` (no checksum at its end): foreign, truncated or altered"
        )
    if not checksum_matches(content):
        raise FathomError(f"{path}: damaged or altered since `fathom export` wrote it (wrong checksum)")
    try:
        has_more = has_external_data(content)
    except ValueError as error:
        raise FathomError(f"{path}: not an ONNX file ({error})") from None
    if has_more:
        raise FathomError(f"{path}: refused: its weights are in other files; Fathom exports a single file")
    return content


def open_session(content: bytes, path: Path, threads: int | None = None) -> InferenceSession:
    """Open a model with onnxruntime, on the CPU.

    Raises:  FathomError if onnxruntime is not installed or refuses the model
    """
    runtime = import_runtime()
    options = runtime.SessionOptions()
    options.log_severity_level = 4  # failures raise; the log would only repeat them
    # None: all that this process may use
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
        raise missing_library("an ONNX file", "onnxruntime", "export") from None
    return onnxruntime


def first_line(error: BaseException) -> str:
    """Return an error's text as one line of at most 200 characters."""
    text = " ".join(str(error).split()) or type(error).__name__  # one line: the runtime's messages span many
    return text if len(text) <= 200 else f"{text[:200]} …"
