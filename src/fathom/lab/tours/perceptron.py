"""The perceptron on pairs of digits and on XOR, its updates beside the bound."""

from __future__ import annotations

import numpy as np

from fathom.lab.tours.tables import TourTable, load_digits
from fathom.scratch.studies.perceptron import Perceptron, bound, margin, radius, xor

# Zero and one are easily told apart; the others are the pairs that share most strokes
PAIRS = ((0, 1), (4, 9), (3, 8), (1, 8))


def tour_perceptron() -> list[TourTable]:
    """Train on pairs of digits and on XOR; count the updates beside the bound."""
    train, test = load_digits()
    header = ("classes", "samples", "radius r", "margin ρ", "updates", "bound (r²+1)/ρ²", "test accuracy")
    table = TourTable("The perceptron's own rule: where a sample is wrong, add y·x to w and y to b", header)
    for first, second in PAIRS:
        X, y = _pair(*train, first, second)
        test_X, test_y = _pair(*test, first, second)
        perceptron = Perceptron(X.shape[1])
        outcome = perceptron.fit(X, y)
        r, rho = radius(X), margin(X, y)
        right = float((perceptron(test_X) == test_y).mean())
        table.rows.append(
            (f"{first} and {second}", f"{len(X)}", f"{r:.3f}", f"{rho:.3f}", f"{outcome.num_updates:,}",
             f"{bound(r, rho):,.0f}", f"{right:.1%}")
        )  # fmt: skip
    X, y = xor()
    perceptron = Perceptron(2)
    outcome = perceptron.fit(X, y)
    verdict = "never done: the weights repeat" if outcome.repeats else "done"
    table.rows.append(
        ("XOR", f"{len(X)}", f"{radius(X):.3f}", f"{margin(X, y):.3f}", verdict, "none: ρ = 0",
         f"{(perceptron(X) == y).mean():.1%}")
    )  # fmt: skip
    return [table]


def _pair(images: np.ndarray, labels: np.ndarray, first: int, second: int) -> tuple[np.ndarray, np.ndarray]:
    chosen = np.isin(labels, (first, second))
    return images[chosen].reshape(chosen.sum(), -1), np.where(labels[chosen] == first, -1, 1)
