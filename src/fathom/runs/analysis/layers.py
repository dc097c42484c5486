"""The layers of a network as plain values: parameters and FLOPs of each, and its share of the total."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fathom.runs.folder.records import is_number


@dataclass(frozen=True)
class Layer:
    """One layer; shares are of all layers together, counts are None if unknown.

    ``flops`` are those of one forward pass of one sample, ``receptive_field`` is the side in pixels of the input.
    """

    name: str
    kind: str
    output_shape: tuple[object, ...] | None
    parameters: int | None
    parameter_share: float
    flops: int | None
    flop_share: float
    receptive_field: int | None


@dataclass(frozen=True)
class LayerTable:
    """All layers in the order of the forward pass, the shape of a sample, and the totals as in model.json."""

    layers: Sequence[Layer]
    input_shape: tuple[object, ...] | None
    parameters: int | None
    flops: int | None


def list_layers(model: Mapping[str, Any] | None) -> LayerTable | None:
    """Read the layers from the content of model.json; None if it has none."""
    if model is None or not isinstance(model.get("layers"), list):
        return None
    entries = [layer for layer in model["layers"] if isinstance(layer, Mapping)]
    # from the layers, not model.json's totals: shares add up to 1
    totals = {key: sum(_amount(entry.get(key)) for entry in entries) for key in ("parameters", "flops")}

    def share(entry: Mapping[str, Any], key: str) -> float:
        # a network without parameters has no shares
        return _amount(entry.get(key)) / totals[key] if totals[key] else 0.0

    layers = [
        Layer(
            name=str(entry.get("name", "")),
            kind=str(entry.get("type", "")),
            output_shape=_shape(entry.get("output_shape")),
            parameters=entry.get("parameters"),
            parameter_share=share(entry, "parameters"),
            flops=entry.get("flops"),
            flop_share=share(entry, "flops"),
            receptive_field=entry.get("receptive_field"),
        )
        for entry in entries
    ]
    network = model.get("model")
    shape = _shape(network.get("input_shape") if isinstance(network, Mapping) else None)
    return LayerTable(layers, shape, model.get("parameters"), model.get("flops"))


def _shape(shape: object) -> tuple[object, ...] | None:
    # a damaged file may hold text there
    return tuple(shape) if isinstance(shape, Sequence) and not isinstance(shape, str) else None


def _amount(value: object) -> float:
    return value if is_number(value) else 0  # unknown counts add nothing
