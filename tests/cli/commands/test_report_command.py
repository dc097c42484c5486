import argparse
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from fathom.cli.commands.inspection import report
from fathom.errors import UsageError

make_run = runpy.run_path(str(Path(__file__).parents[2] / "runs" / "fake_run.py"))["make_run"]


def call(*arguments):
    parser = argparse.ArgumentParser()
    report.add_arguments(parser)
    return report.run(parser.parse_args(list(arguments)))


def test_it_prints_where_the_page_is(tmp_path, monkeypatch, capsys):
    folder = make_run(tmp_path / "runs", mistakes=1)
    monkeypatch.chdir(tmp_path)
    for name in (str(folder), folder.name, "2025", "last"):
        assert call(name) == 0
        printed = Path(capsys.readouterr().out.strip())
        assert printed.resolve() == folder / "report.html"
        assert printed.read_text().startswith("<!doctype html>")
        printed.unlink()


def test_the_page_can_go_elsewhere(tmp_path, capsys):
    folder = make_run(tmp_path, mistakes=1)
    call(str(folder), "--out", str(tmp_path / "page.html"))
    assert capsys.readouterr().out == f"{tmp_path / 'page.html'}\n"
    assert (tmp_path / "page.html").exists()


def test_an_unknown_run_is_wrong_usage(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="there is no run folder nothing"):
        call("nothing")


def test_the_module_is_light():
    commands = "fathom.cli.commands.inspection"
    code = f"import sys, {commands}.report, {commands}.compare; print('yaml' in sys.modules, 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False False"
