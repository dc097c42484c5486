"""A model as other programs want it: as ONNX, or as a file of torch.export."""

from __future__ import annotations

import importlib
import io
import json
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from fathom.errors import FathomError, missing_library
from fathom.export.export_module import ExportModule, TextExportModule
from fathom.inference.onnx_bytes import MAX_BYTES
from fathom.inference.onnx_file import first_line
from fathom.version import VERSION

OPSET = 18  # the first whose Resize averages over pixels, as torch's antialiasing does
_EXPORTED_BATCH = 2  # a sample of one would make the batch's size a constant


def trace(exported: ExportModule | TextExportModule) -> torch.export.ExportedProgram:
    """Record the model's operations for a batch of any size, and a text of any length.

    Raises:  FathomError if torch cannot
    """
    sizes = {name: torch.export.Dim(name, min=1) for name in ("batch", "steps")}
    first, *others = ({dim: sizes[size] for dim, size in exported.free[name].items()} for name in exported.inputs)
    shapes = (first, tuple(others)) if others else (first,)  # the states of a text are *state
    try:
        with torch.no_grad():
            program = torch.export.export(
                exported, exported.sample_inputs(_EXPORTED_BATCH), dynamic_shapes=shapes, strict=False
            )
    except Exception as error:
        raise FathomError(f"torch.export cannot record this network ({first_line(error)})") from error
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # paths of this machine
    program.example_inputs = None  # would be stored as a pickle
    return program


def to_torch(program: torch.export.ExportedProgram, facts: Mapping[str, str]) -> bytes:
    """Return the content of a ``.pt2`` file: a zip of JSON and raw weights."""
    buffer = io.BytesIO()
    torch.export.save(program, buffer, extra_files={"metadata.json": json.dumps(dict(facts), ensure_ascii=False)})
    return buffer.getvalue()


def to_onnx(program: torch.export.ExportedProgram, exported: ExportModule | TextExportModule) -> bytes:
    """Return the ONNX model, without metadata.

    Raises:  FathomError if an extra is not installed, or torch cannot
    """
    onnx = import_onnx()
    try:
        written = torch.onnx.export(
            program,
            input_names=list(exported.inputs),
            output_names=list(exported.outputs),
            opset_version=OPSET,
            dynamo=True,
            # One file: weights beside it would be left behind when it is sent.
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
        for dim, size in exported.free[value.name].items():
            value.type.tensor_type.shape.dim[dim].dim_param = size  # torch's own name for it differs by version
    model.producer_name, model.producer_version = "fathom", VERSION
    onnx.checker.check_model(model)  # after what was taken out
    return model.SerializeToString()


def check_size(module: nn.Module) -> None:
    """Refuse a model that is too large for one ONNX file.

    Raises:  FathomError
    """
    size = sum(t.numel() * t.element_size() for t in module.state_dict().values())
    if size > MAX_BYTES:
        raise FathomError(
            f"the weights take {size / 2**30:.1f} GiB, and one ONNX file holds 2 GiB at most; use --format torch"
        )


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
        # all three, though only one is used here: torch.onnx would fail later
        onnx, *_ = map(importlib.import_module, ("onnx", "onnxscript", "onnxruntime"))
    except ImportError as error:
        raise missing_library("exporting to ONNX", str(error.name), "export") from None
    return onnx
