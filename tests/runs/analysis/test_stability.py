"""Gradients, updates and outputs of layers, from the lines of probes.jsonl."""

from __future__ import annotations

import pytest

from fathom.runs.analysis.stability import list_courses, typical

START = {
    "event": "start",
    "step": 0,
    "epoch": 0,
    "parameters": ["a.weight", "a.bias", "b.weight"],
    "layers": ["a", "b"],
}


def probe(step, *, gradient=(1e-3, 1e-3, 1e-3), update=(1e-3, 1e-3, 1e-3), variance=(1.0, 2.0)):
    return {
        "event": "probe",
        "step": step,
        "epoch": 0,
        "weight": [1.0, 1.0, 2.0],
        "update": list(update),
        "gradient_size": list(gradient),
        "gradient_variance": [g and g * g for g in gradient],
        "output_variance": list(variance),
    }


def test_layers_come_from_input_to_output_without_biases():
    a, b = list_courses([START, probe(1), probe(2, variance=(3.0, None))])
    assert (a.name, b.name) == ("a", "b")
    assert a.gradient == [(1, 1e-3), (2, 1e-3)]
    assert b.update == [(1, 5e-4), (2, 5e-4)]  # relative to a norm of 2
    assert a.output_variance == [(1, 1.0), (2, 3.0)]
    assert b.output_variance == [(1, 2.0), (2, None)]
    assert typical(b.output_variance) == 2.0


@pytest.mark.parametrize(
    ("gradient", "update", "verdict"),
    [
        (1e-3, 1e-3, "within the band"),
        (1e-6, 1e-3, "within the band"),
        (9e-7, 1e-3, "gradients below the band"),
        (2e3, 1e-3, "gradients above the band"),
        (0.0, 1e-3, "no gradient"),
        (None, 1e-3, "no gradient seen"),
        (1e-3, 0.5, "updates too large"),
    ],
)
def test_verdicts(gradient, update, verdict):
    events = [START, *(probe(i, gradient=(gradient, 1.0, 1.0), update=(update, 1.0, 1e-3)) for i in (1, 2, 3))]
    first = list_courses(events)[0]
    assert first.verdict == verdict
    assert first.is_usual == (verdict == "within the band")


def test_nothing_of_a_run_without_probes():
    assert list_courses([]) == []
    assert list_courses([START]) == []
