"""The tables that come from the code are those that the code gives now."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from fathom.data.sources import catalog

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def make_tables() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_tables", DOCS / "make_tables.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_networks_are_up_to_date(make_tables: ModuleType) -> None:
    text = (DOCS / "networks.md").read_text(encoding="utf-8")
    assert text == make_tables.write_networks(), "run python docs/make_tables.py"


def test_checksums_are_up_to_date(make_tables: ModuleType) -> None:
    text = (DOCS / "data.md").read_text(encoding="utf-8")
    assert text == make_tables.fill_checksums(text), "run python docs/make_tables.py"
    assert make_tables.write_checksums() in text


def test_data_sets_are_those_of_the_catalogue() -> None:
    text = (DOCS / "data.md").read_text(encoding="utf-8")
    for name in catalog.names():
        entry = catalog.describe(name)
        (row,) = re.findall(rf"^\| `{name}` \| .+ \| .+ \| .+ \| .+ \| .+ \| .+ \|$", text, re.MULTILINE)
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        shape = "×".join(map(str, entry.shape)) or "–"
        classes = str(len(entry.class_names) or "–")
        assert cells[2:6] == [f"{entry.train_size:,}", f"{entry.test_size:,}", classes, shape]
        assert cells[6] in (entry.licence, "–")
        for option in set(entry.options) - {"progress", "check"}:  # for tests and for sets of one's own
            assert f"`{option}`" in text, option
