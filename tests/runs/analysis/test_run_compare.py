import csv
import io
import json

import pytest

from fathom.errors import FathomError, UsageError
from fathom.runs.analysis.compare import compare_runs, judge_runs
from fathom.runs.html.pages.comparison import write_comparison


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


def test_rows_hold_what_the_folders_hold(runs):
    rows = rows_of(compare_runs(runs))
    assert rows["model"].values == ("lenet",) * 4
    assert rows["seed"].values == (0, 1, 0, 0)
    assert rows["training.lr"].values == (0.1, 0.1, 0.05, 0.1)
    assert rows["epochs_done"].texts() == ["10", "10", "8", "10"]
    expected = [json.loads((run / "evaluation.json").read_text())["accuracy"] for run in runs[:3]]
    assert rows["test_accuracy"].values == (*expected, None)
    assert rows["test_accuracy"].texts()[3] == "–"
    assert rows["test_accuracy"].best() == {max(range(3), key=lambda i: expected[i])}
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


def test_chance_is_weighed(runs):
    set_accuracy(runs[0], 0.900)
    set_accuracy(runs[1], 0.903)
    set_accuracy(runs[2], 0.880)
    text = judge_runs(compare_runs(runs))[0].sentence
    # two-sample standard error for 10,000 samples each: sqrt(.9*.1/1e4 + .903*.097/1e4) = 0.004214; times 1.96
    assert text.startswith("B has the highest test accuracy, 90.30%; A follows with 90.00%. They differ by 0.30 points")
    assert "no more than the 0.83 points" in text
    set_accuracy(runs[1], 0.92)
    assert "more than the 0.79 points" in judge_runs(compare_runs(runs))[0].sentence
    set_accuracy(runs[1], 0.90)
    assert "share the highest test accuracy, 90.00%" in judge_runs(compare_runs(runs))[0].sentence


def test_runs_that_differ_by_seed_are_averaged(runs):
    set_accuracy(runs[0], 0.90)
    set_accuracy(runs[1], 0.92)
    assert judge_runs(compare_runs(runs))[1].sentence == (
        "A, B have equal settings but for the seed: test accuracy 91.00% on average, standard deviation 1.41 points."
    )


def test_different_data_are_not_ranked(runs):
    config = (runs[1] / "config.yaml").read_text()
    (runs[1] / "config.yaml").write_text(config.replace("fashion_mnist", "mnist"))
    assert judge_runs(compare_runs(runs)) == []


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
    with pytest.raises(UsageError, match="needs two runs or more"):
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
