"""``from fathom.d2l.v0 import torch as d2l``: the helper package of the book's earlier editions."""

from __future__ import annotations

from typing import Any

from fathom.d2l.extension import redirect, unload_ipython_extension

__all__ = ["load_ipython_extension", "unload_ipython_extension"]


def load_ipython_extension(shell: Any) -> None:
    """Let ``import d2l`` in a notebook mean the earlier editions' package: ``%load_ext fathom.d2l.v0``."""
    redirect("old")
