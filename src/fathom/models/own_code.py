"""Networks of the user's own code: ``package.module:function``, or an object given from Python. Loads without torch.

Code is imported where the user names it, on the command line or in a call, and nowhere else: what a run folder says is
looked up among the modules that are imported already.
"""

from __future__ import annotations

import contextlib
import copy
import difflib
import importlib
import inspect
import os
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from fathom.errors import FathomError, UsageError
from fathom.models.facts import RegisteredModel
from fathom.models.registration import REGISTERED, first_line

if TYPE_CHECKING:
    from torch import nn

_SHAPES = ("input_shape", "num_classes")


def is_code(name: str) -> bool:
    """Whether a network's name is a place in Python code."""
    return ":" in name


def import_code(name: str) -> str:
    """Import the code that the user names as a network; the current folder counts as a place for it.

    Returns: the name
    Raises:  UsageError if there is no such module or function, or importing it fails
    """
    module, _, function = name.partition(":")
    # no path, no expression: names and dots alone
    if not all(part.isidentifier() for part in (*module.split("."), *function.split("."))):
        raise UsageError(f"model {name!r}: write package.module:function")
    if os.getcwd() not in sys.path and "" not in sys.path:
        sys.path.append(os.getcwd())  # last: a file beside the user's cannot hide an installed module
    importlib.invalidate_caches()  # the file may be younger than the process
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        # the module named, a package above it, or something that it imports itself
        is_named = error.name is not None and (module == error.name or module.startswith(f"{error.name}."))
        what = f"there is no module {error.name!r}" if is_named else f"importing {module} failed: {error}"
        raise UsageError(f"model {name!r}: {what}; it is looked for in the current folder and on PYTHONPATH") from error
    except Exception as error:
        raise UsageError(f"model {name!r}: importing {module} failed: {type(error).__name__}: {error}") from error
    find_code(name)
    return name


def is_imported(name: str) -> bool:
    """Whether the module that a name speaks of is imported already."""
    return is_code(name) and name.partition(":")[0] in sys.modules


def find_code(name: str) -> tuple[RegisteredModel, Callable[..., Any]]:
    """Return a network and its builder from a module that is imported already.

    Raises:  UsageError if it does not define it, or it is none
    """
    module_name, _, path = name.partition(":")
    found: Any = sys.modules[module_name]
    for part in path.split("."):  # function may be a method of a class: a.b
        if not hasattr(found, part):
            nearest = difflib.get_close_matches(part, dir(found), n=1)
            hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
            raise UsageError(f"model {name!r}: {module_name} has no {path!r}{hint}")
        found = getattr(found, part)
    # an instance of a network is not a builder; its class is
    if not callable(found) or (hasattr(found, "state_dict") and not isinstance(found, type)):
        raise UsageError(
            f"model {name!r}: it is a {type(found).__name__}, not a function or class that makes a network"
        )
    builder, options = _adapt(name, found)
    takes_tokens = bool(getattr(found, "takes_tokens", False))
    return RegisteredModel(name, module_name, first_line(found), options=options, takes_tokens=takes_tokens), builder


def _adapt(name: str, function: Callable[..., Any]) -> tuple[Callable[..., Any], dict[str, Any]]:
    """Return a builder that is called with shape and classes, and the options that are left."""
    try:
        parameters = dict(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        parameters = {}  # written in C: no signature to read
    named = {key: p for key, p in parameters.items() if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)}
    wanted = [key for key in _SHAPES if key in named]  # those of the two that the function wants
    options = {key: p.default for key, p in named.items() if key not in wanted}
    # required ones without a default
    missing = [key for key, default in options.items() if default is inspect.Parameter.empty]

    def build(input_shape: tuple[int, ...], num_classes: int, **given: Any) -> Any:
        absent = [key for key in missing if key not in given]
        if absent:
            raise UsageError(f"model {name!r}: it needs {', '.join(absent)}; add --set model.options.{absent[0]}=…")
        shapes = dict(zip(_SHAPES, (input_shape, num_classes), strict=True))
        try:
            # a function without input_shape or num_classes is called without it
            return function(**{key: shapes[key] for key in wanted}, **given)
        except FathomError:
            raise
        except Exception as error:
            raise UsageError(f"model {name!r}: making it failed: {type(error).__name__}: {error}") from error

    return build, options


@contextlib.contextmanager
def provided(net: nn.Module, name: str | None = None) -> Iterator[str]:
    """Let a name stand for a network that the user has made, for the length of a ``with``.

    The first network that is built is the object itself, so that it is trained; others, as those that are loaded to be
    evaluated, are copies of it.

    Args:
        name: None takes that of its class.
    """
    name = name or type(net).__name__
    used = [False]  # a list: the inner function writes to it

    def build(input_shape: tuple[int, ...], num_classes: int) -> Any:
        first, used[0] = not used[0], True
        # the network itself once, so that the caller's object is trained; copies later
        return net if first else copy.deepcopy(net)

    takes_tokens = bool(getattr(net, "takes_tokens", False))
    model = RegisteredModel(name, type(net).__module__, first_line(type(net)), takes_tokens=takes_tokens)
    before = REGISTERED.get(name)
    REGISTERED[name] = model, build
    try:
        yield name
    finally:
        REGISTERED.pop(name)
        if before is not None:
            REGISTERED[name] = before  # a network that had the name gets it back


def describe_missing(name: str) -> str:
    """Say what to do about a run whose network is code, or was an object, that is not here."""
    if is_code(name):
        module = name.partition(":")[0]
        return (
            f"the network {name!r} is code of the user's own, which a run folder does not import: "
            f"name it, --model {name}, or import {module} first"
        )
    return (
        f"the network {name!r} is neither Fathom's nor provided by an installed package; it may be an object that was "
        f"given from Python: fathom.load(run, net={name}(…)) takes another; or register it (fathom.register_model)"
    )
