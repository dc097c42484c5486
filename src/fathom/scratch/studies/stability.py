"""Numerical stability: what depth does to the size of activations and gradients.

A network of d layers multiplies d Jacobians, and a product of many factors vanishes or explodes: 0.8^100 is 2e-10,
1.5^100 is 4e17. Of the start only the variance γ of the weights matters. With E[w] = 0 and independent entries

    Var[h_out] = n_in γ Var[h_in]        Var[∂L/∂h_in] = n_out γ Var[∂L/∂h_out]

so steady activations want n_in γ = 1, steady gradients n_out γ = 1, and Xavier takes the middle. A ReLU halves what
comes through, which Kaiming makes good. A sigmoid has slope 1/4 at most, which no start makes good; 4 sigmoid(x) - 2
is the identity near 0, as tanh is.

Source:  notes N1 §1.7; Glorot & Bengio 2010; He et al. 2015, arXiv:1502.01852
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Function = Callable[[np.ndarray], np.ndarray]

# The notes' range of healthy gradients
LOWEST, HIGHEST = 1e-6, 1e3


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + e^-x), by e^-|x|: nothing overflows, and far below 0 no digit is lost.

    Shape:   x (…) -> (…)
    Equals:  torch.sigmoid
    """
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, small) / (1 + small)


def sigmoid_slope(x: np.ndarray) -> np.ndarray:
    """Return σ(x) (1 - σ(x)) as e^-|x| / (1 + e^-|x|)²: 1 - σ(x) would be 0 from x = 37 on.

    Shape:   x (…) -> (…)
    """
    small = np.exp(-np.abs(x))
    return small / np.square(1 + small)


# name: the function and its slope. 4 σ(x) - 2 = 2 tanh(x/2), and tanh' = 4 σ'(2x): no difference of near equals, which
# would be 0 for small signals
ACTIVATIONS: dict[str, tuple[Function, Function]] = {
    "identity": (lambda x: x, np.ones_like),
    "sigmoid": (sigmoid, sigmoid_slope),
    "4·sigmoid−2": (lambda x: 2 * np.tanh(0.5 * x), lambda x: 4 * sigmoid_slope(x)),
    "tanh": (np.tanh, lambda x: 4 * sigmoid_slope(2 * x)),
    "relu": (lambda x: np.maximum(x, 0), lambda x: (x > 0).astype(x.dtype)),
}

# name: standard deviation of a weight between n_in and n_out units. A uniform start of the same deviation acts alike.
INITIALIZERS: dict[str, Callable[[int, int], float]] = {
    "normal 0.01": lambda n_in, n_out: 0.01,
    "normal 1": lambda n_in, n_out: 1.0,
    "xavier": lambda n_in, n_out: (2 / (n_in + n_out)) ** 0.5,
    "kaiming": lambda n_in, n_out: (2 / n_in) ** 0.5,
}


@dataclass(frozen=True)
class Signal:
    """Variances layer by layer, the input (or what lies below the first layer) first.

    Shape:   activations (L,), gradients (L,) ->; L is num_layers + 1
    """

    activations: np.ndarray
    gradients: np.ndarray


def signal_by_depth(
    initializer: str,
    activation: str,
    *,
    num_layers: int = 50,
    width: int = 128,
    batch_size: int = 128,
    seed: int = 0,
) -> Signal:
    """Send standard normal numbers up through h ← σ(h Wᵀ) and down again as gradients; measure them at every layer.

    Raises:  ValueError for an unknown name or a size below 1
    """
    if activation not in ACTIVATIONS or initializer not in INITIALIZERS:
        raise ValueError(
            f"signal_by_depth: initializer is one of {', '.join(INITIALIZERS)}, activation one of "
            f"{', '.join(ACTIVATIONS)}; got {initializer!r} and {activation!r}"
        )
    if min(num_layers, width, batch_size) < 1:
        raise ValueError(
            f"signal_by_depth: num_layers, width and batch_size must be at least 1, got {num_layers}, {width}, "
            f"{batch_size}"
        )
    function, slope = ACTIVATIONS[activation]
    generator = np.random.default_rng(seed)  # weights, input, gradient: one stream
    weights = [generator.normal(0, INITIALIZERS[initializer](width, width), (width, width)) for _ in range(num_layers)]
    h = generator.standard_normal((batch_size, width))  # (N, width), variance 1
    before: list[np.ndarray] = []  # what goes into each activation
    activations = [h.var()]
    for W in weights:
        before.append(h @ W.T)  # (N, width)
        h = function(before[-1])
        activations.append(h.var())
    gradient = generator.standard_normal((batch_size, width))
    gradients = [gradient.var()]
    for W, z in zip(reversed(weights), reversed(before), strict=True):
        gradient = (gradient * slope(z)) @ W  # (N, width)
        gradients.append(gradient.var())
    return Signal(np.array(activations), np.array(gradients[::-1]))


def classify_signal(variances: np.ndarray, start: int = 0) -> str:
    """Return what becomes of a signal on its way from one end: "steady", "vanishes" or "explodes".

    Its size is the standard deviation as a multiple of that at ``start``; steady is within the notes' 1e-6…1e3.

    Args:
        start: index of the end where the signal comes from: 0 for activations, -1 for gradients.

    Shape:   variances (L,) ->
    """
    sizes = np.sqrt(variances / variances[start])  # standard deviations as multiples
    if not np.isfinite(sizes).all() or sizes.max() > HIGHEST:
        return "explodes"
    return "vanishes" if sizes.min() < LOWEST else "steady"


def product_of_matrices(num_factors: int = 100, size: int = 4, *, std: float = 1.0, seed: int = 0) -> np.ndarray:
    """Multiply random matrices; return the largest absolute entry of the product after each factor.

    Shape:   -> (num_factors,)
    """
    generator = np.random.default_rng(seed)
    product = np.eye(size)
    largest = []
    for _ in range(num_factors):
        product = product @ generator.normal(0, std, (size, size))  # (size, size)
        largest.append(np.abs(product).max())
    return np.array(largest)


@dataclass(frozen=True)
class HalfFit:
    """What becomes of numbers in fp16, as shares of all that are not 0: lost to 0, kept coarsely, lost to infinity."""

    zero: float
    coarse: float
    infinite: float


def fit_half(values: np.ndarray, scale: float = 1.0) -> HalfFit:
    """Round numbers, multiplied by a scale, to fp16 and count what does not fit.

    fp16 holds 6.1e-5 to 65,504 at full precision, down to 6e-8 with fewer and fewer digits, nothing beyond. Scaling the
    loss by 1,000 or so scales all gradients into that range; they are divided again in fp32.
    Shape:   values (…) ->

    Source:  notes N1 §1.7.1; Micikevicius et al. 2018, arXiv:1710.03740
    """
    limits = np.finfo(np.float16)
    wanted = np.asarray(values, dtype=np.float64).ravel() * scale
    wanted = wanted[wanted != 0]  # 0 is exact in any type
    if not wanted.size:
        return HalfFit(0.0, 0.0, 0.0)
    with np.errstate(over="ignore"):
        rounded = np.abs(wanted.astype(np.float16).astype(np.float64))
    return HalfFit(
        float((rounded == 0).mean()),
        float(((rounded > 0) & (rounded < float(limits.smallest_normal))).mean()),
        float(np.isinf(rounded).mean()),
    )
