"""A signal in the middle of every command: one line, the old files or whole new ones, no folder that leads nowhere."""

import os
import random
import signal
import subprocess
import sys

import pytest

# Signals itself where a function is about to return; the last line of the program is the command.
_STRIKE = """
import importlib, os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
place, number, *arguments = sys.argv[1:]
module, _, name = place.partition(":")
owner = importlib.import_module(module)
*path, name = name.split(".")
for part in path:
    owner = getattr(owner, part)
work = getattr(owner, name)
def strike(*args, **options):
    result = work(*args, **options)
    os.kill(os.getpid(), int(number))
    return result
setattr(owner, name, strike)
from fathom.cli.main import main
sys.exit(main(arguments))
"""
FSYNC = "os:fsync"  # every file that is written is whole here, and has not its name yet
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -9}


@pytest.fixture
def strike(tmp_path):
    """Run ``fathom …`` as a process that sends itself a signal at the end of a function."""

    def run(place, signum, *arguments):
        command = [sys.executable, "-c", _STRIKE, place, str(int(signum)), *map(str, arguments)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, env=environment)
        assert done.returncode == CODES[signum], done.stderr
        if signum != signal.SIGKILL:
            lines = [line for line in done.stderr.splitlines() if not line.startswith("exporting: ")]
            assert len(lines) == 1, done.stderr
            assert lines[0].startswith("fathom: stopped")
            assert not list(tmp_path.rglob(".fathom.tmp-*"))
        return done

    return run


def write_table(path):
    draw = random.Random(0)
    rows = [(draw.random(), draw.random()) for _ in range(400)]
    path.write_text("a,b,y\n" + "".join(f"{a:.4f},{b:.4f},{a + 2 * b:.4f}\n" for a, b in rows))
    return path


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("signum", "arguments"),
    [
        (signal.SIGINT, ["check", "--data", "t.csv", "--target", "y", "--out", "old.pt2"]),
        (signal.SIGTERM, ["predict", "RUN", "image.png", "--out", "old.pt2"]),
        (signal.SIGINT, ["export", "RUN", "--format", "torch", "--out", "old.pt2"]),
        (signal.SIGKILL, ["report", "RUN"]),
    ],
)
def test_a_file_that_is_being_written_stays_as_it_was(signum, arguments, strike, trained_copy, tmp_path):
    from PIL import Image

    Image.new("L", (8, 8)).save(tmp_path / "image.png")
    write_table(tmp_path / "t.csv")
    (tmp_path / "old.pt2").write_text("as it was")
    before = contents(tmp_path)
    strike(FSYNC, signum, *(trained_copy if a == "RUN" else a for a in arguments))
    after = contents(tmp_path)
    assert {path: after[path] for path in before} == before
    assert all(path.name.startswith(".fathom.tmp-") for path in after.keys() - before.keys())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("place", "signum", "arguments"),
    [
        (
            "fathom.data.images.survey:_read_chunk",
            signal.SIGINT,
            ["train", "lenet", "--data", "images", "--workers", 0],
        ),
        ("fathom.build.plan:build_module", signal.SIGTERM, ["train", "--data", "t.csv", "--target", "y"]),
        ("fathom.build.plan:build_trainer", signal.SIGINT, ["train", "softmax"]),
        ("fathom.recipes.prune:write_pruning", signal.SIGINT, ["prune", "RUN", "--amount", 0.5]),
    ],
)
def test_a_run_that_learned_nothing_yet_leaves_no_folder(place, signum, arguments, strike, trained, tmp_path):
    from PIL import Image

    for name in ("light", "dark"):
        (tmp_path / "images" / name).mkdir(parents=True)
        for i in range(12):
            Image.new("L", (8, 8), i).save(tmp_path / "images" / name / f"{i}.png")
    write_table(tmp_path / "t.csv")
    strike(place, signum, *(trained.path if a == "RUN" else a for a in arguments), "--out", "runs")
    assert not list((tmp_path / "runs").glob("*"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("place", "verb", "arguments"),
    [
        ("fathom.build.run:save_weights", "train", ["--data", "t.csv", "--target", "y"]),
        ("fathom.series.base:train_run", "crossval", ["softmax", "--folds", 2]),
        ("fathom.series.distill:_evaluate_student", "distill", ["RUN", "--student", "softmax"]),
        ("fathom.tuning.tune:write_study", "tune", ["softmax", "--space", "lr=0.01..0.1", "--trials", 1]),
    ],
)
def test_what_is_done_is_kept_and_the_rest_follows(place, verb, arguments, strike, fathom, trained, tmp_path):
    write_table(tmp_path / "t.csv")
    arguments = [trained.path if a == "RUN" else a for a in arguments]
    done = strike(place, signal.SIGTERM, verb, *arguments, "--epochs", 1)
    if verb != "train":
        assert f"resume with: fathom {verb} --resume runs/" in done.stderr
    result = fathom(verb, "--resume", "last")
    assert result.code == 0, result.err
