"""A split of the data, opened to evaluate a saved model; refused if the two do not belong together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypedDict

import torch

from fathom.build.kinds.detection import kind_of
from fathom.data.module import LabelledData
from fathom.errors import UsageError
from fathom.inference.saved import set_loss
from fathom.metrics import make_metrics
from fathom.module import Module
from fathom.settings.config import Config, resolved
from fathom.training.device import Execution, choose_execution


def open_split(
    module: Module,
    config: Config,
    data: LabelledData,
    split: str,
    device: str = "auto",
    *,
    is_own: bool = True,
    devices: int | None = 1,
) -> tuple[Iterable[Any], Execution]:
    """Return the batches of a split and the execution: fp32 and not compiled, as ``fathom eval`` computes.

    Args:
        is_own: whether the data is what the module was trained on, unchanged.
        devices: processes that evaluate together; None: those that a launcher started.
    Raises:  UsageError if the data has no such split; FathomError if the model was not trained on it
    """
    set_loss(module, resolved(config.training.loss))  # model.json does not hold the loss
    module.metrics |= make_metrics(config.training.metrics, module.kind)
    kind_of(config).check_model(module, data, is_own=is_own)
    # methods, called below: only the split that is asked for is opened
    loader = {"test": data.test_dataloader, "val": data.val_dataloader, "train": data.train_eval_dataloader}[split]()
    if loader is None:
        raise UsageError(f"{data.name} has no {split} split")
    set_threads(config)  # as in training: another number of parts rounds differently
    execution = choose_execution(
        module,
        data.example_input(),
        device=device,
        # The same number on every machine: in bf16 it would depend on what the GPU or CPU has.
        precision="fp32",
        compile="off",
        devices=devices,
        **memory_options(config),
    )
    return loader, execution


class MemoryOptions(TypedDict):
    """How tensors lie in memory."""

    channels_last: bool | None
    allocator: bool


def memory_options(config: Config) -> MemoryOptions:
    """Return how tensors lie in memory, as ``choose_execution`` takes it: None lets the machine choose."""
    chosen = config.execution
    channels_last = None if chosen.channels_last == "auto" else chosen.channels_last
    return {"channels_last": channels_last, "allocator": chosen.allocator}


def set_threads(config: Config) -> None:
    """Compute with as many threads as the settings say."""
    if config.execution.threads != "auto":
        torch.set_num_threads(config.execution.threads)
