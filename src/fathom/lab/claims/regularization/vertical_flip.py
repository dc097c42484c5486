"""Which augmentation helps depends on what keeps the label: flips and crops of clothes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from fathom.lab.experiment import Claim, Comparison, Conditions, Design, Plot, Reading
from fathom.lab.networks import Training, measure_network

_ARMS = {"none": "none", "flip": "left and right", "vflip": "upside down", "crop": "moved by up to two pixels"}
_SPECS = {"none": None, "flip": "flip", "vflip": "vflip", "crop": "crop:padding=2"}


def measure(arm: str, seeds: Sequence[int], conditions: Conditions) -> Iterator[dict[str, float]]:
    """Train LeNet on few images with one augmentation."""
    from fathom.models.registry import create

    data = conditions.samples
    training = Training(conditions["epochs"], conditions["lr"], augment=_SPECS[arm])
    shape = tuple(data.X.shape[1:])
    make = partial(create, "lenet", input_shape=shape, num_classes=data.num_classes)
    for seed in seeds:
        draw = data.draw(seed, conditions["samples"], 10_000)
        yield measure_network(make, data, draw, seed, training)


CLAIM = Claim(
    number=12,
    title="Flips that make no sense",
    statement="Flipping left and right helps; flipping upside down is not always sensible.",
    place="N1 §3.4.1",
    paper="Prince 2023, Understanding Deep Learning, §9.3",
    design=Design(
        factor="no augmentation, flips left and right, flips upside down, crops moved by up to two pixels",
        fixed="LeNet with ReLU, SGD with momentum 0.9, batch 64, 2,000 images",
        budget="the same epochs at the same learning rate",
        arms=_ARMS,
        seeds=12,
    ),
    comparisons=[
        Comparison("left and right − none", "flip", "none", "not less", margin=0.005, unit="pp"),
        Comparison("upside down − left and right", "vflip", "flip", "less", margin=0.005, unit="pp"),
        Comparison("moved − none", "crop", "none", "more", margin=0.005, unit="pp", is_judged=False),
    ],
    measure=measure,
    plot=Plot("accuracy", "test accuracy"),
    data="fashion_mnist",
    takes=("images",),
    settings={"samples": 2000, "epochs": 15, "lr": 0.05},
    quick={"samples": 1000, "epochs": 6},
    reading=Reading(
        sentences=(
            "A copy helps if new images look like it; shirts come mirrored, and hardly ever upside down.",
            "Test accuracy: left and right {c1} against none, upside down {c2} against left and right, moved {c3}.",
            "Ask of every augmentation whether a new image could look like that, and watch the validation accuracy.",
        ),
        would_change="Images without an above and below, such as cells or leaves; digits suffer from both flips.",
        depends_on="the images",
        chinese=("上下翻转不一定合理", "准确率差：左右翻转 − 无 {c1}；上下 − 左右 {c2}；平移 − 无 {c3}"),
    ),
)
