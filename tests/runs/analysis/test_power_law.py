"""The power law of learning curves against laws that are known."""

import numpy as np
import pytest

from fathom.runs.analysis.learning_curves.power_law import fit_power_law, project

SIZES = (100, 200, 400, 800, 1600)


@pytest.mark.parametrize(("scale", "exponent", "floor"), [(2.0, 0.5, 0.0), (1.0, 0.3, 0.05), (0.0, 0.02, 0.2)])
def test_an_exact_law_is_found(scale, exponent, floor):
    errors = {size: [scale * size**-exponent + floor] for size in SIZES}
    law = fit_power_law(errors)
    for size in (*SIZES, 16_000):
        assert law(size) == pytest.approx(scale * size**-exponent + floor, rel=1e-3)


def test_intervals_hold_the_truth():
    rng, held = np.random.default_rng(0), 0
    for trial in range(40):
        truth = {size: 0.9 * size**-0.35 + 0.03 for size in (*SIZES, 6400)}
        errors = {size: (truth[size] * rng.normal(1, 0.03, 5)).tolist() for size in SIZES}
        (found,) = project(errors, [6400], seed=trial)
        held += found.low <= truth[6400] <= found.high
        assert found.low <= found.error <= found.high
    assert held >= 34  # 95 of 100 are meant; the chance of fewer than 34 of 40 would be 1 in 300


def test_what_cannot_be_fitted():
    with pytest.raises(ValueError, match="2 sizes"):
        fit_power_law({100: [0.1], 200: [0.05]})
    with pytest.raises(ValueError, match="error of 0"):
        fit_power_law({100: [0.1], 200: [0.05], 400: [0.0]})
