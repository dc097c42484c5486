"""``fathom.tune``: what is kept is what was trained, the test split stays unused, failing trials end no study."""

import contextlib
import json
import math
import signal
import sqlite3

import numpy as np
import pandas as pd
import pytest
from filelock import FileLock
from PIL import Image

import fathom
from fathom.build.configure import configure as close_settings
from fathom.data.array_data import ArrayData
from fathom.errors import FathomError, UsageError
from fathom.runs.folder.reader import RunReader
from fathom.settings.reading import read_settings
from fathom.training.signals import Interrupted
from fathom.tuning.study import StudyStore
from fathom.tuning.tune import TuningSession
from fathom.tuning.work import StudyObserver

pytest.importorskip("optuna")


@pytest.fixture(autouse=True, scope="module")
def _quick():
    """Charts as PNG, which the page's own test draws, and a disk that is waited for would take longer than trials."""
    connect = sqlite3.connect

    def connect_carelessly(*arguments, **options):
        connection = connect(*arguments, **options)
        with contextlib.suppress(sqlite3.DatabaseError):
            connection.execute("PRAGMA synchronous=OFF")
        return connection

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fathom.runs.html.pages.study.draw_images", lambda study: {})
        patch.setattr(sqlite3, "connect", connect_carelessly)
        yield


def configure(name="softmax", data="digits", options=None, **training):
    training = {"epochs": 2, **training}
    return fathom.Settings(
        {"model": {"name": name}, "data": {"name": str(data), "options": options or {}}, "training": training}
    )


def facts(study):
    return [(t.state, t.value, dict(t.values), list(t.curve)) for t in study.trials if t.state != "stopped"]


class Stop(StudyObserver):
    """Sends a signal to its own process in an epoch of a trial."""

    def __init__(self, number):
        self.number = number

    def epoch(self, number, epoch, epochs, value):
        if number == self.number:
            signal.raise_signal(signal.SIGINT)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A study of four trials with the best kept as a run."""
    root = tmp_path_factory.mktemp("tuned")
    return fathom.tune(configure(), "lr=1e-3..0.1:log,batch_size=32..128", trials=4, root=root)


def test_the_best_trial_is_kept_as_a_run_with_the_same_numbers(finished):
    best = finished.study.best()
    run = RunReader(finished.run.path)
    assert run.status == "done"
    assert run.evaluation["split"] == "test"
    assert run.config["training"]["lr"] == best.values["lr"]
    assert run.config["data"]["batch_size"] == best.values["batch_size"]
    assert [record["val_accuracy"] for record in run.epochs()] == [value for _, value in best.curve]
    assert best.value == max(trial.value for trial in finished.study.trials) == max(value for _, value in best.curve)
    assert finished.study.best_run == str(finished.run.path)
    assert "fathom train --config" not in finished.page.read_text()


def test_the_first_trial_takes_the_defaults(finished):
    first = finished.study.trials[0]
    assert first.is_default
    assert first.values == {"lr": 0.01, "batch_size": 64}
    assert not any(trial.is_default for trial in finished.study.trials[1:])


def test_best_yaml_is_a_configuration(finished):
    settings = read_settings(finished.path / "best.yaml")
    assert settings.get("training.lr") == finished.study.best().values["lr"]


def test_a_finished_study_trains_nothing_again_and_more_trials_go_on(finished, tmp_path):
    again = fathom.resume_tuning(finished.path)
    assert facts(again.study) == facts(finished.study)
    assert again.run is None
    more = fathom.resume_tuning(finished.path, trials=5, retrain=False)
    assert more.study.num_done == 5
    assert facts(more.study)[:4] == facts(finished.study)


def test_the_test_part_is_not_looked_at(monkeypatch, tmp_path):
    monkeypatch.setattr(ArrayData, "test_dataloader", lambda self: pytest.fail("the test split was opened"))
    tuned = fathom.tune(configure(epochs=1), "lr=1e-3..0.1:log", trials=2, root=tmp_path, retrain=False)
    assert [trial.state for trial in tuned.study.trials] == ["complete", "complete"]
    assert tuned.run is None
    assert [path.name for path in tmp_path.iterdir()] == [tuned.path.name]


def test_data_are_read_once(monkeypatch, tmp_path):
    from fathom.data.sources import catalog

    reads = []
    load = catalog.load_arrays
    monkeypatch.setattr(catalog, "load_arrays", lambda *a, **k: reads.append(a) or load(*a, **k))
    fathom.tune(configure(epochs=1), "lr=1e-3..0.1:log,batch_size=32..64", trials=3, root=tmp_path)
    assert len(reads) == 1


def test_an_interrupted_study_goes_on_as_if_it_had_not_been(tmp_path):
    config, space = configure(epochs=2), "lr=1e-3..0.1:log,label_smoothing=0..0.2"
    whole = fathom.tune(config, space, trials=4, root=tmp_path / "whole", retrain=False)
    place = tmp_path / "torn"
    with pytest.raises(Interrupted, match=r"stopped; 1 of 4 trials done; resume with: fathom tune --resume .*torn"):
        fathom.tune(config, space, trials=4, study=place, retrain=False, session=TuningSession(observer=Stop(1)))
    store = StudyStore(place)
    assert [trial.state for trial in store.trials()] == ["complete", "stopped"]
    store.close()
    torn = fathom.tune(config, space, trials=4, study=place, retrain=False)
    assert facts(torn.study) == facts(whole.study)
    assert torn.study.count("stopped") == 1


def test_a_trial_whose_process_was_killed_is_marked_and_made_up_for(tmp_path):
    tuned = fathom.tune(configure(epochs=1), "lr=1e-3..0.1:log", trials=2, root=tmp_path, retrain=False)
    dead, alive = StudyStore(tuned.path), StudyStore(tuned.path)
    dead.update(trials=4)
    settled = close_settings(dead.base)
    for store in (dead, alive):
        store.resolve({"softmax": {}})
        store.draw(store.ask(settled))
    assert [trial.state for trial in alive.trials()] == ["complete", "complete", "running", "running"]
    dead._worker_lock.release()  # what the system does when a process ends in whatever way
    assert alive.has_other_workers() is True  # its own is one
    assert [trial.state for trial in alive.trials()] == ["complete", "complete", "stopped", "running"]
    assert alive.trial(2).reason == "its process was killed"
    alive.close()
    again = fathom.resume_tuning(tuned.path, retrain=False)
    assert [trial.state for trial in again.study.trials] == [*["complete"] * 2, *["stopped"] * 2, *["complete"] * 2]


def test_no_more_trials_begin_than_are_wanted(tmp_path):
    tuned = fathom.tune(configure(epochs=1), "lr=1e-3..0.1:log", trials=1, root=tmp_path, retrain=False)
    one, two = StudyStore(tuned.path), StudyStore(tuned.path)
    one.update(trials=2)
    settled = close_settings(one.base)
    assert one.ask(settled) is not None
    assert two.ask(settled) is None  # the last is under way in another process
    one.close()
    two.close()


def test_trials_that_diverge_are_recorded_and_the_study_goes_on(tmp_path):
    config = configure("mlp", optimizer="sgd", schedule="constant", epochs=1)
    tuned = fathom.tune(config, "lr=0.1|1e30", trials=6, root=tmp_path, retrain=False)
    states = {trial.values["lr"]: trial.state for trial in tuned.study.trials}
    assert states == {"0.1": "complete", "1e30": "diverged"}
    assert tuned.study.num_done == 6
    reason = next(trial.reason for trial in tuned.study.trials if trial.state == "diverged")
    assert reason.startswith("loss is not finite at step ")


@pytest.mark.slow
def test_values_that_cannot_be_trained_fail_alone(tmp_path):
    tuned = fathom.tune(configure(epochs=1), "batch_size=64|100000", trials=4, root=tmp_path, retrain=False)
    assert {(t.values["batch_size"], t.state) for t in tuned.study.trials} == {("64", "complete"), ("100000", "failed")}
    with pytest.raises(FathomError, match=r"the first 3 trials all failed, the last with: batch size"):
        fathom.tune(configure(epochs=1), "batch_size=90000..100000", trials=9, root=tmp_path, retrain=False)


@pytest.mark.parametrize(
    "pruner", ["median", pytest.param("halving", marks=pytest.mark.slow), pytest.param("none", marks=pytest.mark.slow)]
)
def test_pruned_trials_are_those_behind_the_median(pruner, tmp_path):
    tuned = fathom.tune(configure(epochs=4), "lr=1e-6..0.1:log", trials=10, pruner=pruner, root=tmp_path, retrain=False)
    pruned = [trial for trial in tuned.study.trials if trial.state == "pruned"]
    assert all(len(t.curve) == 4 for t in tuned.study.trials if t.state == "complete")
    if pruner == "none":
        assert not pruned
        return
    assert pruned
    assert all(1 < len(trial.curve) < 4 for trial in pruned)  # the first epoch says too little
    if pruner == "median":
        for trial in tuned.study.trials:
            before = [t for t in tuned.study.trials[: trial.number] if t.state == "complete"]
            for epoch in range(2, len(trial.curve) + 1):
                median = np.median([dict(t.curve)[epoch] for t in before]) if len(before) >= 5 else -math.inf
                is_behind = max(value for _, value in trial.curve[:epoch]) < median
                assert is_behind == (trial.state == "pruned" and epoch == len(trial.curve)) or epoch == 4


@pytest.mark.slow
def test_options_are_tried_where_the_network_and_the_optimizer_have_them(tmp_path):
    space = "model=softmax|mlp,hidden=8..32,optimizer=sgd|adamw,momentum=0..0.9"
    tuned = fathom.tune(configure(epochs=1), space, trials=10, root=tmp_path, retrain=False)
    assert tuned.study.count("complete") + tuned.study.count("pruned") == 10
    for trial in tuned.study.trials:
        assert ("hidden" in trial.values) == (trial.values["model"] == "mlp")
        assert ("momentum" in trial.values) == (trial.values["optimizer"] == "sgd")
    assert {trial.values["model"] for trial in tuned.study.trials} == {"softmax", "mlp"}


# Kinds of data --------------------------------------------------------------------------------------------------------


def make_data(folder):
    rng = np.random.default_rng(0)
    for brightness, name in enumerate(("dark", "light")):
        for number in range(20):
            path = folder / "images" / name / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray((rng.integers(0, 100, (12, 12, 3)) + 120 * brightness).astype(np.uint8)).save(path)
    size, town = rng.normal(size=120), rng.choice(["a", "b"], 120)
    frame = pd.DataFrame({"size": size, "town": town, "price": 3 * size + (town == "a")})
    frame.assign(dear=np.where(frame["price"] > 0, "yes", "no")).to_csv(folder / "t.csv", index=False)
    (folder / "book.txt").write_text("a rose is a rose is a rose, and the time machine is no rose.\n" * 20)


@pytest.mark.parametrize(
    ("model", "data", "options", "space", "metric"),
    [
        pytest.param(
            *("softmax", "images", {"size": [12, 12]}, "lr=1e-3..0.1:log,batch_size=4|8", "val_accuracy"),
            marks=pytest.mark.slow,
        ),
        ("mlp", "t.csv", {"target": "dear", "drop": ["price"]}, "hidden=4..16,batch_size=16|32", "val_accuracy"),
        ("mlp", "t.csv", {"target": "price", "drop": ["dear"]}, "hidden=4..16,dropout=0..0.3", "val_loss"),
        ("rnn", "book.txt", {"steps": 16}, "hidden=4..8,data.options.steps=8|16", "val_perplexity"),
    ],
    ids=["images", "classes of a table", "numbers of a table", "text"],
)
def test_every_kind_of_data(model, data, options, space, metric, tmp_path):
    make_data(tmp_path)
    config = configure(model, tmp_path / data, options, epochs=1)
    tuned = fathom.tune(config, space, trials=2, root=tmp_path / "runs")
    assert tuned.study.metric == metric
    assert tuned.study.maximise is (metric == "val_accuracy")
    assert [trial.state for trial in tuned.study.trials] == ["complete", "complete"]
    (record,) = RunReader(tuned.run.path).epochs()
    best = tuned.study.best()
    assert record[metric] == pytest.approx(best.value, rel=1e-6)
    assert best.value == (max if tuned.study.maximise else min)(trial.value for trial in tuned.study.trials)


# Refused --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tree", "space", "line"),
    [
        ({"data": {"val": 0}}, "lr=0.1..1", "a study evaluates its trials on the validation split, which is empty"),
        ({"training": {"overfit_batches": 1}}, "lr=0.1..1", "a study needs full training; leave out"),
        ({}, "dropout=0..1.5", "unknown setting to tune 'dropout'"),  # softmax has none
        ({"model": {"name": "mlp"}}, "dropout=0..1.5", "space dropout=0..1.5: dropout must be at least 0 and below 1"),
        ({}, "optimizer=sgd|adm", "space optimizer=sgd|adm: unknown training.optimizer 'adm'; did you mean 'adam'?"),
        ({}, "momentum=0..0.9", "space momentum=0..0.9: optimizer adamw takes no momentum"),
        ({}, "schedule=cosine|cosin", "space schedule=cosine|cosin: unknown schedule 'cosin'"),
        ({}, "model=softmax|mpl", "unknown model 'mpl'; did you mean 'mlp'?"),
        (
            {"model": {"name": "linear"}, "data": {"name": "synthetic_regression"}},
            "loss=squared|l1",
            "space: in regression trials are evaluated by the loss",
        ),
    ],
)
def test_what_is_refused_leaves_nothing_behind(tree, space, line, tmp_path):
    config = fathom.Settings({"model": {"name": "softmax"}} | tree)
    with pytest.raises(UsageError) as caught:
        fathom.tune(config, space, root=tmp_path / "runs")
    assert str(caught.value).startswith(line)
    assert not (tmp_path / "runs").exists()


def test_a_folder_with_another_study_or_something_else_is_refused(finished, tmp_path):
    with pytest.raises(
        UsageError, match=r"holds a study with the space lr=1e-3\.\.0\.1:log, batch_size=32\.\.128; resume it"
    ):
        fathom.tune(configure(), "lr=1e-3..1:log,batch_size=32..128", study=finished.path)
    with pytest.raises(UsageError, match=r"holds a study with training\.epochs 2; resume it with: fathom tune --res"):
        fathom.tune(configure(epochs=3), "lr=1e-3..0.1:log,batch_size=32..128", study=finished.path)
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(UsageError, match="is not a study folder"):
        fathom.tune(configure(), "lr=1e-3..1:log", study=tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("study.json", "{", "study.json"),
        ("study.json", json.dumps({"schema": 2}), "incomplete or altered"),
        ("study.json", json.dumps({"schema": 99}), "written by a newer Fathom"),
        ("study.db", "no database at all, but text of some length" * 30, "cannot be used"),
    ],
)
def test_a_damaged_study_is_named(name, content, line, tmp_path):
    tuned = fathom.tune(configure(epochs=1), "lr=1e-3..1:log", trials=1, root=tmp_path, retrain=False)
    (tuned.path / name).write_text(content)
    with pytest.raises(FathomError, match=line):
        fathom.resume_tuning(tuned.path)
    assert FileLock(tuned.path / ".lock", timeout=0).acquire()


def test_a_missing_library_is_one_line(monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    with pytest.raises(FathomError, match=r"^tuning needs optuna: pip install optuna, or "):
        fathom.tune(configure(), "lr=1e-3..1:log", root=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()
