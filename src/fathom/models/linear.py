"""Linear regression and softmax regression.

Source: notes N1 §1.2 and §1.3; Dive into Deep Learning §3.5 and §4.5
"""

from __future__ import annotations

import math

from torch import nn

from fathom.models.facts import FASHION, FEATURES, Paper
from fathom.models.initializers import initialize
from fathom.models.registration import register_model

# Least squares; the paper that names the method in its appendix, "Sur la méthode des moindres quarrés".
LEGENDRE = Paper("Legendre", 1805, "Nouvelles méthodes pour la détermination des orbites des comètes")
# The logistic model; softmax is its form for several classes.
COX = Paper(
    "Cox", 1958, "The regression analysis of binary sequences", "https://doi.org/10.1111/j.2517-6161.1958.tb00292.x"
)


@register_model(
    "linear", description="linear regression: features to outputs", paper=LEGENDRE, form=FEATURES, parameters=3
)
def linear(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """Build linear regression: one affine map from the features to ``num_classes`` outputs.

    Shape:   X (N, …) -> (N, num_classes)
    """
    affine = nn.Linear(math.prod(input_shape), num_classes)  # (N, D) -> (N, num_classes)
    initialize(affine, "normal:0.01")  # the standard deviation of the book, §3.4.1
    # A flatten that does nothing would be a noticeable part of a step as small as this one.
    return affine if len(input_shape) == 1 else nn.Sequential(nn.Flatten(), affine)


@register_model(
    "softmax", description="softmax regression: pixels to logits", paper=COX, form=FASHION, parameters=7_850
)
def softmax(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """Build softmax regression: flatten and one affine map to the logits; the softmax itself is part of the loss.

    Shape:   X (N, …) -> logits (N, num_classes)
    """
    net = nn.Sequential(
        nn.Flatten(),  # (N, D), of an image D = C·H·W
        nn.Linear(math.prod(input_shape), num_classes),  # (N, num_classes)
    )
    initialize(net, "normal:0.01")  # as above; §4.4.2
    return net
