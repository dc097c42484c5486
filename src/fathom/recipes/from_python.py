"""``fathom.train(net, data)``: any network on any data, with the run folder that the command line leaves."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fathom.build.given.data import FOLDER, Given, describe_data, loose_settings
from fathom.build.kinds.base import OnRead
from fathom.build.run import OnStart
from fathom.build.trained import TrainedRun
from fathom.errors import UsageError
from fathom.models import registry
from fathom.models.own_code import import_code, is_code, provided
from fathom.recipes import train as recipe
from fathom.settings.config import Config
from fathom.settings.settings import Settings, merge
from fathom.training.callbacks import Callback
from fathom.training.progress import TrainingProgress, is_shown

if TYPE_CHECKING:
    from torch import nn


def train(
    net: nn.Module | str | Config | Settings | Mapping[str, Any] | None = None,
    data: Any = None,
    *,
    out: str | Path = "runs",
    name: str | None = None,
    callbacks: Sequence[Callback] = (),
    progress: bool | None = None,
    log: str | Sequence[str] = (),
    **settings: Any,
) -> TrainedRun:
    """Train any network on any data; leave the run folder that ``fathom train`` leaves, and return the run.

    Args:
        net: any ``nn.Module`` that maps a batch to logits or numbers; a name, as "resnet18"; your own code by name, as
            "package.module:function"; None takes what suits the data. Or a tree of settings, and then no data:
            ``{"model": {"name": "mlp"}, "training": {"epochs": 3}}``.
        data: a folder of images, a CSV, a text, by path; a data set by name; a DataFrame (with ``target=``), or two for
            training and test; (X, y) of arrays or tensors, or two such pairs; a ``Dataset`` or ``DataLoader``, or
            (train, val) or (train, val, test) of them; a data module. Arrays and frames are kept in a file under
            ``out``/data, so that the run can be resumed and evaluated later.
        out: the folder of run folders.
        name: of the run folder; None takes the time, the network and the data.
        callbacks: further ones.
        progress: as for ``Trainer``.
        log: where the records go too: "csv", "tensorboard", "wandb", "mlflow", or several.
        settings: any setting by its own name: ``epochs=3, lr=1e-3, batch_size=64, val=0.2, seed=1, device="cpu"``;
            ``loss`` also as a function of prediction and target;
            options of the data, ``target="price"``; ``model_options={"width": 64}``; see ``docs/guide.md``.
    Raises:  UsageError, FathomError before anything is written; Diverged or Interrupted after

    >>> fathom.train("mlp", "digits", epochs=3)  # doctest: +SKIP
    """
    shown = [TrainingProgress()] if is_shown(progress) else []
    if isinstance(net, (Config, Settings, Mapping)):
        if data is not None:
            raise UsageError("a tree of settings names its data itself, data.name; leave data out")
        return _train_settings(net, {"root": out, "name": name, "log": log} | settings, [*callbacks, *shown])
    with _loss(settings.pop("loss", None)) as loss:
        return _train_given(
            net, data, settings if loss is None else settings | {"loss": loss}, (out, name, log), [*callbacks, *shown]
        )


def _train_given(
    net: Any, data: Any, settings: dict[str, Any], where: tuple[Any, str | None, Any], callbacks: Sequence[Callback]
) -> TrainedRun:
    """Train what is not a tree of settings; ``where`` is out, name and log."""
    out, name, log = where
    tree = loose_settings(settings)
    given = describe_data(data, Path(out) / FOLDER, tree) if data is not None else Given({})
    merge(tree, {"data": given.settings} if given.settings else {})
    with _network(net) as model:
        if model is not None:  # else what suits the data is chosen when the tree is resolved
            merge(tree, {"model": {"name": model}})
        on_start = _adding(callbacks)
        return recipe.train(Settings(tree), root=out, name=name, contents=given.contents, on_start=on_start, log=log)


def resume(
    run: str | Path,
    *,
    net: nn.Module | str | None = None,
    data: Any = None,
    on_start: OnStart | None = None,
    on_read: OnRead | None = None,
    progress: bool | None = None,
    log: str | Sequence[str] = (),
    loss: Any = None,
) -> TrainedRun:
    """Resume a stopped run from its newest intact checkpoint, exact to the bit.

    Args:
        run: the run folder, its name in ``runs/``, or "last", the newest that can be resumed.
        net: the network again, where it was an object, or its code by name.
        data: the data set or loaders again, where they were given from Python.
        on_start: called before the first step, with the finished plan; may return further callbacks.
        on_read: called with (files read, files in all) while images are decoded.
        progress, log: as for ``train``.
        loss: the function again, where it was one.
    Raises:  FathomError if the run is finished, still running, not a run, or has no usable checkpoint
    """
    # no settings: the run's own config.yaml has them
    contents = None if data is None else describe_data(data, Path(run).parent / FOLDER, {}).contents
    shown = [TrainingProgress()] if is_shown(progress) and on_start is None else []
    with _network(net), _loss(loss):
        return recipe.resume(run, contents=contents, on_start=on_start or _adding(shown), on_read=on_read, log=log)


def _train_settings(
    settings: Config | Settings | Mapping[str, Any], options: dict[str, Any], callbacks: Sequence[Callback]
) -> TrainedRun:
    """Train as a tree of settings says; ``options`` are those of ``recipes.train``."""
    # arguments of recipes.train, and not settings
    known = ("root", "name", "contents", "on_start", "on_read", "command", "log")
    for option in options:
        if option not in known:
            raise UsageError(f"{option} is given beside a tree of settings; write it into the tree")
    return recipe.train(settings, **options | {"on_start": _adding(callbacks, options.get("on_start"))})


def _adding(callbacks: Sequence[Callback], first: OnStart | None = None) -> OnStart:
    return lambda run: [*(first(run) if first else ()), *callbacks]  # the caller's own hook first, then the callbacks


def _loss(loss: Any) -> contextlib.AbstractContextManager[str | None]:
    """Return a context in which a loss, where it is a function, has a name."""
    if loss is None or not callable(loss):
        return contextlib.nullcontext(loss)
    from fathom.losses import provided_loss

    return provided_loss(loss)


@contextlib.contextmanager
def _network(net: Any) -> Iterator[str | None]:
    """Give the name that stands for a network while it is trained.

    Raises:  UsageError for what is none
    """
    if net is None:
        yield None
        return
    if isinstance(net, str):
        yield import_code(net) if is_code(net) else net
        return
    from torch import nn

    from fathom.module import Module

    if isinstance(net, Module):
        raise UsageError(
            f"fathom.train wraps a network itself: give the network, {type(net).__name__}.net; a module with steps of "
            "its own is trained by Trainer().fit(module, data)"
        )
    if not isinstance(net, nn.Module):
        what = f"the class {net.__name__}; make one: {net.__name__}(…)" if isinstance(net, type) else type(net).__name__
        raise UsageError(f"net: an nn.Module or a name is expected, not {what}")
    name = type(net).__name__
    if registry.is_known(name):  # a class called mlp is not Fathom's
        name = f"{name}_"
    with provided(net, name):
        yield name
