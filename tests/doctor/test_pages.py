"""The pages of the doctor are those of its catalogue, and the example on the first of them is true."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from fathom.doctor import runner
from fathom.doctor.catalog import CATALOG
from fathom.doctor.make_pages import page_of, read_examples, table
from fathom.findings import SEVERITIES, Findings

DOCS = Path(__file__).parents[2] / "docs" / "doctor"


def test_there_is_a_page_for_each_fault_as_the_catalogue_says():
    names = {path.stem for path in DOCS.glob("*.md")} - {"README"}
    assert names == set(CATALOG)
    examples = read_examples(DOCS)
    assert set(examples) <= set(CATALOG)
    pages = {code: page_of(CATALOG[code], examples.get(code)) for code in CATALOG}
    assert [code for code, page in pages.items() if (DOCS / f"{code}.md").read_text() != page] == []
    assert table() in (DOCS / "README.md").read_text()
    assert {entry.severity for entry in CATALOG.values()} == set(SEVERITIES)


def test_figures_are_those_of_the_pages_and_small():
    shown = {code for code, example in read_examples(DOCS).items() if example["figure"]}
    figures = {path.stem: path.read_text() for path in (DOCS / "figures").glob("*.svg")}
    assert set(figures) == shown
    assert max(len(text) for text in figures.values()) < 4000
    for text in figures.values():
        assert len(ElementTree.fromstring(text)) >= 6  # title, axis, two curves with their names


def test_the_example_gives_what_is_printed_below_it(tmp_path, monkeypatch, capsys):
    text = (DOCS / "README.md").read_text()
    script = re.search(r"```python\n(# train.py\n.*?)```", text, re.DOTALL)
    (tmp_path / "train.py").write_text(script[1])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["fathom"])
    monkeypatch.setattr("sys.path", ["", *__import__("sys").path[1:]])
    assert runner.main(["findings.json", "train.py"]) == 0
    found = Findings.from_dict(__import__("json").loads((tmp_path / "findings.json").read_text()))
    shown = re.findall(r"^error +(\S.*?:\d+): (.*?)  \[(\S+)\]$", text, re.MULTILINE)
    assert [(f.place, f.message, f.code) for f in found.findings] == shown
    assert capsys.readouterr().out.strip() in text


@pytest.mark.parametrize("code", CATALOG)
def test_entries_are_sentences_in_the_house_style(code):
    entry = CATALOG[code]
    for text in (entry.symptom, entry.how, entry.wrong):
        assert text.endswith("."), text
    for text in (entry.cause, entry.cure, entry.title):
        assert not text.endswith("."), text
