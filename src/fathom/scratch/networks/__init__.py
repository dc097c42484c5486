"""Whole networks, assembled from the layers, by name; parameters bear the names of their twins in fathom.models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fathom.scratch.layers.module import Module
from fathom.scratch.networks.googlenet import googlenet
from fathom.scratch.networks.lenet import lenet
from fathom.scratch.networks.linear import linear, softmax
from fathom.scratch.networks.mlp import mlp
from fathom.scratch.networks.nin import nin
from fathom.scratch.networks.resnet import resnet
from fathom.scratch.networks.rnn import character_rnn
from fathom.scratch.networks.vgg import vgg

NETWORKS: dict[str, Callable[..., Module]] = {
    "linear": linear,
    "softmax": softmax,
    "mlp": mlp,
    "lenet": lenet,
    "vgg": vgg,
    "nin": nin,
    "googlenet": googlenet,
    "resnet": resnet,
    "rnn": character_rnn,
}


def create(name: str, **options: Any) -> Module:
    """Make a network by name, in float32; ``net.double()`` converts it.

    Raises:  ValueError for an unknown name
    """
    if name not in NETWORKS:
        raise ValueError(f"create: there is no network {name!r}; there are {', '.join(NETWORKS)}")
    return NETWORKS[name](**options)
