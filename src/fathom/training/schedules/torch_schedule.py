"""torch's schedulers in the trainer's loop."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from inspect import Parameter, signature
from typing import Any, Literal

from torch.optim.lr_scheduler import CyclicLR, LRScheduler, OneCycleLR, ReduceLROnPlateau

from fathom.errors import FathomError, UsageError

Every = Literal["epoch", "step"]

_BY_STEP = (OneCycleLR, CyclicLR)  # made for a call after every batch; torch's others for one after every epoch


class TorchSchedule:
    """One or several schedulers of torch, each moved on once an epoch or once a step.

    Args:
        schedulers: the object, several, or a function of the optimiser that makes them, of the optimiser and the number
            of steps if it takes two arguments; a class or ``partial`` too.
        every: when they move on; None is "step" for OneCycleLR and CyclicLR, "epoch" for all others, as torch documents
            them. ReduceLROnPlateau is given the monitored value, by default the validation loss.
    """

    total_steps: int | None  # set by the trainer

    def __init__(self, schedulers: Any, *, every: Every | None = None) -> None:
        if every not in (None, "epoch", "step"):
            raise UsageError(f"schedule: every={every!r} must be 'epoch' or 'step'")
        self.given, self.every = schedulers, every
        self.schedulers: tuple[Any, ...] = ()
        # counted, since factor(step) may be asked twice for a step, and a resumed run begins late
        self._num_moves = 0  # of those that move every step

    def bind(self, given: Any, optimizers: Sequence[Any], total_steps: int | None) -> TorchSchedule:
        """Make the schedulers, if they are not objects yet, and check whose they are.

        Args:
            given: the optimiser, or several in the form in which the module gave them.
        Raises:  UsageError
        """
        made = self.given
        # a function or class, which waits for its optimisers
        if not _is_scheduler(made) and not isinstance(made, (tuple, list)):
            made = _call(made, given, total_steps)
        self.schedulers = tuple(made) if isinstance(made, (tuple, list)) else (made,)
        for scheduler in self.schedulers:
            if not _is_scheduler(scheduler):
                raise UsageError(f"schedule: a {type(scheduler).__name__} is no scheduler of torch")
            # by identity: equal settings are still another optimiser
            if not any(scheduler.optimizer is optimizer for optimizer in optimizers):
                raise UsageError(
                    f"schedule: this {type(scheduler).__name__} belongs to another optimiser; give that one as "
                    "optimizer=… too, or a function of the optimiser here"
                )
        return self

    def factor(self, step: int) -> None:
        """Move on those that move every step; the rates are theirs to set, hence None."""
        while self._num_moves < step:  # no move where a step is asked for twice, several where some were not
            self._num_moves += 1
            for scheduler in self.schedulers:
                if self._moves_every(scheduler) == "step":
                    _move(scheduler)

    def observe(self, value: float) -> None:
        """Move on those that move every epoch."""
        for scheduler in self.schedulers:
            if self._moves_every(scheduler) == "epoch":  # called once an epoch, after validation
                _move(scheduler, value)  # only ReduceLROnPlateau reads the value

    def _moves_every(self, scheduler: Any) -> Every:
        return self.every or ("step" if isinstance(scheduler, _BY_STEP) else "epoch")

    def state_dict(self) -> dict[str, Any]:
        """Return the state of each, with its class."""
        states = [[type(s).__name__, {k: _plain(v) for k, v in s.state_dict().items()}] for s in self.schedulers]
        return {"schedulers": states, "num_moves": self._num_moves}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take it up.

        Raises:  FathomError if it belongs to other schedulers
        """
        there, here = [kind for kind, _ in state["schedulers"]], [type(s).__name__ for s in self.schedulers]
        if there != here:
            raise FathomError(f"made with the schedule {', '.join(there)}, not {', '.join(here)}")
        for scheduler, (_, saved) in zip(self.schedulers, state["schedulers"], strict=True):
            scheduler.load_state_dict(dict(saved))
        self._num_moves = int(state["num_moves"])


def takes_optimizer(choice: Any) -> bool:
    """Whether a function is one of the optimiser: its first argument says so, or it is a class of torch's."""
    kind = choice.func if isinstance(choice, partial) else choice  # partial(StepLR, step_size=10)
    if isinstance(kind, type) and issubclass(kind, (LRScheduler, ReduceLROnPlateau)):
        return True
    first = next(iter(_parameters(choice)), "")
    return first.startswith("opt")  # opt, optim, optimizer, optimizers


def is_torch_choice(choice: Any) -> bool:
    """Whether a schedule is given in torch's way: an object, several, or a function of the optimiser."""
    if isinstance(choice, (tuple, list)):
        return any(map(_is_scheduler, choice))  # any: one scheduler is enough to mean torch's way
    return _is_scheduler(choice) or (callable(choice) and takes_optimizer(choice))


def _is_scheduler(value: Any) -> bool:
    return isinstance(value, (LRScheduler, ReduceLROnPlateau))  # the latter is no LRScheduler in older torch


def _call(make: Callable[..., Any], optimizer: Any, total_steps: int | None) -> Any:
    # a class's second argument need not be the number of steps
    if len(_parameters(make)) < 2 or isinstance(make, (type, partial)):
        return make(optimizer)
    if total_steps is None:
        raise UsageError("schedule: the number of steps is not known; give the trainer steps_per_epoch")
    return make(optimizer, total_steps)


def _parameters(choice: Any) -> list[str]:
    """Return the names of the arguments that a function must be given."""
    try:
        found = signature(choice).parameters.values()
    except (TypeError, ValueError):  # some builtins have none
        return []
    positional = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    # those with a default are not ours to fill
    return [p.name for p in found if p.kind in positional and p.default is Parameter.empty]


def _move(scheduler: Any, value: float | None = None) -> None:
    with warnings.catch_warnings():
        # Of a resumed run torch has not seen the steps before the stop, and would warn of them.
        warnings.filterwarnings("ignore", message="Detected call of `lr_scheduler.step\\(\\)` before")
        if isinstance(scheduler, ReduceLROnPlateau):
            scheduler.step(value)  # type: ignore[arg-type]
        else:
            scheduler.step()


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else value  # MultiStepLR counts its milestones in a Counter
