"""With equal parameters: do convolutions, and a global mean in place of a dense layer, overfit less?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch import nn

from fathom.lab.data import Draw
from fathom.lab.experiment import Claim, Comparison, Conditions, Design, Plot, Reading
from fathom.lab.fitting import choose_rate, draw_halved, fit_accuracies
from fathom.lab.networks import Training

_ARMS = {
    "mlp": "dense layers",
    "cnn": "convolutions, dense head",
    "global": "convolutions, global mean",
}


def measure(arm: str, seeds: Sequence[int], conditions: Conditions) -> Iterator[dict[str, float]]:
    """Train; yield accuracy on both splits and the gap between them."""

    data = conditions.samples

    def draw(seed: int) -> Draw:
        return draw_halved(data, seed, conditions["samples"], conditions["tests"])

    def make() -> nn.Module:
        return network(arm, draw(0).X.shape[1:], conditions.samples.num_classes)

    training = choose_rate(make, data, draw, Training(conditions["epochs"], 0.1), conditions["rates"])
    size = sum(parameter.numel() for parameter in make().parameters())
    for seed in seeds:
        train, test = fit_accuracies(make, data, draw(seed), seed, training)
        yield {"accuracy": test, "gap": train - test, "train": train, "parameters": size, "lr": training.lr}


def network(arm: str, shape: Sequence[int], num_classes: int) -> nn.Module:
    """Make a network of about 4,900 parameters, for 14×14 pixels."""
    channels, height, width = shape
    if arm == "mlp":
        hidden = 24  # 196·24 + 24·10, and biases
        return nn.Sequential(
            nn.Flatten(), nn.Linear(channels * height * width, hidden), nn.ReLU(), nn.Linear(hidden, num_classes)
        )
    first, second = (12, 24) if arm == "cnn" else (16, 30)  # what the dense head takes goes into channels there
    body = [
        nn.Conv2d(channels, first, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(first, second, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
    ]
    if arm == "cnn":
        return nn.Sequential(*body, nn.Flatten(), nn.Linear(second * (height // 4) * (width // 4), num_classes))
    return nn.Sequential(*body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(second, num_classes))


CLAIM = Claim(
    number=44,
    title="Convolutions, global means and overfitting",
    statement="Convolutional networks overfit less than dense ones, and a global mean less than a dense head.",
    place="N1 §2.5.1, §2.8.1",
    paper="Lin et al. 2014",
    design=Design(
        factor="dense layers; two convolutions with a dense head; two convolutions with a global mean",
        fixed="about 4,900 parameters each, 2,000 images of Fashion-MNIST at 14×14, SGD with momentum 0.9, batch 64",
        budget="the same epochs; each arm has the learning rate of the best test accuracy, chosen on seeds of its own",
        arms=_ARMS,
        seeds=8,
    ),
    comparisons=[
        Comparison("gap: convolutions − dense", "cnn", "mlp", "less", 0.01, "gap", unit="pp"),
        Comparison("gap: global mean − dense head", "global", "cnn", "less", 0.01, "gap", unit="pp"),
        Comparison("accuracy: convolutions − dense", "cnn", "mlp", "more", 0.01, unit="pp", is_judged=False),
        Comparison("accuracy: global mean − dense head", "global", "cnn", "more", 0.01, unit="pp", is_judged=False),
    ],
    measure=measure,
    plot=Plot("gap", "training − test accuracy"),
    data="fashion_mnist",
    takes=("images",),
    settings={"samples": 2000, "tests": 2000, "epochs": 30, "rates": (0.01, 0.03, 0.1, 0.3)},
    quick={"samples": 600, "tests": 1000, "rates": (0.1,)},
    reading=Reading(
        sentences=(
            "The notes reason that fewer parameters overfit less; here all three have as many.",
            "Gap between training and test accuracy: dense {mlp:gap}, convolutions {cnn:gap} ({c1}), global mean "
            "{global:gap} ({c2}); test accuracy changed by {c3} and {c4}.",
            "A small gap is no merit where the training accuracy is low too: compare test accuracies.",
        ),
        would_change="Training until all fit their samples equally well, other sizes, more samples.",
        depends_on="the head",
        chinese=(
            "卷积网络比全连接网络不易过拟合；全局平均池化又比全连接输出层不易过拟合",
            "参数相同时训练与测试准确率之差：卷积 − 全连接 {c1}，全局平均 − 全连接头 {c2}",
        ),
    ),
)
