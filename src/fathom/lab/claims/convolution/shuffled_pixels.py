"""A perceptron does not mind if the pixels of all images are shuffled alike; a convolutional network does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from torch import nn

from fathom.lab.data import Draw
from fathom.lab.experiment import Claim, Comparison, Conditions, Design, Fact, Plot, Reading
from fathom.lab.fitting import choose_rate, draw_halved, fit_accuracies
from fathom.lab.networks import Training

_ARMS = {
    "mlp": "perceptron",
    "mlp_shuffled": "perceptron, shuffled",
    "cnn": "convolutions",
    "cnn_shuffled": "convolutions, shuffled",
}


def measure(arm: str, seeds: Sequence[int], conditions: Conditions) -> Iterator[dict[str, float]]:
    """Train on images as they are, or with one permutation of the pixels for all; yield test accuracy."""
    network, _, order = arm.partition("_")
    data, training = conditions.samples, Training(conditions["epochs"], 0.1)

    def draw(seed: int) -> Draw:
        drawn = draw_halved(data, seed, conditions["samples"], conditions["tests"])
        return _shuffled(drawn, seed) if order else drawn

    X = draw(0).X
    training = choose_rate(lambda: make(network, X, conditions), data, draw, training, conditions["rates"])
    for seed in seeds:
        _, accuracy = fit_accuracies(lambda: make(network, X, conditions), data, draw(seed), seed, training)
        yield {"accuracy": accuracy, "lr": training.lr}


def make(name: str, X: torch.Tensor, conditions: Conditions) -> nn.Module:
    """Make a perceptron of one hidden layer, or two convolutions with a dense layer."""
    channels, height, width = X.shape[1:]
    classes = conditions.samples.num_classes
    if name == "mlp":
        return nn.Sequential(nn.Flatten(), nn.Linear(channels * height * width, 64), nn.ReLU(), nn.Linear(64, classes))
    return nn.Sequential(
        nn.Conv2d(channels, 8, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(16 * (height // 4) * (width // 4), classes),
    )


def _shuffled(draw: Draw, seed: int) -> Draw:
    pixels = draw.X[0, 0].numel()
    order = torch.randperm(pixels, generator=torch.Generator().manual_seed(seed))

    def shuffle(X: torch.Tensor) -> torch.Tensor:
        return X.flatten(2)[:, :, order].view_as(X)  # (N, C, H, W)

    return replace(draw, X=shuffle(draw.X), X_test=shuffle(draw.X_test))


def check(conditions: Conditions) -> Sequence[Fact]:
    """Shuffle the columns of the first weights with the pixels: the network is the same function."""
    generator = torch.Generator().manual_seed(0)
    X, W, V = (torch.randn(*size, generator=generator, dtype=torch.float64) for size in ((20, 49), (49, 16), (16, 3)))
    order = torch.randperm(49, generator=generator)
    gap = float((torch.relu(X @ W) @ V - torch.relu(X[:, order] @ W[order]) @ V).abs().max())
    return [
        Fact("a perceptron with its first weights shuffled alike gives the same outputs", gap < 1e-12, f"{gap:.0e}")
    ]


CLAIM = Claim(
    number=39,
    title="Shuffled pixels",
    statement="Shuffling the pixels of all images alike leaves a perceptron as good as before, but not convolutions.",
    place="N3 ch. 7; N1 §2.1",
    paper="Greydanus & Kobak 2024, MNIST-1D",
    design=Design(
        factor="pixels in place or under one random permutation, for a perceptron and for two convolutions",
        fixed="2,000 images of Fashion-MNIST at 14×14, SGD with momentum 0.9, batch 64, first weights",
        budget="the same epochs; each arm has the best of the same learning rates, chosen on seeds of its own",
        arms=_ARMS,
        seeds=8,
    ),
    comparisons=[
        Comparison("perceptron: shuffled − in place", "mlp_shuffled", "mlp", "same", margin=0.01, unit="pp"),
        Comparison("convolutions: shuffled − in place", "cnn_shuffled", "cnn", "less", margin=0.01, unit="pp"),
    ],
    measure=measure,
    facts=check,
    plot=Plot("accuracy", "test accuracy"),
    data="fashion_mnist",
    takes=("images",),
    settings={"samples": 2000, "tests": 2000, "epochs": 12, "rates": (0.01, 0.03, 0.1)},
    quick={"samples": 1000, "rates": (0.03,)},
    reading=Reading(
        sentences=(
            "A dense layer has a weight of its own for every pixel, so their order is a matter of naming; a kernel "
            "assumes that neighbours belong together.",
            "Shuffled minus in place: perceptron {c1}, convolutions {c2}.",
            "Before you use convolutions on other data, ask whether neighbouring values are related at all.",
        ),
        would_change="Data whose neighbours say nothing of one another; kernels as large as the image.",
        depends_on="the network",
        chinese=(
            "打乱像素不影响多层感知机，但影响卷积网络",
            "打乱 − 原样：感知机 {c1}，卷积 {c2}",
        ),
    ),
)
