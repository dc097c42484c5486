"""``fathom schedules``: the list, the image, and what happens when it cannot be written."""

import argparse
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from fathom.cli.commands.training import schedules
from fathom.errors import FathomError, UsageError
from fathom.training.schedules.schedule import NAMES, SCHEDULES, make_schedule


def fathom_schedules(*arguments):
    parser = argparse.ArgumentParser()
    schedules.add_arguments(parser)
    return schedules.run(parser.parse_args([str(argument) for argument in arguments]))


@pytest.fixture(autouse=True)
def in_a_new_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def drawn(text, **options):
    """The curve in the one panel of a figure, as (steps, factors)."""
    figure = schedules.draw([(text, schedules._make(text, 200, options.get("warmup", 0)))])
    line = figure.axes[0].lines[0]
    return list(line.get_xdata()), list(line.get_ydata())


def test_the_list_names_all_with_formula_and_options(capsys, tmp_path):
    assert fathom_schedules() == 0
    header, *lines = capsys.readouterr().out.splitlines()
    assert header.split()[0] == "schedule"
    assert [line.split()[0] for line in lines[: len(NAMES)]] == list(NAMES)
    for line, entry in zip(lines, SCHEDULES.values(), strict=False):
        assert entry.formula in line
        assert entry.meaning in line
        assert all(option in line for option in entry.options)
    assert "\x1b" not in "".join(lines)
    assert not list(tmp_path.iterdir())


def test_the_list_is_a_table_on_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert fathom_schedules() == 0
    printed = capsys.readouterr().out
    assert "what it does" in printed
    assert all(name in printed for name in NAMES)


def test_listing_and_help_import_nothing_heavy():
    code = """
import argparse, sys
from fathom.cli.commands.training import schedules
parser = argparse.ArgumentParser()
schedules.add_arguments(parser)
schedules.run(parser.parse_args([]))
sys.exit(any(name in sys.modules for name in ("torch", "numpy", "matplotlib", "rich")))
"""
    assert subprocess.run([sys.executable, "-c", code], check=False, stdout=subprocess.DEVNULL).returncode == 0


def test_all_thirteen_are_drawn(capsys, tmp_path):
    assert fathom_schedules("--out", tmp_path / "all.png", "--warmup", "0.1") == 0
    assert capsys.readouterr().out == f"wrote {tmp_path / 'all.png'}: 13 schedules over 1,000 steps\n"
    image = np.asarray(Image.open(tmp_path / "all.png").convert("RGB"))
    assert image.shape[0] > 600
    assert image.shape[1] > 1200
    assert (image != 255).any(axis=2).mean() > 0.1
    assert [path.name for path in tmp_path.iterdir()] == ["all.png"]


def test_names_alone_write_schedules_png(capsys, tmp_path):
    assert fathom_schedules("cosine:final=0.1", "cosine", "--steps", 50) == 0
    assert "schedules.png: 2 schedules over 50 steps" in capsys.readouterr().out
    assert (tmp_path / "schedules.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("text", ["cosine:final=0.2", "step:every=30", "one_cycle", "noam", "constant:warmup=20"])
def test_the_curve_drawn_is_the_schedule(text):
    schedule = make_schedule(text, 200)
    steps, factors = drawn(text)
    assert steps == list(range(200))
    assert factors == [schedule.factor(step) for step in steps]


def test_lambda_and_plateau_are_drawn_with_examples():
    assert drawn("lambda")[1][0] == 1.0
    assert drawn("lambda:function=0.5")[1] == [0.5] * 200
    for text in ("plateau", "plateau:mode=max"):
        factors = drawn(text)[1]
        assert factors[0] == 1.0
        assert len(set(factors)) == 4


def test_an_option_wins_over_the_flag():
    assert drawn("constant:warmup=50", warmup=100)[1].index(1.0) == 50


def test_odd_characters_and_lengths_are_drawn(tmp_path):
    long = "lambda:function=" + " + ".join(["step/total"] * 20)
    assert fathom_schedules(long, "constant", "--steps", 1, "--out", tmp_path / "odd.svg") == 0
    assert fathom_schedules("polynomial", "--steps", 10**7, "--out", tmp_path / "long.pdf") == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["cosin"], "did you mean 'cosine'"),
        (["cosine:fnal=1"], "did you mean 'final'"),
        (["cosine", "--warmup", "a"], "--warmup must be"),
        (["cosine", "--warmup", "nan"], "fraction of the run"),
        (["cosine", "--steps", "0"], "total_steps"),
        (["--out", "image.jpg"], "must end in .png"),
        (["--out", "image"], "must end in .png"),
    ],
)
def test_mistakes_leave_nothing_behind(arguments, said, tmp_path):
    with pytest.raises(UsageError, match=said):
        fathom_schedules(*arguments)
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_one_line(tmp_path):
    with pytest.raises(FathomError, match="no such folder: ") as caught:
        fathom_schedules("cosine", "--out", tmp_path / "absent" / "x.png")
    assert "\n" not in str(caught.value)
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(FathomError, match="is a folder; name a file"):
        fathom_schedules("cosine", "--out", tmp_path / "folder.png")
    assert [path.name for path in tmp_path.iterdir()] == ["folder.png"]


def test_a_failed_write_keeps_the_old_image(tmp_path, monkeypatch):
    path = tmp_path / "kept.png"
    path.write_text("old")

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(FathomError, match="no space left on device"):
        fathom_schedules("cosine", "--out", path)
    assert path.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1
