"""The source of functions and classes, with all that they need of Fathom's, in an order in which it can be run.

Only what is used is taken: starting from the roots, every name in a definition is followed to where it is defined,
through Fathom's imports. What comes from other packages stays an import.
"""

from __future__ import annotations

import ast
import builtins
import importlib.util
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from fathom.errors import FathomError

_PACKAGE = "fathom"
_DROPPED = ("register_model",)  # decorators that only tell Fathom of a definition
# what a file of its own says more plainly: errors, checks of options that were checked already, the initialisations
# that builders use
_STAND_INS = {
    ("fathom.errors", "UsageError"): "UsageError = ValueError  # for options that make no sense",
    ("fathom.errors", "FathomError"): "FathomError = ValueError",
    ("fathom.errors", "unknown"): 'def unknown(kind, name, known):\n    return ValueError(f"unknown {kind} {name!r}")',
    ("fathom.models.options", "check_image"): "def check_image(model, input_shape, minimum=1):\n"
    "    return tuple(input_shape)  # (C, H, W)",
    ("fathom.models.options", "check_choice"): "def check_choice(option, value, known):\n    return value",
    ("fathom.models.options", "check_flag"): "def check_flag(option, value):\n    return value",
    ("fathom.models.options", "check_count"): "def check_count(option, value):\n    return value",
    ("fathom.models.options", "check_probability"): "def check_probability(option, value):\n    return value",
    ("fathom.models.initializers", "initialize"): """def initialize(net, rule):
    \"\"\"Fill weights of two or more dimensions by a rule of torch.nn.init; the biases beside them become zero.\"\"\"
    done = set()
    for pattern, chosen in ({"*": rule} if isinstance(rule, str) else rule).items():
        name, _, number = chosen.partition(":")
        fill = getattr(nn.init, f"{name}_")
        options = {"std": float(number or 0.01)} if name == "normal" else {}
        for path, layer in net.named_modules():
            own = dict(layer.named_parameters(recurse=False))
            if path in done or not fnmatchcase(path, pattern) or all(p.dim() < 2 for p in own.values()):
                continue
            done.add(path)
            for key, parameter in own.items():
                nn.init.zeros_(parameter) if "bias" in key else fill(parameter, **options)""",
}
_STAND_IN_IMPORTS = {"initialize": {"from fnmatch import fnmatchcase", "from torch import nn"}}


@dataclass
class Collected:
    """Definitions and imports of a file that is being put together.

    Attributes:
        imports: lines of import.
        definitions: by name, in an order in which each stands behind what it needs.
    """

    imports: set[str] = field(default_factory=set)
    definitions: dict[str, str] = field(default_factory=dict)
    homes: dict[str, str] = field(default_factory=dict)  # the module that each comes from

    def add(self, module: str, name: str) -> None:
        """Take a definition of a module of Fathom's, and what it needs.

        Raises:  FathomError if two different ones have the same name, or a name cannot be followed
        """
        if name in self.homes:
            if self.homes[name] != module:
                raise FathomError(f"two definitions are called {name}: of {self.homes[name]} and {module}")
            return
        self.homes[name] = module
        if (module, name) in _STAND_INS:
            self.definitions[name] = _STAND_INS[module, name]
            self.imports |= _STAND_IN_IMPORTS.get(name, set())
            return
        source = _read(module)
        node = source.nodes.get(name)
        if node is None:
            raise FathomError(f"{module} has no {name}")
        for used in _names(node, source):
            self._follow(source, used)
        for imported in (part for part in ast.walk(node) if isinstance(part, (ast.Import, ast.ImportFrom))):
            if isinstance(imported, ast.ImportFrom) and (imported.module or "").startswith(_PACKAGE):
                raise FathomError(f"{module}: {name} imports {imported.module} where it is called")
        self.definitions[name] = source.text(node)

    def _follow(self, source: _Source, name: str) -> None:
        if name in source.nodes:
            if name not in self.homes:
                self.add(source.module, name)
        elif name in source.imports:
            module, original, line = source.imports[name]
            if not module.startswith(_PACKAGE):
                self.imports.add(line)
            elif original != name:
                raise FathomError(f"{source.module}: {original} goes by another name, {name}")
            else:
                self.add(module, original)
        elif not hasattr(builtins, name):
            return  # a local name: argument, variable, comprehension


class _Source:
    """A module of Fathom's as text, its top-level definitions and its imports by name."""

    def __init__(self, module: str) -> None:
        self.module = module
        spec = importlib.util.find_spec(module)
        if spec is None or not spec.origin:
            raise FathomError(f"the source of {module} is not there")
        self.lines = Path(spec.origin).read_text(encoding="utf-8").splitlines()
        self.nodes: dict[str, ast.stmt] = {}
        self.imports: dict[str, tuple[str, str, str]] = {}
        for node in ast.parse("\n".join(self.lines)).body:
            self._take(node)

    def _take(self, node: ast.stmt) -> None:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            self.nodes[node.name] = node
        elif isinstance(node, ast.Assign):
            self.nodes |= {target.id: node for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            self.nodes[node.target.id] = node
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                written = alias.name + (f" as {alias.asname}" if alias.asname else "")
                line = f"from {node.module} import {written}"
                self.imports[alias.asname or alias.name] = (node.module or "", alias.name, line)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                line = f"import {alias.name}" + (f" as {alias.asname}" if alias.asname else "")
                self.imports[(alias.asname or alias.name).partition(".")[0]] = (alias.name, alias.name, line)

    def is_dropped(self, decorator: ast.AST) -> bool:
        """Whether a decorator only tells Fathom of a definition, by itself or as a partial of one that does."""
        name = decorator.func.id if isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Name) else ""
        made = self.nodes.get(name)
        return name in _DROPPED or (
            made is not None and any(isinstance(part, ast.Name) and part.id in _DROPPED for part in ast.walk(made))
        )

    def text(self, node: ast.stmt) -> str:
        """Return the lines of a definition, with the comments right above it, without decorators that are dropped."""
        first = node.lineno
        kept: list[str] = []
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            for decorator in node.decorator_list:
                first = min(first, decorator.lineno)
                if not self.is_dropped(decorator):
                    kept += self.lines[decorator.lineno - 1 : decorator.end_lineno]
        above = first - 1
        while above and self.lines[above - 1].startswith("#"):
            above -= 1
        comments = self.lines[above : first - 1]
        return "\n".join([*comments, *kept, *self.lines[node.lineno - 1 : node.end_lineno]])


@cache
def _read(module: str) -> _Source:
    return _Source(module)


def _names(node: ast.stmt, source: _Source) -> list[str]:
    """Return the names that a definition reads when it is run, in order: not those in annotations."""
    found: list[str] = []

    def visit(part: ast.AST) -> None:
        if isinstance(part, ast.Name):
            found.append(part.id)
        for name, value in ast.iter_fields(part):
            if name in ("annotation", "returns"):  # never evaluated, under `from __future__ import annotations`
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST) and not (name == "decorator_list" and source.is_dropped(child)):
                    visit(child)

    visit(node)
    return list(dict.fromkeys(found))
