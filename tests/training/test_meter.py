"""Sums of what the steps return."""

import math

import pytest
import torch

from fathom.errors import FathomError
from fathom.training.meter import Mean, Meter


def scalars(**values: float) -> dict[str, torch.Tensor]:
    return {name: torch.tensor(value) for name, value in values.items()}


def test_means_are_weighted_by_samples():
    meter = Meter()
    meter.add(scalars(loss=1.0, accuracy=0.5), 10)
    assert meter.flush() is None
    meter.add(scalars(loss=4.0, accuracy=1.0), 30)
    assert meter.flush() is None
    assert meter.epoch.compute() == meter.take_interval() == {"loss": 3.25, "accuracy": 0.875}
    assert meter.take_interval() == {}
    meter.add(scalars(loss=0.0, accuracy=0.0), 40)
    meter.flush()
    assert meter.take_epoch() == {"loss": 1.625, "accuracy": 0.4375}
    assert meter.epoch.compute() == meter.interval.compute() == {}
    assert Mean().compute() == {}


def test_the_first_loss_that_is_not_finite_is_counted_from_the_end():
    meter = Meter()
    for loss in (1.0, 2.0, math.inf, 1.0, math.nan):
        meter.add(scalars(loss=loss), 1)
    assert meter.flush() == 3
    assert meter.flush() is None
    meter.add(scalars(accuracy=math.nan), 1)  # no loss, and a metric may be what it likes
    assert meter.flush() is None


def test_state_survives_and_flushing_early_changes_nothing():
    values = torch.rand(20, generator=torch.Generator().manual_seed(0)).tolist()

    def run(flush_at):
        meter = Meter()
        for i, value in enumerate(values):
            meter.add({"loss": torch.tensor(value)}, 3)
            if i in flush_at:
                meter.flush()
                state, meter = meter.state_dict(), Meter()
                meter.load_state_dict(state)
        meter.flush()
        return meter.epoch.compute()["loss"], meter.interval.compute()["loss"]

    assert run(()) == run((3, 4, 11)) == run(range(20))  # to the bit


def test_nothing_is_kept_alive_but_the_scalar():
    meter, weight = Meter(), torch.ones(1, requires_grad=True)
    meter.add({"loss": (weight * 2).sum()}, 1)
    assert not meter._pending[0]["loss"].requires_grad


def test_one_copy_an_interval(monkeypatch):
    calls = []
    for name in ("item", "tolist"):
        original = getattr(torch.Tensor, name)
        monkeypatch.setattr(torch.Tensor, name, lambda self, f=original: (calls.append(1), f(self))[1])
    meter = Meter()
    for i in range(50):
        meter.add(scalars(loss=float(i), accuracy=1.0), 4)
    assert not calls
    meter.flush()
    assert len(calls) == 1


def test_wrong_outputs_are_named():
    meter = Meter()
    meter.add({"loss": torch.zeros(2)}, 1)
    with pytest.raises(FathomError, match=r"'loss' of shape \(2,\); it must be a scalar"):
        meter.flush()
    meter = Meter()
    meter.add(scalars(loss=1.0, a=1.0), 1)
    meter.add(scalars(loss=1.0, b=1.0), 1)
    with pytest.raises(FathomError, match=r"returned \['loss', 'b'\], an earlier one \['loss', 'a'\]"):
        meter.flush()
    meter = Meter()
    meter.add({"loss": torch.ones(1, 1, dtype=torch.float64)}, 1)
    assert meter.flush() is None
    assert meter.take_epoch() == {"loss": 1.0}
