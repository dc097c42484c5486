"""Reverse accumulation: the graph of operations, and the walk back through it.

An operation leaves a ``Node``. It has an ``Edge`` to each operand that needs a gradient, with the rule that turns the
gradient of the result into the gradient of the operand. Walking back from the result, each node once, after all that
use it, is the chain rule; where two edges meet in one operand their gradients add up. Operands that need no gradient
have no edge: their branches are pruned.

Source:  notes N2, automatic differentiation; Baydin et al. 2018, arXiv:1502.05767, §3.2
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from fathom.scratch.engine.tensor import Tensor

Rule = Callable[[np.ndarray], Any]


class Memory:
    """What all views of one piece of memory share: how often it was written to, and the views that are alive."""

    __slots__ = ("version", "views")

    def __init__(self) -> None:
        self.version = 0
        self.views: list[weakref.ref[Tensor]] | None = None

    def add_view(self, view: Tensor) -> None:
        """Remember a view of this memory for as long as it lives."""
        views = self.views or []
        if len(views) & (len(views) - 1) == 0:  # at powers of two, so that many views cost little each
            views = [ref for ref in views if ref() is not None]
        self.views = views
        views.append(weakref.ref(view))

    def is_shared(self) -> bool:
        """Whether some view of this memory is alive."""
        return self.views is not None and any(ref() is not None for ref in self.views)


class Edge:
    """The way from an operation's result to one operand.

    Args:
        operand: what gets the gradient
        rule: gradient of the result -> gradient of the operand
        saved: the tensors whose values the rule uses; they must not be written to before it runs
        saves_result: whether the rule uses the result itself
    """

    __slots__ = ("needed", "operand_shape", "rule", "saved", "saves_result", "target")

    def __init__(self, operand: Tensor, rule: Rule, *saved: Tensor, saves_result: bool = False) -> None:
        # The node as it is now: a later write into the operand gives the operand another one
        self.target: Node | Tensor = operand if operand._node is None else operand._node
        self.operand_shape = operand.data.shape
        self.needed = operand.requires_grad
        self.rule: Rule | None = rule
        self.saved = [(tensor._memory, tensor._memory.version) for tensor in saved]
        self.saves_result = saves_result


class Node:
    """An operation that was carried out: its name, its result, and the edges to its operands."""

    __slots__ = ("__weakref__", "edges", "keeper", "name", "value")

    def __init__(self, name: str, value: np.ndarray, edges: list[Edge], memory: Memory) -> None:
        self.name = name
        self.value: np.ndarray | None = value  # for the image of the graph
        self.edges = edges
        self.keeper: weakref.ref[Tensor] | None = None  # the tensor whose grad is wanted though it is no leaf
        for edge in edges:
            if edge.saves_result:
                edge.saved.append((memory, memory.version))

    def check(self) -> None:
        """See that every value that the rules use is still there and still the same.

        Raises:  RuntimeError if not
        """
        for edge in self.edges:
            if edge.rule is None:
                raise RuntimeError(
                    f"backward() came to {self.name} a second time, and the first time freed the values it saved; "
                    "call backward(retain_graph=True) the first time"
                )
            for memory, version in edge.saved:
                if memory.version != version:
                    raise RuntimeError(
                        f"backward() needs a value that {self.name} saved, but it was written to in place since "
                        f"(version {memory.version}, {version} expected); write into a clone() instead"
                    )

    def free(self) -> None:
        """Let go of the saved values. Rules that saved none stay: they can run again."""
        self.value = None
        for edge in self.edges:
            if edge.saved:
                edge.rule, edge.saved = None, []


_state = threading.local()


def is_grad_enabled() -> bool:
    """Whether operations are recorded at the moment.

    Equals:  torch.is_grad_enabled
    """
    return getattr(_state, "enabled", True)


@contextmanager
def no_grad() -> Iterator[None]:
    """Record nothing inside: for evaluation and for updates of parameters. Also a decorator.

    Equals:  torch.no_grad
    """
    before = is_grad_enabled()
    _state.enabled = False
    try:
        yield
    finally:
        _state.enabled = before


def sum_to_shape(G: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Undo broadcasting: a value that was used in many places gets the sum of their gradients.

    Shape:   G (…), shape (s_1, …, s_k) from which the shape of G can be broadcast -> shape
    """
    if G.shape == shape:
        return G
    num_new = G.ndim - len(shape)
    stretched = tuple(num_new + i for i, size in enumerate(shape) if size == 1 and G.shape[num_new + i] != 1)
    return G.sum(axis=(*range(num_new), *stretched)).reshape(shape)


def walk_back(
    root: Node | Tensor, gradient: np.ndarray, retain_graph: bool = False
) -> Iterator[tuple[Node | Tensor, np.ndarray]]:
    """Go from the root to the leaves, each node once and after all that use it, and yield each with its gradient.

    There is no recursion, so a graph may be as deep as memory allows.

    Raises:  RuntimeError, before anything is yielded, if a saved value was freed or written to
    """
    num_users: dict[Node | Tensor, int] = {root: 0}
    stack = [root]
    while stack:
        node = stack.pop()
        if not isinstance(node, Node):
            continue
        node.check()
        for edge in node.edges:
            if edge.target not in num_users:
                num_users[edge.target] = 0
                stack.append(edge.target)
            num_users[edge.target] += 1

    gradients: dict[Node | Tensor, np.ndarray] = {root: gradient}
    owned: set[Node | Tensor] = set()  # gradients that are sums made here, to which more can be added in place
    ready = [root]
    while ready:
        node = ready.pop()
        G = gradients.pop(node)
        yield node, G
        if not isinstance(node, Node):
            continue
        for edge in node.edges:
            assert edge.rule is not None
            target, part = edge.target, sum_to_shape(np.asarray(edge.rule(G)), edge.operand_shape)
            if target not in gradients:
                gradients[target] = part
            elif target in owned:
                gradients[target] += part
            else:
                gradients[target] = gradients[target] + part
                owned.add(target)
            num_users[target] -= 1
            if num_users[target] == 0:
                ready.append(target)
        if not retain_graph:
            node.free()
