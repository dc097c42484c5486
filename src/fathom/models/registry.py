"""The networks by name: Fathom's own, those registered in this process, and those of installed packages.

Nothing of PyTorch is imported before a network is made, and nothing of another package before its network is asked
for. A name of Fathom's own always means Fathom's network.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fathom.errors import FathomError, UsageError, unknown
from fathom.models.facts import RegisteredModel
from fathom.models.index.index import read_index
from fathom.models.options import check_count
from fathom.models.own_code import describe_missing, find_code, is_code, is_imported
from fathom.models.registration import REGISTERED, entry_points_by_name, find_options, first_line

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from torch import nn


def names() -> list[str]:
    """Return the names of all networks: Fathom's, simplest first, then the others."""
    # dict: a name twice keeps its first place
    return list(dict.fromkeys((*read_index(), *REGISTERED, *entry_points_by_name())))


def builtin_names() -> list[str]:
    """Return the names of Fathom's own networks, simplest first."""
    return list(read_index())


def plugins() -> list[tuple[str, str]]:
    """Return the networks that installed packages provide, each with its package and version. Imports nothing."""
    found = [(name, points[0].dist) for name, points in entry_points_by_name().items()]
    return [(name, f"{dist.name} {dist.version}" if dist else "") for name, dist in found]


def is_known(name: str) -> bool:
    """Whether there is a network of this name. Imports nothing."""
    return name in read_index() or name in REGISTERED or name in entry_points_by_name() or is_imported(name)


def check_name(name: str) -> None:
    """Refuse a name that no network has. Imports nothing.

    Raises:  UsageError, with the nearest name
    """
    if is_known(name):
        return
    if is_code(name):
        raise UsageError(describe_missing(name))
    raise unknown("model", name, names())


def check_run_model(name: str, source: Path) -> None:
    """Refuse a run whose network is not there. Imports nothing: a run folder never decides what code is loaded.

    Args:
        source: the file of the run that names the network.
    Raises:  FathomError
    """
    if not is_known(name):
        raise FathomError(f"{source}: {describe_missing(name)}")


def get(name: str) -> RegisteredModel:
    """Return what is known about a network; of one from another package this imports that package.

    Raises:  UsageError for an unknown name, with the nearest one; FathomError if the package cannot be loaded
    """
    return read_index().get(name) or builder_of(name)[0]  # the index first: it needs no import


def defaults(name: str) -> dict[str, Any]:
    """Return the options that a network takes, each with its default."""
    return dict(get(name).options)


def create(
    name: str,
    *,
    input_shape: Sequence[int],
    num_classes: int,
    widths: Mapping[str, Sequence[int]] | None = None,
    seed: int | None = None,
    **options: Any,
) -> nn.Module:
    """Build a network by name.

    Args:
        seed: of the weights, which are then the same each time, and no generator moves; None draws from torch's.
        widths: layers to be narrower than the builder makes them, as pruning leaves them; see ``widths.narrow``.

    Shape:   X (N, …) -> logits (N, num_classes); … is input_shape; a network that takes tokens: see ``RecurrentNet``
    Raises:  UsageError for an unknown name or option, a value that makes no sense, an input too small for the network

    >>> create("lenet", input_shape=(1, 28, 28), num_classes=10, activation="tanh")  # doctest: +SKIP
    """
    model = get(name)
    for option in options:
        if not model.options:
            raise UsageError(f"{name} has no options; got {option!r}")
        if option not in model.options:
            raise unknown(f"option of {name}", option, model.options)
    shape = tuple(check_count("input_shape", size) for size in input_shape)
    num_classes = check_count("num_classes", num_classes)
    _, builder = builder_of(name)
    with contextlib.nullcontext() if seed is None else _seeded(seed):  # no seed: torch's state as the caller left it
        # the two share no name: options lists only what is not fixed
        net = builder(shape, num_classes, **model.fixed, **options)
    if not callable(getattr(net, "forward", None)):
        raise UsageError(f"the network {name!r}: {_where(builder)} gave {type(net).__name__}, not an nn.Module")
    if widths:  # on demand: few runs narrow a network
        importlib.import_module("fathom.models.surgery.widths").narrow(net, widths)
    return net


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Draw from a seed for the length of a ``with``; torch's generator of the CPU, where weights are made, stays."""
    import torch

    with torch.random.fork_rng(devices=[]):  # devices=[]: GPUs' generators are neither saved nor touched
        torch.default_generator.manual_seed(seed)
        yield


def builder_of(name: str) -> tuple[RegisteredModel, Callable[..., nn.Module]]:
    """Return a network and its builder; what is not imported yet, its module or its package, is imported.

    Raises:  UsageError, FathomError as ``get``
    """
    if name not in REGISTERED:
        if name in read_index():
            importlib.import_module(read_index()[name].module)
        elif is_code(name):
            check_name(name)  # its message says what is wrong; a name that passes is imported
            return find_code(name)
        else:
            check_name(name)
            REGISTERED[name] = _load(name, entry_points_by_name()[name])
    return REGISTERED[name]


def _load(name: str, points: Sequence[EntryPoint]) -> tuple[RegisteredModel, Callable[..., nn.Module]]:
    """Import the package that provides a network. Its builder need not be decorated.

    Raises:  FathomError if that fails, or two packages provide it
    """
    point, *others = points
    package = point.dist.name if point.dist else point.module
    if others:
        raise FathomError(f"the network {name!r} is provided by two packages, {package} and {others[0].module}")
    try:
        builder = point.load()
    except Exception as error:
        what = f"{type(error).__name__}: {error}"
        raise FathomError(
            f"the network {name!r} of the package {package}: cannot load {point.value} ({what})"
        ) from error
    if name in REGISTERED:  # by its decorator, while the module was imported
        return REGISTERED[name]
    for model, known in REGISTERED.values():
        if known is builder:
            return replace(model, name=name), builder  # the decorated builder under the entry point's name
    if not callable(builder):
        raise FathomError(f"the network {name!r} of the package {package}: {point.value} is not a builder")
    options = find_options(name, builder, {})
    return RegisteredModel(name, point.module, first_line(builder), options=options), builder


def _where(builder: Callable[..., Any]) -> str:
    return f"{builder.__module__}:{builder.__qualname__}"
