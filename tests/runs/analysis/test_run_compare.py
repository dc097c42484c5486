import csv
import io
import json

import pytest

from fathom.errors import FathomError, UsageError
from fathom.runs.analysis.comparison import compare_runs
from fathom.runs.analysis.ranking import check_runs
from fathom.runs.html.pages.comparison import write_comparison
from fathom.runs.html.pages.report import write_report


@pytest.fixture
def runs(tmp_path, make_run):
    def make(i, **options):
        return make_run(tmp_path, f"20250301-14150{i}-lenet-fashion_mnist", mistakes=0, **options)

    return [
        make(0),
        make(1, seed=1),
        make(2, lr=0.05, lift=0.02, epochs=8),
        make(3, evaluation=False, status="stopped"),
    ]


def rows_of(comparison):
    return {row.key: row for row in comparison.rows}


def set_accuracy(folder, accuracy):
    evaluation = json.loads((folder / "evaluation.json").read_text()) | {"accuracy": accuracy}
    (folder / "evaluation.json").write_text(json.dumps(evaluation))


def set_validation(folder, accuracy):
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    lines = [line | {"val_accuracy": accuracy} if "val_accuracy" in line else line for line in lines]
    (folder / "metrics.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))


def set_status(folder, status):
    (folder / "run.json").write_text(json.dumps(json.loads((folder / "run.json").read_text()) | {"status": status}))


def test_rows_hold_what_the_folders_hold(runs):
    rows = rows_of(compare_runs(runs))
    assert rows["model"].values == ("lenet",) * 4
    assert rows["seed"].values == (0, 1, 0, 0)
    assert rows["training.lr"].values == (0.1, 0.1, 0.05, 0.1)
    assert rows["epochs_done"].texts() == ["10", "10", "8", "10"]
    expected = [json.loads((run / "evaluation.json").read_text())["accuracy"] for run in runs[:3]]
    assert rows["test_accuracy"].values == (*expected, None)
    assert rows["test_accuracy"].texts()[3] == "–"
    assert rows["best_val_accuracy"].best() == {2}  # the one with lift
    assert "training.batch_size" not in rows  # equal in all runs
    assert "test_rmse" not in rows


def test_settings_that_one_run_lacks_are_listed(runs):
    config = (runs[0] / "config.yaml").read_text()
    (runs[0] / "config.yaml").write_text(config.replace("  momentum: 0.9\n", ""))
    assert rows_of(compare_runs(runs))["training.momentum"].values == (None, 0.9, 0.9, 0.9)


def test_csv_is_a_line_a_run_unrounded(runs):
    table = list(csv.DictReader(io.StringIO(compare_runs(runs).to_csv())))
    assert [line["run"] for line in table] == [run.name for run in runs]
    assert float(table[0]["test_accuracy"]) == json.loads((runs[0] / "evaluation.json").read_text())["accuracy"]
    assert table[3]["test_accuracy"] == ""


def test_runs_are_ranked_by_validation_and_never_by_the_test_set(runs):
    for run, val, test in zip(runs, (0.91, 0.95, 0.93, 0.90), (0.96, 0.90, 0.903, None), strict=True):
        set_validation(run, val)
        if test is not None:
            set_accuracy(run, test)
    best = check_runs(compare_runs(runs))[0]
    start = "B has the highest validation accuracy, 95.00%; C follows with 93.00%. "
    # two-sample standard error for 10,000 samples each: sqrt(.9*.1/1e4 + .903*.097/1e4) = 0.004214; times 1.96
    assert best.message.startswith(
        f"{start}On the test set B is right on 90.00%, C on 90.30%: 0.30 points apart, no more than the 0.83"
    )
    assert (best.code, best.evidence["best"]) == ("series.no_difference", runs[1].name)
    rows = rows_of(compare_runs(runs))
    assert rows["best_val_accuracy"].best() == {1}
    assert rows["test_accuracy"].best() == rows["test_loss"].best() == set()
    set_accuracy(runs[1], 0.92)
    assert ", more than the 0.79 points" in check_runs(compare_runs(runs))[0].message
    set_validation(runs[1], 0.93)
    tied = check_runs(compare_runs(runs))[0].message
    assert tied.startswith(
        "B and C share the highest validation accuracy, 93.00%. On the test set B is right on 92.00%"
    )


def test_a_failed_run_is_neither_ranked_nor_marked(runs):
    set_validation(runs[3], 0.999)
    assert rows_of(compare_runs(runs))["best_val_accuracy"].best() == {3}  # a stopped run counts
    set_status(runs[3], "failed")
    comparison = compare_runs(runs)
    assert "D" not in check_runs(comparison)[0].message
    for row in comparison.rows:
        assert 3 not in row.best(), row.key
    records = (runs[3] / "metrics.jsonl").read_text()
    assert "samples_per_s" in records
    fast = [json.loads(line) | {"samples_per_s": 1e9} for line in records.splitlines()]
    (runs[3] / "metrics.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in fast))
    assert rows_of(compare_runs(runs))["samples_per_s"].best() <= {0, 1, 2}


def test_runs_that_differ_by_seed_are_averaged(runs):
    for run, val, test in zip(runs, (0.80, 0.90), (0.90, 0.92), strict=False):
        set_validation(run, val)
        set_accuracy(run, test)
    set_status(runs[3], "failed")  # it has the first one's settings and seed
    assert check_runs(compare_runs(runs))[1].sentence == (
        "A, B have equal settings but for the seed: validation accuracy 85.00% on average, standard deviation "
        "7.07 points; test accuracy 91.00% on average, standard deviation 1.41 points."
    )


def test_different_data_are_not_ranked(runs):
    config = (runs[1] / "config.yaml").read_text()
    (runs[1] / "config.yaml").write_text(config.replace("fashion_mnist", "mnist"))
    assert check_runs(compare_runs(runs)) == []


def test_regressions_compare_by_error(tmp_path, make_regression_run):
    runs = [make_regression_run(tmp_path, f"2025030{i}-150000-linear-x") for i in (1, 2)]
    rows = rows_of(compare_runs(runs))
    assert rows["test_rmse"].values == (0.0102, 0.0102)
    assert "test_accuracy" not in rows
    assert rows["best_val_loss"].texts() == ["–", "–"]


def test_letters_go_on_after_z(runs):
    comparison = compare_runs(runs)
    assert comparison.labels == ["A", "B", "C", "D"]
    many = type(comparison)(runs=comparison.runs * 8, rows=())
    assert many.labels[24:28] == ["Y", "Z", "AA", "AB"]


def test_wrong_use_is_named(runs, tmp_path):
    with pytest.raises(UsageError, match="needs at least two runs"):
        compare_runs(runs[:1])
    with pytest.raises(UsageError, match="lenet-fashion_mnist is given twice"):
        compare_runs([runs[0], str(runs[0]) + "/"])
    with pytest.raises(FathomError, match="does not exist"):
        compare_runs([runs[0], tmp_path / "absent"])


def test_the_page_overlays_validation_curves(runs, tmp_path):
    page = write_comparison(compare_runs(runs), tmp_path / "compare.html").read_text()
    assert "4 runs compared" in page
    assert page.count('class="curve tone-3"') == 4  # two over epochs, one over time, training loss
    for title in ("Validation loss", "Validation accuracy", "Validation accuracy over time", "Training loss"):
        assert f">{title}</title>" in page
    assert "<script" not in page
    assert f'href="{runs[0].name}/report.html"' not in page  # it has none
    write_report(runs[0])
    page = write_comparison(compare_runs(runs), tmp_path / "deep.html").read_text()
    assert f'<a href="{runs[0].name}/report.html"><span class="mono">{runs[0].name}</span></a>' in page
