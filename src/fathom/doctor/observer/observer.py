"""The observer: hooks and patched functions that follow a training without changing it.

It draws no random number, moves no mode, touches no gradient; what it computes more than the training itself
(norms of gradients and updates, a walk over the graph of the loss) it computes on some steps only. A failure of its own
is counted and never reaches the training.
"""

from __future__ import annotations

import contextlib
import time
import warnings
import weakref
from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, nn

from fathom.doctor.observer import loaders, losses, randomness, samples, schedules, scripts, steps
from fathom.doctor.observer.identity import IdentityMap
from fathom.doctor.observer.networks import modules
from fathom.doctor.observer.part import Part
from fathom.doctor.observer.patches import Patches
from fathom.doctor.observer.places import user_place
from fathom.doctor.observer.record import Record


class Stop(BaseException):
    """Ends a script at a limit; no ``except Exception`` of the script's holds it."""


class OwnWork:
    """The context in which the observer works; a class, for it is entered several times a step."""

    __slots__ = ("grad", "observer", "paused", "what")

    def __init__(self, observer: Observer, what: str) -> None:
        self.observer, self.what = observer, what

    def __enter__(self) -> None:
        self.paused, self.observer.is_paused = self.observer.is_paused, True
        self.grad = torch.is_grad_enabled()
        torch._C._set_grad_enabled(False)  # what no_grad does, in a tenth of its time

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: object) -> bool:
        torch._C._set_grad_enabled(self.grad)
        self.observer.is_paused = self.paused
        if not isinstance(error, Exception):  # Stop is none
            return False
        self.observer.record.note_failure(self.what, error)
        return True


class Observer:
    """Follows every network, optimiser, schedule, loss and loader of this process between ``start`` and ``stop``."""

    def __init__(self, *, epochs_limit: int | None = None, time_limit_s: float | None = None) -> None:
        self.record = Record()
        self.is_paused = False
        self.is_close = True  # whether this step is looked at closely
        self.epochs_limit, self.time_limit_s = epochs_limit, time_limit_s
        self.module_places: IdentityMap[str] = IdentityMap()
        self.initial_places: dict[int, tuple[weakref.ref[Tensor], str]] = {}  # where a weight was set by nn.init
        self.evaluation_places: IdentityMap[str] = IdentityMap()  # where eval() was last called
        self.loaded: IdentityMap[bool] = IdentityMap()
        self.patches = Patches()
        self.steps = steps.Steps(self)
        self.modules = modules.Modules(self)
        self.losses = losses.Losses(self)
        self.loaders = loaders.Loaders(self)
        self.schedules = schedules.Schedules(self)
        self.randomness = randomness.Randomness(self)
        self.samples = samples.Samples(self)
        self._handles: list[Any] = []
        self._started = 0.0

    @property
    def step(self) -> int:
        """Steps of all optimisers so far."""
        return self.steps.total

    def start(self) -> None:
        """Begin to watch."""
        self._started = time.monotonic()
        # torch.compile warns of hooks that the script did not set; under -W error that would end it
        warnings.filterwarnings("ignore", message=r"Using `torch\.compile\(module\)` when there are global hooks")
        self._filter = warnings.filters[0]
        wrap = self.patches.wrap
        wrap(nn.Module, "__init__", self._module_made)
        wrap(nn.Module, "load_state_dict", self._weights_loaded)
        wrap(nn.Module, "eval", self._evaluation_set)
        for name, value in list(vars(nn.init).items()):
            if name.endswith("_") and not name.startswith("_") and callable(value):
                wrap(nn.init, name, self._weight_set)
        scripts.install(self)
        self._handles = [handle for part in self._parts() for handle in part.install()]

    def stop(self) -> Record:
        """End watching; everything is as it was. Returns what was seen."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self.modules.sleep(for_good=True)
        self.patches.undo()
        with contextlib.suppress(ValueError):  # the script may have put all filters back
            cast("list[Any]", warnings.filters).remove(self._filter)
        for part in self._parts():
            with self.own_work("finish"):
                part.finish()
        self.record.elapsed_s = time.monotonic() - self._started
        return self.record

    def _parts(self) -> tuple[Part, ...]:
        return (
            self.modules,
            self.steps,
            self.losses,
            self.loaders,
            self.schedules,
            self.randomness,
            self.samples,
        )

    def is_idle(self) -> bool:
        """Whether nothing is to be seen now: paused, or a compiler traces the code."""
        return self.is_paused or torch.compiler.is_compiling()

    def own_work(self, what: str) -> OwnWork:
        """Do the observer's own work: unseen by itself, without gradients, and never a failure of the training."""
        return OwnWork(self, what)

    def look_closely(self, is_close: bool) -> None:
        """Say whether the next step is to be looked at closely; the modules are followed only then."""
        self.is_close = is_close
        if is_close:
            self.modules.wake()
        else:
            self.modules.sleep()

    def check_limits(self) -> None:
        """End the script if a limit is reached.

        Raises:  Stop
        """
        if self.time_limit_s is not None and time.monotonic() - self._started > self.time_limit_s:
            self.record.stopped_early = f"--time-limit {self.time_limit_s:g}"
            raise Stop
        if self.epochs_limit is not None and self.loaders.epochs_begun() > self.epochs_limit:
            self.record.stopped_early = f"--epochs-limit {self.epochs_limit}"
            raise Stop

    def _module_made(self, original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        result = original(*args, **kwargs)
        if not self.is_idle():
            self.module_places[args[0]] = user_place()
        return result

    def _evaluation_set(self, original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not self.is_idle():
            self.evaluation_places[args[0]] = user_place()
        return original(*args, **kwargs)

    def _weight_set(self, original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        result = original(*args, **kwargs)
        if isinstance(result, Tensor) and not self.is_idle():
            self.initial_places[id(result)] = (weakref.ref(result), user_place())
        return result

    def initial_place_of(self, weight: Tensor) -> str:
        """Return where ``torch.nn.init`` last set a weight; empty if it did not."""
        entry = self.initial_places.get(id(weight))
        return entry[1] if entry is not None and entry[0]() is weight else ""

    def _weights_loaded(self, original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        result = original(*args, **kwargs)
        with self.own_work("load_state_dict"):
            for module in args[0].modules():
                self.loaded[module] = True
        return result
