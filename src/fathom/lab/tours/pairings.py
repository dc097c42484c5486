"""What ``fathom scratch`` trains if nothing else is said. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Pairing:
    """A network, its twin in fathom.models, and settings that suit the digits (or the text).

    Args:
        network: name in fathom.scratch.networks.
        twin: name in fathom.models; recurrent networks have theirs beside the recipe.
        options: of both networks.
        twin_options: of the twin alone.
        size: height and width that the digits are scaled to.
        width: channels of the first stage, where that can be chosen.
        clip_norm: longest that the gradients together may be.
    """

    name: str
    title: str
    network: str
    twin: str
    lr: float
    epochs: int
    options: dict[str, Any] = field(default_factory=dict)
    twin_options: dict[str, Any] = field(default_factory=dict)
    size: int = 8
    batch_size: int = 64
    momentum: float = 0.0
    width: int | None = None
    clip_norm: float | None = None
    is_regression: bool = False
    is_text: bool = False


# Dropout is off: its masks would differ between the two sides. Deep and without batch normalisation, they need momentum
_DEEP: dict[str, Any] = {"options": {"dropout": 0.0}, "momentum": 0.9, "batch_size": 32}
_RECURRENT: dict[str, Any] = {"batch_size": 32, "clip_norm": 1.0, "is_text": True}

PAIRINGS = {
    pairing.name: pairing
    for pairing in (
        Pairing("linear", "linear regression on one-hot labels, beside its closed form", "linear", "linear", 0.05, 10,
             is_regression=True),
        Pairing("softmax", "softmax regression", "softmax", "softmax", 0.1, 10),
        Pairing("mlp", "multilayer perceptron, one hidden layer of 256", "mlp", "mlp", 0.1, 10),
        Pairing("lenet", "LeNet with ReLU and maximum pooling, at 28x28", "lenet", "lenet", 0.1, 5, size=28),
        Pairing("vgg", "VGG-11, a quarter of its channels", "vgg", "vgg11", 0.01, 8, **_DEEP),
        Pairing("nin", "Network in Network, half its channels", "nin", "nin", 0.01, 8, **_DEEP),
        Pairing("googlenet", "GoogLeNet, a quarter of its channels", "googlenet", "googlenet", 0.004, 8, **_DEEP),
        Pairing("resnet18", "ResNet-18, 16 channels in the first stage", "resnet", "resnet18", 0.05, 5, width=16),
        Pairing("rnn", "recurrent language model of characters", "rnn", "", 1.0, 5,
             options={"cell": "rnn", "hidden": 64}, **_RECURRENT),
        Pairing("gru", "the same with gated recurrent units", "rnn", "", 1.0, 5,
             options={"cell": "gru", "hidden": 64}, **_RECURRENT),
        Pairing("lstm", "the same with long short-term memory", "rnn", "", 1.0, 5,
             options={"cell": "lstm", "hidden": 64}, **_RECURRENT),
    )
}  # fmt: skip

NUM_STEPS = 32  # characters that a recurrent network reads at a time
MOST_SAMPLES = 5_000  # of sets larger than the digits, unless told otherwise
