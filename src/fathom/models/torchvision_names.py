"""The networks that torchvision publishes with weights under the names that ours have. Loads without PyTorch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SIDE = 224  # pixels of the square that all of them were trained and measured on
# of ImageNet's training images, as torchvision's transforms have them
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# torchvision's googlenet undoes the usual normalisation inside and applies this one, its authors' (transform_input)
_HALF = (0.5, 0.5, 0.5)


@dataclass(frozen=True)
class Published:
    """What stands behind a name of torchvision's.

    Attributes:
        model: our name of the network.
        options: of its builder, for the published form.
        mean, std: by which its inputs are normalised, in 0…1 units.
    """

    model: str
    options: Mapping[str, Any] = field(default_factory=dict)
    mean: tuple[float, ...] = _MEAN
    std: tuple[float, ...] = _STD


_FULL = {"small": False}
PUBLISHED: dict[str, Published] = {
    "alexnet": Published("alexnet", _FULL),
    **{f"vgg{depth}": Published(f"vgg{depth}", _FULL) for depth in (11, 13, 16, 19)},
    **{f"vgg{depth}_bn": Published(f"vgg{depth}", _FULL | {"batch_norm": True}) for depth in (11, 13, 16, 19)},
    "googlenet": Published("googlenet_bn", _FULL | {"as_torchvision": True}, _HALF, _HALF),
    **{f"resnet{depth}": Published(f"resnet{depth}", _FULL) for depth in (18, 34, 50, 101, 152)},
    "vit_b_16": Published("vit_base", _FULL),
    **{f"convnext_{size}": Published(f"convnext_{size}", _FULL) for size in ("tiny", "small")},
}
