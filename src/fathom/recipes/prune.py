"""``fathom prune`` as a function: a smaller or sparser model from a run, fine-tuned, as a run of its own."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from fathom.build.plan import Plan
from fathom.build.pruning_record import compare_correct, describe_stage, time_models, write_pruning
from fathom.build.run import Hooks, OnStart, PlannedRun, train_run
from fathom.build.trained import TrainedRun
from fathom.errors import UsageError, unknown
from fathom.inference.saved import load_module
from fathom.models.surgery.channels import ChannelGroup, Channels
from fathom.models.surgery.pruning import (
    CRITERIA,
    SCOPES,
    Removal,
    choose_channels,
    remove_channels,
    weights_of,
    zero_weights,
)
from fathom.models.surgery.widths import widths_of
from fathom.module import Module
from fathom.runs.folder.lookup import resolve_run
from fathom.runs.folder.reader import RunReader
from fathom.runs.folder.schema import SCHEMA
from fathom.settings.config import Config, FinetuneConfig
from fathom.settings.reading import read_config
from fathom.training.checkpoint import load_weights
from fathom.training.device import choose_execution

STRUCTURES = ("channels",)


@dataclass(frozen=True)
class Finetuning:
    """How a pruned network is fine-tuned.

    Attributes:
        epochs: on the run's own training data; 0 for none.
        lr: learning rate; None takes that of the run.
        device: where to compute; None takes that of the run.
        on_start: as for ``train``.
    """

    epochs: int = 3
    lr: float | None = None
    device: str | None = None
    on_start: OnStart | None = None

    def __post_init__(self) -> None:
        if self.epochs < 0:
            raise UsageError(f"finetune must be at least 0 epochs, not {self.epochs}")


def prune(
    run: str | Path,
    amount: float,
    *,
    structured: str | None = None,
    criterion: str | None = None,
    scope: str | None = None,
    finetune: int | Finetuning = 3,
    root: str | Path = "runs",
    command: Sequence[str] = (),
) -> TrainedRun:
    """Remove the least important part of a run's model, fine-tune the rest, and keep it as a new run.

    Args:
        run: the run folder, its name in ``runs/``, or "last"; it is not changed.
        amount: share to remove, in (0, 1).
        structured: "channels" removes whole channels and units, so that the network is smaller; None sets single
            weights to zero and keeps them there.
        criterion: importance of a channel: l1, l2 (the default) or batch_norm; single weights go by their size.
        scope: local, this share of every layer, or global; by default local for channels, global for weights.
        finetune: epochs on the run's own training data, 0 for none; or ``fathom.Finetuning(epochs, lr, device)``.
        root, command: as for ``train``.
    Returns: the new run
    Raises:  UsageError, FathomError before anything is written, if the run cannot be read or nothing can be removed
    """
    _check(structured, criterion, scope)
    finetuning = finetune if isinstance(finetune, Finetuning) else Finetuning(finetune)
    run = resolve_run(run)
    original, description = load_module(run)
    pruned = copy.deepcopy(original)  # the original is measured beside it at the end
    facts: dict[str, Any]
    config = read_config(run)
    if structured:
        # Li et al. 2017 find L1 and L2 alike; local: every layer keeps its share of channels
        criterion, scope = criterion or "l2", scope or "local"
        shape = description["model"]["input_shape"]
        removals, kept = _take_channels(pruned, shape, amount, criterion, scope, run)
        facts = {
            "places": [_describe(removal) for removal in removals],
            "left": [_describe_kept(group) for group in kept],
        }
    else:
        criterion, scope = "size", scope or "global"  # global: layers with many small weights lose more of them
        zero_weights(pruned.net, amount, scope=scope)
        facts = {"layers": _count_zeros(pruned)}
    new_config = _change_settings(config, original, pruned, finetuning, keep_zeros=structured is None)
    facts = {
        "schema": SCHEMA,
        "run": str(run.absolute()),
        "amount": amount,
        "structured": structured,
        "criterion": criterion,  # what was chosen here, not what was asked for
        "scope": scope,
        "finetune": finetuning.epochs,
        "lr": new_config.training.lr,
        "test_before": (RunReader(run).evaluation or {}).get("accuracy"),  # None: the old run had no test split
    } | facts

    # after the folder is made, before the first step: the new run starts from the pruned weights
    def prepare(planned: PlannedRun) -> None:
        load_weights(planned.plan.module, pruned.state_dict(), run)
        write_pruning(planned.path, facts | _compare(original, pruned, config, planned.plan))

    return train_run(new_config, root=root, hooks=Hooks(finetuning.on_start, prepare=prepare), command=command)


def _check(structured: str | None, criterion: str | None, scope: str | None) -> None:
    if structured is not None and structured not in STRUCTURES:
        raise unknown("structure", structured, STRUCTURES)
    if criterion is not None and criterion not in CRITERIA:
        raise unknown("criterion", criterion, CRITERIA)
    if structured is None and criterion is not None:
        raise UsageError(
            f"criterion {criterion} is for channels (--structured channels); single weights go by their size"
        )
    if scope is not None and scope not in SCOPES:
        raise unknown("scope", scope, SCOPES)


def _take_channels(
    module: Module, shape: Sequence[int], amount: float, criterion: str, scope: str, run: Path
) -> tuple[list[Removal], list[ChannelGroup]]:
    """Remove channels of the module's network; return the removals, and the groups that stayed whole."""
    channels = Channels(module.net, shape)
    try:
        removals = choose_channels(module.net, channels, amount, criterion=criterion, scope=scope)
    except UsageError as error:
        raise UsageError(f"{run}: {error}") from None
    # numbers of all channels removed, over all groups
    removed = np.concatenate([removal.removed for removal in removals])
    if not len(removed):
        raise UsageError(f"{run}: amount {amount:g} removes no channel: increase it, as the widest layer has too few")
    remove_channels(module.net, channels, removed)
    return removals, [group for group in channels.groups if group.why_kept]


def _change_settings(
    config: Config,
    original: Module,
    pruned: Module,
    finetuning: Finetuning,
    keep_zeros: bool,
) -> Config:
    """Make the settings of the new run: data and splits stay those of the old one."""
    before, after = widths_of(original.net), widths_of(pruned.net)
    # widths of an earlier pruning stay, those that shrank now replace them
    widths = dict(config.model.options.get("widths") or {})
    widths |= {name: sizes for name, sizes in after.items() if sizes != before[name]}
    options = {**config.model.options, **({"widths": widths} if widths else {})}
    training = msgspec.structs.replace(
        config.training,
        epochs=finetuning.epochs,
        lr=finetuning.lr or config.training.lr,  # None takes the run's rate
        warmup=0.0,  # the weights are trained already: nothing to warm up
        init=None,  # the weights are loaded, not drawn
        keep_zeros=keep_zeros or config.training.keep_zeros,  # once sparse, a network stays so through later prunings
        # what was asked of the old run as a rehearsal is not asked of the new one
        fast_dev_run=False,
        overfit_batches=0,
    )
    execution = msgspec.structs.replace(config.execution, device=finetuning.device or config.execution.device)
    model = msgspec.structs.replace(config.model, options=options)
    return msgspec.structs.replace(
        # a fine-tuned run's origin: its weights are in this one already
        config,
        model=model,
        training=training,
        execution=execution,
        finetune=FinetuneConfig(),
    )


def _compare(original: Module, pruned: Module, config: Config, plan: Plan) -> dict[str, Any]:
    """Measure the model before and after pruning on the data of the plan."""
    device = str(plan.execution.device)
    models = {"before": original, "pruned": pruned}  # in this order they stand in the report
    found = {name: describe_stage(module, config, plan.data, device) for name, module in models.items()}
    stages = {name: stage for name, (stage, _) in found.items()}
    right = {name: those for name, (_, those) in found.items()}
    execution = choose_execution(  # fp32 on both sides, so that only the pruning differs
        original, plan.data.example_input(), device=device, precision="fp32", allocator=config.execution.allocator
    )
    times = time_models(models, plan.data, execution)
    return {"stages": stages, "times": times, **compare_correct(right["before"], right["pruned"])}


def _describe(removal: Removal) -> dict[str, Any]:
    return {"layers": removal.group.layers, "before": len(removal.group.channels), "after": removal.kept}


def _describe_kept(group: ChannelGroup) -> dict[str, Any]:
    return {"layers": group.layers, "channels": len(group.channels), "why": group.why_kept}


def _count_zeros(module: Module) -> list[dict[str, Any]]:
    return [
        {"weight": name, "size": weight.numel(), "zeros": int((weight == 0).sum())}
        for name, weight in weights_of(module.net).items()
    ]
