"""Who imports whom: no cycles, those hidden in functions included; nothing that a command does not use."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import fathom

ROOT = Path(fathom.__file__).parent


def name_of(path: Path) -> str:
    parts = ("fathom", *path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in ROOT.rglob("*.py")}


def imported_by(name: str) -> set[str]:
    """Our own modules that a file imports anywhere, but for those that only type checkers see."""
    found: set[str] = set()

    def walk(node: ast.AST) -> None:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for child in node.orelse:
                walk(child)
            return
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("fathom"):
            whole = {f"{node.module}.{alias.name}" for alias in node.names}
            found.update(whole & MODULES.keys() or {str(node.module)})
        elif isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        for child in ast.iter_child_nodes(node):
            walk(child)

    walk(ast.parse(MODULES[name].read_text(encoding="utf-8")))
    return (found & MODULES.keys()) - {name}


def cycles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the strongly connected components of more than one module (Tarjan 1972)."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        order[node] = low[node] = len(order)
        stack.append(node)
        for other in sorted(graph[node]):
            if other not in order:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], order[other])
        if low[node] == order[node]:
            component = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(component) > 1:
                found.append(sorted(component))

    for node in graph:
        if node not in order:
            visit(node)
    return found


def test_cycles_are_found():
    assert cycles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]
    assert cycles({"a": {"b"}, "b": set()}) == []


def test_there_is_no_import_cycle_not_even_inside_functions():
    assert cycles({name: imported_by(name) for name in MODULES}) == []


def run_and_list_modules(arguments: list[str], tmp_path: Path) -> tuple[set[str], set[str]]:
    """Run a command in a process of its own; return our modules and all top-level packages that it loaded."""
    code = (
        "import sys; from fathom.cli.main import main\n"
        f"code = main({arguments!r})\n"
        "names = sorted(n for n in sys.modules if n.startswith('fathom') or '.' not in n)\n"
        "print('MODULES', *names); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    names = set(done.stdout.rpartition("MODULES ")[2].split())
    return {name for name in names if name.startswith("fathom.")}, {name for name in names if "." not in name}


@pytest.mark.slow
def test_training_on_a_named_set_loads_nothing_that_it_does_not_use(tmp_path):
    arguments = ["train", "softmax", "--data", "digits", "--fast-dev-run"]
    ours, others = run_and_list_modules(arguments, tmp_path)
    foreign = {"onnx", "export", "surgery", "prune", "pruning", "tables", "table", "texts", "text"}
    foreign |= {"tuning", "series", "d2l", "book"}
    assert [name for name in sorted(ours) if set(name.split(".")) & foreign] == []
    assert others & {"onnx", "onnxruntime", "optuna", "pandas", "sklearn", "matplotlib", "torchvision"} <= {"sklearn"}


@pytest.mark.parametrize("command", ["models", "recipes", "report", "compare"])
def test_help_loads_no_torch(command, tmp_path):
    _, others = run_and_list_modules([command, "--help"], tmp_path)
    assert "torch" not in others
