"""Which run ``last`` and patterns mean."""

from __future__ import annotations

import json

import pytest

from fathom.errors import UsageError
from fathom.runs.folder.lock import lock_run
from fathom.runs.folder.lookup import find_last, resolve_resumable, resolve_run


@pytest.fixture
def add(tmp_path):
    """Add a run folder, each newer than the one before."""

    def add(name: str, *, checkpoint: bool = False, **fields: object):
        day = len(list(tmp_path.iterdir())) + 1
        path = tmp_path / f"202503{day:02d}-100000-{name}"
        (path / "checkpoints" / "last" if checkpoint else path).mkdir(parents=True)
        (path / "run.json").write_text(json.dumps({"schema": 2, "created": f"2025-03-{day:02d}", **fields}))
        return path

    return add


def test_last_is_the_newest_finished_run_that_was_no_rehearsal(tmp_path, add):
    add("older", status="done")
    real = add("real", status="done")
    add("dry", status="done", rehearsal="fast_dev_run")
    add("two-batches", status="done", rehearsal="overfit_batches")
    add("broken", status="failed")
    found = find_last(tmp_path)
    assert found.path == resolve_run("last", tmp_path) == real
    assert found.sentence == (
        f"last is {real}; newer, not used: 20250305-100000-broken failed, "
        "20250304-100000-two-batches is a dry run (--overfit-batches), "
        "20250303-100000-dry is a dry run (--fast-dev-run)"
    )


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"status": "done", "rehearsal": "fast_dev_run"}, r"dry is a dry run \(--fast-dev-run\); to use one of them"),
        ({"status": "stopped"}, "dry was stopped; to use"),
        ({"status": "running"}, "dry is not finished; to use"),
        ({"status": "odd"}, "dry is damaged; to use"),
    ],
)
def test_without_a_finished_run_last_is_refused_and_a_name_is_not(tmp_path, add, fields, words):
    path = add("dry", **fields)
    with pytest.raises(UsageError, match=words):
        resolve_run("last", tmp_path)
    assert resolve_run(path.name, tmp_path) == path


def test_resume_takes_the_newest_that_can_be_resumed(tmp_path, add):
    add("old", status="failed", checkpoint=True)
    killed = add("killed", status="running", checkpoint=True)
    live = add("live", status="running", checkpoint=True)
    add("failed-at-once", status="failed")
    add("finished", status="done", checkpoint=True)
    with lock_run(live):
        assert resolve_resumable("last", tmp_path) == killed
    assert resolve_resumable("last", tmp_path) == live


def test_no_run_to_resume_says_why(tmp_path, add):
    add("finished", status="done", checkpoint=True)
    add("failed-at-once", status="failed")
    with pytest.raises(UsageError, match=r"can be resumed: .*failed-at-once has no checkpoint, .*finished is finished"):
        resolve_resumable("last", tmp_path)


def test_a_pattern_is_one_run_or_named_runs(tmp_path, add, monkeypatch):
    lenet, mlp = add("lenet", status="done"), add("mlp", status="done")
    assert resolve_run("*-lenet", tmp_path) == lenet
    assert resolve_run(f"{tmp_path}/*mlp*", "elsewhere") == mlp
    with pytest.raises(UsageError, match="fits 2 runs: 20250301-100000-lenet, 20250302-100000-mlp; give more"):
        resolve_run("2025*", tmp_path)
    with pytest.raises(UsageError, match=r"no run fits '\*-vgg'"):
        resolve_run("*-vgg", tmp_path)
