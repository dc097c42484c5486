"""``import d2l`` gives Fathom's: the import hook behind ``%load_ext fathom.d2l`` and ``fathom book run``.

pandas is set as the book expects it at the same time: columns of strings have the type object, ``get_dummies`` gives
numbers, and means leave columns of text out.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
import warnings
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

from fathom.d2l.edition import MODULES, choose
from fathom.errors import unknown

_REDUCTIONS = ("mean", "median", "std", "var")
_OTHERS = ("d2l.mxnet", "d2l.tensorflow", "d2l.jax", "d2l.paddle")


def load_ipython_extension(shell: Any, api: str = "new") -> None:
    """Let ``from d2l import torch as d2l`` in a notebook mean Fathom's, until the extension is unloaded."""
    redirect(api)


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
    restore()
    sys.meta_path.insert(0, _Finder(api, tuple(sources), report))
    prepare_pandas()


def prepare_pandas() -> None:
    """Set pandas as the book expects it, now or when it is imported."""
    if "pandas" in sys.modules:
        _set_pandas(sys.modules["pandas"])
    elif not any(isinstance(finder, _PandasFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _PandasFinder())


def restore() -> None:
    """Take the redirection back, and forget the modules that were imported as d2l, ours or not."""
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, (_Finder, _PandasFinder))]
    for name in [name for name in sys.modules if name == "d2l" or name.startswith("d2l.")]:
        del sys.modules[name]


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def __init__(self, api: str, sources: tuple[str, ...], report: Callable[[str], object]) -> None:
        self._api = api
        self._sources = sources
        self._report = report

    def find_spec(self, name: str, path: object = None, target: object = None) -> importlib.machinery.ModuleSpec | None:
        """Take d2l and d2l.torch."""
        if name in _OTHERS:
            raise ImportError(f"{name} is not here: Fathom has the book's PyTorch edition, d2l.torch", name="d2l")
        if name not in ("d2l", "d2l.torch"):
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=name == "d2l")

    def exec_module(self, module: ModuleType) -> None:
        """Put Fathom's module into the place of the new one."""
        if module.__name__ == "d2l":
            module.__doc__ = "Stands for the book's helper package; d2l.torch is Fathom's."
            module.__getattr__ = self._import_torch  # type: ignore[method-assign]  # `import d2l`, then d2l.torch
            return
        if self._api == "auto":
            self._api = choose(self._sources)
        self._report(self._api)
        sys.modules[module.__name__] = importlib.import_module(MODULES[self._api])

    def _import_torch(self, name: str) -> Any:
        if name == "torch":
            return importlib.import_module("d2l.torch")
        raise AttributeError(f"module 'd2l' has no attribute {name!r}; there is d2l.torch", name=name)


class _PandasFinder(importlib.abc.MetaPathFinder):
    """Sets pandas right after its import, whoever imports it."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> importlib.machinery.ModuleSpec | None:
        """Let the others find pandas, and add a step to its loading."""
        if name != "pandas":
            return None
        sys.meta_path.remove(self)
        try:
            spec = importlib.util.find_spec("pandas")
        finally:
            sys.meta_path.insert(0, self)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_and_set(module: ModuleType) -> None:
                execute(module)
                _set_pandas(module)

            spec.loader.exec_module = execute_and_set  # type: ignore[method-assign]
        return spec


def _set_pandas(pandas: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the option is to go one day; then the columns have to be taken as they are
        with contextlib.suppress(KeyError, AttributeError):
            pandas.set_option("future.infer_string", False)
    if getattr(pandas.get_dummies, "is_set_by_fathom", False):
        return
    pandas.get_dummies = _give_numbers(pandas.get_dummies)
    for name in _REDUCTIONS:
        setattr(pandas.DataFrame, name, _leave_text_out(getattr(pandas.DataFrame, name)))


def _give_numbers(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def get_dummies(data: Any, *args: Any, **kwargs: Any) -> Any:
        if len(args) < 7:  # dtype is the last parameter
            kwargs["dtype"] = kwargs.get("dtype") or "uint8"
        return original(data, *args, **kwargs)

    get_dummies.is_set_by_fathom = True  # type: ignore[attr-defined]
    return get_dummies


def _leave_text_out(original: Callable[..., Any]) -> Callable[..., Any]:
    """Let a reduction of a table that has columns of text do as pandas did before version 2: take the others."""

    @functools.wraps(original)
    def reduce(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return original(self, *args, **kwargs)
        except TypeError:
            if "numeric_only" in kwargs or not any(is_text(kind) for kind in self.dtypes):
                raise
        return original(self, *args, **kwargs, numeric_only=True)

    def is_text(kind: Any) -> bool:
        return str(kind).startswith(("object", "str"))

    return reduce
