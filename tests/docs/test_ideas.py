"""The pages on ideas show the code that is there now, all of it and nothing else."""

from __future__ import annotations

import ast
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs" / "ideas").glob("*.md"))


@pytest.fixture(scope="module")
def make_ideas() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_ideas", ROOT / "docs" / "make_ideas.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_page_is_up_to_date(page: Path, make_ideas: ModuleType) -> None:
    text = page.read_text(encoding="utf-8")
    assert text == make_ideas.fill(text), "run python docs/make_ideas.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_code_stands_inside_marks_alone(page: Path, make_ideas: ModuleType) -> None:
    outside = make_ideas.MARK.sub("", page.read_text(encoding="utf-8"))
    assert "```python" not in outside


def test_index_has_every_page() -> None:
    (index,) = [page for page in PAGES if page.name == "README.md"]
    listed = re.findall(r"\]\((\w+\.md)\)", index.read_text(encoding="utf-8"))
    assert sorted([*listed, "README.md"]) == sorted(page.name for page in PAGES)


def test_every_slip_is_shown(make_ideas: ModuleType) -> None:
    tests = ast.parse((ROOT / make_ideas.SLIPS).read_text(encoding="utf-8"))
    defined = {node.name for node in tests.body if isinstance(node, ast.FunctionDef | ast.ClassDef)} - {"rng"}
    text = (ROOT / "docs" / "ideas" / "slips.md").read_text(encoding="utf-8")
    assert defined == set(re.findall(r"^(?:wrong|test): (\w+)$", text, re.MULTILINE))


def test_docstring_goes_and_code_stays(make_ideas: ModuleType) -> None:
    shown = make_ideas.find("src/fathom/scratch/layers/conv.py", "output_size")
    assert shown.startswith("def output_size(")
    assert shown.endswith("return (size + 2 * padding - kernel) // stride + 1")
    assert "Raises" not in shown


@pytest.mark.parametrize(
    "mark",
    ["scratch: conv.no_such_thing", "torch: no_such_row", "torch: equals conv.to_columns", "sratch: conv.conv2d"],
)
def test_mark_of_what_is_not_there_is_refused(mark: str, make_ideas: ModuleType) -> None:
    with pytest.raises(LookupError):
        make_ideas.fill(f"<!-- columns\n{mark}\n-->\n<!-- end -->")
