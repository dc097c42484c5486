"""From a run to one file that needs no Fathom: written only if it computes what the run's model computes."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch

from fathom.data.module import LabelledData
from fathom.errors import FathomError, UsageError, unknown
from fathom.files import write_atomically
from fathom.module import Module
from fathom.recipes.defaults import resolve
from fathom.recipes.exported import (
    Exported,
    add_metadata,
    check_exportable,
    describe_export,
    example,
    import_onnx,
    input_name,
    to_onnx,
    to_torch,
    trace,
)
from fathom.recipes.failures import readable_failures
from fathom.recipes.latency import measure_latency
from fathom.recipes.onnx_bytes import seal
from fathom.recipes.onnx_file import LOGITS, open_session
from fathom.recipes.quantize import METHODS, quantize
from fathom.recipes.saved import load_module
from fathom.recipes.settings import read_run_config
from fathom.recipes.sources import build_data
from fathom.runs.reader import resolve_run
from fathom.runs.schema import SCHEMA

FORMATS = ("onnx", "torch")
RECORD = "export.json"
BATCH_SIZES = (1, 5)  # at which an export is compared with the run's model
# Sums in another order: of logits relative to the largest one, of probabilities absolute.
TOLERANCE = {"logits": 1e-4, "probabilities": 1e-5, "values": 1e-4}

_ENDINGS = {"onnx": ".onnx", "torch": ".pt2"}
_CALIBRATION = 512  # pictures

Apply = Callable[[np.ndarray], list[np.ndarray]]


def export(
    run: str | Path,
    format: str = "onnx",
    out: str | Path | None = None,
    *,
    licence: str | None = None,
    int8: str | None = None,
) -> dict[str, Any]:
    """Write the model of a run as one file, preprocessing and class names inside.

    Args:
        run: the run folder, its name in ``runs/``, or "last".
        format: "onnx", or "torch" for a ``.pt2`` of ``torch.export``.
        out: the file; by default ``model.onnx``, ``model-int8-….onnx`` or ``model.pt2`` in the run folder.
        licence: a text to go into the file.
        int8: "dynamic" or "static" lets an ONNX file compute in 8 bits; judged on the test set of the run's data.
    Returns: what ``export.json`` in the run folder records of this file
    Raises:  UsageError for options that do not fit; FathomError if the file could not be written or does not compute
        what the run's model computes, and then it is not left behind
    """
    if format not in FORMATS:
        raise unknown("format", format, FORMATS)
    if int8 is not None and int8 not in METHODS:
        raise unknown("kind of int8", int8, METHODS)
    if int8 is not None and format != "onnx":
        raise UsageError("--int8 belongs to --format onnx")
    run = resolve_run(run)
    path = _choose_path(run, format, out, int8)
    if format == "onnx":
        import_onnx()
    module, description = load_module(run)
    check_exportable(description, run)
    if int8 is not None and (description["kind"], description["input"]["kind"]) != ("classifier", "image"):
        raise UsageError(f"{run}: --int8 is for classifiers of pictures")
    exported, facts = Exported(module).eval(), describe_export(description, licence)
    record: dict[str, Any] = {"path": str(path), "format": format, "licence": licence}
    with readable_failures():
        program = trace(exported, description)
        if format == "torch":
            content = to_torch(program, facts)
            record["verified"] = _verify(exported, description, _apply_torch(content), path)
        else:
            model = to_onnx(program, exported, input_name(description))
            content = seal(add_metadata(model, facts))
            record["verified"] = _verify(exported, description, _apply_onnx(content, path), path)
            if int8 is not None:
                full, content = content, seal(add_metadata(_quantize(run, module, model, int8), facts))
                record["int8"] = {"method": int8} | _compare(run, exported, description, full, content, path)
    record["bytes"] = len(content)
    write_atomically(path, content)
    _write_record(run, path, record)
    return record


def _choose_path(run: Path, format: str, out: str | Path | None, int8: str | None) -> Path:
    if out is None:
        return run / f"model{f'-int8-{int8}' if int8 else ''}{_ENDINGS[format]}"
    path = Path(out)
    if path.is_dir():
        raise UsageError(f"--out {out}: that is a folder; give the name of a file")
    if path.suffix.lower() != _ENDINGS[format]:
        raise UsageError(f"--out {out}: the name of a file in this format ends with {_ENDINGS[format]}")
    if not path.parent.is_dir():
        raise UsageError(f"--out {out}: there is no folder {path.parent}")
    return path


def _apply_onnx(content: bytes, path: Path) -> Apply:
    session = open_session(content, path, torch.get_num_threads())
    name = session.get_inputs()[0].name
    return lambda X: [np.asarray(output) for output in session.run(None, {name: X})]


def _apply_torch(content: bytes) -> Apply:
    loaded = torch.export.load(io.BytesIO(content)).module()  # written above, by this process
    return lambda X: [output.numpy() for output in loaded(torch.from_numpy(X))]


@torch.no_grad()
def _verify(exported: Exported, description: Mapping[str, Any], apply: Apply, path: Path) -> dict[str, Any]:
    """Compare with PyTorch at two batch sizes.

    Raises:  FathomError if they differ by more than TOLERANCE
    """
    largest = dict.fromkeys(exported.outputs, 0.0)
    for seed, size in enumerate(BATCH_SIZES):
        X = example(description, size, seed)
        for name, ours, theirs in zip(exported.outputs, exported(X), apply(X.numpy()), strict=True):
            expected = ours.numpy()
            if not np.isfinite(expected).all():
                raise FathomError(f"{path} not written: the model's own {name} are not finite")
            scale = 1.0 if name == "probabilities" else max(1.0, float(np.abs(expected).max()))
            same_shape = theirs.shape == expected.shape
            difference = float(np.abs(theirs - expected).max()) / scale if same_shape else float("inf")
            if not difference <= TOLERANCE[name]:
                raise FathomError(
                    f"{path} not written: its {name} differ from PyTorch's by {difference:.1e} at a batch of {size} "
                    f"(allowed: {TOLERANCE[name]:g})"
                )
            largest[name] = max(largest[name], difference)
    return {"batch_sizes": list(BATCH_SIZES), "largest_difference": largest}


def _open_data(run: Path, module: Module) -> LabelledData:
    """Build the data of a run, without augmentation."""
    config = resolve(read_run_config(run))
    plain = msgspec.structs.replace(
        config,
        data=msgspec.structs.replace(config.data, augment=None),
        training=msgspec.structs.replace(config.training, input_noise=0.0),
    )
    data = build_data(plain)
    if data.class_names != tuple(getattr(module, "class_names", ())):
        data.close()
        raise FathomError(f"the classes of {data.name} are not those the model learned, so int8 cannot be judged")
    return data


def _quantize(run: Path, module: Module, model: bytes, method: str) -> bytes:
    data = _open_data(run, module)

    def calibration() -> Iterator[np.ndarray]:
        left = _CALIBRATION
        for X, _ in data.train_dataloader():
            yield X[:left].numpy()
            left -= len(X)
            if left <= 0:
                return

    try:
        return quantize(model, method, calibration())
    finally:
        data.close()


def _compare(
    run: Path, exported: Exported, description: Mapping[str, Any], full: bytes, small: bytes, path: Path
) -> dict[str, Any]:
    """Set float32 and int8 side by side: accuracy on the test set, time of a batch of one, size."""
    models = {"float32": _apply_onnx(full, path), "int8": _apply_onnx(small, path)}
    data = _open_data(run, exported.module)
    try:
        split, loader = next(
            (name, loader)
            for name, loader in (("test", data.test_dataloader()), ("val", data.val_dataloader()), ("train", None))
            if loader is not None or name == "train"
        )
        hits, count = dict.fromkeys(models, 0), 0
        for X, y in loader if loader is not None else data.train_eval_dataloader():
            pictures, labels = X.numpy(), y.numpy()
            count += len(labels)
            for name, apply in models.items():
                logits = apply(pictures)[exported.outputs.index(LOGITS)]
                hits[name] += int((logits.argmax(1) == labels).sum())
    finally:
        data.close()
    latency = measure_latency({"pytorch": _eager(exported), **models}, example(description, 1).numpy())
    return {
        "split": split,
        "num_samples": count,
        "accuracy": {name: correct / count for name, correct in hits.items()},
        "latency_ms": latency,
        "threads": torch.get_num_threads(),
        "bytes": {"float32": len(full), "int8": len(small)},
    }


def _eager(exported: Exported) -> Apply:
    def apply(X: np.ndarray) -> list[np.ndarray]:
        with torch.inference_mode():
            return [output.numpy() for output in exported(torch.from_numpy(X))]

    return apply


def _write_record(run: Path, path: Path, record: Mapping[str, Any]) -> None:
    """Put what is known of a file into export.json, beside what that says of other files."""
    place = run / RECORD
    try:
        files = json.loads(place.read_bytes())["files"]
    except (OSError, ValueError, KeyError, TypeError):
        files = {}
    name = path.name if path.parent == run else str(path)
    content = {"schema": SCHEMA, "files": (files if isinstance(files, dict) else {}) | {name: record}}
    write_atomically(place, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
