"""A checkout of the book: which sections are run, how results are judged, kept and shown."""

import json
import re

import msgspec
import pytest

from fathom.book import result_table
from fathom.book.cells import Cell
from fathom.book.documents import Document
from fathom.book.record import RunRecord
from fathom.book.results import SectionResult, read_results, store_result
from fathom.book.sections import list_sections
from fathom.book.verdict import classify_run
from fathom.cli.main import main

LOOP = """\
import torch
from torch.utils.data import DataLoader
loader = DataLoader(torch.arange(40), batch_size=2)
print(len(loader), [int(batch.sum()) for batch in loader])
"""
WAITING = "import time\ntime.sleep(60)\n"


@pytest.fixture
def book(tmp_path):
    """A checkout with the sections c, a, b of one chapter, in this order, and one without code."""
    folder = tmp_path / "book" / "chapter_linear-regression"
    folder.mkdir(parents=True)
    (folder / "index.md").write_text("# Chapter\n```toc\n:maxdepth: 2\n\nc\na\n```\n")
    (folder / "prose.md").write_text("# Nothing to run\n")
    for name, code in {"a": "print(1)\n", "b": LOOP, "c": WAITING}.items():
        (folder / f"{name}.md").write_text(f"# Section\n```{{.python .input}}\n%%tab pytorch\n{code}```\n")
    return tmp_path / "book"


def check(book, out, *arguments):
    return main(["book", "check", str(book), "--out", str(out), *arguments])


def test_sections_come_in_the_order_of_the_book(book):
    names = [section.name for section in list_sections(book)]
    assert names == ["en:linear-regression/c", "en:linear-regression/a", "en:linear-regression/b"]


def test_results_are_kept_and_what_passed_is_not_run_again(book, tmp_path, capsys):
    out = tmp_path / "out"
    assert check(book, out, "--only", "regression/a", "--json") == 0
    (first,) = json.loads(capsys.readouterr().out)
    assert (first["section"], first["status"], first["cells"], first["passed"]) == (
        "en:linear-regression/a",
        "passed",
        1,
        1,
    )
    assert first["machine"].startswith("Python 3.")
    assert check(book, out, "--only", "regression/a", "--only", "regression/c", "--timeout", "3") == 1
    screen = capsys.readouterr()
    assert re.fullmatch(
        r"en:linear-regression/c fathom 0/1 \d s timeout: stopped after 3 s \(--timeout\)(, at line \d+ of c.md)?\n",
        screen.err,
    )
    assert screen.out.splitlines()[-1] == "en fathom: 1 of 2 sections and 1 of 2 cells pass, 1 timeout"
    before = (out / "results.json").read_bytes()
    assert check(book, out, "--run-nothing", "--markdown") == 1
    page = capsys.readouterr().out
    assert "| section | cells | passed | seconds | remarks |\n| --- | ---: | ---: | ---: | --- |\n" in page
    assert "| en:linear-regression/c | 1 | 0 | " in page
    assert " | timeout |" in page
    assert (out / "results.json").read_bytes() == before


@pytest.mark.slow
def test_passes_over_loaders_can_be_cut_short(book, tmp_path, capsys):
    out = tmp_path / "out"
    arguments = ("--only", "regression/b", "--batches", "5")
    assert check(book, out, *arguments) == 0
    assert capsys.readouterr().out.splitlines()[2].endswith("5 batches a pass")
    transcript = json.loads((out / "fathom" / "en" / "linear-regression" / "b" / "transcript.json").read_text())
    assert transcript["batches"] == 5
    assert transcript["cells"][0]["outputs"][0]["text"] == "5 [1, 5, 9, 13, 17]\n"
    assert check(book, out, *arguments) == 0
    assert capsys.readouterr().err == ""  # it passed as short as it would be run
    assert check(book, out, "--only", "regression/b") == 0
    assert "en:linear-regression/b" in capsys.readouterr().err
    (result,) = read_results(out / "results.json").values()
    assert result.batches == 0


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--only", "nothing"], 2, "no section name contains nothing"),
        (["--run-nothing"], 2, "no results for these sections in out"),
        (["--json", "--markdown"], 2, "not allowed with argument --json"),
        (["--batches", "0"], 2, "0"),
        (["--original", "no-python", "--only", "regression/a"], 2, "--original: cannot start no-python"),
    ],
)
def test_wrong_usage(book, tmp_path, monkeypatch, capsys, arguments, code, message):
    monkeypatch.chdir(tmp_path)
    assert check(book, "out", *arguments) == code
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_damaged_results(book, tmp_path, capsys):
    (tmp_path / "results.json").write_text('{"schema": 2, "results": [{"section": 3}]}')
    assert check(book, tmp_path, "--run-nothing") == 1
    assert "results.json (" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "message", "status", "missing"),
    [
        ("FathomError", "cannot download fra-eng.zip (no network); fetch it", "no data", "fra-eng.zip"),
        ("ModuleNotFoundError", "No module named 'syne_tune.config'", "no package", "syne_tune"),
        ("ModuleNotFoundError", "No module named 'd2l'", "failed", ""),
        ("AssertionError", "Torch not compiled with CUDA enabled", "no gpu", ""),
        ("ValueError", "wrong", "failed", ""),
    ],
)
def test_why_a_section_failed(tmp_path, name, message, status, missing):
    record = run_of(tmp_path)
    fail(record, name, message)
    assert classify_run(record) == (status, f"cell 1, {name}: {message}", missing)


def test_weights_that_cannot_be_downloaded(tmp_path):
    record = run_of(tmp_path)
    url = "https://a.org/models/resnet18-f37072fd.pth"
    fail(record, "URLError", "<urlopen error>", url, printed=f'Downloading: "{url}" to /cache/resnet18-f37072fd.pth\n')
    error = f"URLError: <urlopen error>; fetch {url} by hand and place it at /cache/resnet18-f37072fd.pth"
    assert classify_run(record) == ("no data", f"cell 1, {error}", "resnet18-f37072fd.pth")


# A cell's code, and the error it ended with; "" for one that passed.
LOADED = (
    "%matplotlib inline\nfrom d2l import torch as d2l\ndata = d2l.load()",
    "FathomError: cannot download a.zip (no network)",
)
NO_NAME = "NameError: name 'data' is not defined"


@pytest.mark.parametrize(
    ("cells", "status", "error", "missing"),
    [
        # what follows from the want of data, link by link
        (
            [LOADED, ("x = len(data)", NO_NAME), ("x", "NameError: name 'x' is not defined")],
            "no data",
            "cell 1",
            "a.zip",
        ),
        # a failure of the code after it
        ([LOADED, ("data", NO_NAME), ("1 / 0", "ZeroDivisionError: division by zero")], "failed", "cell 3", ""),
        ([LOADED, ("y", "NameError: name 'y' is not defined")], "failed", "cell 2", ""),
        ([LOADED, ("d2l.f", "AttributeError: module 'd2l' has no attribute 'f'")], "failed", "cell 2", ""),
        (
            [LOADED, ("data = 1", ""), ("data.x", "AttributeError: 'int' object has no attribute 'x'")],
            "failed",
            "cell 3",
            "",
        ),
        # an older value under the name, and a method that was not added
        (
            [("data = 1", ""), LOADED, ("data.x", "AttributeError: 'int' object has no attribute 'x'")],
            "no data",
            "cell 2",
            "a.zip",
        ),
        (
            [
                ("@add(A)\ndef step(self):\n    pass", "ConnectionError: cannot download b.zip"),
                ("a.step()", "AttributeError: 'A' object has no attribute 'step'"),
            ],
            "no data",
            "cell 1",
            "b.zip",
        ),
        # several wants, several failures
        ([LOADED, ("load()", "FathomError: cannot download b.zip (no network)")], "no data", "cell 1", "a.zip, b.zip"),
        (
            [("f()", "ValueError: 1"), ("g()", "ValueError: 2")],
            "failed",
            "cell 1, line 1 of a.md: ValueError: 1; cell 2, line 1 of a.md: ValueError: 2",
            "",
        ),
        ([("x = = 1", "SyntaxError: invalid syntax")], "failed", "cell 1", ""),
    ],
)
def test_every_failed_cell_is_classified(tmp_path, cells, status, error, missing):
    document = Document(
        tmp_path / "a.md", "markdown", tuple(Cell(i + 1, "", 1, code) for i, (code, _) in enumerate(cells))
    )
    record = RunRecord(document, tmp_path)
    for number, (_, end) in enumerate(cells, start=1):
        last = len(document.cells[number - 1].source.splitlines())
        fail(record, *end.split(": ", 1), cell=number, line=last) if end else passes(record, number)
    verdict = classify_run(record)
    assert (verdict.status, verdict.missing) == (status, missing)
    assert verdict.error.startswith(error)


def fail(record, name, message, url="", printed="", cell=1, line=None):
    record.take({"event": "start", "cell": cell})
    record.take({"event": "stream", "name": "stderr", "text": printed})
    traceback = f"Traceback (most recent call last):\n{name}: {message}"
    record.take({"event": "error", "name": name, "message": message, "url": url, "line": line, "traceback": traceback})
    record.take({"event": "end", "cell": cell, "ok": False, "seconds": 1.0})


def passes(record, cell):
    record.take({"event": "start", "cell": cell})
    record.take({"event": "end", "cell": cell, "ok": True, "seconds": 1.0})


def run_of(folder):
    return RunRecord(Document(folder / "a.md", "markdown", (Cell(1, "", 1, "x"),)), folder)


def test_a_run_that_passed_and_one_that_died(tmp_path):
    record = run_of(tmp_path)
    assert classify_run(record) == ("passed", "", "")
    record.stop("the process was killed by SIGKILL")
    assert classify_run(record) == ("failed", "the process was killed by SIGKILL", "")


def test_tables(tmp_path):
    ours = SectionResult("en:x/a", "fathom", "passed", 3, 3, 1.5, "", stand_in=True)
    lacking = SectionResult(
        "en:x/b", "fathom", "no data", 4, 1, 0.5, "cell 2, E", "fra-eng.zip", machine="Python 3.14.0"
    )
    theirs = SectionResult("en:x/a", "original", "failed", 3, 2, 2.0, "cell 3, E")
    assert result_table.show_table([ours, theirs, lacking]).splitlines() == [
        "section  cells    fathom   seconds  original   seconds     ratio",
        "----------------------------------------------------------------",
        "en:x/a       3         3       1.5         2       2.0         –  cuda stands for the CPU, original: failed",
        "en:x/b       4         1       0.5         –         –         –  no data: fra-eng.zip",
        "----------------------------------------------------------------",
        "en fathom: 1 of 2 sections and 4 of 7 cells pass, 1 no data",
        "en original: 0 of 1 sections and 2 of 3 cells pass, 1 failed",
    ]
    fine = msgspec.structs.replace(theirs, status="passed")
    page = result_table.show_markdown([ours, fine])
    assert "| section | cells | fathom | seconds | original | seconds | ratio | remarks |\n" in page
    assert "| en:x/a | 3 | 3 | 1.5 | 2 | 2.0 | 0.75 | cuda" in page
    assert (
        "en: where both passed, Fathom took 0.75 to 0.75 of the original's time, 0.75 in the median of 1 section"
        in page
    )
    assert result_table.show_table([lacking]).splitlines()[:3] == [
        "section  cells    fathom   seconds",
        "----------------------------------",
        "en:x/b       4         1       0.5  no data: fra-eng.zip",
    ]
    assert result_table.show_markdown([ours, lacking]).splitlines() == [
        "- en fathom: 1 of 2 sections and 4 of 7 cells pass, 1 no data",
        "- Measured with Python 3.14.0.",
        "",
        "| section | cells | passed | seconds | remarks |",
        "| --- | ---: | ---: | ---: | --- |",
        "| en:x/a | 3 | 3 | 1.5 | cuda stands for the CPU |",
        "| en:x/b | 4 | 1 | 0.5 | no data: fra-eng.zip |",
    ]


def test_results_of_checks_side_by_side_are_all_kept(tmp_path):
    path = tmp_path / "results.json"
    first, second = (SectionResult(f"en:x/{name}", "fathom", "passed", 1, 1, 1.0, "") for name in "ab")
    store_result(path, first)
    store_result(path, second)
    newer = msgspec.structs.replace(first, seconds=2.0)
    store_result(path, newer)
    assert list(read_results(path).values()) == [newer, second]
