"""From a run to one file that needs no Fathom: written only if it computes what the run's model computes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from fathom.build.failures import readable_failures
from fathom.errors import UsageError, unknown
from fathom.export.export_module import ExportModule, TextExportModule, export_metadata, make_export_module
from fathom.export.formats import add_metadata, check_size, import_onnx, to_onnx, to_torch, trace
from fathom.export.int8 import check_int8, compare_int8, quantize_run
from fathom.export.quantize import METHODS
from fathom.export.recurrent_onnx import write_recurrent
from fathom.export.verification import apply_onnx, apply_torch, verify
from fathom.files import write_atomically
from fathom.inference.onnx_bytes import append_checksum
from fathom.inference.saved import load_module
from fathom.models.rnn import RecurrentNet
from fathom.outputs import check_output, is_special, write_output
from fathom.runs.folder.lookup import resolve_run
from fathom.runs.folder.schema import SCHEMA

FORMATS = ("onnx", "torch")
RECORD = "export.json"

OnStage = Callable[[str], None]
"""Told what is done next, such as "tracing the network"."""

_ENDINGS = {"onnx": ".onnx", "torch": ".pt2"}


def export(
    run: str | Path,
    format: str = "onnx",
    out: str | Path | None = None,
    *,
    licence: str | None = None,
    int8: str | None = None,
    on_stage: OnStage = lambda stage: None,
) -> dict[str, Any]:
    """Write the model of a run as one file, preprocessing and class names inside.

    Args:
        run: the run folder, its name in ``runs/``, or "last".
        format: "onnx", or "torch" for a ``.pt2`` of ``torch.export``.
        out: the file; by default ``model.onnx``, ``model-int8-….onnx`` or ``model.pt2`` in the run folder.
        licence: a text to go into the file.
        int8: "dynamic" or "static" lets an ONNX file compute in 8 bits; evaluated on the test set of the run's data.
        on_stage: told what is done next, such as "tracing the network".
    Returns: what ``export.json`` in the run folder records of this file
    Raises:  UsageError for options that do not fit; FathomError if the file could not be written or does not compute
        what the run's model computes, and then it is not left behind
    """
    _check_options(format, int8)
    run = resolve_run(run)
    path = _choose_path(run, format, out, int8)
    if format == "onnx":
        import_onnx()  # before the model is loaded: what is not installed is told at once
    on_stage("loading the model")
    module, description = load_module(run)
    if int8 is not None:
        check_int8(description, int8, run)  # before the slow part, the tracing
    exported, facts = make_export_module(module, description), export_metadata(description, licence)
    record: dict[str, Any] = {"path": str(path), "format": format, "licence": licence}
    with readable_failures():
        if format == "torch":
            content = _to_torch(exported, facts, run, on_stage)
            on_stage("comparing with PyTorch")
            record["verified"] = verify(exported, apply_torch(content), path)
        else:
            model = _to_onnx(exported, on_stage)
            content = append_checksum(add_metadata(model, facts))  # last: the checksum is of all before it
            on_stage("comparing with PyTorch")
            # with int8 too, which is compared with this one below
            record["verified"] = verify(exported, apply_onnx(content, path), path)
            if int8 is not None:
                assert isinstance(exported, ExportModule)
                on_stage("quantising")
                full, content = content, append_checksum(add_metadata(quantize_run(run, module, model, int8), facts))
                on_stage("comparing with float32 on the run's data")
                record["int8"] = {"method": int8} | compare_int8(run, exported, full, content, path)
    record["bytes"] = len(content)
    write_output(path, content)
    if not is_special(path):  # a pipe or standard output leaves no file to record
        _write_record(run, path, record)
    return record


def _check_options(format: str, int8: str | None) -> None:
    if format not in FORMATS:
        raise unknown("format", format, FORMATS)
    if int8 is not None and int8 not in METHODS:
        raise unknown("kind of int8", int8, METHODS)
    if int8 is not None and format != "onnx":
        raise UsageError("--int8 belongs to --format onnx")


def _to_torch(
    exported: ExportModule | TextExportModule, facts: Mapping[str, str], run: Path, on_stage: OnStage
) -> bytes:
    """Return the content of a ``.pt2`` file."""
    if isinstance(exported, TextExportModule) and isinstance(exported.net, RecurrentNet):
        raise UsageError(f"{run}: torch.export fixes the number of tokens; export a text model as onnx")
    on_stage("tracing the network")
    return to_torch(trace(exported), facts)


def _to_onnx(exported: ExportModule | TextExportModule, on_stage: OnStage) -> bytes:
    """Return the ONNX model, without metadata."""
    check_size(exported)
    if isinstance(exported, TextExportModule) and isinstance(exported.net, RecurrentNet):
        return write_recurrent(exported.net)
    on_stage("tracing the network")
    program = trace(exported)
    on_stage("writing ONNX")
    return to_onnx(program, exported)


def _choose_path(run: Path, format: str, out: str | Path | None, int8: str | None) -> Path:
    if out is None:
        return run / f"model{f'-int8-{int8}' if int8 else ''}{_ENDINGS[format]}"
    check_output(out)
    if Path(out).suffix.lower() != _ENDINGS[format] and not is_special(out):
        raise UsageError(f"--out {out}: the name of a file in this format ends with {_ENDINGS[format]}")
    return Path(out)


def _write_record(run: Path, path: Path, record: Mapping[str, Any]) -> None:
    """Put what is known of a file into export.json, beside what that says of other files."""
    place = run / RECORD
    try:
        files = json.loads(place.read_bytes())["files"]
    except (OSError, ValueError, KeyError, TypeError):
        files = {}  # a damaged record is begun anew: the files themselves are what counts
    name = path.name if path.parent == run else str(path)  # so that a run folder can be moved
    content = {"schema": SCHEMA, "files": (files if isinstance(files, dict) else {}) | {name: record}}
    write_atomically(place, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
