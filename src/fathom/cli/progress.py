"""What a person sees while a network trains: a live bar on a terminal, a line an epoch in a pipe."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from fathom.phrases import counted
from fathom.progress import Progress, count_of
from fathom.training.callbacks import Callback
from fathom.training.progress import TrainingProgress

if TYPE_CHECKING:
    from fathom.build.plan import Plan
    from fathom.build.run import PlannedRun


def show_progress(run: PlannedRun) -> list[Callback]:
    # what data and weights have to say
    """Say what is about to be trained; return the callback that shows how it goes."""
    for note in run.notes:
        print(note)
    plan, config, execution = run.plan, run.config, run.plan.execution
    # None: rehearsals may have no epochs
    epochs = "one batch" if config.training.fast_dev_run else counted(config.training.epochs or 0, "epoch")
    facts = [
        counted(sum(p.numel() for p in plan.module.parameters()), "parameter"),
        counted(plan.data.num_train, f"training {plan.data.unit}"),
        epochs,
        f"{execution.precision} on {execution.device}",
        f"seed {config.seed}",
    ]
    if execution.world.size > 1:
        facts.insert(3, _describe_batches(plan))
    augmented = f"; augmented by {config.data.augment}" if config.data.augment else ""
    # flush: in a pipe the first lines should not wait for the end
    print(f"{config.model.name} on {Path(plan.data.name).name}: {', '.join(facts)}{augmented}", flush=True)
    return [TrainingProgress()]


def _describe_batches(plan: Plan) -> str:
    """Say what a step learns from: the same whatever the number of processes, as is the learning rate."""
    size, accumulate = plan.execution.world.size, plan.config.training.accumulate
    batch = plan.data.batch_size
    text = f"{size} processes, {batch} samples a batch in all"
    return text + (f", {batch * accumulate} a step" if accumulate > 1 else "")


def show_reading() -> Callable[[int, int], None]:
    # the total is known at the first call
    """Return what shows how far the decoding of images is, called with (images read, images in all)."""
    progress = Progress("reading images", amount=count_of())

    def show(read: int, total: int) -> None:
        progress.update(read, total=total)
        if read >= total:
            progress.close()

    return show
