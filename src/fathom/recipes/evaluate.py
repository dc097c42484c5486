"""Evaluating a model on a set: metrics, confusion, the worst mistakes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fathom.build.data import build_data
from fathom.build.failures import readable_failures
from fathom.build.kinds.texts import check_vocabulary, evaluate_text
from fathom.data.module import LabelledData
from fathom.data.texts.module import TextData
from fathom.errors import FathomError, UsageError, unknown
from fathom.files import write_atomically
from fathom.inference.saved import load_module, set_loss
from fathom.module import LanguageModel, Module
from fathom.runs.folder.reader import resolve_run
from fathom.runs.folder.schema import SCHEMA
from fathom.settings.config import Config
from fathom.settings.resolve import resolve
from fathom.settings.run_config import read_run_config
from fathom.training.device import Execution, choose_execution
from fathom.training.evaluation import evaluate_batches

SPLITS = ("train", "val", "test")
Called = tuple[str, list[str]]


def judge(module: Module, output: Tensor, target: Tensor, split: str) -> dict[str, Any]:
    """Return the content of ``evaluation.json``, without images.

    For a classifier loss, accuracy, confusion counts (rows true, columns predicted) and per-class precision, recall and
    F1; for a regressor loss, RMSE, MAE and R².
    """
    module.to("cpu")
    base = {
        "schema": SCHEMA,
        "split": split,
        "num_samples": len(target),
        "loss": float(module.val_loss(output, target)),
    }
    if module.kind != "classifier":
        output, target = module.read(output), module.read(target)  # in the units of the data
        residual = output - target
        variance = float((target - target.mean(0)).square().mean())
        mse = float(residual.square().mean())
        r2 = 1 - mse / variance if variance else None
        return base | {"rmse": mse**0.5, "mae": float(residual.abs().mean()), "r2": r2}
    num_classes = output.shape[1]
    names = list(getattr(module, "class_names", ())) or [str(i) for i in range(num_classes)]
    predicted = output.argmax(1)
    counts = torch.bincount(target * num_classes + predicted, minlength=num_classes**2)
    confusion = counts.view(num_classes, num_classes)
    return base | {
        "accuracy": float((predicted == target).double().mean()),
        "confusion": confusion.tolist(),
        "class_names": names,
        "per_class": _per_class(confusion, names),
    }


def _per_class(confusion: Tensor, names: list[str]) -> list[dict[str, Any]]:
    hits, true, predicted = confusion.diagonal(), confusion.sum(1), confusion.sum(0)
    rows = []
    for i, name in enumerate(names):
        precision = float(hits[i] / predicted[i]) if predicted[i] else 0.0
        recall = float(hits[i] / true[i]) if true[i] else 0.0
        f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
        rows.append({"class": name, "precision": precision, "recall": recall, "f1": f1, "support": int(true[i])})
    return rows


def worst_mistakes(
    output: Tensor, target: Tensor, names: list[str], limit: int = 24, *, called: Called | None = None
) -> list[dict[str, Any]]:
    """Return the wrong predictions the model was most sure of, worst first.

    Args:
        called: see ``LabelledData.test_sample_names``.
    """
    confidence, predicted = output.softmax(1).max(1)
    wrong = (predicted != target).nonzero().squeeze(1)
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
    from io import BytesIO

    from PIL import Image

    if not mistakes:
        return
    (folder / "mistakes").mkdir(exist_ok=True)
    for mistake, pixels in zip(mistakes, images, strict=True):
        image = Image.fromarray(pixels[0] if pixels.shape[0] == 1 else pixels.transpose(1, 2, 0))
        buffer = BytesIO()
        image.save(buffer, "PNG")
        mistake["image"] = f"mistakes/{mistake['index']:05d}.png"
        write_atomically(folder / mistake["image"], buffer.getvalue())


def prediction_rows(
    module: Module, output: Tensor, target: Tensor, called: Called | None = None
) -> tuple[list[str], Iterator[list[Any]]]:
    """Return the columns and rows of ``predictions.csv``: index, file or row, label, predicted; of classes probability.

    Args:
        called: see ``LabelledData.test_sample_names``.
    """
    key, names = called or (None, None)
    start: Iterable[tuple[Any, ...]] = zip(range(len(target))) if names is None else enumerate(names)
    columns = ["index", *([] if key is None else [key]), "label", "predicted"]
    if module.kind != "classifier":
        numbers = torch.cat([module.read(target), module.read(output)], 1).tolist()
        return columns, ([*first, *pair] for first, pair in zip(start, numbers, strict=True))
    classes = list(getattr(module, "class_names", ())) or [str(i) for i in range(output.shape[1])]
    confidence, predicted = output.softmax(1).max(1)
    told = zip(start, target.tolist(), predicted.tolist(), confidence.tolist(), strict=True)
    return [*columns, "probability"], ([*first, classes[y], classes[k], f"{p:.6f}"] for first, y, k, p in told)


def evaluate(run: str | Path, split: str = "test", *, device: str = "auto") -> dict[str, Any]:
    """Evaluate the model of a run on a split of its own data; nothing in the folder changes.

    Args:
        run: the run folder, its name in ``runs/``, or "last".
        split: train, val or test.
    Raises:  UsageError for an unknown split or one the data do not have; FathomError if the model cannot be read
    """
    run = resolve_run(run)
    if split not in SPLITS:
        raise unknown("split", split, SPLITS)
    config = resolve(read_run_config(run))
    module, _ = load_module(run)
    data = build_data(config)
    try:
        with readable_failures():
            if isinstance(data, TextData):
                return evaluate_text(module, data, split, *open_split(module, config, data, split, device))
            output, target = apply_to_split(module, config, data, split, device)
    finally:
        data.close()
    return judge(module, output, target, split)


def apply_to_split(
    module: Module, config: Config, data: LabelledData, split: str, device: str = "auto", *, is_own: bool = True
) -> tuple[Tensor, Tensor]:
    """Pass a split through a saved module as ``fathom eval`` does: in fp32, not compiled.

    Args:
        is_own: the data are those that the module learned from, as they were then.
    Returns: outputs and targets, on the CPU
    Raises:  as ``open_split``
    """
    batches, execution = open_split(module, config, data, split, device, is_own=is_own)
    return evaluate_batches(module, batches, execution, keep_outputs=True).pair()


def open_split(
    module: Module, config: Config, data: LabelledData, split: str, device: str = "auto", *, is_own: bool = True
) -> tuple[Iterable[Any], Execution]:
    """Return the batches of a split, and how to compute, for a saved module that is to be evaluated on it.

    Raises:  UsageError if the data have no such part; FathomError if they are not those the model learned from
    """
    if config.training.loss is not None:
        set_loss(module, config.training.loss)
    if data.class_names != tuple(getattr(module, "class_names", ())):
        raise FathomError(
            f"the classes of {data.name} are not those the model learned: {_first_difference(module, data)}"
        )
    if is_own and not data.matches(module.preprocess):
        raise FathomError(
            f"{data.name} is no longer as it was when this model was trained, so its parts cannot be told apart; "
            "use fathom predict on what the model has not seen"
        )
    if isinstance(data, TextData) and isinstance(module, LanguageModel):
        check_vocabulary(module, data)
    loader = {"test": data.test_dataloader, "val": data.val_dataloader, "train": data.train_eval_dataloader}[split]()
    if loader is None:
        raise UsageError(f"{data.name} has no {split} split")
    if config.execution.threads is not None:
        torch.set_num_threads(config.execution.threads)
    execution = choose_execution(
        module,
        data.example_input(),
        device=device,
        precision="fp32",
        channels_last=config.execution.channels_last,
        compile="off",
        allocator=config.execution.allocator,
    )
    return loader, execution


def _first_difference(module: Module, data: LabelledData) -> str:
    learned = tuple(getattr(module, "class_names", ()))
    if len(learned) != len(data.class_names):
        return f"{len(data.class_names)} instead of {len(learned)}"
    found, expected = next((a, b) for a, b in zip(data.class_names, learned, strict=True) if a != b)
    return f"{found!r} instead of {expected!r}"
