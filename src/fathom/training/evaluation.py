"""The one evaluation pass: validation within a run, the test split after it, a saved model on any split."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from fathom.errors import FathomError
from fathom.module import Module
from fathom.training.device import Execution
from fathom.training.distributed.merging import in_order
from fathom.training.distributed.world import World
from fathom.training.feed import Feed
from fathom.training.meter import Meter
from fathom.training.random_state import kept_random_state


@dataclass(frozen=True)
class Evaluation:
    """What one pass over a split found.

    Args:
        metrics: loss and metrics over all samples, by the names that ``validation_step`` gives them.
        num_samples: how many samples, or tokens, were counted.
        output, target: (N, …) and (N, …), in the order of the batches, on the CPU; None unless they were asked for.
    """

    metrics: dict[str, float]
    num_samples: int
    output: Tensor | None = None
    target: Tensor | None = None

    def pair(self) -> tuple[Tensor, Tensor]:
        """Return output and target of a pass that kept them."""
        assert self.output is not None
        assert self.target is not None
        return self.output, self.target


def evaluate_batches(
    module: Module, batches: Iterable[Any], execution: Execution, *, keep_outputs: bool = False
) -> Evaluation:
    """Evaluate a module, wherever it is, on every batch of a loader; it is left on the device, in evaluation mode.

    Args:
        keep_outputs: give outputs and targets too.
    Raises:  FathomError if there is no batch
    """
    execution.prepare(module)
    feed = Feed(batches, world=execution.world, by_batches=True)
    feed.to(execution.device)
    evaluation = evaluate_feed(module, feed, execution, keep_outputs=keep_outputs)
    assert evaluation is not None  # nothing asked it to stop
    return evaluation


@torch.inference_mode()
def evaluate_feed(
    module: Module,
    feed: Feed,
    execution: Execution,
    *,
    keep_outputs: bool = False,
    should_stop: Callable[[], bool] = lambda: False,
) -> Evaluation | None:
    """Evaluate a module that is on its device already on every batch of a feed; random state is kept.

    Means are weighted by sample count, so that a short last batch counts for what it holds.

    Args:
        should_stop: asked before each batch.
    Returns: None if it was asked to stop
    Raises:  FathomError if there is no batch, or a step gives no outputs where they are to be kept
    """
    module.eval()  # stays so: the trainer's next epoch begins with train()
    world = execution.world
    meter = Meter(getattr(module, "metrics", None), world)
    is_stopped = False
    outputs: list[Tensor] = []  # each (n, …)
    targets: list[Tensor] = []  # each (n, …)
    with kept_random_state(execution.device):  # else training would depend on how often it is validated
        for batch, count, _ in feed.batches():
            if should_stop():  # a signal must not wait for a long validation
                is_stopped = True
                break
            if not count:  # a sequence of another process
                continue
            with execution.forward(is_full=False):
                step = module.validation_step(batch)
            meter.add(step, count)
            if keep_outputs:
                output, target = _outputs_of(module, step)
                outputs.append(output)
                targets.append(target)
    if any(world.gather(is_stopped)):
        return None
    if world.size == 1:
        meter.flush()
    else:
        meter.flush_all(feed.strides)
        outputs, targets = (_gather_batches(world, part, feed.strides) for part in (outputs, targets))
    count = max(world.gather(meter.epoch.count))
    if not count:  # the loader has no length, perhaps: only now is it known
        raise FathomError("the loader to evaluate by gave no batch; is it empty, or an iterator that is used up?")
    metrics = meter.take_epoch()
    if not keep_outputs:
        return Evaluation(metrics, count)
    # (N, …) and (N, …); one copy each, not one a batch
    return Evaluation(metrics, count, torch.cat(outputs).cpu(), torch.cat(targets).cpu())


def _gather_batches(world: World, own: list[Tensor], strides: bool) -> list[Tensor]:
    """Return the tensors of all batches, in their order."""
    return in_order(world.gather([tensor.cpu() for tensor in own]), strides)


def _outputs_of(module: Module, step: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    if "prediction" not in step or "target" not in step:
        given = ", ".join(step)
        raise FathomError(
            f"validation_step of {type(module).__name__} returned {given}; outputs can be kept only of a step that "
            "returns prediction and target too"
        )
    return step["prediction"], step["target"]
