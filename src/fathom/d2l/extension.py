"""``import d2l`` returns Fathom's: the import hook behind ``%load_ext fathom.d2l`` and ``fathom book run``.

The other packages that the book's code uses are prepared at the same time: pandas is set as the book expects it, and
torchvision loads and reads faster.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

from fathom.d2l.frame import imports
from fathom.d2l.frame.batch_reading import prepare_torchvision, release_torchvision
from fathom.d2l.frame.edition import MODULES, choose
from fathom.d2l.frame.notebook import UndecidedEdition, notebook_sources
from fathom.d2l.topics.tables import prepare_pandas
from fathom.errors import unknown

_OTHERS = ("d2l.mxnet", "d2l.tensorflow", "d2l.jax", "d2l.paddle")


def load_ipython_extension(shell: Any) -> None:
    """Let ``from d2l import torch as d2l`` in a notebook mean Fathom's, until the extension is unloaded.

    The edition is the one whose names the notebook uses. ``%load_ext fathom.d2l.v0`` fixes it to the earlier editions.
    """
    _install(_Finder(lambda: UndecidedEdition(lambda: notebook_sources(shell))))


def unload_ipython_extension(shell: Any) -> None:
    """Let ``import d2l`` mean what is installed."""
    restore()


def redirect(
    api: str = "new", sources: Sequence[str] = (), report: Callable[[str], object] = lambda name: None
) -> None:
    """Resolve ``d2l`` and ``d2l.torch`` to Fathom's from now on.

    Args:
        api: new, old, or auto: the one that fits ``sources``, the code that is going to run.
        report: called with new or old when the first import decides.
    Raises:  UsageError if there is no such api
    """
    if api not in (*MODULES, "auto"):
        raise unknown("api", api, [*MODULES, "auto"])

    def load() -> ModuleType:
        chosen = choose(sources) if api == "auto" else api  # when d2l is first imported, not before
        report(chosen)
        return importlib.import_module(MODULES[chosen])

    _install(_Finder(load))


def restore() -> None:
    """Undo the redirection, and forget the modules that were imported as d2l, ours or not."""
    # in place: others may hold the list
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _Finder)]
    imports.forget()
    release_torchvision()  # torchvision as it was
    # the next import asks the finders anew
    for name in [name for name in sys.modules if name == "d2l" or name.startswith("d2l.")]:
        del sys.modules[name]


def _install(finder: _Finder) -> None:
    restore()
    sys.meta_path.insert(0, finder)  # first: before the finder of installed packages
    prepare_pandas()
    prepare_torchvision()


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds ``d2l`` and ``d2l.torch``; the latter is the module that ``load`` returns."""

    def __init__(self, load: Callable[[], ModuleType]) -> None:
        self._load = load

    def find_spec(self, name: str, path: object = None, target: object = None) -> importlib.machinery.ModuleSpec | None:
        """Return a spec for d2l and d2l.torch, None for all other names."""
        if name in _OTHERS:
            # a clear error rather than another package of that name
            raise ImportError(f"{name} is not here: Fathom has the book's PyTorch edition, d2l.torch", name="d2l")
        if name not in ("d2l", "d2l.torch"):
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=name == "d2l")

    def exec_module(self, module: ModuleType) -> None:
        """Put Fathom's module in the place of the new one."""
        if module.__name__ == "d2l":
            module.__doc__ = "Stands for the book's helper package; d2l.torch is Fathom's."
            module.__getattr__ = self._import_torch  # type: ignore[method-assign]  # `import d2l`, then d2l.torch
            return
        sys.modules[module.__name__] = self._load()  # the import system returns what stands in sys.modules

    def _import_torch(self, name: str) -> Any:
        if name == "torch":
            return importlib.import_module("d2l.torch")
        raise AttributeError(f"module 'd2l' has no attribute {name!r}; there is d2l.torch", name=name)
