"""What happens beside the loop: stopping early, averaging weights, keeping checkpoints.

A callback overrides the hooks it needs; the trainer's docstring shows where each one sits. Hooks that nobody overrides
cost nothing.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from fathom.errors import FathomError, UsageError
from fathom.files import remove_leftovers
from fathom.metrics import names as metric_names
from fathom.monitor import LOSSES, USUAL, Monitor, find_monitor, is_better_epoch, parse_monitor
from fathom.phrases import counted
from fathom.training.averaging import WeightAverage
from fathom.training.checkpoint import make_folder
from fathom.training.distributed.saving import save_together

if TYPE_CHECKING:
    from fathom.training.trainer import Trainer

# in the order in which the trainer calls them
HOOKS = (
    "on_fit_start",
    "on_epoch_start",
    "on_step_start",
    "on_batch_end",
    "on_gradients",
    "on_step_end",
    "on_log",
    "on_epoch_end",
    "on_stop",
    "on_fit_end",
)


class Callback:
    """Base of all callbacks; every hook does nothing.

    In several processes each has its callbacks, and what changes weights must do so in all of them alike.
    """

    first_only = False  # called in the first process alone: what prints or writes files

    def on_fit_start(self, trainer: Trainer) -> None:
        """Run once, with the module on its device; begin anew. A resumed run loads the callback's state after it."""

    def on_epoch_start(self, trainer: Trainer) -> None:
        """Run before the first batch of an epoch, or of what is left of it."""

    def on_step_start(self, trainer: Trainer) -> None:
        """Run before the first forward pass of a step."""

    def on_batch_end(self, trainer: Trainer, batch: Any, outputs: dict[str, Tensor]) -> None:
        """Run after the backward pass of a batch, with what ``training_step`` returned.

        A step has ``accumulate`` batches. Reading a value of ``outputs`` waits for the device.
        """

    def on_gradients(self, trainer: Trainer) -> None:
        """Run when the gradients of a step are complete and unscaled, before clipping."""

    def on_step_end(self, trainer: Trainer) -> None:
        """Run last in a step, after the optimiser moved the weights; the trainer's state may be saved here."""

    def on_log(self, trainer: Trainer, record: dict[str, Any]) -> None:
        """Run with each record of metrics: one per log interval, one per epoch."""

    def on_epoch_end(self, trainer: Trainer, record: dict[str, Any]) -> None:
        """Run after validation, with the epoch's record."""

    def on_stop(self, trainer: Trainer) -> None:
        """Run when a signal ends the run early, after its last step."""

    def on_fit_end(self, trainer: Trainer) -> None:
        """Run last, whether the run is complete, was stopped or failed."""

    def evaluation_weights(self, trainer: Trainer) -> contextlib.AbstractContextManager[Any]:
        """Return a context in which the module has the weights to be evaluated and kept."""
        return contextlib.nullcontext()

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs to go on as if never stopped."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up what ``state_dict`` gave."""


class EarlyStopping(Callback):
    """Stop when a metric has not improved by ``min_delta`` for ``patience`` epochs.

    Args:
        monitor: which: a recorded name, as ``val_f1``, with ``:min`` or ``:max`` where it is one of your own; None is
            the trainer's, if it has one, else the validation loss, without a validation split the training loss.
    Source:  Prechelt 1998, "Early stopping, but when?"
    """

    def __init__(self, patience: int, min_delta: float = 0.0, *, monitor: str | None = None) -> None:
        if patience < 1:
            raise UsageError(f"early-stopping patience {patience}: it must be at least 1 epoch")
        self.patience, self.min_delta = patience, min_delta
        # what this callback was told itself; the trainer's monitor comes second
        self._own = None if monitor is None else parse_monitor(monitor)
        self._candidates: tuple[Monitor, ...] = LOSSES if self._own is None else (self._own,)
        self.best = self._candidates[0].worst  # until the run says which metric it is: any first value is better
        self.num_bad = 0

    def on_fit_start(self, trainer: Trainer) -> None:
        """Forget an earlier run."""
        self._candidates = candidates_for(trainer, self._own, LOSSES)
        check_monitor(trainer, self._candidates)
        self.best, self.num_bad = self._candidates[0].worst, 0

    def on_epoch_end(self, trainer: Trainer, record: dict[str, Any]) -> None:
        """Count epochs without improvement; ask the trainer to stop at ``patience``."""
        monitor = find_monitor(record, self._candidates)
        value = record[monitor.name]  # a KeyError cannot happen: find_monitor names one that is there
        if monitor.improves(value, self.best, by=self.min_delta):
            self.best, self.num_bad = value, 0
            return
        self.num_bad += 1
        if self.num_bad >= self.patience:
            trainer.should_stop = f"no improvement for {counted(self.patience, 'epoch')}"

    def state_dict(self) -> dict[str, Any]:
        """Return the best value and the count."""
        return {"best": self.best, "num_bad": self.num_bad}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take them up."""
        self.best, self.num_bad = state["best"], state["num_bad"]


def candidates_for(trainer: Trainer, own: Monitor | None, usual: tuple[Monitor, ...]) -> tuple[Monitor, ...]:
    """Return what a callback goes by: what it was told itself, else what the trainer was told, else the usual."""
    chosen = own if own is not None else trainer.monitor
    return usual if chosen is None else (chosen,)


def check_monitor(trainer: Trainer, candidates: Sequence[Monitor]) -> None:
    """Refuse, before the first step, to monitor what will not be recorded.

    Raises:  UsageError
    """
    (monitor, *others) = candidates  # several are alternatives, the first that is recorded counts
    if others:  # one of them always is
        return
    if monitor.name.startswith("val_") and trainer.val_feed is None:
        raise UsageError(f"there is no {monitor.name} to monitor without a validation split")
    # "val_accuracy" -> "accuracy"
    column, reported = monitor.name.partition("_")[2], getattr(trainer.module, "metrics", {})
    # unknown columns may be a module's own losses, known only after a step
    if column in metric_names() and column not in reported:
        raise UsageError(
            f"there is no {monitor.name} to monitor: the module's metrics are {', '.join(reported) or 'none'}"
        )


class AverageWeights(Callback):
    """Keep an exponential moving average of the weights; validation and the kept model use the average.

    Source:  Polyak & Juditsky 1992
    """

    def __init__(self, decay: float) -> None:
        self.decay = decay
        self.average: WeightAverage | None = None

    def on_fit_start(self, trainer: Trainer) -> None:
        """Begin at the current weights."""
        self.average = WeightAverage(trainer.module, self.decay)

    def on_step_end(self, trainer: Trainer) -> None:
        """Move the average towards the weights."""
        assert self.average is not None  # on_fit_start made it
        self.average.update()

    def evaluation_weights(self, trainer: Trainer) -> contextlib.AbstractContextManager[Any]:
        """Return a context with the average in place of the weights."""
        return self.average.swapped(trainer.module) if self.average is not None else contextlib.nullcontext()

    def state_dict(self) -> dict[str, Any]:
        """Return the average."""
        return self.average.state_dict() if self.average is not None else {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved average."""
        assert self.average is not None
        self.average.load_state_dict(state)


class L1Penalty(Callback):
    """Add ``strength · sign(w)`` to every gradient: the sub-gradient of ``strength · Σ|w|``."""

    def __init__(self, strength: float) -> None:
        if not strength >= 0:  # not >=, so that NaN is refused too
            raise UsageError(f"L1 penalty {strength}: its strength cannot be negative")
        self.strength = strength

    def on_gradients(self, trainer: Trainer) -> None:
        """Add the penalty's gradient."""
        from fathom.training.optimizers import l1_penalty_

        l1_penalty_(trainer.parameters, self.strength)


class ClipValue(Callback):
    """Bound each element of the gradients to −``limit`` … ``limit``, before their norm is clipped; put it last.

    Raises:  UsageError if the limit is not above 0
    """

    def __init__(self, limit: float) -> None:
        if not limit > 0:
            raise UsageError(f"clip_value={limit}: it must be above 0; leave it out not to clip")
        self.limit = limit

    def on_gradients(self, trainer: Trainer) -> None:
        """Clip."""
        from fathom.training.optimizers import clip_by_value_

        clip_by_value_(trainer.parameters, self.limit)


class NormalizeGradients(Callback):
    """Give the gradients of every step the same joint norm, whatever theirs was; put it last.

    Raises:  UsageError if the norm is not above 0
    """

    def __init__(self, norm: float = 1.0) -> None:
        if not norm > 0:
            raise UsageError(f"gradient_norm={norm}: it must be above 0; leave it out not to normalise")
        self.norm = norm

    def on_gradients(self, trainer: Trainer) -> None:
        """Normalise."""
        from fathom.training.optimizers import normalize_gradients_

        normalize_gradients_(trainer.parameters, self.norm)


class BoundWeights(Callback):
    """Bound the joint norm of the weights, ‖w‖ ≤ θ, by going back to the ball after every step that left it.

    Matrices and kernels only, as with weight decay in the notes; biases and the parameters of normalisations are free.
    For every bound there is a weight decay with the same minimum; ``fathom.scratch.multiplier`` finds that of least
    squares.

    Raises:  UsageError if the bound is not above 0
    """

    def __init__(self, max_norm: float) -> None:
        if not max_norm > 0:
            raise UsageError(f"max_weight_norm={max_norm}: it must be above 0; leave it out not to bound the weights")
        self.max_norm = max_norm

    def on_step_end(self, trainer: Trainer) -> None:
        """Project."""
        from fathom.training.optimizers import project_

        # matrices and kernels; biases and norms are no part of ‖w‖
        project_((p for p in trainer.module.parameters() if p.dim() >= 2 and p.requires_grad), self.max_norm)


class KeepZeros(Callback):
    """Keep every weight that is zero when training begins at zero: what was pruned stays pruned.

    Matrices and kernels only; a bias that starts at zero is free.
    """

    def __init__(self) -> None:
        self.masks: dict[str, Tensor] = {}
        self._weights: dict[str, torch.nn.Parameter] = {}

    def on_fit_start(self, trainer: Trainer) -> None:
        """Find the zeros."""
        # pruning leaves biases and norm layers alone
        weights = {name: p for name, p in trainer.module.named_parameters() if p.dim() >= 2}
        self._weights = dict(weights)
        # only those with a zero: a mask of ones would cost memory and do nothing
        self.masks = {name: mask for name, p in weights.items() if not bool((mask := p.detach() != 0).all())}

    def on_step_end(self, trainer: Trainer) -> None:
        """Undo what the step did to them."""
        weights = dict(trainer.module.named_parameters())
        for name, mask in self.masks.items():
            weights[name].data.mul_(mask)  # .data: not a step that autograd may see

    def state_dict(self) -> dict[str, Any]:
        """Return the places that are not zero."""
        return {"masks": dict(self.masks)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take them up."""
        for name, mask in state["masks"].items():
            weight = self._weights.get(name)
            # a name that is gone or a shape that changed would fail only in the next step
            if weight is None or (mask.shape, mask.dtype) != (weight.shape, torch.bool):
                raise FathomError(f"the saved zeros of {name!r} do not fit the network")
            like = self.masks.get(name, mask)
            # copied to the device and the memory format of the weight
            self.masks[name] = torch.empty_like(like).copy_(mask)


class Checkpointing(Callback):
    """Keep ``last`` (with ``previous`` behind it) and ``best`` under a folder.

    ``last`` holds all that resuming needs and is written every epoch, when a signal stops the run, and after
    ``every_s`` seconds within an epoch, so that a kill costs no more. ``best`` holds the weights of the best epoch
    alone.

    Args:
        monitor: by which metric an epoch is best: a recorded name, as ``val_f1``, with ``:min`` or ``:max`` where it is
            one of your own; None is the trainer's, if it has one, else accuracy on validation if there is one, else its
            loss, else the training loss; where none of these is recorded, the newest epoch is best. Of epochs that tie,
            the one with the lowest validation loss is best.
    """

    def __init__(self, folder: Path, every_s: float = 60.0, *, monitor: str | None = None) -> None:
        self.folder = Path(folder)
        self.every_s = every_s  # seconds: at most a minute's work is lost by default
        self._own = None if monitor is None else parse_monitor(monitor)
        self._candidates: tuple[Monitor, ...] = USUAL
        self.best: dict[str, Any] | None = None
        self._saved_at = time.monotonic()  # monotonic: setting the clock must not stop the saving

    def on_fit_start(self, trainer: Trainer) -> None:
        """Make sure that saving will be possible before there is something to lose."""
        self._candidates = candidates_for(trainer, self._own, USUAL)
        check_monitor(trainer, self._candidates)
        if trainer.world.is_first:
            make_folder(self.folder)
            remove_leftovers(self.folder)
        self.best, self._saved_at = None, time.monotonic()  # a run begins: its first save is due after every_s

    def on_step_end(self, trainer: Trainer) -> None:
        """Save when ``every_s`` have passed since the last time."""
        if trainer.agreed("save", time.monotonic() - self._saved_at >= self.every_s):
            self.save(trainer)

    def on_epoch_end(self, trainer: Trainer, record: dict[str, Any]) -> None:
        """Save ``best`` if this epoch is, then ``last``."""
        if self._is_best(record):
            with trainer.evaluation_weights():
                # best before last: last names what is best, which must be there by then
                best = {"module": trainer.module.state_dict(), **(self.best or {})}
                save_together(trainer.world, self.folder / "best", best)
        self.save(trainer)

    def _is_best(self, record: dict[str, Any]) -> bool:
        """Whether an epoch is better than all before; then it is remembered."""
        found: dict[str, Any] = {"metric": None, "value": None}
        # a run without validation has no candidate in its records: then each epoch is best
        if len(self._candidates) == 1 or any(record.get(candidate.name) is not None for candidate in self._candidates):
            monitor = find_monitor(record, self._candidates)
            # also the loss: it decides between equal accuracies
            best = self.best and {"val_loss": self.best["val_loss"], self.best["metric"]: self.best["value"]}
            if best is not None and not is_better_epoch(monitor, record, best):
                return False
            found = {"metric": monitor.name, "value": record[monitor.name]}
        self.best = found | {"val_loss": record.get("val_loss"), "epoch": record["epoch"], "step": record["step"]}
        return True

    def on_stop(self, trainer: Trainer) -> None:
        """Save what the signal would otherwise lose."""
        self.save(trainer)

    def save(self, trainer: Trainer) -> None:
        """Write ``last``; the one before it becomes ``previous``."""
        state = trainer.state_dict()  # in all processes, which have a part in it
        save_together(trainer.world, self.folder / "last", state, previous=self.folder / "previous")
        self._saved_at = time.monotonic()

    def state_dict(self) -> dict[str, Any]:
        """Return what is best so far."""
        return {"best": self.best}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take it up."""
        self.best = state["best"]
