"""A plain file against the run that it was made of: equal data, equal initial weights."""

from __future__ import annotations

import sys
import types
from typing import Any

import torch
from torch import Tensor

from fathom.build.plan import Plan
from fathom.errors import FathomError

_NAME = "fathom_ejected"  # of the module that stands for the file while it is checked


def check_file(text: str, plan: Plan, run: str) -> None:
    """Run the code for data and network, and compare with what the run begins with.

    Raises:  FathomError naming what is not equal
    """
    module = types.ModuleType(_NAME)
    sys.modules[_NAME] = module  # dataclasses look their module up
    try:
        exec(compile(text, f"{run}: the plain file", "exec"), module.__dict__)  # what was just written, by us
        found = module.load_splits()
        weights = module.make_model().state_dict()
    except Exception as error:
        raise FathomError(
            f"{run}: cannot be ejected: its plain form fails ({type(error).__name__}: {error})"
        ) from error
    finally:
        del sys.modules[_NAME]
    for split in ("train", "val", "test"):
        _compare_split(split, found.get(split), plan, run)
    _compare_weights(weights, plan, run)


def _compare_split(split: str, found: Any, plan: Plan, run: str) -> None:
    expected = _expected(split, plan)
    if expected is None or found is None:
        if (expected is None) != (found is None) and split != "test":
            raise _different(run, f"the {split} split")
        return
    parts = found if isinstance(found, tuple) else (found,)
    for name, one, other in zip(("inputs", "targets"), parts, expected, strict=False):
        if other is None:  # images that stay in files
            continue
        if one.shape != other.shape or one.dtype != other.dtype or not torch.equal(one, other.cpu()):
            raise _different(run, f"the {name} of the {split} split", one, other)


def _expected(split: str, plan: Plan) -> tuple[Tensor | None, ...] | None:
    """Return inputs and targets of a split as the run has them; None without such a split."""
    data: Any = plan.data
    if plan.config.data.kind == "texts":
        tokens = getattr(data, split)
        return (tokens,) if len(tokens) else None
    if split not in data.splits:
        return None
    rows = data.splits[split]
    X = rows.X if rows.X is None or rows.index is None else rows.X[rows.index]
    return X, rows.labels


def _compare_weights(weights: dict[str, Tensor], plan: Plan, run: str) -> None:
    for name, value in plan.module.net.state_dict().items():
        given = weights.get(f"net.{name}")
        if given is None or given.shape != value.shape or not torch.equal(given.cpu(), value.cpu()):
            raise _different(run, f"the initial weight {name}")


def _different(run: str, what: str, one: Tensor | None = None, other: Tensor | None = None) -> FathomError:
    detail = ""
    if one is not None and other is not None:
        detail = f" ({tuple(one.shape)} {one.dtype}, the run's {tuple(other.shape)} {other.dtype})"
        if one.shape == other.shape and one.dtype == other.dtype:
            differing = (one != other.cpu()).flatten(1).any(1) if one.ndim > 1 else one != other.cpu()
            detail = f" ({int(differing.sum()):,} of {len(one):,} samples)"
    return FathomError(f"{run}: cannot be ejected: {what} would not be the run's{detail}")
