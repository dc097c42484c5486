import json

import pytest
import yaml

from fathom.errors import FathomError, UsageError
from fathom.runs.folder.lookup import resolve_run
from fathom.runs.folder.reader import Best, RunReader


def edit(path, **fields):
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def test_everything_in_a_finished_run(tmp_path, make_run):
    run = RunReader(make_run(tmp_path))
    assert run.status == "done"
    assert (run.model_name, run.data_name) == ("lenet", "fashion_mnist")
    assert len(run.epochs()) == 10
    assert len(run.steps()) == 40
    assert [r["step"] for r in run.metrics] == sorted(r["step"] for r in run.metrics)
    assert run.model["parameters"] == 61_706
    assert run.evaluation["num_samples"] == 10_000
    assert run.is_classifier
    assert run.train_s == run.epochs()[-1]["elapsed_s"]
    assert 60_000 < run.samples_per_s < 80_000
    highest = max(run.epochs(), key=lambda r: r["val_accuracy"])
    assert run.best() == Best("val_accuracy", highest["val_accuracy"], highest["epoch"], is_highest=True)


def test_a_run_that_hardly_began(tmp_path, make_run):
    folder = make_run(tmp_path, evaluation=False, status="running")
    for name in ("metrics.jsonl", "model.json"):
        (folder / name).unlink()
    run = RunReader(folder)
    assert (run.metrics, run.model, run.evaluation, run.best()) == ([], None, None, None)
    assert (run.train_s, run.samples_per_s, run.is_classifier) == (None, None, False)


def test_best_by_what_is_monitored(tmp_path, make_run):
    folder = make_run(tmp_path)
    path = folder / "config.yaml"
    tree = yaml.safe_load(path.read_text())
    tree.setdefault("training", {})["monitor"] = "val_loss"
    path.write_text(yaml.safe_dump(tree))
    run = RunReader(folder)
    lowest = min(run.epochs(), key=lambda r: r["val_loss"])
    assert run.best() == Best("val_loss", lowest["val_loss"], lowest["epoch"], is_highest=False)


def test_best_of_equal_accuracies_has_the_lowest_loss(tmp_path, make_run):
    folder = make_run(tmp_path)
    records = [
        {"event": "epoch", "step": i, "epoch": i, "train_loss": 1.0, "val_loss": loss, "val_accuracy": accuracy}
        for i, (loss, accuracy) in enumerate([(0.5, 0.9), (0.3, 0.9), (0.4, 0.9), (0.1, 0.8)], start=1)
    ]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records))
    assert RunReader(folder).best() == Best("val_accuracy", 0.9, 2, is_highest=True)


def test_best_without_accuracy_or_validation(tmp_path, make_run, make_regression_run):
    assert RunReader(make_regression_run(tmp_path)).best().metric == "train_loss"
    folder = make_run(tmp_path)
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    for line in lines:
        line.pop("val_accuracy", None)
    (folder / "metrics.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n")
    run = RunReader(folder)
    assert run.best().value == min(r["val_loss"] for r in run.epochs())


def test_a_step_trained_twice_counts_once_as_trained_last(tmp_path, make_run):
    folder = make_run(tmp_path, epochs=2)
    with (folder / "metrics.jsonl").open("a") as file:
        file.write(json.dumps({"event": "resume", "step": 400, "epoch": 1}) + "\n")
        file.write(json.dumps({"event": "epoch", "step": 430, "epoch": 2, "train_loss": 9.0}) + "\n")
    run = RunReader(folder)
    assert [r["train_loss"] for r in run.epochs()][1:] == [9.0]


@pytest.mark.parametrize("name", ["run.json", "config.yaml", "evaluation.json", "model.json"])
def test_a_newer_schema_is_refused_by_file(tmp_path, make_run, name):
    folder = make_run(tmp_path)
    if name.endswith("yaml"):
        (folder / name).write_text((folder / name).read_text().replace("schema: 2", "schema: 3"))
    else:
        edit(folder / name, schema=3)

    def read_all():
        run = RunReader(folder)
        return run.config, run.model, run.evaluation

    with pytest.raises(FathomError) as caught:
        read_all()
    expected = f"{folder / name} was written by a newer Fathom (schema 3, this one reads 2); upgrade fathom"
    assert str(caught.value) == expected


def test_foreign_and_damaged_folders_are_named(tmp_path, make_run):
    with pytest.raises(FathomError, match="does not exist"):
        RunReader(tmp_path / "absent")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FathomError, match=r"empty is not a run folder: it has no run\.json"):
        RunReader(tmp_path / "empty")
    (tmp_path / "empty" / "run.json").write_text('{"name": "an npm package"}')
    with pytest.raises(FathomError, match=r"run\.json has no schema number"):
        RunReader(tmp_path / "empty")
    folder = make_run(tmp_path)
    edit(folder / "run.json", status="fine")
    with pytest.raises(FathomError, match=r"run\.json is damaged: status is not one of running, done"):
        RunReader(folder)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"confusion": [[1, 2]]}, "confusion matrix does not fit"),
        ({"confusion": [["1"] * 10] * 10}, "confusion matrix does not fit"),
        ({"class_names": ["a"]}, "confusion matrix does not fit"),
        ({"per_class": {"a": 1}}, "per_class is not a list"),
        ({"mistakes": [1]}, "mistakes is not a list"),
    ],
)
def test_an_evaluation_that_contradicts_itself_is_refused(tmp_path, make_run, fields, reason):
    folder = make_run(tmp_path)
    edit(folder / "evaluation.json", **fields)
    with pytest.raises(FathomError, match=rf"evaluation\.json is damaged: .*{reason}"):
        print(RunReader(folder).evaluation)


def test_a_record_without_numbers_is_named(tmp_path, make_run):
    folder = make_run(tmp_path)
    (folder / "metrics.jsonl").write_text('{"event": "step", "step": 1, "epoch": 1}\n{"step": "two", "epoch": 1}\n')
    with pytest.raises(FathomError, match="record 2 lacks a number for step or epoch"):
        print(RunReader(folder).metrics)


@pytest.fixture
def three_runs(tmp_path, make_run):
    names = ["20250301-100000-lenet-a", "20250302-100000-mlp-a", "20250302-100000-mlp-b"]
    folders = [make_run(tmp_path, name, mistakes=0) for name in names]
    edit(folders[1] / "run.json", created="2025-03-02T10:00:00.900+00:00")
    edit(folders[2] / "run.json", created="2025-03-02T10:00:00.100+00:00")
    (tmp_path / "not-a-run").mkdir()
    return folders


def test_runs_are_found_by_path_name_beginning_and_last(tmp_path, three_runs, monkeypatch):
    first, second, third = three_runs
    assert resolve_run(str(first)) == first
    assert resolve_run("20250302-100000-mlp-b", tmp_path) == third
    assert resolve_run("20250301", tmp_path) == first
    assert resolve_run("last", tmp_path) == second  # made later within the same second
    assert RunReader("last", tmp_path).path == second
    monkeypatch.chdir(tmp_path)
    assert resolve_run("20250301", ".").name == first.name


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("20250302", "'20250302' fits 2 runs: 20250302-100000-mlp-a, 20250302-100000-mlp-b; give more of the name"),
        ("20250301-100000-lnet-a", "did you mean '20250301-100000-lenet-a'"),
        ("lst", "did you mean 'last'"),
        ("zzz", "there is no run 'zzz' in "),
        ("elsewhere/x", "there is no run folder elsewhere/x"),
    ],
)
def test_a_name_that_fits_badly_is_explained(tmp_path, three_runs, text, message):
    with pytest.raises(UsageError) as caught:
        resolve_run(text, tmp_path)
    assert message in str(caught.value)


def test_no_runs_at_all(tmp_path):
    with pytest.raises(UsageError, match=r"there is no run in .*none yet; train one first"):
        resolve_run("last", tmp_path / "none")
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="is a file; give the run's folder"):
        resolve_run(str(tmp_path / "file"), tmp_path)
