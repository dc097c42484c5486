"""``prune.json`` of a run folder: what was pruned, and the effect on size, time and quality."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from fathom.build.kinds.detection import kind_of
from fathom.build.opening import open_split
from fathom.data.module import LabelledData
from fathom.files import write_atomically
from fathom.inference.latency import measure_latency
from fathom.inference.saved import load_module
from fathom.models.inspection.summary import count_flops, count_parameters
from fathom.models.surgery.pruning import weights_of
from fathom.module import Module
from fathom.runs.analysis.paired import pair_correct
from fathom.runs.folder.records import read_json, to_json
from fathom.runs.folder.schema import PRUNING
from fathom.settings.config import Config
from fathom.training.device import Execution

_QUALITIES = ("loss", "accuracy", "rmse", "perplexity")  # those that the kind of data has are kept
_BATCHES = (1, 64)  # one image as in use, 64 as in bulk
_WRONG = "wrong_before"  # samples that the unpruned model gets wrong; kept until the fine-tuned one is compared
_TIMED_S = 0.5  # seconds for each model and batch size


def evaluated_split(data: LabelledData) -> str:
    """Return the split that stages are compared on: validation; without one, training."""
    return "train" if data.val_dataloader() is None else "val"


def describe_stage(
    module: Module, config: Config, data: LabelledData, device: str
) -> tuple[dict[str, Any], list[bool] | None]:
    """Return size and quality of a model: parameters, weights, zero weights, FLOPs, loss and metrics.

    Returns: these, and for a classifier which samples it gets right
    """
    weights = weights_of(module.net).values()
    size = {
        "parameters": count_parameters(module.net),
        # of one sample, two a multiply-add
        "flops": count_flops(module.net, module.preprocess.output_shape(data.input_shape)),
        "weights": sum(weight.numel() for weight in weights),
        "zeros": sum(int((weight == 0).sum()) for weight in weights),
    }
    split = evaluated_split(data)
    batches, execution = open_split(module, config, data, split, device)
    found = kind_of(config).evaluate(module, data, split, batches, execution)
    quality = {name: found.summary[name] for name in _QUALITIES if name in found.summary}
    return size | {"split": split, "num_samples": found.summary["num_samples"], **quality}, found.is_correct


def compare_correct(before: list[bool] | None, pruned: list[bool] | None) -> dict[str, Any]:
    """Return how two classifiers differ sample by sample, for ``prune.json``; nothing for other models."""
    if before is None or pruned is None:
        return {}
    # numbers of samples, shorter than a list of booleans
    wrong = [index for index, is_right in enumerate(before) if not is_right]
    return {"pairs": {"pruned": pair_correct(before, pruned).describe()}, _WRONG: wrong}


def time_models(models: Mapping[str, Module], data: LabelledData, execution: Execution) -> list[dict[str, Any]]:
    """Time models in turns on batches of the data, on this machine: fp32, not compiled.

    Returns: for each batch size the milliseconds of each, the threads and the device
    """
    loader = data.val_dataloader() or data.train_eval_dataloader()
    X, batch_dim = next(iter(loader))[0], data.batch_dim
    for module in models.values():  # eval: dropout off, batch-norm by its statistics
        execution.prepare(module.eval())
    rows = []
    # dict.fromkeys: one row where the data hold fewer than 64
    for size in dict.fromkeys(min(size, X.shape[batch_dim]) for size in _BATCHES):
        # (size, …), of a text (steps, size): batch_dim says where
        example = X.narrow(batch_dim, 0, size).clone().to(execution.device)
        applied = {name: _apply(module, execution) for name, module in models.items()}
        times = measure_latency(applied, example, seconds=_TIMED_S)
        rows.append({"batch": size, "ms": times, "threads": torch.get_num_threads(), "device": str(execution.device)})
    return rows


def _apply(module: nn.Module, execution: Execution) -> Any:
    @torch.inference_mode()
    def apply(X: Tensor) -> None:
        module(X)
        execution.synchronize()  # a GPU returns before it has computed

    return apply


def write_pruning(run: Path, record: Mapping[str, Any]) -> None:
    """Write the record."""
    write_atomically(run / PRUNING, to_json(dict(record), indent=1) + "\n")


def finish_pruning(run: Path, config: Config, data: LabelledData, device: str) -> None:
    """Add the quality of the fine-tuned model to the record of a run that started from a pruned one."""
    record = read_json(run / PRUNING)
    module, _ = load_module(run)
    record["stages"]["finetuned"], right = describe_stage(module, config, data, device)
    wrong = record.pop(_WRONG, None)  # popped: only needed until now
    if wrong is not None and right is not None:
        before = [True] * len(right)  # True where the old model was right
        for index in wrong:
            before[index] = False
        record["pairs"]["finetuned"] = pair_correct(before, right).describe()
    write_pruning(run, record)
