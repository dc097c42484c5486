"""The multilayer perceptron.

Source: notes N1 §1.4; Dive into Deep Learning §5.2
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn

from fathom.errors import UsageError
from fathom.models.facts import FASHION, Paper
from fathom.models.initializers import initialize
from fathom.models.options import check_choice, check_count, check_flag, check_probability
from fathom.models.registration import register_model

PAPER = Paper(
    "Rumelhart, Hinton & Williams",
    1986,
    "Learning representations by back-propagating errors",
    "https://doi.org/10.1038/323533a0",
)


class Step(nn.Module):
    """The perceptron's step: 1 where the input is positive, 0 elsewhere.

    The step's own derivative is zero, so nothing below it would ever learn. The gradient used instead is that of the
    identity cut to [-1, 1]: a straight-through estimator.

    Shape:   X (…,) -> (…,)
    Source:  Bengio, Léonard & Courville 2013, arXiv:1308.3432; cut to [-1, 1]: Hubara et al. 2016, arXiv:1602.02830
    """

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        slope = X.clamp(-1, 1)  # (…,) its gradient is 1 inside [-1, 1], 0 outside
        return (X > 0).to(X.dtype) + (slope - slope.detach())  # (…,) the bracket is zero, and carries the gradient


class ScaledSigmoid(nn.Module):
    """4·sigmoid(x) − 2, which is x − x³/12 + … near 0: a sigmoid with the slope of the identity there.

    Computed as 2·tanh(x/2), the same function without the difference of near equals.

    Shape:   X (…,) -> (…,)
    Source:  notes N1 §1.7.2
    """

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return 2 * torch.tanh(X / 2)  # (…,)


ACTIVATIONS: dict[str, type[nn.Module]] = {
    "step": Step,
    "sigmoid": nn.Sigmoid,
    "scaled_sigmoid": ScaledSigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "prelu": nn.PReLU,
}


@register_model("mlp", description="multilayer perceptron", paper=PAPER, form=FASHION, parameters=203_530)
def mlp(
    input_shape: tuple[int, ...],
    num_classes: int,
    *,
    hidden: int | Sequence[int] = (256,),  # the book's width, §5.2.1
    activation: str = "relu",
    dropout: float = 0.0,
    batch_norm: bool = False,
) -> nn.Module:
    """Build a chain of dense hidden layers, then the logits, which no activation follows: they may be negative.

    Args:
        hidden: widths of the hidden layers, first to last.
        activation: step, sigmoid, scaled_sigmoid (4·sigmoid − 2), tanh, relu or prelu.
        dropout: probability of dropping a hidden unit.
        batch_norm: normalise between each hidden layer and its activation.

    Shape:   X (N, …) -> logits (N, num_classes)
    """
    make_activation = ACTIVATIONS[check_choice("activation", activation, ACTIVATIONS)]
    widths = [hidden] if isinstance(hidden, int) else hidden
    if not isinstance(widths, (list, tuple)) or not widths:
        raise UsageError(f"hidden must be one or more layer widths, such as 256 or [256, 128]; got {hidden!r}")
    check_probability("dropout", dropout)
    check_flag("batch_norm", batch_norm)

    layers: list[nn.Module] = [nn.Flatten()]  # (N, D), of an image D = C·H·W
    num_inputs = math.prod(input_shape)
    for width in widths:
        check_count("hidden", width)
        # Batch normalisation subtracts the mean and adds its own shift: a bias before it would do nothing.
        layers.append(nn.Linear(num_inputs, width, bias=not batch_norm))  # (N, width), and so to the next width
        if batch_norm:
            layers.append(nn.BatchNorm1d(width))
        layers.append(make_activation())
        if dropout:
            layers.append(nn.Dropout(dropout))
        num_inputs = width
    layers.append(nn.Linear(num_inputs, num_classes))  # (N, num_classes)
    net = nn.Sequential(*layers)
    # Each start keeps the variance from layer to layer: He et al. 2015 for ReLUs, Glorot & Bengio 2010 for the rest.
    initialize(net, "kaiming_normal" if activation in ("relu", "prelu") else "xavier_uniform")
    return net
