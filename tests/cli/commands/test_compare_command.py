import argparse
import runpy
import sys
from pathlib import Path

import pytest

from fathom.cli.commands.inspection import compare

make_run = runpy.run_path(str(Path(__file__).parents[2] / "runs" / "fake_run.py"))["make_run"]


def call(*arguments):
    parser = argparse.ArgumentParser()
    compare.add_arguments(parser)
    return compare.run(parser.parse_args(list(arguments)))


@pytest.fixture
def runs(tmp_path):
    options = {"mistakes": 0}
    return [
        str(make_run(tmp_path, "20250301-141500-lenet-fashion_mnist", **options)),
        str(make_run(tmp_path, "20250301-141600-lenet-fashion_mnist", lr=0.05, lift=0.02, **options)),
    ]


def test_a_pipe_gets_aligned_text(runs, capsys):
    assert call(*runs) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["A  20250301-141500-lenet-fashion_mnist", "B  20250301-141600-lenet-fashion_mnist"]
    table = lines[3 : lines.index("", 3)]
    assert len({len(line) for line in table}) == 1
    assert any(line.split() == ["training.lr", "0.1", "0.05"] for line in table)
    assert any(line.startswith("best validation accuracy") and line.endswith("%*") for line in table)
    assert "\x1b" not in "".join(lines)


def test_folders_of_several_runs_are_left_out_by_name(runs, tmp_path, capsys):
    for marker in ("crossval.json", "distill.json", "study.json"):
        folder = tmp_path / f"20250301-141700-{marker.split('.')[0]}-lenet-fashion_mnist"
        folder.mkdir()
        (folder / marker).write_text("{}")
        runs.append(str(folder))
    assert call(*runs) == 0
    out, err = capsys.readouterr()
    assert "C  " not in out
    assert [line.split(" is ")[1] for line in err.splitlines()] == [
        "a cross-validation; its runs lie inside",
        "a distillation; its runs lie inside",
        "a search for settings; its runs lie inside",
    ]


def test_a_terminal_gets_a_table(runs, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert call(*runs) == 0
    printed = capsys.readouterr().out
    assert "─────" in printed
    assert "training.lr" in printed
    assert "has the highest validation accuracy" in printed


def test_page_and_csv_are_written_when_asked(runs, tmp_path, capsys):
    call(*runs, "--out", str(tmp_path / "compare.html"), "--csv", str(tmp_path / "compare.csv"))
    assert "2 runs compared" in (tmp_path / "compare.html").read_text()
    assert len((tmp_path / "compare.csv").read_text().splitlines()) == 3
    assert f"written: {tmp_path / 'compare.html'}" in capsys.readouterr().out
