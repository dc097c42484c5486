"""``fathom.watch``: the doctor for a training loop of one's own, in a notebook or a function."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from types import TracebackType
from typing import Any, ParamSpec, TypeVar

from torch import nn
from torch.optim import Optimizer

from fathom.doctor.checks.run import check_record
from fathom.doctor.observer.observer import Observer
from fathom.doctor.observer.places import traceback_place
from fathom.doctor.report import describe
from fathom.errors import UsageError
from fathom.findings import Findings

P = ParamSpec("P")
R = TypeVar("R")

_active: list[Watch] = []


class Watch(contextlib.AbstractContextManager["Watch"]):
    """A training under observation; made by ``watch``.

    Args:
        findings: what was found, once the block has ended.
    """

    def __init__(self, objects: list[nn.Module | Optimizer], *, show: bool) -> None:
        self.findings = Findings()
        self._objects, self._show = objects, show
        self._observer: Observer | None = None

    def __enter__(self) -> Watch:
        if _active:
            raise UsageError("fathom.watch: a training is being watched already; one block at a time")
        self._observer = Observer()
        self._observer.start()
        for each in self._objects:
            if isinstance(each, Optimizer):
                self._observer.steps.follow(each)
            else:
                self._observer.modules.follow(each)
        _active.append(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _active.remove(self)
        observer, self._observer = self._observer, None
        assert observer is not None
        record = observer.stop()
        if isinstance(error, Exception):
            record.failure = {"kind": type(error).__name__, "message": str(error), "place": traceback_place(error)}
        self.findings = check_record(record)
        if self._show:
            print("\n".join(describe(self.findings)))

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Return a function that is watched whenever it is called."""

        @functools.wraps(function)
        def watched(*args: P.args, **kwargs: P.kwargs) -> R:
            with self:
                return function(*args, **kwargs)

        return watched


def watch(*objects: Any, show: bool = True) -> Watch:
    """Watch the training within a ``with`` block, or in a function that this decorates; print what is found at its end.

    Losses, gradients, updates, modes, schedules and loaders are followed through hooks that are taken away afterwards.
    No random number is drawn, no mode or gradient is changed: the training gives the same numbers to the bit.

    Args:
        objects: networks, whose weights are then looked at before anything is done with them, and optimisers; what
            else takes part is found when it is called.
        show: whether to print; ``findings`` of the result holds them in any case.
    Raises:  UsageError for another object, or if a training is being watched already

    >>> import torch
    >>> model = torch.nn.Linear(2, 1)
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> with watch(model, optimizer, show=False) as doctor:
    ...     for _ in range(12):
    ...         loss = model(torch.ones(4, 2)).square().mean()
    ...         loss.backward()
    ...         optimizer.step()
    >>> [finding.code for finding in doctor.findings.findings]
    ['step.gradients_not_cleared']
    """
    for each in objects:
        if not isinstance(each, (nn.Module, Optimizer)):
            raise UsageError(f"fathom.watch: {type(each).__name__} is no network and no optimiser of PyTorch")
    return Watch(list(objects), show=show)
