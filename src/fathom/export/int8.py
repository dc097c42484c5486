"""What computing in 8 bits costs and gains: a run's export in float32 and in int8, evaluated on the data of the run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch

from fathom.build.kinds.detection import kind_of
from fathom.data.module import LabelledData
from fathom.errors import FathomError, UsageError
from fathom.export.export_module import ExportModule
from fathom.export.quantize import quantize
from fathom.export.verification import apply_eager, apply_onnx
from fathom.inference.latency import measure_latency
from fathom.module import Classifier, Module, Regressor
from fathom.settings.config import replace_in
from fathom.settings.reading import read_config

if TYPE_CHECKING:
    from fathom.data.tables.module import TableData

_CALIBRATION = 512  # images
_TABLE_BATCH = 8192  # rows, as many as ``fathom predict`` computes at a time


def check_int8(description: Mapping[str, Any], method: str, run: Path) -> None:
    """Refuse a model that does not gain by the method.

    Raises:  UsageError
    """
    kind = description["input"]["kind"]
    if kind == "table" and method != "dynamic":
        raise UsageError(f"{run}: --int8 {method} is for images; of a table all layers are dense: --int8 dynamic")
    if kind not in ("table", "image"):
        raise UsageError(f"{run}: --int8 is for models of images and of tables")


def quantize_run(run: Path, module: Module, model: bytes, method: str) -> bytes:
    """Let the export of a run compute in 8 bits; what has to be calibrated is, on its training data."""
    with _open_data(run, module) as data:

        def calibration() -> Iterator[np.ndarray]:
            left = _CALIBRATION
            for X, _ in data.train_dataloader():
                yield X[:left].numpy()
                left -= len(X)
                if left <= 0:
                    return

        return quantize(model, method, calibration())


def compare_int8(run: Path, exported: ExportModule, full: bytes, small: bytes, path: Path) -> dict[str, Any]:
    """Set float32 and int8 side by side: accuracy or RMSE on the test set, time of a batch of one, size."""
    models = {"float32": apply_onnx(full, path), "int8": apply_onnx(small, path)}
    totals, count = dict.fromkeys(models, 0.0), 0
    with _open_data(run, exported.module) as data:
        split, batches = _open_batches(data, exported.module)
        for X, y in batches:
            count += len(y)
            for name, apply in models.items():
                output = apply(X)[0]  # (B, K) logits or (B, 1) values
                totals[name] += float(_merits(exported.module, output, y).sum())
    means = {name: total / count for name, total in totals.items()}
    quality = {"accuracy": means} if exported.is_classifier else {"rmse": {k: v**0.5 for k, v in means.items()}}
    return {
        "split": split,
        "num_samples": count,
        **quality,
        "latency_ms": measure_latency(
            {"pytorch": apply_eager(exported), **models}, exported.sample_inputs(1)[0].numpy()
        ),
        "threads": torch.get_num_threads(),
        "bytes": {"float32": len(full), "int8": len(small)},
    }


def _merits(module: Module, output: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return of each sample whether it is classified correctly, or the square of its error.

    Shape:   logits or values (N, K), target (N,) or (N, K) -> (N,) or (N, K)
    """
    if isinstance(module, Classifier):
        return module.is_right(torch.from_numpy(output), torch.from_numpy(target)).numpy()
    return np.square(output - target, dtype=np.float64)


@contextmanager
def _open_data(run: Path, module: Module) -> Iterator[LabelledData]:
    """Build the data of a run, without augmentation."""
    # calibration on what the network will see
    config = replace_in(read_config(run), data={"augment": None}, training={"input_noise": 0.0})
    data = kind_of(config).build(config)
    try:
        if data.class_names != tuple(getattr(module, "class_names", ())):
            raise FathomError(
                f"the classes of {data.name} are not those the model learned, so int8 cannot be evaluated"
            )
        # encoded otherwise, the cells would mean something else
        if data.is_encoded and not data.matches(module.preprocess):
            raise FathomError(
                f"{data.name} is no longer as it was when this model was trained: int8 cannot be evaluated"
            )
        yield data
    finally:
        data.close()


def _open_batches(data: LabelledData, module: Module) -> tuple[str, Iterator[tuple[np.ndarray, np.ndarray]]]:
    """Return the name of the split that evaluates, and its batches as an export takes them, targets in their units."""
    if data.is_encoded:  # an export takes cells
        return "test", _table_batches(cast("TableData", data))
    parts = {"test": data.test_dataloader(), "val": data.val_dataloader()}
    split = next((name for name, loader in parts.items() if loader is not None), "train")  # test, else val, else train
    loader = parts.get(split) or data.train_eval_dataloader()
    in_units = module.read if isinstance(module, Regressor) else lambda y: y
    return split, ((X.numpy(), in_units(y).numpy()) for X, y in loader)


def _table_batches(data: TableData) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    if data.test_index is None:
        raise UsageError(f"{data.name}: the run kept no test split (--val 0), so int8 cannot be evaluated")
    cells, truth = data.test_cells(), data.truth("test")
    targets = (data.y[data.test_index] if truth is None else truth).numpy()
    for start in range(0, len(cells), _TABLE_BATCH):
        yield cells[start : start + _TABLE_BATCH], targets[start : start + _TABLE_BATCH]
