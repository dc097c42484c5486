import json
import runpy
from pathlib import Path

import pytest

make_run = runpy.run_path(str(Path(__file__).parents[2] / "runs" / "fake_run.py"))["make_run"]


@pytest.fixture
def runs(tmp_path):
    """Three runs, of which the middle one is best, and one that is no run any more."""
    root = tmp_path / "runs"
    root.mkdir()
    for minute, lift, status in ((15, 0.0, "done"), (16, 0.02, "done"), (17, 0.01, "failed")):
        make_run(root, f"20250301-14{minute}00-lenet-fashion_mnist", lift=lift, status=status, mistakes=0)
    broken = root / "20250301-142000-mlp-digits"
    broken.mkdir()
    (broken / "run.json").write_text('{"schema": 2, "stat')
    return root


def names(result):
    return [run["name"][11:13] for run in json.loads(result.out)]


def test_runs_are_listed_newest_first_and_a_damaged_one_hides_none(fathom, runs):
    listed = json.loads(fathom("runs", "--json").out)
    assert [run["condition"] for run in listed] == ["failed", "done", "done", "damaged"]
    assert "not JSON" in listed[-1]["problem"]
    truth = json.loads((runs / listed[1]["name"] / "evaluation.json").read_text())["accuracy"]
    assert (listed[1]["test_metric"], listed[1]["test"]) == ("accuracy", truth)
    table = fathom("runs").out.splitlines()
    assert [line.split()[1] for line in table[1:5]] == ["failed", "done", "done", "damaged"]


@pytest.mark.parametrize(
    ("options", "minutes"),
    [
        (["--status", "done"], ["16", "15"]),
        (["--model", "LeN", "--most", "1"], ["17"]),
        (["--data", "digits"], []),
        (["--sort", "test", "--status", "done"], ["16", "15"]),
        (["*-1416*", "20250301-1415"], ["16", "15"]),
    ],
)
def test_filters_and_orders(fathom, runs, options, minutes):
    assert names(fathom("runs", "--json", *options)) == minutes


def test_a_killed_run_is_interrupted_and_one_that_holds_its_lock_is_running(fathom, runs):
    from fathom.runs.folder.lock import lock_run

    path = next(runs.glob("*1415*"))
    content = json.loads((path / "run.json").read_text()) | {"status": "running"}
    (path / "run.json").write_text(json.dumps(content))
    assert json.loads(fathom("runs", "*1415*", "--json").out)[0]["condition"] == "interrupted"
    with lock_run(path):
        assert json.loads(fathom("runs", "*1415*", "--json").out)[0]["condition"] == "running"
        assert "is being trained; stop it first" in fathom("runs", "*1415*", "--delete").error
    assert path.is_dir()


def test_a_deleted_run_comes_back_and_the_trash_is_emptied_for_good(fathom, runs):
    before = sorted(path.name for path in runs.iterdir())
    assert fathom("runs", "*-lenet-*", "--delete").out.count("in the trash: ") == 3
    assert [path.name for path in runs.iterdir() if path.name != ".trash"] == ["20250301-142000-mlp-digits"]
    assert fathom("runs", "--restore", *before[:3]).code == 0
    assert sorted(path.name for path in runs.iterdir() if path.name != ".trash") == before
    fathom("runs", before[0], "--delete")
    assert fathom("runs", "--empty-trash").out == "removed for good: 1 run\n"
    assert list((runs / ".trash").iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--delete"], "--delete needs the names of runs, or a pattern"),
        (["--restore", "x", "--empty-trash"], "three things to do; choose one"),
        (["--restore", "../x"], "there is no run '../x' in runs/.trash; it holds nothing"),
        (["nothing-*"], "no run fits 'nothing-*'"),
        (["--runs", "nowhere"], "--runs: no such folder: nowhere"),
        (["--status", "don"], "unknown status 'don'; did you mean 'done'?"),
    ],
)
def test_wrong_usage(fathom, runs, arguments, message):
    result = fathom("runs", *arguments)
    assert result.code == 2
    assert message in result.error


def test_without_any_run_the_list_says_what_makes_one(fathom):
    assert fathom("runs").out == "no runs yet; `fathom train` makes one\n"
