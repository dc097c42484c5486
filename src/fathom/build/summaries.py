"""How good a model is on a split, as plain values: metrics, confusion, worst mistakes, predictions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from fathom.build.results import Details, SplitResult
from fathom.data.module import LabelledData
from fathom.files import write_atomically
from fathom.metrics import apply_metrics
from fathom.module import Module
from fathom.runs.folder.schema import SCHEMA
from fathom.training.device import Execution
from fathom.training.evaluation import evaluate_batches

if TYPE_CHECKING:
    from fathom.data.module import SampleNames

_SHOWN_MISTAKES = 24  # in the report, four rows of six


def evaluate_labelled(
    module: Module, data: LabelledData, split: str, batches: Iterable[Any], execution: Execution
) -> SplitResult:
    """Pass the batches of a split through a classifier or a regressor.

    Returns: the content of ``evaluation.json`` without what an adapter adds, and outputs and targets on the CPU
    """
    outputs, targets = evaluate_batches(module, batches, execution, keep_outputs=True).pair()
    truth = None
    if module.kind != "classifier":
        truth = data.truth(split)
        truth = module.to("cpu").read(targets) if truth is None else truth  # where the outputs are
    return SplitResult(summarize(module, outputs, targets, split, truth), outputs, targets, truth)


def summarize(
    module: Module, output: Tensor, target: Tensor, split: str, truth: Tensor | None = None
) -> dict[str, Any]:
    """Return the content of ``evaluation.json``, without images.

    For a classifier loss, accuracy, confusion counts (rows true, columns predicted) and per-class precision, recall and
    F1; for a regressor loss, RMSE, MAE and R²; then the metrics asked for.

    Shape:   output (N, K), target (N,) of classes; output, target, truth (N, K) of a regression
    Args:
        truth: the targets in the units of the data; None takes them from ``target``, as precise as that is.
    """
    module.to("cpu")
    base = {
        "schema": SCHEMA,
        "split": split,
        "num_samples": len(target),
        "loss": float(module.val_loss(output, target)),
    }
    further = apply_metrics(module.metrics, output, target)
    if module.kind != "classifier":
        output = module.read(output)  # (N, K), in the units of the data
        target = module.read(target) if truth is None else truth  # (N, K)
        residual = output - target  # (N, K)
        variance = float((target - target.mean(0)).square().mean())  # around each column's mean
        mse = float(residual.square().mean())
        r2 = 1 - mse / variance if variance else None
        return base | {"rmse": mse**0.5, "mae": float(residual.abs().mean()), "r2": r2} | further
    num_classes = output.shape[1]
    names = class_names_of(module, num_classes)
    predicted = output.argmax(1)  # (N,)
    counts = torch.bincount(target * num_classes + predicted, minlength=num_classes**2)  # (K²,)
    confusion = counts.view(num_classes, num_classes)  # (K, K)
    return base | {
        "accuracy": float((predicted == target).double().mean()),
        **further,
        "confusion": confusion.tolist(),
        "class_names": names,
        "per_class": _per_class(confusion, names),
    }


def class_names_of(module: Module, num_classes: int) -> list[str]:
    """Return the names of a classifier's classes; their numbers where they have none."""
    return list(getattr(module, "class_names", ())) or [str(i) for i in range(num_classes)]


def _per_class(confusion: Tensor, names: list[str]) -> list[dict[str, Any]]:
    hits, true, predicted = confusion.diagonal(), confusion.sum(1), confusion.sum(0)  # (K,) each
    rows = []
    for i, name in enumerate(names):
        precision = float(hits[i] / predicted[i]) if predicted[i] else 0.0  # 0 of 0 counts as 0, as in scikit-learn
        recall = float(hits[i] / true[i]) if true[i] else 0.0
        f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
        rows.append({"class": name, "precision": precision, "recall": recall, "f1": f1, "support": int(true[i])})
    return rows


def examine_labelled(module: Module, data: LabelledData, evaluation: SplitResult, folder: Path) -> Details:
    """Return the worst mistakes of a classifier, their images written into ``folder``, and the predictions."""
    columns, rows = list_predictions(module, data, evaluation)
    if module.kind != "classifier":
        return Details({}, columns, rows)
    names = evaluation.summary["class_names"]
    mistakes = worst_mistakes(evaluation, names, _SHOWN_MISTAKES, called=data.test_sample_names())
    if len(data.input_shape) == 3:  # samples that can be looked at
        save_images(folder, mistakes, data.test_images([mistake["index"] for mistake in mistakes]))
    return Details({"mistakes": mistakes}, columns, rows)


def worst_mistakes(
    evaluation: SplitResult, names: list[str], limit: int, *, called: SampleNames | None = None
) -> list[dict[str, Any]]:
    """Return the wrong predictions the model was most sure of, worst first.

    Args:
        called: see ``LabelledData.test_sample_names``.
    """
    output, target = evaluation.outputs, evaluation.targets  # (N, K), (N,)
    assert output is not None
    assert target is not None
    confidence, predicted = output.softmax(1).max(1)  # (N,), (N,)
    wrong = (predicted != target).nonzero().squeeze(1)  # (number of mistakes,)
    # (limit,); stable: the same list on every run
    order = wrong[confidence[wrong].argsort(descending=True, stable=True)][:limit]
    return [
        {
            "index": int(i),
            "label": names[int(target[i])],
            "predicted": names[int(predicted[i])],
            "probability": float(confidence[i]),
            **({called[0]: called[1][int(i)]} if called else {}),
        }
        for i in order
    ]


def save_images(folder: Path, mistakes: list[dict[str, Any]], images: list[np.ndarray]) -> None:
    """Write the image of each mistake as PNG and note its place in ``mistakes``."""
    from PIL import Image

    if not mistakes:
        return
    (folder / "mistakes").mkdir(exist_ok=True)
    for mistake, pixels in zip(mistakes, images, strict=True):  # (C, H, W) each
        # (H, W) of grey, (H, W, C) of colour
        image = Image.fromarray(pixels[0] if pixels.shape[0] == 1 else pixels.transpose(1, 2, 0))
        buffer = BytesIO()
        image.save(buffer, "PNG")
        mistake["image"] = f"mistakes/{mistake['index']:05d}.png"
        write_atomically(folder / mistake["image"], buffer.getvalue())


def list_predictions(
    module: Module, data: LabelledData, evaluation: SplitResult
) -> tuple[list[str], Iterator[list[Any]]]:
    """Return columns and rows of ``predictions.csv``: index, file or row, label, predicted; of classes probability."""
    output, target = evaluation.outputs, evaluation.targets
    assert output is not None
    assert target is not None
    key, names = data.test_sample_names() or (None, None)
    start: Iterable[tuple[Any, ...]] = zip(range(len(target))) if names is None else enumerate(names)
    columns = ["index", *([] if key is None else [key]), "label", "predicted"]
    if module.kind != "classifier":
        assert evaluation.truth is not None
        numbers = torch.cat([evaluation.truth, module.read(output)], 1).tolist()  # (N, 2K)
        return columns, ([*first, *pair] for first, pair in zip(start, numbers, strict=True))
    classes = class_names_of(module, output.shape[1])
    confidence, predicted = output.softmax(1).max(1)
    told = zip(start, target.tolist(), predicted.tolist(), confidence.tolist(), strict=True)
    return [*columns, "probability"], ([*first, classes[y], classes[k], f"{p:.6f}"] for first, y, k, p in told)
