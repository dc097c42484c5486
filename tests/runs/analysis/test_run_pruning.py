"""What is said of pruning follows from the numbers, losses included."""

import copy

import pytest

from fathom.runs.analysis.pruning import check_pruning, stage_table

STAGE = {
    "parameters": 1000,
    "flops": 4000,
    "weights": 900,
    "zeros": 0,
    "split": "val",
    "num_samples": 1000,
    "loss": 0.3,
}
RECORD = {
    "structured": "channels",
    "stages": {
        "before": STAGE | {"accuracy": 0.9},
        "pruned": STAGE | {"accuracy": 0.5, "parameters": 250, "flops": 1000},
        "finetuned": STAGE | {"accuracy": 0.89, "parameters": 250, "flops": 1000},
    },
    "pairs": {
        "pruned": {"num_samples": 1000, "lost": 420, "gained": 20},
        "finetuned": {"num_samples": 1000, "lost": 60, "gained": 50},
    },
    "times": [
        {"batch": 1, "ms": {"before": 2.0, "pruned": 1.0}},
        {"batch": 64, "ms": {"before": 20.0, "pruned": 10.0}},
    ],
}


def texts(record):
    return [finding.sentence for finding in check_pruning(record)]


def changed(**changes):
    record = copy.deepcopy(RECORD)
    for path, value in changes.items():
        *parts, last = path.split("__")
        place = record
        for part in parts:
            place = place[int(part) if part.isdigit() else part]
        place[last] = value
    return record


def test_the_stages_side_by_side():
    header, rows = stage_table(RECORD)
    assert header[4] == "validation accuracy"
    assert [row[0] for row in rows] == ["before", "pruned", "fine-tuned"]
    assert rows[2][1:2] + rows[2][4:5] + rows[2][-2:] == ["250", "89.00%", "1", "10"]


def test_a_gain():
    size, time, quality = texts(RECORD)
    assert "parameters to 25%, FLOPs to 25%" in size
    assert time.startswith("The pruned network is faster: 1 ms instead of 2")
    assert "1.00 points were lost, within the 2.00 points that chance allows" in quality
    assert "one alone of the two is right on 110 of 1,000 samples" in quality


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"times__0__ms__pruned": 2.0, "times__1__ms__pruned": 19.5}, "The pruned network is not faster"),
        ({"times__0__ms__pruned": 2.0}, "faster in part"),
        (
            {"stages__finetuned__accuracy": 0.8, "pairs__finetuned": {"num_samples": 1000, "lost": 130, "gained": 30}},
            "10.00 points were lost, more than the 2.40 points that chance allows",
        ),
        ({"pairs": {}}, "1.00 points were lost."),
        ({"stages__finetuned__accuracy": 0.9}, "Nothing was lost."),
        ({"stages__finetuned__accuracy": 0.91}, "1.00 points were gained, within"),
        ({"stages__finetuned__accuracy": 0.4}, "Fine-tuning made it worse"),
        ({"structured": None, "stages__pruned__zeros": 450}, "50.0% of the 900 weights are zero. The file"),
        ({"structured": None, "times__0__ms__pruned": 2.0, "times__1__ms__pruned": 20.0}, "a difference is chance"),
    ],
)
def test_losses_are_said(changes, says):
    assert says in " ".join(texts(changed(**changes)))


def test_errors_are_judged_downwards():
    record = copy.deepcopy(RECORD)
    for stage, rmse in zip(record["stages"].values(), (2.0, 4.0, 2.5), strict=True):
        del stage["accuracy"]
        stage["rmse"] = rmse
    assert "It is 25.0% worse than it was." in texts(record)[-1]
