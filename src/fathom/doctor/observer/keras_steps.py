"""Optimisers of Keras 3 on PyTorch: they are none of ``torch.optim``, and step in a method of their own."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from torch import Tensor

from fathom.doctor.observer.identity import IdentityMap

if TYPE_CHECKING:
    from fathom.doctor.observer.observer import Observer


class KerasOptimizer:
    """An optimiser of Keras as the doctor sees those of PyTorch: groups of parameters, with their rate."""

    def __init__(self, optimizer: Any, parameters: list[Tensor]) -> None:
        self.kind = type(optimizer).__name__
        self._optimizer, self._parameters = weakref.ref(optimizer), parameters

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """Return the one group."""
        rate = getattr(self._optimizer(), "learning_rate", float("nan"))
        return [{"params": self._parameters, "lr": getattr(rate, "value", rate)}]


class KerasSteps:
    """Follows ``apply`` of the optimisers, once Keras is there."""

    def __init__(self, observer: Observer) -> None:
        self.observer = observer
        self._known: IdentityMap[KerasOptimizer] = IdentityMap()
        self._is_installed = False

    def look_for(self, module: object) -> None:
        """Begin to follow if a network is one of Keras: a script imports it long after the observation began."""
        if self._is_installed or "keras" not in sys.modules:
            return
        if any(kind.__module__.partition(".")[0] == "keras" for kind in type(module).__mro__):
            self._is_installed = True
            optimizer = sys.modules["keras"].optimizers.Optimizer
            owner = next(kind for kind in optimizer.__mro__ if "apply" in vars(kind))
            self.observer.patches.wrap(owner, "apply", self._applied)

    def _applied(self, original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        steps = self.observer.steps
        adapter = None
        with self.observer.own_work("Keras"):
            adapter = self._adapter(args[0], args[2] if len(args) > 2 else kwargs.get("trainable_variables"))
        if adapter is None or self.observer.is_idle():
            return original(*args, **kwargs)
        steps.before_step(adapter, None, None)
        result = original(*args, **kwargs)
        steps.after_step(adapter, None, None)
        return result

    def _adapter(self, optimizer: Any, variables: Any) -> KerasOptimizer | None:
        adapter = self._known.get(optimizer)
        if adapter is None and variables:
            adapter = KerasOptimizer(optimizer, [variable.value for variable in variables])
            self._known[optimizer] = adapter
        return adapter
