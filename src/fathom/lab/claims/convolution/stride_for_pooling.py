"""Can convolutions with a stride take the place of pooling?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch import nn

from fathom.lab.data import Draw
from fathom.lab.experiment import Claim, Comparison, Conditions, Design, Fact, Plot, Reading
from fathom.lab.fitting import choose_rate, draw_halved, fit_accuracies
from fathom.lab.networks import Training

_ARMS = {"pool": "max-pooling after the convolution", "stride": "stride 2 in the convolution"}


def measure(arm: str, seeds: Sequence[int], conditions: Conditions) -> Iterator[dict[str, float]]:
    """Train; yield test accuracy."""

    data = conditions.samples

    def draw(seed: int) -> Draw:
        return draw_halved(data, seed, conditions["samples"], conditions["tests"])

    def make() -> nn.Module:
        return _network(arm, draw(0).X.shape[1:], conditions.samples.num_classes)

    training = choose_rate(make, data, draw, Training(conditions["epochs"], 0.1), conditions["rates"])
    for seed in seeds:
        yield {"accuracy": fit_accuracies(make, data, draw(seed), seed, training)[1], "lr": training.lr}


def _network(arm: str, shape: Sequence[int], num_classes: int) -> nn.Module:
    channels, height, width = shape
    layers: list[nn.Module] = []
    for fan_in, fan_out in ((channels, 8), (8, 16)):
        layers += [nn.Conv2d(fan_in, fan_out, 3, stride=2 if arm == "stride" else 1, padding=1), nn.ReLU()]
        layers += [nn.MaxPool2d(2)] if arm == "pool" else []
        height, width = (height + (arm == "stride")) // 2, (width + (arm == "stride")) // 2
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(16 * height * width, num_classes))


def check(conditions: Conditions) -> Sequence[Fact]:
    """Count the multiplications of both convolutions."""
    from fathom.models.inspection.summary import count_flops, count_parameters

    nets = {arm: _network(arm, (1, 28, 28), 10) for arm in _ARMS}
    flops = {arm: count_flops(net, (1, 28, 28)) for arm, net in nets.items()}
    sizes = {arm: count_parameters(net) for arm, net in nets.items()}
    return [
        Fact("both have the same parameters", sizes["pool"] == sizes["stride"], f"{sizes['pool']:,}"),
        Fact(
            "a stride of 2 takes about a quarter of the operations",
            3.5 < flops["pool"] / flops["stride"] < 4.5,
            f"{flops['pool']:,} and {flops['stride']:,} FLOPs",
        ),
    ]


CLAIM = Claim(
    number=41,
    title="A stride in place of pooling",
    statement="What pooling saves in computation a convolution with a stride above 1 saves too, with the same result.",
    place="N1 §2.4",
    paper="Springenberg et al. 2015",
    design=Design(
        factor="2×2 max-pooling after each of two convolutions, or stride 2 in them",
        fixed=(
            "8 and 16 channels, 3×3 kernels, a dense layer, 2,000 images of Fashion-MNIST at 14×14, the same parameters"
        ),
        budget="the same epochs; each arm has the best of the same learning rates, chosen on seeds of its own",
        arms=_ARMS,
        seeds=8,
    ),
    comparisons=[Comparison("stride − pooling", "stride", "pool", "not less", margin=0.01, unit="pp")],
    measure=measure,
    facts=check,
    plot=Plot("accuracy", "test accuracy"),
    data="fashion_mnist",
    takes=("images",),
    settings={"samples": 2000, "tests": 2000, "epochs": 15, "rates": (0.01, 0.03, 0.1)},
    quick={"samples": 1000, "rates": (0.03,)},
    reading=Reading(
        sentences=(
            "Pooling computes every value and keeps one in four; a stride never computes the other three.",
            "With the same parameters and a quarter of the operations accuracy changed by {c1}.",
            "Take the stride where operations count, and spend what it saves on more channels.",
        ),
        would_change="Larger images, more training samples, channels added until the operations are equal.",
        depends_on="what counts, accuracy or operations",
        chinese=(
            "步长大于 1 的卷积可以代替池化层",
            "参数相同、计算量约四分之一，测试准确率差 {c1}",
        ),
    ),
)
