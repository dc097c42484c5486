"""Networks say what they are beside their builders: ``@register_model``. Loads without PyTorch."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from fathom.errors import UsageError
from fathom.models.facts import Form, Paper, RegisteredModel
from fathom.models.index.index import read_index

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

Builder = TypeVar("Builder", bound=Callable[..., Any])

GROUP = "fathom.models"
"""The entry points by which an installed package provides networks: ``mynet = "mypackage.nets:make"``."""

REGISTERED: dict[str, tuple[RegisteredModel, Callable[..., Any]]] = {}
"""By name, what the modules that are imported have registered, and its builder."""


def register_model(
    name: str,
    *,
    description: str = "",
    paper: Paper | None = None,
    form: Form | None = None,
    parameters: int | None = None,
    fixed: Mapping[str, Any] | None = None,
    takes_tokens: bool = False,
) -> Callable[[Builder], Builder]:
    """Register the builder of a network, so that its name stands for it in ``create_model``, ``train`` and files.

    The builder is a function, or a class, called as ``builder(input_shape, num_classes, **options)``; it gives an
    ``nn.Module``. Its further arguments, with their defaults, are the options of the network. One that takes ``small``
    has a form of its own for images below 64 pixels.

    >>> import fathom, math
    >>> from torch import nn
    >>> @fathom.register_model("mine")
    ... def mine(input_shape, num_classes, *, width=16):
    ...     return nn.Sequential(
    ...         nn.Flatten(), nn.Linear(math.prod(input_shape), width), nn.ReLU(), nn.Linear(width, num_classes)
    ...     )
    >>> net = fathom.create_model("mine", input_shape=(1, 28, 28), num_classes=10, width=8)

    A name lasts as long as the process. For ``fathom train NAME``, and for runs that are opened later, the builder
    belongs into an installed package with an entry point, in its ``pyproject.toml``::

        [project.entry-points."fathom.models"]
        mine = "mypackage.nets:mine"

    Args:
        description: one line; by default the first of the docstring.
        paper, form, parameters, fixed, takes_tokens: see ``RegisteredModel``.
    Returns: a decorator that gives the builder back as it is
    Raises:  UsageError if the name is taken by another module, or the builder cannot be called in this way
    """

    def register(builder: Builder) -> Builder:
        _refuse_taken(name, builder.__module__)  # before anything is stored: a refused name leaves no trace
        model = RegisteredModel(
            name,
            builder.__module__,
            description or first_line(builder),
            paper,
            form,
            parameters,
            dict(fixed or {}),
            find_options(name, builder, fixed or {}),
            takes_tokens,
        )
        REGISTERED[name] = model, builder
        return builder

    if not re.fullmatch(r"[A-Za-z][\w.-]*", name):  # no ':' (own code) and no '/' (paths)
        raise UsageError(
            f"the name of a network must be letters, digits, '_', '-' and '.', a letter first; got {name!r}"
        )
    return register


def find_options(name: str, builder: Callable[..., Any], fixed: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that a builder leaves open, each with its default.

    Raises:  UsageError if it cannot be called with an input shape, a number of classes and ``fixed``
    """
    signature = inspect.signature(builder)
    try:
        signature.bind((1, 28, 28), 10, **fixed)  # calls nothing; any values do
    except TypeError as error:
        raise UsageError(
            f"the network {name!r} is built by builder(input_shape, num_classes, **options); "
            f"{builder.__qualname__}{signature} cannot be called so ({error})"
        ) from None
    further = [*signature.parameters.values()][2:]  # after the input shape and the number of classes
    named = [p for p in further if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)]
    # fixed ones are not options: nobody can set them
    return {p.name: p.default for p in named if p.name not in fixed}


def first_line(builder: Callable[..., Any]) -> str:
    """Return the first line of a docstring, without its full stop."""
    return (inspect.getdoc(builder) or "").partition("\n")[0].rstrip(".")


def _refuse_taken(name: str, module: str) -> None:
    """Refuse a name that stands for a network elsewhere; a module may register its own again, as a notebook does."""
    if module.startswith("fathom.models."):  # the index may be older than the file: it is made from it
        return
    owner = None
    if name in read_index():  # Fathom's own first
        owner = "Fathom"
    elif name in REGISTERED and REGISTERED[name][0].module != module:
        owner = REGISTERED[name][0].module
    elif name in entry_points_by_name() and all(  # a package may register in code what it declares
        _root(point.module) != _root(module) for point in entry_points_by_name()[name]
    ):
        owner = _root(entry_points_by_name()[name][0].module)
    if owner is not None:
        raise UsageError(f"{name!r} is already a network of {owner}; choose another name")


def _root(module: str) -> str:
    return module.partition(".")[0]


@functools.cache
def entry_points_by_name() -> dict[str, list[EntryPoint]]:
    """Return the entry points of installed packages by name. Fathom's own names are not theirs to give."""
    from importlib.metadata import entry_points  # slow: 20 ms, and most commands know Fathom's own networks alone

    found: dict[str, list[EntryPoint]] = {}
    # sorted: the same order in every process
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        if point.name not in read_index():
            found.setdefault(point.name, []).append(point)  # several packages may give one name: said when it is used
    return found
