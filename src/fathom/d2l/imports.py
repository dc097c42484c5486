"""What happens when other packages are imported: a step right after, or their loading put off until they are used."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable
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


def put_off(name: str) -> None:
    """Let the import of a module give it unloaded; it is loaded when one of its names is first asked for."""
    if name in sys.modules:
        return

    def change(spec: importlib.machinery.ModuleSpec) -> None:
        assert isinstance(spec.loader, importlib.abc.Loader)
        spec.loader = importlib.util.LazyLoader(spec.loader)

    _watch(name, change)


def forget() -> None:
    """Do nothing any more at imports that are still to come."""
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _Watcher)]


def _watch(name: str, change: Callable[[importlib.machinery.ModuleSpec], None]) -> None:
    if not any(isinstance(finder, _Watcher) and finder.name == name for finder in sys.meta_path):
        sys.meta_path.insert(0, _Watcher(name, change))


class _Watcher(importlib.abc.MetaPathFinder):
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
