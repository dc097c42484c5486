"""Squared, absolute and Huber's loss under the noise that each is made for, and at the end of descent."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from fathom.lab.experiment import Claim, Comparison, Conditions, Design, Fact, Plot, Reading

_LOSSES = {"l2": "squared", "l1": "absolute", "huber": "Huber"}
_NOISES = {"gauss": "Gaussian", "laplace": "Laplace", "outliers": "Gaussian, 10 % outliers"}
_ARMS = {f"{noise}_{loss}": f"{_NOISES[noise]}: {_LOSSES[loss]}" for noise in _NOISES for loss in _LOSSES}


def measure(arm: str, seeds: Sequence[int], conditions: Conditions) -> Iterator[dict[str, float]]:
    """Estimate a location that is 0 many times; yield the mean squared error, times the number of values."""
    noise, loss = arm.split("_")
    count = conditions["values"]
    for seed in seeds:
        values = _draw(np.random.default_rng(seed), noise, (conditions["repeats"], count))
        yield {"error": float(np.mean(_minimise(values, loss) ** 2)) * count}


def _draw(rng: np.random.Generator, noise: str, shape: tuple[int, int]) -> np.ndarray:
    """Draw noise of variance 1; outliers are ten times as wide."""
    if noise == "laplace":
        return rng.laplace(0, 0.5**0.5, shape)  # variance 2·scale²
    values = rng.normal(size=shape)
    return np.where(rng.random(shape) < 0.1, 10 * values, values) if noise == "outliers" else values


def _minimise(values: np.ndarray, loss: str) -> np.ndarray:
    """Return where each row's mean loss is least: its mean, median, or Huber's estimate (threshold 1)."""
    if loss == "l2":
        return values.mean(1)
    centre = np.median(values, 1)
    if loss == "l1":
        return centre
    for _ in range(50):  # weighted means converge linearly, by about a half a turn
        rest = values - centre[:, None]
        weights = 1 / np.maximum(1, np.abs(rest))
        centre = (weights * values).sum(1) / weights.sum(1)
    return centre


def check(conditions: Conditions) -> Sequence[Fact]:
    """Descend to 0.05 at a constant rate of 0.1, and see who arrives."""
    slopes: dict[str, Callable[[float], float]] = {
        "l2": lambda e: e,
        "l1": lambda e: float(np.sign(e)),
        "huber": lambda e: min(1.0, max(-1.0, e)),
    }
    last = {}
    for loss, slope in slopes.items():
        at = 5.05  # no multiple of the rate away
        path = []
        for _ in range(1000):
            at -= 0.1 * slope(at)
            path.append(abs(at))
        last[loss] = max(path[-10:])
    return [
        Fact("absolute loss swings at the end, by half the step", last["l1"] > 0.04, f"last distance {last['l1']:.2g}"),
        Fact("squared loss comes to rest", last["l2"] < 1e-9, f"last distance {last['l2']:.0e}"),
        Fact("Huber's loss comes to rest", last["huber"] < 1e-9, f"last distance {last['huber']:.0e}"),
    ]


def _compare(noise: str, first: str, second: str) -> Comparison:
    title = f"{_NOISES[noise]}: error of {_LOSSES[first]} / {_LOSSES[second]}"
    return Comparison(title, f"{noise}_{first}", f"{noise}_{second}", "less", 1.05, measure="error", is_ratio=True)


CLAIM = Claim(
    number=22,
    title="The noise behind a loss",
    statement=(
        "Squared loss suits Gaussian noise, absolute loss Laplace noise and outliers; Huber's joins their strengths."
    ),
    place="N1 §1.3.2; N3 ch. 3",
    paper="Huber 1964",
    design=Design(
        factor="squared, absolute and Huber's loss under Gaussian noise, Laplace noise, and 10 % outliers",
        fixed="50 values around 0, Huber's threshold 1",
        budget="each loss is minimised exactly",
        arms=_ARMS,
        seeds=20,
    ),
    comparisons=[
        _compare("gauss", "l2", "l1"),
        _compare("laplace", "l1", "l2"),
        _compare("outliers", "l1", "l2"),
        _compare("gauss", "huber", "l1"),
        _compare("outliers", "huber", "l2"),
    ],
    measure=measure,
    facts=check,
    plot=Plot("error", "variance of the estimate × number of values", log_y=True),
    settings={"values": 50, "repeats": 400},
    quick={"repeats": 200},
    reading=Reading(
        sentences=(
            "The loss that is minus the logarithm of the noise's density wastes nothing of the sample.",
            "Under Gaussian noise the squared loss has {c1} of the absolute one's error (2/π in theory); under "
            "Laplace noise "
            "the absolute has {c2}, with outliers {c3} of the squared one's.",
            "Huber's loss loses little in either case and settles at the end, where the absolute one swings.",
        ),
        would_change="Skewed noise, or a threshold far from the noise's scale.",
        depends_on="the noise",
        chinese=(
            "L2 对应高斯噪声，L1 对应拉普拉斯噪声且末期不稳，Huber 兼得",
            "成立：误差之比 高斯下 L2/L1 {c1}，拉普拉斯下 L1/L2 {c2}，有离群值时 Huber/L2 {c5}",
        ),
    ),
)
