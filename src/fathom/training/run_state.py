"""The state of a run in the middle of its work: all that the next step depends on, as plain values and tensors."""

from __future__ import annotations

import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from fathom.errors import FathomError
from fathom.training.callbacks import Callback
from fathom.training.checkpoint import CheckpointError, check_weights, load_weights
from fathom.training.distributed.merging import gather_sequences, own_sequences
from fathom.training.random_state import random_state, restore_random_state

if TYPE_CHECKING:
    from fathom.training.trainer import Trainer

# attributes of the trainer, saved and set again by name
_PLACE = ("epoch", "batch", "step", "num_samples", "should_stop")
# of these, the ones that must be whole numbers from 0 on; should_stop is a reason or None
_COUNTS = ("epoch", "batch", "step", "num_samples")
_SOURCE = Path("checkpoint")  # stands in messages for the path, which only the caller knows


def collect_state(trainer: Trainer) -> dict[str, Any]:
    """Return all that a resumed run needs to take the same steps to the bit; the meter must be flushed."""
    return {
        "module": trainer.module.state_dict(),
        # only recurrent modules carry one from batch to batch
        "carried": _carried(trainer),
        "optimizer": _for_each(trainer, lambda optimizer: optimizer.state_dict()),
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
            "optimizer": _for_each(trainer, lambda optimizer: type(optimizer).__name__),
            # a parameter that never had a gradient has none
            "optimizer_states": _for_each(trainer, lambda optimizer: len(optimizer.state)),
        },
    }


def _carried(trainer: Trainer) -> Any:
    """Return the hidden state that the next batch begins with, of all its sequences."""
    state = trainer.module.hidden_state() if hasattr(trainer.module, "hidden_state") else None
    columns = getattr(trainer.feed.loader, "columns", 0)  # of texts, whose sequences the processes share
    return gather_sequences(trainer.world, state, columns) if trainer.world.size > 1 and columns else state


def _for_each(trainer: Trainer, describe: Callable[[torch.optim.Optimizer], Any]) -> Any:
    """Return it of the optimiser, or a list where there are several."""
    found = [describe(optimizer) for optimizer in trainer.optimizers]
    # one: not in a list, as checkpoints of such runs have always been
    return found[0] if trainer.manual is None else found


def _optimizer_states(trainer: Trainer, state: dict[str, Any]) -> Iterator[tuple[Any, Any, Any, Any]]:
    """Yield each optimiser with its saved state, class and number of states.

    Raises:  CheckpointError if there are more, or fewer, than were saved
    """
    place = state["place"]
    saved = [state["optimizer"], place["optimizer"], place["optimizer_states"]]
    if trainer.manual is None:
        if isinstance(saved[0], list):
            raise CheckpointError(f"{_SOURCE}: made with {len(saved[0])} optimisers, not one")
        saved = [[value] for value in saved]  # the same form as with several
    elif not isinstance(saved[0], list) or any(len(values) != len(trainer.optimizers) for values in saved):
        raise CheckpointError(f"{_SOURCE}: made with another number of optimisers than {len(trainer.optimizers)}")
    yield from zip(trainer.optimizers, *saved, strict=True)


def restore_state(trainer: Trainer, state: dict[str, Any]) -> None:
    """Bring a trainer that is set up to where ``state`` was collected; callbacks and generators follow later.

    Raises:  CheckpointError if it belongs to another architecture, optimiser or length of run
    """
    # all is checked before anything is loaded: a refused checkpoint leaves the trainer as it was
    try:
        place = state["place"]
        check_weights(trainer.module, state["module"], _SOURCE)
        if place["total_steps"] != trainer.total_steps:
            raise CheckpointError(
                f"{_SOURCE}: its run takes {place['total_steps']} steps, this one {trainer.total_steps}; "
                "resume with the same data, batch size and epochs"
            )
        optimizers = list(_optimizer_states(trainer, state))
        # the last of each entry is its number of states
        counts = [*(place[name] for name in _COUNTS), *(number for *_, number in optimizers)]
        if any(type(count) is not int or count < 0 for count in counts):
            raise CheckpointError(f"{_SOURCE}: not one of a training run (a count in place is not one)")
        for entry in optimizers:
            _check_optimizer(trainer.module, *entry)
        _check_plain("schedule", trainer.schedule.state_dict(), state["schedule"])
        if trainer.scaler is not None and state["scaler"]:  # float16 only; a run may go on in another precision
            _check_plain("scaler", trainer.scaler.state_dict(), state["scaler"])
        load_weights(trainer.module, state["module"], _SOURCE)
        if state.get("carried") is not None:  # get: only recurrent modules have one
            columns = getattr(trainer.feed.loader, "columns", 0)
            carried = state["carried"]
            is_shared = trainer.world.size > 1 and columns
            trainer.module.load_hidden_state(own_sequences(trainer.world, carried, columns) if is_shared else carried)
        for optimizer, saved, *_ in optimizers:
            _load_optimizer(optimizer, saved)
        trainer.schedule.load_state_dict(state["schedule"])
        if trainer.scaler is not None and state["scaler"]:
            trainer.scaler.load_state_dict(state["scaler"])
        trainer.feed.load_state_dict(state["feed"])
        trainer.meter.load_state_dict(state["meter"])
        trainer.records = [dict(record) for record in state["records"]]
        for name in _PLACE:
            setattr(trainer, name, place[name])
        # as if it had begun so long ago: pauses do not count
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
            if name in state["callbacks"]:  # a callback that is new in the resumed run begins afresh
                callback.load_state_dict(state["callbacks"][name])
        restore_random_state(state["random"], trainer.device)
    except CheckpointError:
        raise  # names its place already; it is a FathomError too
    except FathomError as error:
        raise CheckpointError(f"{_SOURCE}: {error}") from error
    except (KeyError, TypeError, AttributeError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{_SOURCE}: not one of a training run ({error!r})") from error


def _named(callbacks: list[Callback]) -> Iterator[tuple[str, Callback]]:
    """Name each callback by its class; a second one of the same class gets a number."""
    seen: dict[str, int] = {}
    for callback in callbacks:
        kind = type(callback).__name__
        seen[kind] = seen.get(kind, 0) + 1
        yield (kind if seen[kind] == 1 else f"{kind}-{seen[kind]}"), callback


def _check_optimizer(
    module: torch.nn.Module, optimizer: torch.optim.Optimizer, state: dict[str, Any], saved_kind: str, num_states: int
) -> None:
    """Compare every tensor of an optimiser's state with what the optimiser makes of the parameter it belongs to.

    torch takes up what it is given, and its kernels write as many values as the parameter has, past the end of a
    tensor that is smaller.

    Raises:  CheckpointError naming the first difference
    """
    kind = type(optimizer).__name__
    if saved_kind != kind:
        raise CheckpointError(f"{_SOURCE}: made with the optimiser {saved_kind}, not {kind}")
    groups, own = state["param_groups"], optimizer.param_groups
    if [len(group["params"]) for group in groups] != [len(group["params"]) for group in own]:
        raise CheckpointError(f"{_SOURCE}: made with another optimiser: its parameter groups differ")
    for group, mine in zip(groups, own, strict=True):
        options = {name: value for name, value in mine.items() if name in group or name == "lr"}
        _check_plain("optimiser's group", {n: v for n, v in options.items() if n != "params"}, group)
    names = {parameter: name for name, parameter in module.named_parameters()}
    owners = [(group, parameter) for group in own for parameter in group["params"]]
    # torch numbers parameters through all groups, in their order
    places = [place for group in groups for place in group["params"]]
    entries = state["state"]
    if len(set(places)) != len(places) or not set(entries) <= set(places) or len(entries) != num_states:
        raise CheckpointError(f"{_SOURCE}: the optimiser has states for other parameters than it was saved with")
    for place_, (group, parameter) in zip(places, owners, strict=True):
        if place_ in entries:
            # torch makes states lazily, at the first step; so they cannot be read off a new optimiser
            expected = _state_after_a_step(optimizer, group, parameter)
            _check_state(names.get(parameter, f"parameter {place_}"), parameter, expected, entries[place_])


def _state_after_a_step(
    optimizer: torch.optim.Optimizer, group: dict[str, Any], parameter: Tensor
) -> dict[str, Any] | None:
    """Return what an optimiser keeps of a parameter, from a step on a copy; None if it takes no such step."""
    copy = torch.nn.Parameter(torch.zeros_like(parameter))
    copy.grad = torch.zeros_like(copy)
    twin = object.__new__(type(optimizer))  # without __init__, whose arguments are not known
    # a scheduler of torch puts a step of its own in front, which is bound to the optimiser itself
    vars(twin).update({name: value for name, value in vars(optimizer).items() if name != "step"})
    vars(twin).update(state=defaultdict(dict), param_groups=[{**group, "params": [copy]}])
    # a user's hooks must not run for the trial step
    vars(twin).update(_optimizer_step_pre_hooks=OrderedDict(), _optimizer_step_post_hooks=OrderedDict())
    try:
        twin.step()
    except (RuntimeError, TypeError):  # as SparseAdam, which wants sparse gradients
        return None
    return twin.state[copy]


def _check_state(name: str, parameter: Tensor, expected: dict[str, Any] | None, saved: dict[str, Any]) -> None:
    if expected is None:  # then moments have the parameter's shape, and anything else is a number
        # dim() 0 is a counter, which has no shape to compare
        expected = {key: parameter for key, value in saved.items() if isinstance(value, Tensor) and value.dim()}
        expected = saved | expected
    if different := set(saved) ^ set(expected):  # in one of the two alone
        key = sorted(different)[0]
        what = "is missing" if key in expected else "is not one of this optimiser"
        raise CheckpointError(f"{_SOURCE}: the optimiser's {key!r} of {name!r} {what}")
    for key, own in expected.items():
        value = saved[key]
        if isinstance(own, Tensor) and own.dim() == 0:  # a count of steps, whose width depends on the kernel
            fits = isinstance(value, Tensor) and value.dim() == 0 and value.is_floating_point()
        elif isinstance(own, Tensor):
            fits = isinstance(value, Tensor) and (value.shape, value.dtype) == (own.shape, own.dtype)
        else:
            fits = not isinstance(value, Tensor)
        if not fits:
            there, here = _describe(value), _describe(own)
            raise CheckpointError(f"{_SOURCE}: the optimiser's {key!r} of {name!r} is {there} there, {here} here")


def _describe(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"{tuple(value.shape)} {str(value.dtype).removeprefix('torch.')}"
    return f"a {type(value).__name__}"


def _check_plain(what: str, own: dict[str, Any], saved: dict[str, Any]) -> None:
    """Refuse plain values of another kind; what is None here or there may be set on the other side."""
    for name, value in own.items():
        if name not in saved:
            raise CheckpointError(f"{_SOURCE}: the {what} has no {name!r}")
        other = saved[name]
        # bool is an int to Python
        numbers = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in (value, other))
        if not (numbers or value is None or other is None or type(value) is type(other)):
            raise CheckpointError(f"{_SOURCE}: {name!r} of the {what} is {_describe(other)}, not {_describe(value)}")


def _load_optimizer(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
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
                if hasattr(like, "full_tensor"):  # cut into pieces, one a process
                    from fathom.training.distributed.pieces import spread

                    value = spread(like, value)
                values[name] = torch.empty_like(like, dtype=value.dtype, device=value.device).copy_(value)
