"""Reverse accumulation: the graph of operations, and the walk back through it.

An operation leaves a ``Node``. It has an ``Edge`` to each operand that needs a gradient, with the rule that turns the
gradient of the result into the gradient of the operand. Walking back from the result, each node once, after all that
use it, is the chain rule; where two edges meet in one operand their gradients add up. Operands that need no gradient
have no edge: their branches are pruned.

An edge also has the rule of the other direction, from the tangent of the operand to that of the result, which forward
accumulation needs. Where it is missing a tangent is refused, never dropped.

Source:  notes N2, automatic differentiation; Baydin et al. 2018, arXiv:1502.05767, §3.2
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np

from fathom.scratch.engine.moving import as_entries

if TYPE_CHECKING:
    from fathom.scratch.engine.recorded import Recorded

Rule = Callable[[np.ndarray], Any]


class Memory:
    """What all views of one piece of memory share: how often it was written to, and the views that are alive."""

    __slots__ = ("version", "views")

    def __init__(self) -> None:
        self.version = 0  # goes up with every write in place
        self.views: list[weakref.ref[Recorded]] | None = None  # made with the first view: most tensors never have one

    def add_view(self, view: Recorded) -> None:
        """Remember a view of this memory for as long as it lives."""
        views = self.views or []
        if len(views) & (len(views) - 1) == 0:  # at powers of two, so that many views cost little each
            views = [ref for ref in views if ref() is not None]
        self.views = views
        views.append(weakref.ref(view))

    def is_shared(self) -> bool:
        """Return whether some view of this memory is alive."""
        return self.views is not None and any(ref() is not None for ref in self.views)


class Edge:
    """The way between an operation's result and one operand, in both directions.

    With J the derivative of the result by the operand, a matrix with a row for each entry of the result:

    Args:
        operand: what gets the gradient, and what a tangent comes from
        back: gradient of the result -> gradient of the operand, GJ; it runs when ``backward()`` comes by
        saved: the tensors whose values the way back uses; they must not be written to before it runs
        push: tangent of the operand -> tangent of the result, JT; it runs at once if the operand has a tangent. Either
            may give a shape that is still to be summed, or stretched, to the right one.
        saves_result: whether the way back uses the result itself

    Raises:  NotImplementedError if the operand has a tangent and there is no way forward: it is never dropped
    """

    __slots__ = ("needed", "operand_shape", "rule", "saved", "saves_result", "tangent", "target")

    def __init__(
        self, operand: Recorded, back: Rule, *saved: Recorded, push: Rule | None = None, saves_result: bool = False
    ) -> None:
        # The node as it is now: a later write into the operand gives the operand another one
        self.target: Node | Recorded = operand if operand._node is None else operand._node
        self.operand_shape = operand.data.shape  # to which a broadcast gradient is summed
        self.needed = operand._requires_grad  # edges that are not needed are not kept
        self.rule: Rule | None = back
        self.tangent: np.ndarray | None = None
        if operand._tangent is not None:
            if push is None:
                raise NotImplementedError("an operation has no forward rule: give its Edge push=, or use both_ways()")
            self.tangent = push(operand._tangent)
        self.saved = [(tensor._memory, tensor._memory.version) for tensor in saved] if saved else []
        self.saves_result = saves_result


def both_ways(operand: Recorded, rule: Rule, *saved: Recorded, saves_result: bool = False) -> Edge:
    """Make an edge whose J is symmetric, so that one rule serves both ways: of every function entry by entry J is
    diagonal, and the rule multiplies by the diagonal."""
    return Edge(operand, rule, *saved, push=rule, saves_result=saves_result)


def push_all(edges: Sequence[Edge], shape: tuple[int, ...]) -> np.ndarray:
    """Return the tangent of a result: the sum of what its edges pushed, stretched to its shape.

    Shape:   -> (n',); any shape
    """
    parts = [edge.tangent for edge in edges if edge.tangent is not None]
    total = parts[0]
    for part in parts[1:]:
        total = total + part  # not in place: a part may be the memory of an operand
    return as_entries(np.broadcast_to(total, shape).copy())  # memory of its own: a write must not reach another tangent


class Node:
    """An operation that was carried out: its name, its result, and the edges to its operands."""

    __slots__ = ("__weakref__", "edges", "keeper", "name", "value")

    def __init__(self, name: str, value: np.ndarray, edges: list[Edge], memory: Memory) -> None:
        self.name = name
        self.value: np.ndarray | None = value  # for the image of the graph
        self.edges = edges  # to those operands only that need a gradient
        self.keeper: weakref.ref[Recorded] | None = None  # the tensor whose grad is wanted though it is no leaf
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
                edge.rule, edge.saved = None, []  # lets go of the arrays that the rule holds


_state = threading.local()  # each thread records for itself


def is_grad_enabled() -> bool:
    """Return whether operations are recorded at the moment.

    Equals:  torch.is_grad_enabled
    """
    return getattr(_state, "enabled", True)


@contextmanager
def no_grad() -> Iterator[None]:
    """Record nothing inside: for evaluation and for updates of parameters. Also a decorator. Tangents go on.

    Equals:  torch.no_grad
    """
    before = is_grad_enabled()  # so that blocks may stand in one another
    _state.enabled = False
    try:
        yield
    finally:
        _state.enabled = before


_levels = count(1)  # one for each derivative that is begun: a later one is further in


def _active() -> list[tuple[str, int, bool]]:
    """Return the derivatives that are being taken, the innermost last: name, level, whether it goes backwards."""
    if not hasattr(_state, "derivatives"):
        _state.derivatives = []
    return _state.derivatives


def level() -> int:
    """Return the level of the innermost derivative that is being taken; 0 outside."""
    active = _active()
    return active[-1][1] if active else 0


def refuse_inside(name: str, reverse_only: bool = False) -> None:
    """Refuse a derivative inside the function that is being differentiated.

    The gradients of a walk back are numbers, not recorded operations: what is taken inside another walk back would
    count as constant, and so would differences. Forward mode goes through them, see ``moving``.

    Raises:  RuntimeError if a derivative is being taken; with ``reverse_only``, if the innermost goes backwards
    """
    active = _active()
    if active and (active[-1][2] or not reverse_only):
        raise RuntimeError(
            f"{name}() inside {active[-1][0]}(): this derivative of a derivative is not supported; take the outer one "
            "forward, with jvp(), hvp(), hessian() or mode='forward', and the inner one with gradient() or any of these"
        )


@contextmanager
def derivative(name: str, reverse: bool) -> Iterator[None]:
    """Say that a function is being differentiated by ``name``; derivatives inside it are further in by one level."""
    refuse_inside(name, reverse_only=True)
    active = _active()
    active.append((name, next(_levels), reverse))
    try:
        yield
    finally:
        active.pop()


def sum_to_shape(G: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Undo broadcasting: a value that was used in many places gets the sum of their gradients.

    Shape:   G (N, …) -> (1, …); to any shape that stretches to that of G
    """
    if G.shape == shape:
        return G
    num_new = G.ndim - len(shape)  # axes that broadcasting put in front
    stretched = tuple(num_new + i for i, size in enumerate(shape) if size == 1 and G.shape[num_new + i] != 1)
    return G.sum(axis=(*range(num_new), *stretched)).reshape(shape)


def walk_back(
    root: Node | Recorded, gradient: np.ndarray, retain_graph: bool = False
) -> Iterator[tuple[Node | Recorded, np.ndarray]]:
    """Go from the root to the leaves, each node once and after all that use it, and yield each with its gradient.

    There is no recursion, so a graph may be as deep as memory allows.
    Shape:   gradient (…) ->; of the root's shape; each is yielded with one of its own

    Raises:  RuntimeError, before anything is yielded, if a saved value was freed or written to
    """
    # How many edges are still to be walked before a node has its whole gradient
    num_users: dict[Node | Recorded, int] = {root: 0}
    stack = [root]  # no recursion: a graph may be 20,000 deep
    while stack:
        node = stack.pop()
        if not isinstance(node, Node):
            continue
        node.check()  # all before the first rule runs: an error leaves every grad as it was
        for edge in node.edges:
            if edge.target not in num_users:
                num_users[edge.target] = 0
                stack.append(edge.target)
            num_users[edge.target] += 1

    gradients: dict[Node | Recorded, np.ndarray] = {root: gradient}
    owned: set[Node | Recorded] = set()  # gradients that are sums made here, to which more can be added in place
    ready = [root]  # those whose users are all done
    while ready:
        node = ready.pop()
        G = gradients.pop(node)  # nobody else needs it: it may go as soon as its rules ran
        yield node, G
        if not isinstance(node, Node):
            continue
        for edge in node.edges:
            assert edge.rule is not None
            target, part = edge.target, sum_to_shape(as_entries(edge.rule(G)), edge.operand_shape)
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
