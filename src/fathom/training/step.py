"""One step of the optimiser: forward and backward of its batches, then the update."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from torch import Tensor

from fathom.errors import FathomError
from fathom.training.divergence import not_finite
from fathom.training.optimizers import clip_by_norm_

if TYPE_CHECKING:
    from fathom.training.distributed.division import Counted
    from fathom.training.trainer import Trainer


def take_step(trainer: Trainer, batches: list[Counted]) -> None:
    """Learn from ``batches``, each with the number of its samples: gradients add up, each by its share of them.

    Raises:  Diverged if the loss is not finite, where that can be seen without waiting for the device
    """
    if trainer.engine is not None:
        trainer.engine.run(trainer, batches)
        _update(trainer)
        return
    if trainer.manual is not None:
        _run_by_hand(trainer, *batches[0][:2])
        return
    # The graph holds for one shape, so a short last batch goes the ordinary way. There is one batch: set_up refuses
    # accumulation with compile=step.
    if trainer.whole_step is not None and batches[0][1] == trainer.feed.batch_size:
        _run_whole_step(trainer, *batches[0][:2])
        return
    num_samples = sum(count for _, count, _ in batches)  # samples, not batches: a short last one weighs less
    for batch, count, _ in batches:
        _run_batch(trainer, batch, count, share=count / num_samples)
    _update(trainer)


def _run_batch(trainer: Trainer, batch: Any, count: int, share: float) -> None:
    """Forward and backward."""
    with trainer.execution.forward(is_full=count == trainer.feed.batch_size):
        outputs = trainer.module.training_step(batch)  # {"loss": (), …}
    loss = loss_of(outputs)  # ()
    # On an accelerator .item() would wait for it after every batch; there `flush` finds out at the next log.
    if trainer.reading_is_free and not math.isfinite(loss.item()):
        raise trainer.divergence(batch, ago=0)
    if share != 1:  # of one batch a step, the usual case, nothing is multiplied
        loss = loss * share
    (loss if trainer.scaler is None else trainer.scaler.scale(loss)).backward()
    trainer.note(batch, outputs, count)


def _run_by_hand(trainer: Trainer, batch: Any, count: int) -> None:
    """Let the module take its steps, with the optimisers it gave."""
    with trainer.execution.forward(is_full=count == trainer.feed.batch_size):
        step: Callable[..., Any] = trainer.module.training_step  # which here has a second argument
        outputs = step(batch, trainer.manual)  # {name: (), …}
    if not isinstance(outputs, dict):
        raise FathomError(f"training_step returned a {type(outputs).__name__}; it must return a dictionary of scalars")
    if trainer.reading_is_free:
        for name, value in outputs.items():
            if isinstance(value, Tensor) and value.numel() == 1 and not math.isfinite(value.item()):
                place = f"step {trainer.step + 1} (epoch {trainer.epoch + 1}, batch {trainer.batch + 1})"
                raise not_finite(name, remedy="try a lower learning rate, or clip the gradients", place=f"at {place}")
    trainer.note(batch, outputs, count)


def _run_whole_step(trainer: Trainer, batch: Any, count: int) -> None:
    """Forward, backward and update in one graph, for batches of the size it is made for."""
    assert trainer.whole_step is not None
    outputs = trainer.whole_step(batch)
    if trainer.reading_is_free and not math.isfinite(outputs["loss"].item()):
        raise trainer.divergence(batch, ago=0)
    trainer.note(batch, outputs, count)


def _update(trainer: Trainer) -> None:
    """Clip, step, forget the gradients."""
    optimizer, scaler = trainer.optimizer, trainer.scaler
    if scaler is not None:
        scaler.unscale_(optimizer)  # the L1 penalty and clipping are meant for the gradients themselves
    trainer.call("on_gradients")  # before clipping, which then bounds the penalty's share too
    if trainer.clip_norm is not None:
        clip_by_norm_(trainer.parameters, trainer.clip_norm)  # all groups jointly, as torch and the book do
    if scaler is None:
        optimizer.step()
    else:
        scaler.step(optimizer)  # does nothing if a gradient overflowed in fp16
        scaler.update()  # then halves the scale; torch doubles it after 2,000 steps without
    optimizer.zero_grad()  # to None: the next backward writes its gradients instead of adding to zeros


def loss_of(outputs: Any) -> Tensor:
    """Return the loss that a training step gave.

    Raises:  FathomError if it gave none that can be descended
    """
    try:
        loss = outputs["loss"]
    except (KeyError, IndexError, TypeError):
        given = f"a dictionary of {', '.join(outputs)}" if isinstance(outputs, dict) else f"a {type(outputs).__name__}"
        raise FathomError(f"training_step returned {given}; it must return a dictionary with 'loss'") from None
    if not isinstance(loss, Tensor) or not loss.requires_grad:
        what = "a tensor without a gradient" if isinstance(loss, Tensor) else f"a {type(loss).__name__}"
        raise FathomError(f"the 'loss' of training_step is {what}: there is nothing to descend; return it as computed")
    if loss.numel() != 1:
        raise FathomError(f"the 'loss' of training_step has the shape {tuple(loss.shape)}; return one number, its mean")
    return loss
