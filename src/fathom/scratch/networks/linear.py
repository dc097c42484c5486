"""Linear regression and softmax regression.

Source:  notes N1 §1.2 and §1.3; Dive into Deep Learning §3.5 and §4.5
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from fathom.scratch.layers.initializers import initialize, normal_
from fathom.scratch.layers.linear import Flatten, Linear
from fathom.scratch.layers.module import Module, Sequential


def linear(input_shape: Sequence[int], num_classes: int) -> Module:
    """Linear regression: one affine map from all inputs to the outputs.

    Shape:   X (N, …) -> (N, num_classes)
    """
    affine = Linear(math.prod(input_shape), num_classes)
    initialize(affine, normal_)
    return affine if len(input_shape) == 1 else Sequential(Flatten(), affine)


def softmax(input_shape: Sequence[int], num_classes: int) -> Module:
    """Softmax regression: the same map, to logits; the softmax itself is part of the loss.

    Shape:   X (N, …) -> logits (N, num_classes)
    """
    net = Sequential(Flatten(), Linear(math.prod(input_shape), num_classes))
    initialize(net, normal_)
    return net
