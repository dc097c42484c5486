"""Linear regression and softmax regression.

Source: notes N1 §1.2 and §1.3; Dive into Deep Learning §3.5 and §4.5
"""

from __future__ import annotations

import math

from torch import nn

from fathom.models.initializers import initialize


def linear(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """Linear regression: one affine map from the features to ``num_classes`` outputs.

    Shape:   (N, D) or (N, C, H, W) -> (N, num_classes)
    """
    affine = nn.Linear(math.prod(input_shape), num_classes)
    initialize(affine, "normal:0.01")
    # A flatten that does nothing would be a noticeable part of a step as small as this one.
    return affine if len(input_shape) == 1 else nn.Sequential(nn.Flatten(), affine)


def softmax(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """Softmax regression: flatten and one affine map to the logits; the softmax itself is part of the loss.

    Shape:   (N, C, H, W) or (N, D) -> logits (N, num_classes)
    """
    net = nn.Sequential(nn.Flatten(), nn.Linear(math.prod(input_shape), num_classes))
    initialize(net, "normal:0.01")
    return net
