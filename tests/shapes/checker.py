"""Check the ``Shape:`` line of a docstring against a real call. Load it by path, as tests/shapes/test_shapes.py does.

The grammar::

    Shape:   X (N, D), W (D, K), b (K,) -> (N, K)
    Shape:   X int64 (steps, N), state (layers, N, hidden) -> logits (steps, N, K), state (layers, N, hidden)
    Shape:   X (N, C, H, W) -> (N, C, H/2, W/2); H and W even
    Shape:   prediction (N, …), target (N, …) -> ()

- Tensors are separated by commas, in the order of the call; before each may stand words: its name, what it holds, its
  type. A type (``int64``, ``uint8``, ``float32``, ``bool`` …) is checked too. A function that takes no tensors has
  nothing before the arrow, one that gives none has nothing after it.
- A dimension is a whole number, a name, or an expression in names: ``1 + C``, ``4·C``, ``2N``, ``H/2`` (which must
  come out even), ``H//2`` (rounded down), ``⌈H/2⌉`` (rounded up).
- ``…`` stands for any number of dimensions, the same ones everywhere in the line; ``…'`` for others, which the inputs
  do not tell; ``()`` is a scalar.
- A name is bound where it first stands among the inputs, or by ``Call.sizes``: ``num_classes``, a kernel's width. From
  there on it must agree. A name that the inputs and sizes do not tell has a prime, ``H'``: it is bound where it first
  stands among the outputs.
- After a semicolon may follow a remark, which nobody checks. The line may run over several, indented further.

Names and annotations decide who needs the line: ``members`` finds the public functions that take or give a
``Tensor``, classes with such a ``forward`` or ``__call__``, other public methods of this kind, and functions that build
a network or a layer, whose line is that of what they build.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

TYPES = ("bool", "uint8", "int32", "int64", "float32", "float64")
_ITEM = re.compile(r"(?P<words>[^(),;]*)\((?P<dims>(?:[^()]|\([^()]*\))*)\)")


class ShapeError(AssertionError):
    """A line that cannot be read, or that is not true."""


@dataclass
class Call:
    """One real call: what went in, what came out, and the sizes that only options tell.

    Attributes:
        inputs: the tensors, in the order of the line; None for an optional one that is left out.
        output: a tensor, a number, or nested tuples and lists of them.
        sizes: name of a dimension: its size.
    """

    inputs: Sequence[Any]
    output: Any
    sizes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Array:
    """One tensor of a line: the words before it, and its dimensions as written."""

    words: str
    dims: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.words} ({', '.join(self.dims)})".strip()


# Who needs a line ---------------------------------------------------------------------------------------------------


def members(modules: Iterable[str]) -> dict[str, Any]:
    """Return what needs a ``Shape:`` line in these modules, by ``module:name`` or ``module:class.method``."""
    found: dict[str, Any] = {}
    for module_name in modules:
        module = importlib.import_module(module_name)
        for name, value in vars(module).items():
            if name.startswith("_") or getattr(value, "__module__", None) != module_name:
                continue
            if inspect.isclass(value):
                found |= {f"{module_name}:{key}": part for key, part in _members_of_class(name, value).items()}
            elif inspect.isfunction(value) and (_is_on_tensors(value) or _builds_network(value)):
                found[f"{module_name}:{name}"] = value
    return found


def _members_of_class(name: str, kind: type) -> dict[str, Any]:
    if getattr(kind, "_is_protocol", False):
        return {}
    found: dict[str, Any] = {}
    for key, value in vars(kind).items():
        method = value.__func__ if isinstance(value, (staticmethod, classmethod)) else value
        if not inspect.isfunction(method) or not _is_on_tensors(method):
            continue
        if key in ("forward", "__call__"):
            found[name] = kind
        elif not key.startswith("_"):
            found[f"{name}.{key}"] = method
    return found


def _is_on_tensors(function: Callable[..., Any]) -> bool:
    return any(re.search(r"\bTensor\b", str(note)) for note in function.__annotations__.values())


def _builds_network(function: Callable[..., Any]) -> bool:
    notes = {key: str(note) for key, note in function.__annotations__.items()}
    makes_one = re.fullmatch(r"nn\.\w+", notes.pop("return", "")) is not None
    return makes_one and not any("nn.Module" in note for note in notes.values())


# The line -----------------------------------------------------------------------------------------------------------


def shape_line(member: Any) -> str:
    """Return what follows ``Shape:`` in the docstring, of a class also in that of its ``forward`` or ``__call__``.

    Raises:  ShapeError if there is none
    """
    sources = [member]
    if inspect.isclass(member):
        sources += [vars(member)[name] for name in ("forward", "__call__") if name in vars(member)]
    for source in sources:
        lines = inspect.cleandoc(source.__doc__ or "").splitlines()
        for number, line in enumerate(lines):
            if line.lstrip().startswith("Shape:"):
                indent = len(line) - len(line.lstrip())
                text = [line.strip().removeprefix("Shape:")]
                for further in lines[number + 1 :]:
                    if not further.strip() or len(further) - len(further.lstrip()) <= indent:
                        break
                    text.append(further.strip())
                return " ".join(text).strip()
    raise ShapeError("no Shape: line in the docstring")


def parse(line: str) -> tuple[list[Array], list[Array]]:
    """Read a line as inputs and outputs.

    >>> parse("X (N, D) -> (N,)")[1]
    [Array(words='', dims=('N',))]
    """
    inputs, arrow, outputs = line.partition("; ")[0].partition("->")
    if not arrow:
        raise ShapeError(f"no arrow in {line!r}")
    return _parse_arrays(inputs, line), _parse_arrays(outputs, line)


def _parse_arrays(text: str, line: str) -> list[Array]:
    arrays: list[Array] = []
    rest = text.strip()
    while rest:
        match = _ITEM.match(rest)
        if match is None:
            raise ShapeError(f"expected NAME (DIMS) at {rest!r} in {line!r}")
        dims = tuple(dim.strip() for dim in match["dims"].split(",") if dim.strip())
        if sum(_is_ellipsis(dim) for dim in dims) > 1:
            raise ShapeError(f"two … in one tensor in {line!r}")
        arrays.append(Array(match["words"].strip(), dims))
        rest = rest[match.end() :].strip()
        if rest and not rest.startswith(","):
            raise ShapeError(f"expected a comma at {rest!r} in {line!r}; a remark follows '; '")
        rest = rest[1:].strip()
    return arrays


# The check ----------------------------------------------------------------------------------------------------------


def check(member: Any, call: Call) -> None:
    """Compare the member's line with a call of it.

    Raises:  ShapeError
    """
    line = shape_line(member)
    inputs, outputs = parse(line)
    given, results = list(call.inputs), flatten(call.output)
    for what, arrays, values in (("inputs", inputs, given), ("outputs", outputs, results)):
        if len(arrays) != len(values):
            raise ShapeError(f"{len(arrays)} {what} in {line!r}, {len(values)} in the call")
    sizes: dict[str, Any] = dict(call.sizes)
    present = [(array, value) for array, value in zip(inputs, given, strict=True) if value is not None]
    for array, value in present:
        _bind(array, value, sizes, line, may_bind=lambda name: True)
    for array, value in present:
        _compare(array, value, sizes, line)
    for array, value in zip(outputs, results, strict=True):
        _bind(array, value, sizes, line, may_bind=lambda name: name.endswith("'"))
        _compare(array, value, sizes, line)


def _is_ellipsis(dim: str) -> bool:
    return dim.rstrip("'") == "…"


def flatten(output: Any) -> list[Any]:
    """Return the tensors of an output in order; None is no output."""
    if output is None:
        return []
    if isinstance(output, (tuple, list)):
        return [tensor for part in output for tensor in flatten(part)]
    return [output]


def _shape(value: Any) -> tuple[int, ...]:
    return tuple(int(size) for size in getattr(value, "shape", ()))


def _aligned(array: Array, value: Any, line: str) -> list[tuple[str, Any]]:
    """Pair each dimension as written with its size; … with the tuple of those it stands for."""
    shape, dims = _shape(value), array.dims
    first = next((number for number, dim in enumerate(dims) if _is_ellipsis(dim)), None)
    if first is None:
        if len(dims) != len(shape):
            raise ShapeError(f"{array} is {shape} in the call, by {line!r}")
        return list(zip(dims, shape, strict=True))
    num_after = len(dims) - first - 1
    if len(shape) < len(dims) - 1:
        raise ShapeError(f"{array} is {shape} in the call, by {line!r}")
    last = len(shape) - num_after
    return [*zip(dims[:first], shape), (dims[first], shape[first:last]), *zip(dims[first + 1 :], shape[last:])]  # noqa: B905


def _bind(array: Array, value: Any, sizes: dict[str, Any], line: str, may_bind: Callable[[str], bool]) -> None:
    for dim, size in _aligned(array, value, line):
        if re.fullmatch(r"(…|[^\W\d]\w*)'*", dim) and may_bind(dim):
            sizes.setdefault(dim, size)


def _compare(array: Array, value: Any, sizes: Mapping[str, Any], line: str) -> None:
    for dim, size in _aligned(array, value, line):
        if _is_ellipsis(dim) and dim not in sizes:
            raise ShapeError(f"nothing tells the {dim} of {array} in {line!r}")
        expected = sizes[dim] if _is_ellipsis(dim) else evaluate(dim, sizes, line)
        if expected != size:
            raise ShapeError(f"{dim} of {array} is {size} and not {expected} in the call, by {line!r}")
    for word in array.words.split():
        if word in TYPES and not str(getattr(value, "dtype", "")).endswith(word):
            raise ShapeError(f"{array} is {getattr(value, 'dtype', type(value))} in the call, by {line!r}")


_OPERATIONS: dict[type, Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
}


def evaluate(dim: str, sizes: Mapping[str, Any], line: str) -> int:
    """Return the size that a dimension as written must have.

    >>> evaluate("2·H'/3", {"H'": 6}, "")
    4
    """
    dim = re.sub(r"⌈(.+?)/(\w+)⌉", r"-(-(\1)//\2)", dim)
    text = re.sub(r"(?<!\w)(\d+)(?=[^\W\d_])", r"\1*", dim.replace("·", "*").replace("−", "-"))
    try:
        tree = ast.parse(text.replace("'", "ʹ"), mode="eval")
    except SyntaxError:
        raise ShapeError(f"the dimension {dim!r} of {line!r} cannot be read") from None

    def value(node: ast.AST) -> int:
        if isinstance(node, ast.Constant) and isinstance(node.value, int):
            return node.value
        if isinstance(node, ast.Name):
            name = node.id.replace("ʹ", "'")
            if name not in sizes:
                raise ShapeError(f"nothing tells {name} of {line!r}: name it in sizes, or write {name}'")
            return sizes[name]
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return -value(node.operand)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            quotient, remainder = divmod(value(node.left), value(node.right))
            if remainder:
                raise ShapeError(f"{dim} of {line!r} is no whole number in the call")
            return quotient
        if isinstance(node, ast.BinOp) and type(node.op) in _OPERATIONS:
            return _OPERATIONS[type(node.op)](value(node.left), value(node.right))
        raise ShapeError(f"the dimension {dim!r} of {line!r} cannot be read")

    return value(tree.body)
