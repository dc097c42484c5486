"""Quality of a model on a split, as plain values: metrics, confusion, worst mistakes, predictions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from fathom.build.details.classes import class_rows
from fathom.build.details.labels import join_labels, summarize_labels
from fathom.build.results import EvaluationDetails, SplitResult
from fathom.data.module import LabelledData
from fathom.decisions import misfit
from fathom.errors import UsageError
from fathom.files import write_atomically
from fathom.metrics import apply_metrics
from fathom.module import Classifier, Module
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
    if not isinstance(module, Classifier):
        truth = data.truth(split)
        truth = module.to("cpu").read(targets) if truth is None else truth  # where the outputs are
        return SplitResult(summarize(module, outputs, targets, split, truth), outputs, targets, truth)
    summary, right = summarize(module, outputs, targets, split), module.is_right(outputs, targets).tolist()
    # labels(): numbers of classes, also where one logit decides
    return SplitResult(summary, outputs, module.labels(outputs, targets), is_correct=right)


def summarize(
    module: Module, output: Tensor, target: Tensor, split: str, truth: Tensor | None = None
) -> dict[str, Any]:
    """Return the content of ``evaluation.json``, without images.

    For a classifier loss, accuracy, confusion counts (rows true, columns predicted) and per-class precision, recall and
    F1, of labels see ``summarize_labels``; for a regressor loss, RMSE, MAE and R²; then the requested metrics.

    Shape:   output (N, K), target (N,) of classes; output (N, 1), target (N,) or (N, 1) of two classes; output, target
        (N, L) of labels; output, target, truth (N, K) of a regression
    Args:
        truth: the targets in the units of the data; None takes them from ``target``, as precise as that is.
    Raises:  UsageError if target and output do not fit one another
    """
    module.to("cpu")
    base = {
        "schema": SCHEMA,
        "split": split,
        "num_samples": len(target),
        # align: float or long, and the shape that the loss takes
        "loss": float(module.val_loss(output, module.align(output, target))),
    }
    read = module.outputs(output, target)
    further = apply_metrics(module.metrics, output, read.get("target", target))
    if not isinstance(module, Classifier):
        if output.shape != target.shape:
            raise misfit(output, target, "targets of the same shape to be evaluated")
        output = module.read(output)  # (N, K), in the units of the data
        target = module.read(target) if truth is None else truth  # (N, K)
        residual = output - target  # (N, K)
        variance = float((target - target.mean(0)).square().mean())  # around each column's mean
        mse = float(residual.square().mean())
        r2 = 1 - mse / variance if variance else None  # equal targets have no variance to explain
        return base | {"rmse": mse**0.5, "mae": float(residual.abs().mean()), "r2": r2} | further
    # (K,) names; (N,) or (N, L) each
    names, target, predicted = class_names_of(module, output), module.labels(output, target), module.decide(output)
    # two: a label holds or not
    if int(target.min()) < 0 or int(target.max()) >= (2 if module.has_labels(output) else len(names)):
        raise UsageError(f"targets are numbers of classes from 0 on; got {int(target.min())} to {int(target.max())}")
    if module.has_labels(output):
        return base | summarize_labels(predicted, target, names) | further
    num_classes = len(names)
    counts = torch.bincount(target * num_classes + predicted, minlength=num_classes**2)  # (K²,)
    confusion = counts.view(num_classes, num_classes)  # (K, K)
    return base | {
        "accuracy": float((predicted == target).double().mean()),
        **further,
        "confusion": confusion.tolist(),
        "class_names": names,  # the matrix's rows and columns, in order
        "per_class": class_rows(confusion.numpy(), names),
    }


def class_names_of(module: Classifier, output: Tensor) -> list[str]:
    """Return the names of a classifier's classes, or labels; their numbers where they have none.

    Raises:  UsageError if there are more or fewer names than classes
    """
    num_classes = module.class_logits(output).shape[1]
    names = list(module.class_names) or [str(i) for i in range(num_classes)]  # "0", "1", …
    if len(names) != num_classes:
        raise UsageError(f"class_names has {len(names)} names, and the network's output is for {num_classes} classes")
    return names


def collect_labelled_details(
    module: Module, data: LabelledData, evaluation: SplitResult, folder: Path
) -> EvaluationDetails:
    """Return the worst mistakes of a classifier, their images written into ``folder``, and the predictions."""
    columns, rows = list_predictions(module, data, evaluation)
    if not isinstance(module, Classifier):
        return EvaluationDetails({}, columns, rows)
    mistakes = worst_mistakes(module, evaluation, _SHOWN_MISTAKES, called=data.test_sample_names())
    if len(data.input_shape) == 3:  # samples that can be looked at
        save_images(folder, mistakes, data.test_images([mistake["index"] for mistake in mistakes]))
    return EvaluationDetails({"mistakes": mistakes}, columns, rows)


def worst_mistakes(
    module: Classifier, evaluation: SplitResult, limit: int, *, called: SampleNames | None = None
) -> list[dict[str, Any]]:
    """Return the wrong predictions the model was most sure of, worst first; of labels, of the one that is worst.

    Args:
        called: see ``LabelledData.test_sample_names``.
    """
    output, target = evaluation.outputs, evaluation.targets  # (N, K), (N,)
    assert output is not None
    assert target is not None
    # (N, K), (N,) or (N, L)
    share, predicted, names = module.read(output), module.decide(output), class_names_of(module, output)
    if module.has_labels(output):
        sure = share.maximum(1 - share)  # (N, L), of what is decided
        confidence = sure.where(predicted != target, 0.0).amax(1)  # (N,)
    else:
        confidence = share.amax(1)  # (N,)
    wrong = (~module.is_right(output, target)).nonzero().squeeze(1)  # (number of mistakes,)
    # (limit,); stable: the same list on every run
    order = wrong[confidence[wrong].argsort(descending=True, stable=True)][:limit]
    return [
        {
            "index": int(i),
            "label": _name(names, target[i]),
            "predicted": _name(names, predicted[i]),
            "probability": float(confidence[i]),
            **({called[0]: called[1][int(i)]} if called else {}),
        }
        for i in order
    ]


def _name(names: list[str], value: Tensor) -> str:
    """Return a class by its number, or the labels that hold."""
    return names[int(value)] if value.ndim == 0 else join_labels(value.tolist(), names)


def save_images(folder: Path, mistakes: list[dict[str, Any]], images: list[np.ndarray]) -> None:
    """Write the image of each mistake as PNG and record its path in ``mistakes``."""
    from PIL import Image

    if not mistakes:
        return
    (folder / "mistakes").mkdir(exist_ok=True)
    for mistake, pixels in zip(mistakes, images, strict=True):  # (C, H, W) each
        # (H, W) of grey, (H, W, C) of colour
        image = Image.fromarray(pixels[0] if pixels.shape[0] == 1 else pixels.transpose(1, 2, 0))
        buffer = BytesIO()
        image.save(buffer, "PNG")
        # index in the test split, five digits so that they sort
        mistake["image"] = f"mistakes/{mistake['index']:05d}.png"
        write_atomically(folder / mistake["image"], buffer.getvalue())


def list_predictions(
    module: Module, data: LabelledData, evaluation: SplitResult
) -> tuple[list[str], Iterator[list[Any]]]:
    """Return columns and rows of ``predictions.csv``: index, file or row, label, predicted.

    Of classes further the probability of the one predicted, of labels that of each.
    """
    output, target = evaluation.outputs, evaluation.targets
    assert output is not None
    assert target is not None
    key, names = data.test_sample_names() or (None, None)  # "file" or "row", and the names; nothing for arrays
    # tuples of (index,) or (index, name)
    start: Iterable[tuple[Any, ...]] = zip(range(len(target))) if names is None else enumerate(names)
    columns = ["index", *([] if key is None else [key]), "label", "predicted"]
    if not isinstance(module, Classifier):
        assert evaluation.truth is not None
        numbers = torch.cat([evaluation.truth, module.read(output)], 1).tolist()  # (N, 2K)
        return columns, ([*first, *pair] for first, pair in zip(start, numbers, strict=True))
    classes, share, predicted = class_names_of(module, output), module.read(output), module.decide(output)
    if module.has_labels(output):
        labelled = zip(start, target.tolist(), predicted.tolist(), share.tolist(), strict=True)
        return [*columns, *(f"probability_{name}" for name in classes)], (
            # 6 digits: what float32 holds
            [*first, join_labels(y, classes, ""), join_labels(k, classes, ""), *(f"{q:.6f}" for q in p)]
            for first, y, k, p in labelled
        )
    predictions = zip(start, target.tolist(), predicted.tolist(), share.amax(1).tolist(), strict=True)
    return [*columns, "probability"], ([*first, classes[y], classes[k], f"{p:.6f}"] for first, y, k, p in predictions)
