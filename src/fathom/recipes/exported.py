"""A saved model as other programs want it, preprocessing inside: as ONNX, or as a file of torch.export."""

from __future__ import annotations

import importlib
import io
import json
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import msgspec
import torch
from torch import Tensor, nn

from fathom.data.tables.columns import Column
from fathom.data.tables.fit import TableDescription, count_codes
from fathom.data.tables.layer import TableInput
from fathom.errors import FathomError, UsageError
from fathom.module import Module
from fathom.recipes.onnx_bytes import MAX_BYTES
from fathom.recipes.onnx_file import CELLS, FEATURES, LOGITS, PICTURES, PROBABILITIES, VALUES, Input, first_line
from fathom.runs.schema import SCHEMA

_OPSET = 18  # the first whose Resize averages over pixels, as torch's antialiasing does
_INPUT_NAMES = {"image": PICTURES, "features": FEATURES, "table": CELLS}
_SHARE_MISSING = 0.2  # of the cells that are drawn
_EXPORTED_BATCH = 2  # an example of one would make the batch's size a constant


class Exported(nn.Module):
    """A module with the outputs that an export gives.

    Shape:   X as stored, or the cells of a table's rows, float64 (N, columns) -> logits and probabilities
        (N, num_classes) of a classifier, values (N, D) of a regressor
    """

    def __init__(self, module: Module) -> None:
        super().__init__()
        self.module = module
        self.is_classifier = module.kind == "classifier"

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the outputs."""
        return (LOGITS, PROBABILITIES) if self.is_classifier else (VALUES,)

    def forward(self, X: Tensor) -> tuple[Tensor, ...]:
        if isinstance(self.module.preprocess, TableInput):
            X = self.module.preprocess.encode_cells(X)
        output = self.module(X)
        return (output, self.module.read(output)) if self.is_classifier else (self.module.read(output),)


def check_exportable(description: Mapping[str, Any], run: object) -> None:
    """Refuse a model whose inputs no export takes yet.

    Raises:  UsageError
    """
    kind = description["input"]["kind"]
    what = kind if kind == "tokens" else f"a {kind}"
    if description["kind"] not in ("classifier", "regressor") or kind not in _INPUT_NAMES:
        raise UsageError(
            f"{run}: `fathom export` takes models of pictures, of tables and of plain features; this one, "
            f"a {description['kind'].replace('_', ' ')} of {what}, cannot be exported yet"
        )


def input_name(description: Mapping[str, Any]) -> str:
    """Give the name of the input."""
    return _INPUT_NAMES[description["input"]["kind"]]


def example(description: Mapping[str, Any], count: int, seed: int = 0) -> Tensor:
    """Draw a batch as the model takes it.

    Shape:   -> uint8 (count, C, H, W) for pictures, float32 (count, D) for features, float64 (count, columns) for cells
    """
    stored, generator = description["input"], torch.Generator().manual_seed(seed)
    if stored["kind"] == "image":
        shape = (count, stored["channels"], stored["height"], stored["width"])
        return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    if stored["kind"] == "table":
        columns = msgspec.convert(stored, TableDescription).columns
        return torch.stack([_draw_cells(column, count, generator) for column in columns], 1)
    return torch.randn(count, stored["features"], generator=generator)


def _draw_cells(column: Column, count: int, generator: torch.Generator) -> Tensor:
    """Draw cells of all sorts that the column may hold, missing and unknown ones among them.

    Shape:   -> float64 (count,)
    """
    if column.kind == "category":
        return torch.randint(0, count_codes(column), (count,), generator=generator).double()
    low, high = (0.0, 1.0) if column.low is None or column.high is None else (column.low, column.high)
    cells = low + (high - low) * torch.rand(count, dtype=torch.float64, generator=generator)
    if column.kind == "boolean":
        cells = cells.round()
    return cells.where(torch.rand(count, generator=generator) > _SHARE_MISSING, torch.nan)


def describe_export(description: Mapping[str, Any], licence: str | None) -> dict[str, str]:
    """Give what the file says of itself: texts by name."""
    model = description["model"]
    names = description["class_names"]
    if description["kind"] == "classifier" and not names:
        names = [str(i) for i in range(model["num_classes"])]
    facts = {
        "fathom_version": version("fathom"),
        "schema": str(SCHEMA),
        "kind": description["kind"],
        "model": model["name"],
        "class_names": json.dumps(list(names), ensure_ascii=False),
        "input": msgspec.json.encode(msgspec.convert(description["input"], Input)).decode(),
    }
    return facts | ({"licence": licence} if licence else {})


def trace(exported: Exported, description: Mapping[str, Any]) -> torch.export.ExportedProgram:
    """Record the model's operations for a batch of any size.

    Raises:  FathomError if torch cannot
    """
    batch = torch.export.Dim("batch", min=1)
    try:
        with torch.no_grad():
            program = torch.export.export(
                exported, (example(description, _EXPORTED_BATCH),), dynamic_shapes=({0: batch},), strict=False
            )
    except Exception as error:
        raise FathomError(f"torch.export cannot record this network ({first_line(error)})") from error
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # paths of this machine
    program.example_inputs = None  # would be stored as a pickle
    return program


def to_torch(program: torch.export.ExportedProgram, facts: Mapping[str, str]) -> bytes:
    """Give the content of a ``.pt2`` file: a zip of JSON and raw weights."""
    buffer = io.BytesIO()
    torch.export.save(program, buffer, extra_files={"metadata.json": json.dumps(dict(facts), ensure_ascii=False)})
    return buffer.getvalue()


def to_onnx(program: torch.export.ExportedProgram, exported: Exported, name: str) -> bytes:
    """Give the ONNX model, without metadata.

    Args:
        name: of the input.
    Raises:  FathomError if an extra is not installed, the model is too large for one file, or torch cannot
    """
    onnx = import_onnx()
    size = sum(t.numel() * t.element_size() for t in exported.state_dict().values())
    if size > MAX_BYTES:
        raise FathomError(
            f"the weights take {size / 2**30:.1f} GiB, and one ONNX file holds 2 GiB at most; use --format torch"
        )
    try:
        written = torch.onnx.export(
            program,
            input_names=[name],
            output_names=list(exported.outputs),
            opset_version=_OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
        assert written is not None
        model = written.model_proto
    except Exception as error:
        raise FathomError(f"torch.onnx cannot write this network ({first_line(error)})") from error
    graph = model.graph
    del graph.value_info[:]  # whoever wants the shapes in between infers them; quantising changes some
    for part in (*graph.node, *graph.initializer, *graph.input, *graph.output, graph):
        del part.metadata_props[:]  # how torch came to it, a quarter of a small file
        part.doc_string = ""
    for value in (*graph.input, *graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    model.producer_name, model.producer_version = "fathom", version("fathom")
    onnx.checker.check_model(model)
    return model.SerializeToString()


def add_metadata(content: bytes, facts: Mapping[str, str]) -> bytes:
    """Write texts into an ONNX model, in place of those that are there."""
    onnx = import_onnx()
    model = onnx.load_model_from_string(content)
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, dict(facts))
    return model.SerializeToString()


def import_onnx() -> Any:
    """Import onnx.

    Raises:  FathomError saying how to install what an export needs
    """
    try:
        onnx, *_ = map(importlib.import_module, ("onnx", "onnxscript", "onnxruntime"))
    except ImportError as error:
        raise FathomError(f"exporting to ONNX needs {error.name}: pip install 'fathom[export]'") from None
    return onnx
