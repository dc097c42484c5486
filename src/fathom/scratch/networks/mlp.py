"""The multilayer perceptron.

Source:  notes N1 §1.4; Dive into Deep Learning §5.2
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from fathom.scratch.layers.activations import ReLU, ScaledSigmoid, Sigmoid, Tanh
from fathom.scratch.layers.initializers import initialize, kaiming_normal_, xavier_uniform_
from fathom.scratch.layers.linear import Flatten, Linear
from fathom.scratch.layers.module import Module, Sequential

ACTIVATIONS: dict[str, type[Module]] = {
    "relu": ReLU,
    "sigmoid": Sigmoid,
    "scaled_sigmoid": ScaledSigmoid,
    "tanh": Tanh,
}


def mlp(
    input_shape: Sequence[int], num_classes: int, hidden: Sequence[int] = (256,), activation: str = "relu"
) -> Module:
    """Hidden layers, then the logits, which no activation follows: they must be free to be negative.

    Args:
        hidden: widths of the hidden layers.
        activation: relu, sigmoid, scaled_sigmoid (4·sigmoid − 2) or tanh.

    Shape:   X (N, …) -> logits (N, num_classes)
    """
    if activation not in ACTIVATIONS:
        raise ValueError(f"mlp: activation is one of {', '.join(ACTIVATIONS)}, got {activation!r}")
    layers: list[Module] = [Flatten()]
    num_inputs = math.prod(input_shape)
    for width in hidden:
        layers += [Linear(num_inputs, width), ACTIVATIONS[activation]()]
        num_inputs = width
    net = Sequential(*layers, Linear(num_inputs, num_classes))
    initialize(net, kaiming_normal_ if activation == "relu" else xavier_uniform_)
    return net
