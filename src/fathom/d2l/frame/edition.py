"""Which edition of the helper package, new or old, a piece of code was written for."""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from fathom.errors import FathomError

MODULES = {"new": "fathom.d2l.torch", "old": "fathom.d2l.v0.torch"}
_MISSING = 10  # a name that does not exist weighs more than a call that does not fit
# Edition 1.0's package still has these, but its text never uses them: they go with the classes of the earlier editions.
_LEFTOVERS = (
    *("synthetic_data", "get_fashion_mnist_labels", "set_axes", "train_ch6", "grad_clipping", "tokenize"),
    *("truncate_pad", "load_data_nmt", "sequence_mask", "train_seq2seq", "predict_seq2seq"),
)


@dataclass
class _Uses:
    """What code takes from the package: names, and how they are called."""

    modules: set[str] = field(default_factory=set)  # what the code calls d2l.torch
    names: set[str] = field(default_factory=set)
    calls: list[tuple[str, int, tuple[str, ...]]] = field(default_factory=list)  # name, positional, keywords


def choose(sources: Sequence[str]) -> str:
    """Return new or old: the edition that ``sources`` were written for; new where either fits."""
    return find_evidence(sources) or "new"


def find_evidence(sources: Sequence[str]) -> str | None:
    """Return new or old: the edition that has the names that ``sources`` use, and takes their calls.

    Args:
        sources: plain Python in the order in which it runs; source that cannot be parsed is ignored.
    Returns:  None if both editions fit equally well
    """
    uses = _read(sources)
    misfits = {api: _count_misfits(importlib.import_module(module), uses) for api, module in MODULES.items()}
    misfits["new"] += len(uses.names.intersection(_LEFTOVERS))
    if misfits["old"] == misfits["new"]:
        return None
    return "old" if misfits["old"] < misfits["new"] else "new"


def _read(sources: Sequence[str]) -> _Uses:
    uses = _Uses()
    trees = []
    for source in sources:
        try:
            trees.append(ast.parse(source))
        except (SyntaxError, ValueError):
            continue
    nodes = [node for tree in trees for node in ast.walk(tree)]
    for node in nodes:
        _read_import(node, uses)
    direct = {name for name in uses.names if name.isidentifier()}
    for node in nodes:
        if isinstance(node, ast.Attribute) and _is_package(node.value, uses):
            uses.names.add(node.attr)
        elif isinstance(node, ast.Call):
            name = _name_of_call(node.func, uses, direct)
            is_plain = not any(isinstance(a, ast.Starred) for a in node.args) and all(k.arg for k in node.keywords)
            if name and is_plain:
                uses.calls.append((name, len(node.args), tuple(str(k.arg) for k in node.keywords)))
    return uses


def _read_import(node: ast.AST, uses: _Uses) -> None:
    if isinstance(node, ast.ImportFrom) and node.module == "d2l":
        uses.modules.update(alias.asname or alias.name for alias in node.names if alias.name == "torch")
    elif isinstance(node, ast.ImportFrom) and node.module == "d2l.torch":
        uses.names.update(alias.name for alias in node.names if alias.name != "*")
    elif isinstance(node, ast.Import):
        uses.modules.update(a.asname for a in node.names if a.name == "d2l.torch" and a.asname)


def _is_package(node: ast.expr, uses: _Uses) -> bool:
    match node:
        case ast.Name(id=name):
            return name in uses.modules
        case ast.Attribute(value=ast.Name(id="d2l"), attr="torch"):
            return True
    return False


def _name_of_call(function: ast.expr, uses: _Uses, direct: set[str]) -> str | None:
    if isinstance(function, ast.Attribute) and _is_package(function.value, uses):
        return function.attr
    if isinstance(function, ast.Name) and function.id in direct:
        return function.id
    return None


def _count_misfits(module: Any, uses: _Uses) -> int:
    known = set(dir(module))
    calls = [call for call in uses.calls if call[0] in known]
    return _MISSING * len(uses.names - known) + sum(not _fits(module, *call) for call in calls)


def _fits(module: Any, name: str, positional: int, keywords: tuple[str, ...]) -> bool:
    try:
        signature = inspect.signature(getattr(module, name))
    except (TypeError, ValueError, FathomError):  # built in, no function, or of a package that is not installed
        return True
    try:
        signature.bind(*[None] * positional, **dict.fromkeys(keywords))
    except TypeError:
        return False
    return True
