"""The state of a run in the middle of its work: all that the next step depends on, as plain values and tensors."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from fathom.training.callbacks import Callback
from fathom.training.checkpoint import CheckpointError, load_weights
from fathom.training.random_state import random_state, restore_random_state

if TYPE_CHECKING:
    from fathom.training.trainer import Trainer

_PLACE = ("epoch", "batch", "step", "num_samples", "should_stop")
_SOURCE = Path("checkpoint")


def collect_state(trainer: Trainer) -> dict[str, Any]:
    """Return all that a resumed run needs to take the same steps to the bit; the meter must be flushed."""
    return {
        "module": trainer.module.state_dict(),
        "carried": trainer.module.hidden_state() if hasattr(trainer.module, "hidden_state") else None,
        "optimizer": trainer.optimizer.state_dict(),
        "schedule": trainer.schedule.state_dict(),
        "scaler": trainer.scaler.state_dict() if trainer.scaler else None,
        "callbacks": {name: callback.state_dict() for name, callback in _named(trainer.callbacks)},
        "feed": trainer.feed.state_dict(),
        "random": random_state(trainer.device),
        "meter": trainer.meter.state_dict(),
        "records": trainer.records,
        "place": {name: getattr(trainer, name) for name in _PLACE}
        | {
            "elapsed_s": time.perf_counter() - trainer.started,
            "total_steps": trainer.total_steps,
            "optimizer": type(trainer.optimizer).__name__,
        },
    }


def restore_state(trainer: Trainer, state: dict[str, Any]) -> None:
    """Bring a trainer that is set up to where ``state`` was collected; callbacks and generators follow later.

    Raises:  CheckpointError if it belongs to another architecture, optimiser or length of run
    """
    try:
        place = state["place"]
        load_weights(trainer.module, state["module"], _SOURCE)
        if state.get("carried") is not None:
            trainer.module.load_hidden_state(state["carried"])
        if place["total_steps"] != trainer.total_steps:
            raise CheckpointError(
                f"{_SOURCE}: its run takes {place['total_steps']} steps, this one {trainer.total_steps}; "
                "resume with the same data, batch size and epochs"
            )
        _load_optimizer(trainer.optimizer, state["optimizer"], place["optimizer"])
        trainer.schedule.load_state_dict(state["schedule"])
        if trainer.scaler is not None and state["scaler"]:
            trainer.scaler.load_state_dict(state["scaler"])
        trainer.feed.load_state_dict(state["feed"])
        trainer.meter.load_state_dict(state["meter"])
        trainer.records = [dict(record) for record in state["records"]]
        for name in _PLACE:
            setattr(trainer, name, place[name])
        trainer.started = time.perf_counter() - place["elapsed_s"]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise CheckpointError(f"{_SOURCE}: not one of a training run ({error!r})") from error


def restore_callbacks(trainer: Trainer, state: dict[str, Any]) -> None:
    """Bring callbacks and random generators to where ``state`` was collected; last, since ``on_fit_start`` may draw.

    A callback that the checkpoint does not know begins anew.

    Raises:  CheckpointError if a state does not fit
    """
    try:
        for name, callback in _named(trainer.callbacks):
            if name in state["callbacks"]:
                callback.load_state_dict(state["callbacks"][name])
        restore_random_state(state["random"], trainer.device)
    except (KeyError, TypeError, AttributeError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{_SOURCE}: not one of a training run ({error!r})") from error


def _named(callbacks: list[Callback]) -> Iterator[tuple[str, Callback]]:
    """Name each callback by its class; a second one of the same class gets a number."""
    seen: dict[str, int] = {}
    for callback in callbacks:
        kind = type(callback).__name__
        seen[kind] = seen.get(kind, 0) + 1
        yield (kind if seen[kind] == 1 else f"{kind}-{seen[kind]}"), callback


def _load_optimizer(optimizer: torch.optim.Optimizer, state: dict[str, Any], kind: str) -> None:
    if kind != type(optimizer).__name__:
        raise CheckpointError(f"{_SOURCE}: made with the optimiser {kind}, not {type(optimizer).__name__}")
    try:
        optimizer.load_state_dict(state)
    except ValueError as error:
        raise CheckpointError(f"{_SOURCE}: made with another optimiser: {error}") from error
    for parameter, values in optimizer.state.items():
        for name, value in values.items():
            if isinstance(value, Tensor):
                # A checkpoint is stored contiguous; fused kernels read a state in its parameter's memory format.
                # And a copy: torch takes the tensors as they are, training would change the state that was given.
                like = parameter if value.shape == parameter.shape else value
                values[name] = torch.empty_like(like, dtype=value.dtype, device=value.device).copy_(value)
