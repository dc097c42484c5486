"""A module whose names are gathered from topic files when they are first used."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

Places = dict[str, tuple[str, str | None]]


def place_names(package: str, topics: Mapping[str, str]) -> Places:
    """Return for each name its module and the attribute there; None for the module itself.

    Args:
        package: of the topic files.
        topics: topic file -> its names, separated by spaces; ``name=attribute`` if it is called otherwise there. A key
            with a leading "=" is a module outside the package; the name before its "." is the module itself.
    """
    places: Places = {}
    for topic, names in topics.items():
        module = topic[1:] if topic.startswith("=") else f"{package}.{topic}"
        for entry in names.split():
            name, _, attribute = entry.partition("=")
            places[name] = (module, None if attribute == "." else attribute or name)
    return places


def make_getattr(
    module_globals: dict[str, Any], places: Places, removed: Mapping[str, str], other: Iterable[str]
) -> Callable[[str], Any]:
    """Make the ``__getattr__`` of a module that carries the names in ``places``.

    Args:
        removed: name that this edition of the book's package no longer has -> what to use in its place.
        other: the names of the other edition.
    """
    module = module_globals["__name__"]

    def get(name: str) -> Any:
        if name in places:
            where, attribute = places[name]
            value = _load(module, name, where)
            if attribute is not None:
                value = getattr(value, attribute)
            module_globals[name] = value
            return value
        raise AttributeError(_say_missing(module, name, places, removed, other), name=name)

    return get


def _load(module: str, name: str, where: str) -> Any:
    try:
        return importlib.import_module(where)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] == "fathom":
            raise
        package = error.name.split(".")[0]
        raise ImportError(
            f"{module}.{name} needs the package {package}; pip install {package}", name=package
        ) from error


def _say_missing(module: str, name: str, places: Places, removed: Mapping[str, str], other: Iterable[str]) -> str:
    text = f"module {module!r} has no attribute {name!r}"
    if name.startswith("_"):  # asked for by the interpreter and by tools, not by a reader of the book
        return text
    if name in removed:
        return f"{text}: {removed[name]}"
    nearest = difflib.get_close_matches(name, [*places, *removed], n=1)
    if name in other:
        older = module.endswith(".v0.torch")
        return f"{text}; it belongs to the {'new' if older else 'old'} API: from {_other(module)} import torch as d2l"
    if not nearest:
        return text
    about = removed.get(nearest[0])
    return f"{text}; did you mean {nearest[0]!r}?" + (f" But {about}" if about else "")


def _other(module: str) -> str:
    return "fathom.d2l" if module.endswith(".v0.torch") else "fathom.d2l.v0"
