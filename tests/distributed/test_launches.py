"""Launches as users make them: processes that die, are stopped or hang, and what is left of the training."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
import torch

from fathom.data.loaders.memory import MemoryLoader

pytestmark = pytest.mark.slow
HERE = Path(__file__).resolve().parent


def start(command: list[str], folder: Path) -> subprocess.Popen[str]:
    environment = {k: v for k, v in os.environ.items() if k not in ("WORLD_SIZE", "RANK", "LOCAL_WORLD_SIZE")}
    return subprocess.Popen(
        [sys.executable, "-m", *map(str, command)],
        cwd=folder,
        env=environment | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(path: Path, seconds: float = 90.0) -> str:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if path.exists() and path.read_text():
            return path.read_text()
        time.sleep(0.05)
    raise AssertionError(f"{path} did not appear")


def child_of(launcher: int, rank: int) -> int:
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            environment = (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if parent == launcher and f"RANK={rank}".encode() in environment:
            return int(entry.name)
    raise AssertionError("no such process")


def first_line(process: subprocess.Popen[str], beginning: str) -> None:
    assert process.stdout is not None
    assert any(line.startswith(beginning) for line in process.stdout)


def test_random_kills_lose_no_sample_and_repeat_none(tmp_path):
    """What counts of every attempt are the steps up to the checkpoint that the next one took up."""
    epochs, kills = 12, 2
    command = ["torch.distributed.run", "--standalone", "--nproc-per-node", 2, "--max-restarts", kills]
    process = start([*command, HERE / "script.py", tmp_path, epochs, 0.05], tmp_path)
    rng = random.Random(4)
    for _ in range(kills):
        rank = rng.randrange(2)
        try:
            pid = int(wait_for(tmp_path / f"pid-{rank}"))
        except AssertionError:
            process.kill()
            raise AssertionError(process.communicate()[1][-3000:]) from None
        time.sleep(rng.uniform(0.5, 1.5))
        for old in (0, 1):
            (tmp_path / f"pid-{old}").unlink(missing_ok=True)
        os.kill(pid, signal.SIGKILL)
    _, error = process.communicate(timeout=240)
    assert process.returncode == 0, error[-3000:]
    loader = MemoryLoader(torch.arange(41.0)[:, None], torch.zeros(41), 6, shuffle=True, seed=1)
    plan = [sorted(batch[0][:, 0].tolist()) for _ in range(epochs) for batch in loader]
    taken: dict[int, dict] = {}
    for rank in (0, 1):
        for line in (tmp_path / f"ids-{rank}.jsonl").read_text().splitlines():
            entry = json.loads(line)
            # a step taken again after a restart replaces the one that was lost with its checkpoint
            step = taken.setdefault(entry["step"], {"attempt": ""})
            if entry["attempt"] > step["attempt"]:
                taken[entry["step"]] = step = {"attempt": entry["attempt"]}
            if entry["attempt"] == step["attempt"]:
                step[rank] = entry["ids"]
    found = [sorted(taken[step][0] + taken[step][1]) for step in range(len(plan))]
    assert found == plan
    assert Counter(i for step in found for i in step) == dict.fromkeys(range(41), epochs)
    assert json.loads((tmp_path / "done").read_text()) == 41 * epochs


def train(folder: Path, *options: object) -> subprocess.Popen[str]:
    command = ["fathom", "train", "mlp", "--data", "digits", "--devices", 2, "--out", folder]
    return start([*command, *options], folder)


def run_of(folder: Path) -> tuple[Path, dict]:
    (path,) = (found.parent for found in folder.glob("*/run.json"))
    return path, json.loads((path / "run.json").read_text())


def test_a_killed_process_ends_the_others_with_a_line_that_names_it(tmp_path):
    process = train(tmp_path, "--epochs", 300)
    first_line(process, "epoch   2")
    os.kill(child_of(process.pid, 1), signal.SIGKILL)
    began = time.monotonic()
    _, error = process.communicate(timeout=60)
    assert process.returncode == 1
    assert time.monotonic() - began < 40  # on a crowded machine; bench/scale measures it
    assert "process 1 of 2 ended or does not answer any more" in error
    assert "was ended by SIGKILL" in error
    path, run = run_of(tmp_path)
    assert run["status"] == "failed"
    done = start(["fathom", "train", "--resume", path, "--devices", 2, "--fast-dev-run"], tmp_path)
    assert "remove --fast-dev-run" in done.communicate(timeout=60)[1]


def test_a_restarted_launch_goes_on_by_itself_in_the_same_folder(tmp_path):
    process = train(tmp_path, "--epochs", 40, "--max-restarts", 1)
    first_line(process, "epoch  3")
    os.kill(child_of(process.pid, 0), signal.SIGKILL)
    out, error = process.communicate(timeout=120)
    assert process.returncode == 0, error
    assert "resuming from checkpoints/last" in out
    path, run = run_of(tmp_path)
    assert run["status"] == "done"
    epochs = [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]
    assert len({line["epoch"] for line in epochs if line.get("event") == "epoch"}) == 40


def test_sigterm_to_one_process_saves_once_and_stops_all(tmp_path):
    process = train(tmp_path, "--epochs", 300)
    first_line(process, "epoch   2")
    os.kill(child_of(process.pid, 1), signal.SIGTERM)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 143
    assert error.count("a checkpoint is saved") == 1
    assert run_of(tmp_path)[1]["status"] == "stopped"


def test_the_folder_of_two_processes_is_that_of_one(tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    process = train(tmp_path / "two", "--epochs", 3)
    out, error = process.communicate(timeout=90)
    assert (process.returncode, error) == (0, "")
    assert "2 processes, 64 samples a batch in all" in out
    alone = start(["fathom", "train", "mlp", "--data", "digits", "--epochs", 3, "--out", tmp_path / "one"], tmp_path)
    alone.communicate(timeout=90)
    assert alone.returncode == 0
    one, two = run_of(tmp_path / "one")[0], run_of(tmp_path / "two")[0]
    files = [{p.name for p in path.iterdir()} for path in (one, two)]
    assert files[0] == files[1]
    mine, theirs = (json.loads((path / "evaluation.json").read_text()) for path in (two, one))
    assert mine["accuracy"] == theirs["accuracy"]
    assert mine["loss"] == pytest.approx(theirs["loss"], rel=1e-4)  # float32 here, 60 steps


def test_a_folder_that_cannot_be_made_ends_all_with_its_reason(tmp_path):
    (tmp_path / "runs").write_text("a file where a folder should be")
    command = ["fathom", "train", "softmax", "--data", "digits", "--devices", 2, "--out", tmp_path / "runs"]
    process = start(command, tmp_path)
    _, error = process.communicate(timeout=90)
    assert process.returncode == 1
    assert "cannot make a run folder in" in error


def test_a_process_that_hangs_is_named_after_the_timeout(tmp_path, monkeypatch):
    monkeypatch.setenv("FATHOM_TIMEOUT", "5")
    process = train(tmp_path, "--epochs", 300)
    first_line(process, "epoch   2")
    hanging = child_of(process.pid, 1)
    os.kill(hanging, signal.SIGSTOP)
    assert process.stderr is not None
    line = process.stderr.readline()
    os.kill(hanging, signal.SIGKILL)
    process.communicate(timeout=60)
    assert "process 1 of 2 ended or does not answer any more" in line
