"""A moving average of the weights, often better than the last weights themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from fathom.errors import FathomError, UsageError

_SAVED = "the saved weight average"


class WeightAverage:
    """Exponential moving average of a module's parameters: ``average ← d·average + (1 − d)·weights``.

    At update t, counted from 0, d = min(``decay``, (1 + t)/(10 + t)), so that the random start is soon forgotten;
    without ``warmup`` d = ``decay`` throughout. Buffers, such as batch-norm's statistics, are averages already or
    constants and are copied. Half-precision weights are averaged in float32: in bfloat16 a step of 0.1 % is lost in
    rounding and the average would never move.

    Make it after the module is on its device.

    Equals:  torch.optim.swa_utils.AveragedModel with get_ema_multi_avg_fn(decay), where ``warmup`` is False
    Source:  Polyak & Juditsky 1992; the warm-up is that of TensorFlow's ExponentialMovingAverage(num_updates)
    Raises:  UsageError if the decay is not between 0 and 1
    """

    def __init__(self, module: nn.Module, decay: float = 0.999, *, warmup: bool = True) -> None:
        if not 0.0 <= decay < 1.0:
            raise UsageError(f"the decay of a weight average must be at least 0 and below 1, not {decay!r}")
        self.decay = decay
        self.warmup = warmup
        self.num_updates = 0  # decides the decay of the warm-up
        # buffers too: batch-norm statistics belong to the weights that made them
        parameters, buffers = dict(module.named_parameters()), dict(module.named_buffers())
        self._names = [*parameters, *buffers]
        # the parameter's own memory: update() sees each step
        self._weights = [parameter.detach() for parameter in parameters.values()]
        self._buffers = list(buffers.values())
        # float32 at least: steps of (1 − d) are lost below half precision's resolution
        self._average = [_widened(weight).clone() for weight in self._weights]
        self._buffer_copies = [buffer.clone() for buffer in self._buffers]

    @torch.no_grad()
    def update(self) -> None:
        """Move the average towards the module's present weights; call it after each optimiser step."""
        # 1/10 at first, so that nine tenths of the random start are forgotten in the first step; 0.99 after 890.
        decay = min(self.decay, (1 + self.num_updates) / (10 + self.num_updates)) if self.warmup else self.decay
        if self._average:
            # a ← a + (1 − d)·(w − a), all tensors in one call
            torch._foreach_lerp_(self._average, [_widened(weight) for weight in self._weights], 1.0 - decay)
        _copy(self._buffer_copies, self._buffers)  # buffers are running means already: copied, not averaged
        self.num_updates += 1

    @contextmanager
    def swapped(self, module: nn.Module) -> Iterator[None]:
        """Put the average into ``module`` for the length of a ``with``, then the module's own weights back.

        ``module`` is the one averaged or another of the same architecture.

        Raises:  FathomError if its parameters or buffers are others
        """
        tensors = self._matching({**dict(module.named_parameters()), **dict(module.named_buffers())}, "this module")
        with torch.no_grad():
            # copies: the tensors themselves stay, for optimiser and graphs hold them
            own = [tensor.clone() for tensor in tensors]
            _copy(tensors, [*self._average, *self._buffer_copies])
        try:  # finally: a failing validation must not leave the average in training
            yield
        finally:
            with torch.no_grad():
                _copy(tensors, own)

    def state_dict(self) -> dict[str, Any]:
        """What is needed to go on: ``num_updates`` and, under ``average``, a tensor for each parameter and buffer.

        The tensors are the average's own, not copies, as in ``nn.Module.state_dict``.
        """
        tensors = [*self._average, *self._buffer_copies]
        return {"num_updates": self.num_updates, "average": dict(zip(self._names, tensors, strict=True))}

    @torch.no_grad()
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up what ``state_dict`` gave.

        Raises:  FathomError if the state belongs to another architecture or is none
        """
        if set(state) != {"num_updates", "average"}:
            raise FathomError("the saved state is not one of a weight average")
        loaded = self._matching(state["average"], _SAVED)
        for own, other in zip([*self._average, *self._buffer_copies], loaded, strict=True):
            if hasattr(own, "to_local"):  # cut into pieces, one a process
                from fathom.training.distributed.pieces import spread

                other = spread(own, other)
            own.copy_(other)  # in place, and to this one's device and precision
        self.num_updates = int(state["num_updates"])

    def _matching(self, tensors: Mapping[str, Tensor], what: str) -> list[Tensor]:
        """The tensors in the order of the average's, if they are the same by name and shape."""
        if different := set(tensors) ^ set(self._names):  # in only one of the two
            raise FathomError(f"{what} does not fit the averaged module: only one of them has {sorted(different)[0]!r}")
        for name, own in zip(self._names, [*self._average, *self._buffer_copies], strict=True):
            # this module may be in another precision; _copy converts
            if tensors[name].dtype != own.dtype and what == _SAVED:
                dtypes = f"{tensors[name].dtype} against {own.dtype}"
                raise FathomError(f"{what} does not fit the averaged module: {name!r} has {dtypes}")
            if tensors[name].shape != own.shape:
                shapes = f"{tuple(tensors[name].shape)} against {tuple(own.shape)}"
                raise FathomError(f"{what} does not fit the averaged module: {name!r} has shape {shapes}")
        return [tensors[name] for name in self._names]


def _widened(weight: Tensor) -> Tensor:
    return weight.float() if weight.dtype in (torch.float16, torch.bfloat16) else weight


def _copy(targets: list[Tensor], sources: list[Tensor]) -> None:
    if any(hasattr(tensor, "to_local") for tensor in (*targets, *sources)):
        # cut into pieces, one a process: torch has no call for many of them
        for target, source in zip(targets, sources, strict=True):
            gather = None if hasattr(target, "full_tensor") else getattr(source, "full_tensor", None)
            target.copy_(source if gather is None else gather())
    elif targets:
        torch._foreach_copy_(targets, sources)  # one call for all; it refuses empty lists
