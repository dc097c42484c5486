"""Optimisers that are none of ``torch.optim``: those of Keras 3 on PyTorch, and those of fastai."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fathom.doctor.observer.identity import IdentityMap

if TYPE_CHECKING:
    from fathom.doctor.observer.observer import Observer

Groups = list[dict[str, Any]]


class ForeignOptimizer:
    """An optimiser as the doctor sees those of PyTorch: its groups of parameters, with their rates."""

    def __init__(self, kind: str, groups: Callable[[], Groups]) -> None:
        self.kind, self._groups = kind, groups

    @property
    def param_groups(self) -> Groups:
        """Return the groups, with the rates of now."""
        return self._groups()


class ForeignSteps:
    """Follows their steps, once their libraries are there."""

    def __init__(self, observer: Observer) -> None:
        self.observer = observer
        self._known: IdentityMap[ForeignOptimizer] = IdentityMap()
        self._followed: set[str] = set()

    def look_for(self) -> None:
        """Begin to follow what has been imported: a script does so long after the observation began."""
        for library, name, method, groups_of in (
            ("keras", "optimizers.Optimizer", "apply", _keras_groups),
            ("fastai.optimizer", "Optimizer", "step", _fastai_groups),
        ):
            kind: Any = sys.modules.get(library)
            if kind is None or library in self._followed:
                continue
            self._followed.add(library)
            for part in name.split("."):
                kind = getattr(kind, part, None)
            owners = [owner for owner in getattr(kind, "__mro__", ()) if method in vars(owner)]
            if owners:
                self.observer.patches.wrap(owners[0], method, self._around(groups_of))

    def _around(self, groups_of: Callable[..., Callable[[], Groups] | None]) -> Callable[..., Any]:
        def stepped(original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            steps, adapter = self.observer.steps, None
            if not self.observer.is_idle():
                with self.observer.own_work("optimizer"):
                    adapter = self._adapter(groups_of, args, kwargs)
            if adapter is None:
                return original(*args, **kwargs)
            steps.before_step(adapter, None, None)
            result = original(*args, **kwargs)
            steps.after_step(adapter, None, None)
            return result

        return stepped

    def _adapter(self, groups_of: Callable[..., Callable[[], Groups] | None], args: Any, kwargs: Any) -> Any:
        optimizer = args[0]
        adapter = self._known.get(optimizer)
        if adapter is None:
            groups = groups_of(*args, **kwargs)
            if groups is not None:
                adapter = self._known[optimizer] = ForeignOptimizer(type(optimizer).__name__, groups)
        return adapter


def _keras_groups(optimizer: Any, grads: Any, trainable_variables: Any = None) -> Callable[[], Groups] | None:
    if not trainable_variables:
        return None
    parameters = [variable.value for variable in trainable_variables]

    def groups() -> Groups:
        rate = optimizer.learning_rate
        return [{"params": parameters, "lr": getattr(rate, "value", rate)}]

    return groups


def _fastai_groups(optimizer: Any, *_: Any, **__: Any) -> Callable[[], Groups] | None:
    def groups() -> Groups:
        return [
            {"params": list(parameters), "lr": hyper.get("lr", float("nan"))}
            for parameters, hyper in zip(optimizer.param_lists, optimizer.hypers, strict=True)
        ]

    return groups
