"""No file, function or folder hides a second idea."""

import ast
from collections import Counter
from pathlib import Path

import fathom

ROOT = Path(fathom.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
LINES_OF_A_FILE, LINES_OF_A_FUNCTION, ARGUMENTS, FILES_OF_A_FOLDER = 400, 60, 8, 22
# With what it learns (optimiser, schedule), where (device, precision, execution), how a step is made of batches, how an
# epoch is told from the next, what is kept and shown.
# And a choice of its own for each way to compute.
ALLOWED = {"training/trainer.py:__init__": 16, "training/device.py:choose_execution": 9}
# Public names and their arguments are the book's.
BOOK = ROOT / "d2l"


def functions():
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield path.relative_to(ROOT), node


def body_lines(node: ast.FunctionDef) -> int:
    """Lines of a function without its docstring."""
    first = node.body[0]
    is_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    docstring = (first.end_lineno or 0) - first.lineno + 1 if is_docstring else 0
    return (node.end_lineno or 0) - node.lineno + 1 - docstring


def test_files_are_short():
    long = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in FILES}
    assert {name: lines for name, lines in long.items() if lines > LINES_OF_A_FILE} == {}


def test_functions_are_short():
    long = {f"{path}:{node.name}": body_lines(node) for path, node in functions()}
    assert {name: lines for name, lines in long.items() if lines > LINES_OF_A_FUNCTION} == {}


def test_functions_take_few_arguments():
    found = {}
    for path, node in functions():
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        count = sum(argument.arg not in ("self", "cls") for argument in arguments)
        name = f"{path}:{node.name}"
        if count > ALLOWED.get(name, ARGUMENTS) and BOOK not in (ROOT / path).parents:
            found[name] = count
    assert found == {}


def test_folders_are_small():
    counts = Counter(path.parent.relative_to(ROOT) for path in FILES if path.name != "__init__.py")
    assert {str(folder): count for folder, count in counts.items() if count > FILES_OF_A_FOLDER} == {}
