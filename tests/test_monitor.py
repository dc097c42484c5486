"""Which epoch is best, and by what."""

import math

import pytest

from fathom.errors import FathomError, UsageError
from fathom.monitor import LOSSES, Monitor, find_monitor, is_better_epoch, parse_monitor


def test_the_usual_order_is_accuracy_then_losses():
    record = {"train_loss": 3.0, "val_loss": 2.0, "val_accuracy": 0.5}
    assert find_monitor(record) == Monitor("val_accuracy", True)
    assert find_monitor(record, LOSSES) == Monitor("val_loss", False)
    del record["val_accuracy"]
    assert find_monitor(record) == Monitor("val_loss", False)
    del record["val_loss"]
    assert find_monitor(record) == Monitor("train_loss", False)
    with pytest.raises(FathomError, match="no val_accuracy to monitor: the epoch's record holds no metric"):
        find_monitor({"step": 1})


@pytest.mark.parametrize(
    ("text", "name", "higher"),
    [
        ("val_f1", "val_f1", True),
        ("val_loss", "val_loss", False),
        ("train_perplexity", "train_perplexity", False),
        ("val_mae:min", "val_mae", False),
        ("val_mine:max", "val_mine", True),
    ],
)
def test_a_name_says_which_is_better_or_it_is_said(text, name, higher):
    assert parse_monitor(text) == Monitor(name, higher)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("f1", "expected a recorded metric, such as val_f1"),
        ("val_", "expected a recorded metric"),
        ("val_mae", "say which is better, val_mae:min or val_mae:max"),
        ("val_f1:up", "expected val_f1:min or val_f1:max"),
    ],
)
def test_a_monitor_that_says_too_little_is_refused(text, words):
    with pytest.raises(UsageError, match=words):
        parse_monitor(text)


def test_nan_is_never_better():
    for monitor in (Monitor("val_loss", False), Monitor("val_f1", True)):
        assert not monitor.improves(math.nan, monitor.worst)
        assert monitor.improves(0.5, monitor.worst)
        assert not monitor.improves(0.5, 0.5)
    assert Monitor("val_f1", True).improves(0.6, 0.5, by=0.05)
    assert not Monitor("val_loss", False).improves(0.46, 0.5, by=0.05)


ACCURACY = Monitor("val_accuracy", True)


@pytest.mark.parametrize(
    ("accuracy", "loss", "best"),
    [
        ([0.9, 0.9, 0.9], [0.5, 0.3, 0.4], 1),  # ties: the lowest loss
        ([0.9, 0.91, 0.9], [0.5, 0.6, 0.1], 1),  # no tie: accuracy
        ([1 / 3, 0.1 + 0.7 / 3, 0.2], [0.5, 0.4, 0.1], 1),  # equal but for rounding
        ([0.9, 0.9], [0.5, 0.5], 0),  # nothing between them: the first
        ([0.9, 0.9], [None, 0.5], 1),
        ([0.9, 0.9], [0.5, math.nan], 0),
        ([math.nan, 0.2, None], [0.1, 0.5, 0.1], 1),
        ([0.0, 0.0], [2.0, 1.0], 1),
    ],
)
def test_equal_accuracies_are_decided_by_loss(accuracy, loss, best):
    records = [{"val_accuracy": a, "val_loss": y} for a, y in zip(accuracy, loss, strict=True)]
    found = records[0]
    for record in records[1:]:
        found = record if is_better_epoch(ACCURACY, record, found) else found
    assert found is records[best]


def test_a_loss_is_not_its_own_tie_breaker():
    monitor = Monitor("val_loss", False)
    assert is_better_epoch(monitor, {"val_loss": 0.5 - 1e-9}, {"val_loss": 0.5})
    assert not is_better_epoch(monitor, {"val_loss": 0.5}, {"val_loss": 0.5})
