"""Arithmetic written as text, such as ``1 / (1 + step / 100)``, turned into a function without running any code.

The text is parsed to a syntax tree; only the nodes listed here are accepted, everything else is refused by name.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

from fathom.errors import UsageError, unknown

MAX_LENGTH = 300  # characters; far more than any formula, far less than the parser's limits

CONSTANTS = {"pi": math.pi, "e": math.e}
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": abs,
    "ceil": math.ceil,
    "cos": math.cos,
    "exp": math.exp,
    "floor": math.floor,
    "log": math.log,
    "max": max,
    "min": min,
    "sin": math.sin,
    "sqrt": math.sqrt,
}
_BINARY: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_UNARY: dict[type[ast.unaryop], Callable[[float], float]] = {ast.UAdd: operator.pos, ast.USub: operator.neg}
_COMPARE: dict[type[ast.cmpop], Callable[[float, float], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}

# the variables of a call by name
Values = Mapping[str, float]
# a piece of the expression, as a function of the variables
Node = Callable[[Values], float]


def parse_expression(text: str, variables: tuple[str, ...]) -> Callable[[Values], float]:
    """Turn arithmetic into a function of its variables.

    Accepted: numbers, the ``variables``, ``pi`` and ``e``; ``+ - * / // % **``; comparisons and ``a if b else c``;
    abs ceil cos exp floor log max min sin sqrt. Nothing else, so a text from anywhere is safe to open.

    >>> parse_expression("1 / (1 + step / 4)", ("step",))({"step": 4.0})
    0.5

    Raises:  UsageError if the text is not such an expression
    """
    if len(text) > MAX_LENGTH:
        raise UsageError(f"expression of {len(text)} characters is too long; at most {MAX_LENGTH}")
    try:
        # ast.parse only reads: nothing is compiled or run
        return _build(ast.parse(text.strip(), mode="eval").body, text, variables)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # the last two: nested too deep for the parser
        raise UsageError(f"cannot read the expression {text!r}; write arithmetic of {', '.join(variables)}") from None


def _build(node: ast.expr, text: str, variables: tuple[str, ...]) -> Node:
    def build(child: ast.expr) -> Node:
        return _build(child, text, variables)

    match node:
        # True matches int().
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            # Floats only: 9**9**9 on Python's integers would fill the memory, on floats it overflows at once.
            # 1e300: an integer literal past the range of floats would raise OverflowError
            value = float(number) if abs(number) < 1e300 else math.inf
            return lambda values: value
        case ast.Name(id=name) if name in variables:  # variables before constants, so that a variable may be called e
            return lambda values: values[name]
        case ast.Name(id=name) if name in CONSTANTS:
            constant = CONSTANTS[name]
            return lambda values: constant
        case ast.Name(id=name):
            raise unknown(f"name in the expression {text!r}:", name, (*variables, *CONSTANTS, *FUNCTIONS))
        case ast.UnaryOp(op=op, operand=operand) if type(op) in _UNARY:
            unary, inner = _UNARY[type(op)], build(operand)
            return lambda values: unary(inner(values))  # closures: the tree is walked once, each step only calls them
        case ast.BinOp(left=left_node, op=op, right=right_node) if type(op) in _BINARY:
            binary, left, right = _BINARY[type(op)], build(left_node), build(right_node)
            return lambda values: binary(left(values), right(values))
        # One comparison: a chain such as 0 < step < 9 is refused.
        case ast.Compare(left=left_node, ops=[op], comparators=[right_node]) if type(op) in _COMPARE:
            compare, left, right = _COMPARE[type(op)], build(left_node), build(right_node)
            return lambda values: compare(left(values), right(values))
        case ast.IfExp(test=test_node, body=body_node, orelse=other_node):
            test, body, other = build(test_node), build(body_node), build(other_node)
            return lambda values: body(values) if test(values) else other(values)
        # keywords=[]: keyword arguments are refused, and func must be a plain name: no attributes
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
            if name not in FUNCTIONS:
                raise unknown(f"function in the expression {text!r}:", name, FUNCTIONS)
            function, arguments = FUNCTIONS[name], [build(arg) for arg in args]
            return lambda values: function(*[argument(values) for argument in arguments])
        case _:
            raise UsageError(f"{type(node).__name__} is not allowed in the expression {text!r}; only arithmetic is")
