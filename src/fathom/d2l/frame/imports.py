"""What happens when other packages are imported.

A step right after, no garbage collection meanwhile, or their loading postponed until they are used.
"""

from __future__ import annotations

import gc
import importlib.abc
import importlib.machinery
import importlib.util
import sys
import threading
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any


def after_import(name: str, step: Callable[[Any], object]) -> None:
    """Call ``step`` with the module: now if it is loaded, else right after its import, whoever imports it."""
    if name in sys.modules:
        step(sys.modules[name])
        return

    def change(spec: importlib.machinery.ModuleSpec) -> None:
        assert spec.loader is not None
        execute = spec.loader.exec_module

        def execute_and_step(module: ModuleType) -> None:
            execute(module)
            step(module)

        spec.loader.exec_module = execute_and_step  # type: ignore[method-assign]

    _watch(name, change)


def postpone(name: str) -> None:
    """Make the import of a module return it unloaded; it loads when one of its names is first used."""
    if name in sys.modules:
        return

    def change(spec: importlib.machinery.ModuleSpec) -> None:
        spec.loader = _Postponed(spec.loader)

    _watch(name, change)


def import_without_gc(name: str) -> None:
    """Import a large library without garbage collection, and exempt its objects from later collections.

    Nearly all of them live to the end of the process, and scanning them takes a tenth of the import's time. Objects
    that existed before are exempt as well, so this is for libraries that are imported first.
    """
    if name in sys.modules:
        return

    def change(spec: importlib.machinery.ModuleSpec) -> None:
        assert spec.loader is not None
        execute = spec.loader.exec_module

        def execute_without_gc(module: ModuleType) -> None:
            was_enabled = gc.isenabled()
            gc.disable()
            try:
                execute(module)
            finally:
                if was_enabled:
                    gc.freeze()
                    gc.enable()

        spec.loader.exec_module = execute_without_gc  # type: ignore[method-assign]

    _watch(name, change)


def forget() -> None:
    """Leave all further imports alone."""
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _ImportHook)]


def _watch(name: str, change: Callable[[importlib.machinery.ModuleSpec], None]) -> None:
    if not any(isinstance(finder, _ImportHook) and finder.name == name for finder in sys.meta_path):
        sys.meta_path.insert(0, _ImportHook(name, change))


class _ImportHook(importlib.abc.MetaPathFinder):
    """Lets the others find one module, and changes how it is loaded."""

    def __init__(self, name: str, change: Callable[[importlib.machinery.ModuleSpec], None]) -> None:
        self.name = name
        self._change = change

    def find_spec(self, name: str, path: object = None, target: object = None) -> importlib.machinery.ModuleSpec | None:
        """Take the one module."""
        if name != self.name:
            return None
        sys.meta_path.remove(self)
        try:
            spec = importlib.util.find_spec(name)
        finally:
            sys.meta_path.insert(0, self)
        if spec is not None and spec.loader is not None:
            self._change(spec)
        return spec


_METADATA = (
    "__file__",
    "__path__",
    "__cached__",
    "__loader__",
    "__spec__",
    "__package__",
)  # set at creation, if at all


class _LazyModule(ModuleType):
    """A module that is loaded when it is first asked for a name.

    Its path and name are known before that: tools such as ``inspect`` ask every module for them, and
    ``importlib.util.LazyLoader`` would load it for them, even in the middle of a module that it needs.
    """

    def __getattr__(self, name: str) -> Any:
        if name not in _METADATA:
            _load(self)
        if type(self) is _LazyModule:  # otherwise it would ask itself while it loads
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r} yet", name=name)
        return getattr(self, name)

    def __dir__(self) -> Iterable[str]:
        _load(self)
        return ModuleType.__dir__(self)


class _Postponed(importlib.abc.Loader):
    """Makes an empty module; ``loader`` fills it later."""

    def __init__(self, loader: Any) -> None:
        self.loader = loader
        self.lock = threading.RLock()
        self.is_loading = False

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        """Make it."""
        return _LazyModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Leave it empty."""


def _load(module: ModuleType) -> None:
    postponed = module.__loader__
    if not isinstance(postponed, _Postponed):
        return
    with postponed.lock:  # another thread waits until the module is whole
        if type(module) is not _LazyModule or postponed.is_loading:
            return
        postponed.is_loading = True
        try:
            postponed.loader.exec_module(module)
        finally:
            postponed.is_loading = False
        assert module.__spec__ is not None
        module.__spec__.loader = module.__loader__ = postponed.loader
        module.__class__ = ModuleType  # type: ignore[assignment]
