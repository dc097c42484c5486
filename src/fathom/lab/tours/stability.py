"""Signals through 50 layers, products of matrices, numbers in fp16."""

from __future__ import annotations

import math

import numpy as np

from fathom.lab.tours.tables import TourTable
from fathom.scratch.studies.stability import (
    ACTIVATIONS,
    INITIALIZERS,
    classify_signal,
    fit_half,
    product_of_matrices,
    signal_by_depth,
)


def tour_stability(seed: int) -> list[TourTable]:
    """Send signals through 50 layers under every start and activation; multiply matrices; round to fp16."""
    signals = TourTable(
        "50 layers of 128 units: how the standard deviation changes on the way up (activations) and down (gradients)",
        ("initial weights", "activation", "activations", "", "gradients", ""),
        num_names=2,
    )
    for initializer in INITIALIZERS:
        for activation in ACTIVATIONS:
            signal = signal_by_depth(initializer, activation, seed=seed)
            up = math.sqrt(signal.activations[-1] / signal.activations[0])  # standard deviations
            down = math.sqrt(signal.gradients[0] / signal.gradients[-1])
            signals.rows.append(
                (initializer, activation, f"× {up:.1e}", classify_signal(signal.activations), f"× {down:.1e}",
                 classify_signal(signal.gradients, start=-1))
            )  # fmt: skip
    products = TourTable(
        "The product of random 4×4 matrices: its largest entry",
        ("standard deviation of an entry", "after 10", "after 50", "after 100"),
    )
    for std in (1.0, 0.5, 0.2):  # of 4×4: products grow, stay, shrink
        largest = product_of_matrices(std=std, seed=seed)
        products.rows.append((f"{std:g}", *(f"{largest[n - 1]:.1e}" for n in (10, 50, 100))))
    half = TourTable(
        "Normal numbers rounded to fp16, which holds 6.1e-5 to 65,504 in full, down to 6e-8 coarsely",
        ("standard deviation", "times", "lost to 0", "kept coarsely", "lost to infinity"),
    )
    values = np.random.default_rng(seed).standard_normal(10_000)  # gradients, as one might find them
    for std, scale in ((1.0, 1), (1e-5, 1), (1e-7, 1), (1e-7, 2**14), (1e5, 1)):
        fit = fit_half(std * values, scale)
        half.rows.append((f"{std:g}", f"{scale:,}", *(f"{x:.1%}" for x in (fit.zero, fit.coarse, fit.infinite))))
    return [signals, products, half]
