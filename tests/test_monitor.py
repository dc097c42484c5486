"""Which epoch is best, and by what."""

import math

import pytest

from fathom.errors import FathomError, UsageError
from fathom.monitor import LOSSES, Monitor, find_monitor, parse_monitor


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
