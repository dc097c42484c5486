"""``fathom tune``: what it prints, what it refuses, and several processes, signals and kills on one study."""

import json
import os
import re
import shutil
import signal
import time
from pathlib import Path

import pytest
import torch
import yaml

from fathom.inference.saved import load_module
from fathom.settings.reading import read_config
from fathom.settings.settings import Settings

pytest.importorskip("optuna")

QUICK = ["softmax", "--epochs", 1, "--space", "lr=1e-3..0.1:log"]


def only_study(root):
    (study,) = (root / "runs").glob("*-tune-*")
    return study


@pytest.fixture
def tuned(fathom, tmp_path):
    """A finished study of two trials and what was printed."""
    result = fathom("tune", *QUICK, "--trials", 2)
    assert result.code == 0, result.err
    return only_study(tmp_path), result


def test_a_study_from_beginning_to_end(tuned, fathom, tmp_path):
    study, result = tuned
    lines = result.out.splitlines()
    assert lines[0] == "search on digits with softmax: 2 trials, highest validation accuracy, pruner median, seed 0"
    assert lines[1] == "  lr  1e-3..0.1:log"
    assert re.fullmatch(r"trial 0  accuracy \d\d\.\d\d%  lr 0\.01  .* s  best", lines[3])
    assert "2 of 2 trials: 2 complete" in lines
    assert any(line.startswith("test accuracy  ") for line in lines)
    (run,) = set((tmp_path / "runs").iterdir()) - {study}
    assert f"run folder     runs/{run.name}" in lines
    assert lines[-1] == f"study          runs/{study.name}/study.html"
    assert {"study.db", "study.json", "study.html", "trials.csv", "best.yaml", "history.png", "slices.png"} <= set(
        os.listdir(study)
    )
    assert fathom("eval", "last").code == 0

    again = fathom("tune", "--resume", "last")
    assert again.code == 0
    assert f"run folder     runs/{run.name}" in again.out.splitlines()
    assert len(list((tmp_path / "runs").iterdir())) == 2
    same = fathom("tune", *QUICK, "--trials", 2, "--study", study, "--no-retrain")
    assert same.code == 0
    assert "done already: 2 of 2 trials" in same.out


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["softmax"], "--space is missing: what to search, such as --space lr=1e-4..0.1:log,batch_size=32..512:log"),
        ([*QUICK, "--space", "lr=1..2"], "space: lr appears twice"),
        ([*QUICK, "--pruner", "medain"], "unknown pruner 'medain'; did you mean 'median'?"),
        ([*QUICK, "--trials", "0"], "--trials: '0' is not a whole number of at least 1"),
        (
            [*QUICK, "--val", "0"],
            "a study evaluates its trials on the validation split, which is empty; set --val, such",
        ),
        (["softmax", "--space", "hiden=1..4"], "unknown setting to tune 'hiden'"),
        (["mlp", "--space", "hiden=1..4"], "unknown setting to tune 'hiden'; did you mean 'hidden'?"),
        (["sofmax", "--space", "lr=1..4"], "unknown model 'sofmax'; did you mean 'softmax'?"),
        (["--space", "lr=1..4", "--data", "digist"], "unknown data set 'digist'; did you mean 'digits'?"),
        (["--resume", "last"], "there is no study in runs yet; start one with fathom tune --space …"),
        (["--resume", "last", "--lr", "0.1"], "--resume reuses the study's settings; remove --lr"),
        (["--resume", "last", "--space", "lr=1..2"], "--resume reuses the study's settings; remove --space"),
        (["--resume", "nowhere"], "there is no study folder nowhere"),
    ],
)
def test_what_is_refused_is_one_line_and_leaves_nothing(fathom, tmp_path, arguments, line):
    result = fathom("tune", *arguments)
    assert result.code == 2
    assert result.error.startswith(line)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_fine_tuning_is_searched(fathom, trained):
    options = ("--data", "digits", "--init-from", trained.path, "--freeze", "0", "--epochs", 1, "--trials", 2)
    result = fathom("tune", *options, "--space", "body_lr=0.01x|1x,layer_decay=0.5..1")
    assert result.code == 0, result.err
    (study,) = (file.parent for file in Path("runs").glob("*/study.json"))
    (run,) = (file.parent for file in Path("runs").glob("*/run.json"))
    config = read_config(run)
    best = Settings(yaml.safe_load((study / "best.yaml").read_text()))
    assert config.finetune.body_lr == best.get("finetune.body_lr") in ("0.01x", "1x")
    assert config.finetune.layer_decay == best.get("finetune.layer_decay")
    assert config.data.split_seed == read_config(trained.path).data.split_seed
    start = json.loads((run / "run.json").read_text())["start"]
    assert start["share"] == 1.0
    before, after = (load_module(path)[0].net.state_dict() for path in (trained.path, run))
    assert torch.equal(before["0.weight"], after["0.weight"])
    assert not torch.equal(before["3.weight"], after["3.weight"])


def test_a_folder_that_is_no_study_is_named(fathom, trained):
    result = fathom("tune", "--resume", trained.path)
    assert (result.code, result.error) == (1, f"{trained.path}: not a study folder: it has no study.json")


# Processes ------------------------------------------------------------------------------------------------------------


def wait_for(condition, process=None, timeout=120):
    until = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < until
        assert process is None or process.poll() is None, process.communicate()
        time.sleep(0.05)


def states(study):
    from fathom.tuning.study import StudyStore

    store = StudyStore(study)
    try:
        return [trial.state for trial in store.trials()]
    finally:
        store.close()


def has_begun(root, number=1):
    """Whether a study is there and has a trial that has reported an epoch."""
    import sqlite3

    found = list((root / "runs").glob("*-tune-*/study.db")) if (root / "runs").is_dir() else []
    if not found:
        return False
    try:
        with sqlite3.connect(found[0]) as database:
            (count,) = database.execute("select count(distinct trial_id) from trial_intermediate_values").fetchone()
        database.close()
        return count >= number
    except sqlite3.OperationalError:
        return False


LONG = ["mlp", "--epochs", 300, "--space", "lr=1e-3..0.1:log", "--pruner", "none", "--trials", 3]


@pytest.mark.slow
@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_signal_marks_the_trial_and_says_how_to_go_on(start_fathom, tmp_path, signum, code, jobs):
    process = start_fathom("tune", *LONG, "--jobs", jobs)
    wait_for(lambda: has_begun(tmp_path), process)
    process.send_signal(signum)
    _, err = process.communicate(timeout=60)
    study = only_study(tmp_path)
    assert process.returncode == code
    assert re.fullmatch(
        rf"fathom: stopped; \d of 3 trials done; resume with: fathom tune --resume runs/{study.name}\n", err
    )
    assert "running" not in states(study)
    assert "stopped" in states(study)
    assert (study / "study.html").exists()
    assert not list(study.glob(".worker-*"))


@pytest.mark.slow
def test_a_killed_study_goes_on(start_fathom, fathom, tmp_path):
    process = start_fathom("tune", *LONG)
    wait_for(lambda: has_begun(tmp_path), process)
    process.kill()
    process.wait()
    study = only_study(tmp_path)
    content = json.loads((study / "study.json").read_text())
    content["base"]["training"]["epochs"] = 1
    (study / "study.json").write_text(json.dumps(content))  # quicker, from here on
    result = fathom("tune", "--resume", "last", "--trials", 3)
    assert result.code == 0, result.err
    assert states(study).count("complete") >= 3
    assert states(study).count("stopped") == 1
    assert (study / "study.html").read_text().count("its process was killed") == 1


@pytest.mark.slow
def test_processes_share_a_study(start_fathom, tmp_path):
    arguments = ["tune", *QUICK, "--trials", 8, "--study", "runs/20250101-tune-x", "--pruner", "none"]
    one, two = start_fathom(*arguments, "--jobs", 2), start_fathom(*arguments)
    for process in (one, two):
        out, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
        assert "study          runs/20250101-tune-x/study.html" in out
    study = tmp_path / "runs" / "20250101-tune-x"
    assert states(study) == ["complete"] * 8
    assert len(list((tmp_path / "runs").iterdir())) == 2  # the best was kept once
    assert not list(study.glob(".worker-*"))


@pytest.mark.slow
def test_workers_end_with_the_process_that_started_them(start_fathom, tmp_path):
    process = start_fathom("tune", *LONG, "--jobs", 2)
    wait_for(lambda: has_begun(tmp_path, 2), process)
    process.kill()
    process.wait()
    study = only_study(tmp_path)
    wait_for(lambda: "running" not in states(study))
    shutil.rmtree(study)


@pytest.mark.slow
def test_what_a_worker_says_is_passed_on(start_fathom):
    process = start_fathom("tune", "softmax", "--space", "batch_size=90000..100000", "--jobs", 2, "--trials", 9)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert re.match(r"fathom: the first \d trials all failed, the last with: batch size \d+ is larger", err)
