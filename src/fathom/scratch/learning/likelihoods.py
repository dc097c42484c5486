"""The likelihood behind each loss: −log p(y | ŷ) is the loss, but for a factor and a constant that ŷ does not change.

| y given ŷ is | −log p(y) | loss |
|---|---|---|
| normal, standard deviation σ | ½(y − ŷ)²/σ² + log σ√(2π) | ``half_squared`` / σ² |
| Laplace's, scale b | abs(y − ŷ)/b + log 2b | ``l1`` / b |
| Huber's: normal inside ±δ, exponential tails | huber(y − ŷ) + log Z | ``huber`` |
| 1 with probability σ(o) (Bernoulli) | log(1 + e^o) − yo | ``bce_with_logits`` |
| class c with probability softmax(o)_c | log Σ e^o − o_y | ``cross_entropy`` |

So whoever minimises a loss over independent samples maximises this likelihood, and which loss is right depends on how
the data scatter: squared for normal noise, absolute for heavy tails.

Source:  notes N1 §1.3.2, N3 ch. 3; Huber 1964
"""

from __future__ import annotations

import math

from fathom.scratch.engine.checks import check_number
from fathom.scratch.engine.tensor import Tensor
from fathom.scratch.learning.losses import bce_with_logits, cross_entropy, half_squared, huber, l1


def normal_nll(prediction: Tensor, target: Tensor, std: float = 1.0, reduction: str = "mean") -> Tensor:
    """Return −log of the normal density around the prediction: the half squared loss over σ², plus a constant.

    Shape:   prediction (N, …), target (N, …) -> (); prediction's for reduction "none"
    Equals:  −torch.distributions.Normal(prediction, std).log_prob(target)
    """
    check_number("normal_nll", "std", std, above=True)
    # −log N(y; ŷ, σ²) = (y − ŷ)²/2σ² + log σ√(2π)
    return _shifted(half_squared(prediction, target, reduction) * std**-2, normal_constant(std), target, reduction)


def laplace_nll(prediction: Tensor, target: Tensor, scale: float = 1.0, reduction: str = "mean") -> Tensor:
    """Return −log of Laplace's density around the prediction: the absolute loss over b, plus a constant.

    Shape:   prediction (N, …), target (N, …) -> (); prediction's for reduction "none"
    Equals:  −torch.distributions.Laplace(prediction, scale).log_prob(target)
    """
    check_number("laplace_nll", "scale", scale, above=True)
    # −log = |y − ŷ|/b + log 2b
    return _shifted(l1(prediction, target, reduction) * (1 / scale), laplace_constant(scale), target, reduction)


def huber_nll(prediction: Tensor, target: Tensor, delta: float = 1.0, reduction: str = "mean") -> Tensor:
    """Return −log of Huber's density around the prediction: his loss plus a constant.

    Shape:   prediction (N, …), target (N, …) -> (); prediction's for reduction "none"
    """
    check_number("huber_nll", "delta", delta, above=True)
    # −log = huber + log Z
    return _shifted(huber(prediction, target, delta, reduction), huber_constant(delta), target, reduction)


def bernoulli_nll(logits: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Return −log of the probability of each 0 or 1: the log-loss itself, whose constant is 0.

    Shape:   logits (N, …), target (N, …) -> (); the logits' for reduction "none"
    Equals:  −torch.distributions.Bernoulli(logits=logits).log_prob(target)
    """
    return bce_with_logits(logits, target, reduction=reduction)


def categorical_nll(logits: Tensor, labels: Tensor, reduction: str = "mean") -> Tensor:
    """Return −log of the probability of each class: the cross-entropy itself, whose constant is 0.

    Shape:   logits (N, C), labels (N,) -> (); (N,) for reduction "none"
    Equals:  −torch.distributions.Categorical(logits=logits).log_prob(labels)
    """
    return cross_entropy(logits, labels, reduction=reduction)


def normal_constant(std: float = 1.0) -> float:
    """Return log σ√(2π), the least that ``normal_nll`` can be."""
    return math.log(std * math.sqrt(2 * math.pi))  # 1/(σ√(2π)) makes the area under the bell 1


def laplace_constant(scale: float = 1.0) -> float:
    """Return log 2b, the least that ``laplace_nll`` can be."""
    return math.log(2 * scale)  # ∫ e^(−|e|/b) de = 2b


def huber_constant(delta: float = 1.0) -> float:
    """Return log Z, Z = √(2π) erf(δ/√2) + (2/δ) e^(−δ²/2): the area under e^(−huber), within ±δ and beyond."""
    inside = math.sqrt(2 * math.pi) * math.erf(delta / math.sqrt(2))  # ∫ e^(−e²/2) de from −δ to δ
    # two tails, each ∫ e^(−δ(e − δ/2)) de from δ on = e^(−δ²/2)/δ
    return math.log(inside + 2 / delta * math.exp(-(delta**2) / 2))


def _shifted(loss: Tensor, constant: float, target: Tensor, reduction: str) -> Tensor:
    """Add the constant of each sample."""
    # a mean has the constant once, a sum once for each target
    return loss + constant * (target.numel() if reduction == "sum" else 1)
