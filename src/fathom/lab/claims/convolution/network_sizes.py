"""How much larger AlexNet is than LeNet, and how many layers GoogLeNet has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from fathom.lab.experiment import Claim, Conditions, Design, Fact, Reading


def check(conditions: Conditions) -> Sequence[Fact]:
    """Count parameters, operations and layers of the registry's networks, which tests hold against the papers."""
    lenet, alexnet, googlenet = (
        _layers("lenet", (1, 28, 28), 10),
        _layers("alexnet_96", (3, 224, 224), 1000),
        _layers("googlenet", (3, 224, 224), 1000),
    )
    parameters = _total(alexnet, "parameters") / _total(lenet, "parameters")
    operations = _total(alexnet, "flops") / _total(lenet, "flops")
    learned = [layer for layer in googlenet if layer["type"] in ("Conv2d", "Linear")]
    # the longest way: 3 layers, then 2 in each of 9 blocks, and the classifier
    deep = 3 + 2 * 9 + 1
    return [
        Fact("AlexNet has more than 10 times LeNet's parameters", parameters > 10, f"×{parameters:,.0f}"),
        Fact(
            "AlexNet takes about 250 times its operations (within a factor of two)",
            125 < operations < 500,
            f"×{operations:,.0f}",
        ),
        Fact(
            "GoogLeNet has a hundred or more layers with weights",
            len(learned) >= 100,
            f"{len(learned)} in all, {deep} one after another",
        ),
        Fact(
            "it has about a hundred layers if pooling and activations count too",
            len(googlenet) >= 100,
            f"{len(googlenet)}",
            is_judged=False,
        ),
    ]


def _layers(name: str, shape: tuple[int, ...], num_classes: int) -> list[dict[str, Any]]:
    from fathom.models import registry
    from fathom.models.inspection.summary import layer_table

    with torch.device("meta"):  # shapes alone
        net = registry.create(name, input_shape=shape, num_classes=num_classes)
    return layer_table(net, shape)


def _total(layers: Sequence[dict[str, Any]], key: str) -> int:
    return sum(layer[key] or 0 for layer in layers)


CLAIM = Claim(
    number=43,
    title="The sizes of AlexNet and GoogLeNet",
    statement=(
        "AlexNet has over 10 times LeNet's parameters and 250 times its computation; GoogLeNet has a hundred layers."
    ),
    place="N1 §2.6.1, §2.9.1",
    paper="Krizhevsky et al. 2012; Szegedy et al. 2015",
    design=Design(
        factor="the network",
        fixed="LeNet on 1×28×28, the others on 3×224×224 with 1,000 classes; one forward pass",
        budget="nothing is trained",
    ),
    facts=check,
    reading=Reading(
        sentences=(
            "Parameters and operations follow from the layers and the size of the images, and can be counted.",
            "AlexNet has some 800 times LeNet's parameters and some 2,400 times its operations; GoogLeNet has 58 "
            "layers "
            "with weights, 22 of them one after another.",
            "Count before you compare: `fathom models NAME` lists parameters and FLOPs of each layer.",
        ),
        would_change="LeNet on larger images (its operations grow with them), or another way of counting layers.",
        depends_on="what is counted",
        chinese=(
            "AlexNet 参数为 LeNet 的 10 倍以上、计算量为 250 倍；GoogLeNet 首次达到上百层",
            "参数约 800 倍，计算量约 2400 倍；GoogLeNet 有权重的层 58 个，深度 22",
        ),
    ),
)
