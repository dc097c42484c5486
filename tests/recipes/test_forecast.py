"""Forecasts of time and memory: their parts against what is known otherwise, and what they leave behind."""

import json
import math

import pytest

import fathom
from fathom.errors import UsageError
from fathom.recipes.probe import Timing
from fathom.recipes.process_cost import peak_memory, process_age, resident_memory

MLP = {"model": {"name": "mlp"}, "data": {"name": "digits"}, "training": {"epochs": 3, "optimizer": "adamw"}}


def test_timing_extrapolates_what_is_steady():
    timing = Timing(first_s=9.0, steps_s=[1.0] * 3 + [0.1] * 80, validation_s=[0.2, 0.4], num_batches=10)
    assert timing.step_s == pytest.approx(0.1)  # the three steps of the warm-up are left out
    assert timing.step_error == pytest.approx(0.0, abs=1e-12)
    assert timing.one_validation_s == pytest.approx(3.0)
    # a standard error by hand: 8 blocks, half of them 0.1 and half 0.2
    uneven = Timing(steps_s=[0.0] * 3 + [0.1] * 40 + [0.2] * 40)
    expected = math.sqrt(8 * 0.05**2 / 7) / math.sqrt(8) / 0.15
    assert uneven.step_error == pytest.approx(expected)


@pytest.fixture(scope="module")
def found():
    return fathom.forecast(MLP, seconds=0.05)


def test_steps_are_those_of_the_run(found):
    data = fathom.Digits()
    batches = math.ceil(data.num_train / found.config.data.batch_size)
    assert found.num_steps == 3 * batches
    assert 9 <= found.measured <= found.num_steps


def test_parts_add_up(found):
    assert found.seconds == pytest.approx(sum(part.size for part in found.time))
    low, high = found.interval
    assert low < found.seconds < high
    by_name = {part.name: part.size for part in found.memory}
    parameters = sum(p.numel() for p in fathom.create_model("mlp", input_shape=(1, 8, 8), num_classes=10).parameters())
    assert by_name["gradients"] % 4 == 0
    assert by_name["gradients"] >= 4 * parameters
    assert by_name["optimiser"] == 2 * by_name["gradients"]  # AdamW keeps two numbers a parameter
    assert found.peak >= resident_memory() * 0.5
    assert found.peak <= 2 * peak_memory()


def test_it_is_plain_values(found):
    tree = json.loads(json.dumps(found.to_dict()))
    assert tree["steps"] == found.num_steps
    assert tree["time_s"]["parts"][0]["name"] == "start"


def test_rehearsals_are_refused():
    with pytest.raises(UsageError, match="whole training"):
        fathom.forecast({**MLP, "training": {"fast_dev_run": True}})


def test_age_of_the_process():
    assert 0 < process_age() < 3600
