"""One hidden layer comes as near to a function as one likes, if it is wide enough."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from fathom.lab.experiment import Claim, Comparison, Conditions, Design, Plot, Reading

_WIDTHS = (2, 8, 32, 128, 512)


def measure(arm: str, seeds: Sequence[int], conditions: Conditions) -> Iterator[dict[str, float]]:
    """Fit a random function by random sigmoid units and the best output weights; yield the error between points."""
    width, points = int(arm.removeprefix("width")), conditions["points"]
    for seed in seeds:
        rng = np.random.default_rng(seed)
        truth = _draw_function(rng)
        # steepness of the units: as narrow as their mutual distance, so that each has a place of its own
        slopes = rng.choice([-1, 1], width) * rng.uniform(0.5, 2, width) * (4 + width / 4)
        centres = rng.uniform(-1, 1, width)
        x, between = np.linspace(-1, 1, points), np.linspace(-1, 1, 4 * points - 3)
        weights = np.linalg.lstsq(_features(x, slopes, centres), truth(x), rcond=1e-10)[0]
        rest = _features(between, slopes, centres) @ weights - truth(between)
        yield {"error": float(np.sqrt(np.mean(rest**2)) / truth(between).std())}


def _features(x: np.ndarray, slopes: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Return the outputs of the hidden layer, and 1 for the last bias: (N, width + 1)."""
    z = slopes * (x[:, None] - centres)
    return np.hstack([0.5 * (1 + np.tanh(z / 2)), np.ones((len(x), 1))])  # sigmoid, without overflow


def _draw_function(rng: np.random.Generator) -> Callable[[np.ndarray], np.ndarray]:
    """Return a continuous function on [−1, 1]: five waves and a kink."""
    sizes, phases, kink = rng.normal(size=5), rng.uniform(0, 2 * np.pi, 5), rng.uniform(-0.5, 0.5)
    return lambda x: (
        sum(s * np.sin(3 * (k + 1) * x + p) for k, (s, p) in enumerate(zip(sizes, phases, strict=True)))
        + (2 * np.abs(x - kink))
    )


CLAIM = Claim(
    number=1,
    title="One hidden layer approximates any function",
    statement=(
        "With enough sigmoid units, one hidden layer approximates any continuous function as closely as one likes."
    ),
    place="N0 深度前馈网络; N3 ch. 5; N4 question 1",
    paper="Cybenko 1989; Hornik 1991",
    design=Design(
        factor="width of the hidden layer: 2, 8, 32, 128, 512",
        fixed="random continuous functions of one variable, random hidden units, errors between the fitted points",
        budget="the best output weights (least squares): what can be represented, not what descent finds",
        arms={f"width{width}": f"{width} units" for width in _WIDTHS},
        seeds=50,
        quick_seeds=10,
    ),
    comparisons=[
        *(
            Comparison(
                f"error with {large} / {small} units",
                f"width{large}",
                f"width{small}",
                "less",
                margin=1.5,
                measure="error",
                is_ratio=True,
            )
            for small, large in itertools.pairwise(_WIDTHS)
        ),
        Comparison(
            "error with 512 units, of the function's spread / 1 %",
            "width512",
            0.01,
            "less",
            margin=1.1,
            measure="error",
            is_ratio=True,
        ),
    ],
    measure=measure,
    plot=Plot("error", "error / spread of the function", _WIDTHS, "units in the hidden layer", log_x=True, log_y=True),
    settings={"points": 1000},
    reading=Reading(
        sentences=(
            "The theorem speaks of what weights exist, so the output weights are computed here, not learned.",
            "The error falls from {width2} of the function's spread with 2 units to {width512} with 512.",
            "Width is enough for one variable; the number needed grows with the number of inputs and with every "
            "kink, and "
            "nothing says that descent finds the weights.",
        ),
        would_change="Functions with jumps (the worst error then stays), many inputs, or weights learned by descent.",
        chinese=(
            "单隐藏层可以逼近任意函数",
            "成立：误差从 2 个单元的 {width2} 降到 512 个单元的 {width512}（相对于函数的标准差）",
        ),
    ),
)
