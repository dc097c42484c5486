"""Augmentation as it is written on the command line: "flip,crop:padding=2"."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from fathom.data.images.augment.augmentation import (
    Augmentation,
    Compose,
    Crop,
    Cutout,
    Flip,
    Jitter,
    Noise,
    ResizedCrop,
    Rotate,
    VerticalFlip,
)
from fathom.errors import UsageError, unknown

AUGMENTATIONS: dict[str, Any] = {
    "flip": Flip,
    "vflip": VerticalFlip,
    "crop": Crop,
    "resized_crop": ResizedCrop,
    "rotate": Rotate,
    "jitter": Jitter,
    "cutout": Cutout,
    "noise": Noise,
}


def make_augmentation(spec: str | None) -> Compose | None:
    """Read a description such as "flip,crop:padding=2,jitter:brightness=0.2:hue=0.1,resized_crop:area=0.5..1".

    Changes are separated by commas and applied in this order; parameters follow a colon, a range is written low..high.
    A parameter may also follow a comma: "jitter:brightness=0.2,hue=0.1". Without any change, None.

    Raises:  UsageError, with the nearest name, for an unknown change or parameter, and for a value that does not fit
    """
    steps: list[list[str]] = []
    for part in (spec or "").split(","):
        pieces = [piece.strip() for piece in part.split(":")]
        if "=" in pieces[0] and steps:
            steps[-1] += pieces
        elif pieces != [""]:
            steps.append(pieces)
    if not steps or steps == [["none"]]:
        return None
    return Compose(tuple(_make_step(name, parameters) for name, *parameters in steps))


def _make_step(name: str, parameters: list[str]) -> Augmentation:
    if name not in AUGMENTATIONS:
        raise unknown("augmentation", name, AUGMENTATIONS)
    kind = AUGMENTATIONS[name]
    defaults = {field.name: field.default for field in fields(kind)}
    values = {}
    for parameter in parameters:
        key, _, text = (piece.strip() for piece in parameter.partition("="))
        if key not in defaults:
            raise unknown(f"parameter of {name}", key, defaults)
        values[key] = _parse_value(text, defaults[key], f"{name}:{key}={text}")
    return kind(**values)


def _parse_value(text: str, default: object, where: str) -> object:
    try:
        if isinstance(default, tuple):
            low, high = text.split("..")
            return float(low), float(high)
        if isinstance(default, str):
            return text
        return int(text) if isinstance(default, int) else float(text)
    except ValueError:
        form = {tuple: "a range such as 0.5..1", int: "a whole number"}.get(type(default), "a number")
        raise UsageError(f"{where}: the value must be {form}") from None
