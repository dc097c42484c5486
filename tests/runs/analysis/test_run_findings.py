import json
import re
from itertools import count

import pytest

from fathom.runs.analysis.evaluation import ConfusedPair, missing_evaluation_reason, most_confused
from fathom.runs.analysis.findings import find_in_run
from fathom.runs.folder.reader import RunReader


def read(run):
    """Everything that is said of a run."""
    found = find_in_run(run)
    return " ".join([*(finding.sentence for finding in found.findings), *(skip.reason for skip in found.not_checked)])


@pytest.fixture
def run_with(tmp_path, make_run):
    """Make a run whose epochs hold the given curves."""
    numbers = count()

    def make(status="done", evaluation=None, steps=(), **curves):
        folder = make_run(tmp_path / str(next(numbers)), evaluation=False, status=status)
        records = [
            {"event": "step", "step": i + 1, "epoch": (i + 1) / 100, "train_loss": y} for i, y in enumerate(steps)
        ]
        for i, values in enumerate(zip(*curves.values(), strict=True), start=1):
            record = {"event": "epoch", "step": 100 * i, "epoch": i}
            records.append(record | {k: v for k, v in zip(curves, values, strict=True) if v != "absent"})
        (folder / "metrics.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records))
        if evaluation:
            (folder / "evaluation.json").write_text(json.dumps({"schema": 2, "split": "test"} | evaluation))
        return read(RunReader(folder))

    return make


def test_memorising_is_told_from_both_curves(run_with):
    text = run_with(train_loss=[1.0, 0.5, 0.3, 0.1], val_loss=[1.0, 0.60, 0.65, 0.9])
    assert "Validation loss is lowest at epoch 2 (0.6000). By epoch 4 it is 50% higher" in text
    assert "training loss fell on from 0.5000 to 0.1000: after epoch 2 the network mostly memorises" in text


def test_a_rise_of_both_losses_is_not_called_memorising(run_with):
    text = run_with(train_loss=[1.0, 0.5, 0.6, 0.8], val_loss=[1.0, 0.6, 0.7, 0.9])
    assert "memorises" not in text
    assert "50% higher at epoch 4, where training loss is no lower either" in text


def test_a_flat_end(run_with):
    text = run_with(train_loss=[1.0, 0.5, 0.4], val_loss=[1.0, 0.600, 0.605])
    assert "lowest at epoch 2 (0.6000) and within 2% of that at the end (0.6050 at epoch 3)" in text
    assert "memorises" not in text


def test_still_falling(run_with):
    text = run_with(train_loss=[1.0, 0.8, 0.7], val_loss=[1.0, 0.8, 0.6])
    assert (
        "lowest at the last epoch, 3 (0.6000); it fell by 25.0% in that epoch, so longer training may lower it" in text
    )
    assert "longer" not in run_with(train_loss=[1.0, 0.8, 0.7], val_loss=[1.0, 0.8, 0.799])


def test_fewer_mistakes_at_a_higher_loss(run_with):
    text = run_with(train_loss=[3, 2, 1], val_loss=[1.0, 0.5, 0.7], val_accuracy=[0.5, 0.8, 0.82])
    assert (
        "highest at epoch 3 (82.0%): fewer answers are wrong there than at epoch 2 although the loss is higher" in text
    )


def test_training_accuracy_below_validation_is_explained(run_with):
    text = run_with(train_loss=[1], val_loss=[1], train_accuracy=[0.7], val_accuracy=[0.8])
    assert "70.0% on training data and 80.0% on validation data. That is usual" in text
    text = run_with(train_loss=[1], val_loss=[1], train_accuracy=[0.9], val_accuracy=[0.8])
    assert "10.0 points apart" in text


def test_divergence_names_the_step(run_with):
    assert "At step 200 train_loss was not a finite number" in run_with(train_loss=[1.0, None], val_loss=[1.0, None])


def test_a_loss_that_stands_still(run_with):
    assert "Training loss ended where it began" in run_with(steps=[2.303] * 6, train_loss=[2.303])
    assert "ended where it began" not in run_with(steps=[2.3, 2, 1, 0.9, 0.8, 0.7], train_loss=[1])


def test_steps_that_are_too_large_are_told_by_the_loss_they_lead_to(run_with):
    evaluation = {"class_names": ["cat", "dog"], "confusion": [[5, 5], [1, 9]]}  # ln 2 = 0.6931
    text = run_with(train_loss=[80, 0.9, 0.7], val_loss=[2, 1, 0.7], evaluation=evaluation)
    assert "In epoch 1 training loss was 80.00 on average, where equal probabilities for all classes give 0.69" in text
    assert "try a learning rate far below 0.1 (--lr)" in text
    assert "longer training" not in text
    # an epoch of a few steps shows the initial weights: it began there, and fell
    assert "equal probabilities" not in run_with(steps=[90.0, 70.0], train_loss=[80, 0.9, 0.7], evaluation=evaluation)
    assert "equal probabilities" in run_with(steps=[1.0, 70.0], train_loss=[80, 0.9, 0.7], evaluation=evaluation)
    text = run_with(train_loss=[1.03, 0.9, 0.7], val_loss=[2, 1, 0.7], evaluation=evaluation)
    assert "equal probabilities" not in text
    assert "longer training" in text


@pytest.mark.parametrize(("accuracy", "is_told"), [(0.55, True), (0.6, True), (0.72, False)])
def test_a_model_that_may_as_well_guess_is_called_so(accuracy, is_told, run_with):
    rows = [{"class": "cat", "recall": 0.5, "support": 40}, {"class": "dog", "recall": 0.6, "support": 60}]
    text = run_with(evaluation={"accuracy": accuracy, "num_samples": 100, "per_class": rows})
    assert ("Always saying dog would be right for 60.0% of the test samples: these do not show" in text) == is_told


def test_without_validation_or_epochs(run_with):
    assert "there is no validation curve: no validation loss was recorded" in run_with(train_loss=[1.0, 0.5])
    text = run_with(status="stopped", steps=[2.0, 1.0])
    skipped = "there is no validation curve: no epoch was finished the test set has not been used"
    assert text == f"Recorded: 2 steps, 0.02 epochs, of which 0 whole. {skipped}"
    assert run_with() == f"Nothing was recorded: the run ended before its first step was logged. {skipped}"


def test_the_test_set_is_set_against_validation(run_with):
    evaluation = {"accuracy": 0.9, "num_samples": 10_000}
    text = run_with(train_loss=[1], val_loss=[1], val_accuracy=[0.903], evaluation=evaluation)
    assert "Of 10,000 test samples 90.0% are classified correctly" in text
    assert re.search(r"89\.4% to 90\.6%\)\. The best validation accuracy, 90\.3%, lies inside it", text)
    assert "lies above it" in run_with(train_loss=[1], val_accuracy=[0.95], evaluation=evaluation)


def test_the_hardest_class_and_its_double(run_with):
    evaluation = {
        "class_names": ["cat", "dog"], "confusion": [[5, 5], [1, 9]],
        "per_class": [{"class": "cat", "recall": 0.5, "support": 10}, {"class": "dog", "recall": 0.9, "support": 10}],
    }  # fmt: skip
    assert "The hardest class is cat: 50.0% of it are recognised, 5 of 10 taken for dog." in run_with(
        evaluation=evaluation
    )


def test_regression_speaks_of_errors(tmp_path, make_regression_run):
    text = read(RunReader(make_regression_run(tmp_path)))
    assert "off by 0.01020 (root mean square), and R² is >0.9999" in text
    assert "accuracy" not in text


def test_confusions_are_ranked():
    evaluation = {"class_names": ["a", "b", "c"], "confusion": [[8, 2, 0], [0, 6, 4], [1, 0, 0]]}
    assert most_confused(evaluation, 2) == [ConfusedPair("b", "c", 4, 0.4), ConfusedPair("a", "b", 2, 0.2)]
    assert most_confused({}, 5) == []


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("running", "still training"),
        ("stopped", "“fathom train --resume 20250301-141500-lenet-fashion_mnist” resumes it"),
        ("failed", "failed before the test set was used"),
        ("done", "“fathom eval 20250301-141500-lenet-fashion_mnist” makes one"),
    ],
)
def test_no_test_result_is_explained(tmp_path, make_run, status, words):
    assert words in missing_evaluation_reason(RunReader(make_run(tmp_path, evaluation=False, status=status)))


@pytest.mark.parametrize(
    ("curves", "code", "severity"),
    [
        ({"train_loss": [1.0, 0.5, 0.3, 0.1], "val_loss": [1.0, 0.60, 0.65, 0.9]}, "fit.overfitting", "warning"),
        ({"train_loss": [1.0, 0.5, 0.3, 0.1], "val_loss": [1.0, 0.60, 0.61, 0.65]}, "fit.overfitting", "note"),
        ({"train_loss": [1.0, 0.5, 0.6, 0.8], "val_loss": [1.0, 0.6, 0.7, 0.9]}, "loss.rises", "warning"),
        ({"train_loss": [1.0, 0.8, 0.7], "val_loss": [1.0, 0.8, 0.6]}, "fit.underfitting", "note"),
        ({"train_loss": [1.0, None], "val_loss": [1.0, None]}, "loss.not_finite", "error"),
        ({"train_loss": [1.0] * 6, "val_loss": [1.0] * 6}, "loss.stands_still", "warning"),
        ({"train_loss": [3, 2], "val_loss": [1.0, 0.5], "val_accuracy": [0.5, 0.8]}, "fit.validation_accuracy", "note"),
        (
            {"train_loss": [3, 2, 1], "val_loss": [1, 0.5, 0.55], "val_accuracy": [0.5, 0.8, 0.9]},
            "fit.overconfident",
            "note",
        ),
    ],
)
def test_codes_and_severities(tmp_path, make_run, curves, code, severity):
    folder = make_run(tmp_path, evaluation=False)
    records = [
        {"event": "epoch", "step": 100 * i, "epoch": i} | dict(zip(curves, values, strict=True))
        for i, values in enumerate(zip(*curves.values(), strict=True), start=1)
    ]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records))
    found = {finding.code: finding for finding in find_in_run(RunReader(folder)).findings}
    assert found[code].severity == severity
    assert [finding.code for finding in found.values() if finding.severity != "note"] == [code] * (severity != "note")


def test_a_healthy_run_gives_no_alarm(tmp_path, make_run, make_regression_run):
    for folder in (make_run(tmp_path), make_regression_run(tmp_path)):
        assert {finding.severity for finding in find_in_run(RunReader(folder)).findings} == {"note"}


@pytest.mark.parametrize(
    ("num_val", "val_loss", "val_accuracy", "is_found"),
    [
        (144, [0.05, 0.0245, 0.0254], 143 / 144, False),
        (144, [0.05, 0.0245, 0.0254], None, False),  # √(2/144) = 0.118
        (144, [0.05, 0.0245, 0.0300], None, True),
        (144, [2.0, 0.60, 0.90], 0.75, True),  # 36 wrong: 1/6
        (144, [2.0, 0.60, 0.69], 0.75, False),
        (50_000, [2.0, 0.60, 0.65], 0.75, True),  # 12,500 wrong: 0.9 %
    ],
)
def test_overfitting_needs_more_than_noise(tmp_path, make_run, num_val, val_loss, val_accuracy, is_found):
    folder = make_run(tmp_path, evaluation=False)
    records = [
        {"event": "epoch", "step": i, "epoch": i, "train_loss": 1 / i, "val_loss": loss}
        | ({} if val_accuracy is None else {"val_accuracy": val_accuracy})
        for i, loss in enumerate(val_loss, start=1)
    ]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records))
    (folder / "data.json").write_text(json.dumps({"schema": 2, "splits": {"train": 1000, "val": num_val}}))
    text = read(RunReader(folder))
    assert ("memorises" in text) == is_found
    assert (f"{num_val:,} samples cannot tell these apart" in text) == (not is_found)
