"""Which axis recurrent layers and attention take for time, and which one the samples lie along."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from fathom.doctor.observer.places import user_place
from fathom.doctor.observer.record import RootRecord

_LAYERS = (nn.RNNBase, nn.MultiheadAttention, nn.TransformerEncoderLayer, nn.TransformerDecoderLayer)
TIME_FOR_SAMPLES = "time for samples"
AS_DECLARED = "as declared"


class Axes:
    """Compares the first two sizes of what such layers get with the number of samples, once that is known."""

    def __init__(self) -> None:
        self._seen: list[tuple[str, str, int, int]] = []  # kind, place, first and second size

    def called(self, layer: nn.Module, x: Any) -> None:
        """Note an input of a layer that takes its first axis for time."""
        if not isinstance(layer, _LAYERS) or not isinstance(x, Tensor) or x.dim() != 3:
            return
        attention = getattr(layer, "self_attn", layer)
        if not attention.batch_first:
            self._seen.append((type(layer).__name__, user_place(), x.shape[0], x.shape[1]))

    def compare(self, root: RootRecord, samples: int | None) -> None:
        """Say of what was seen since the last time which axis is as long as there are samples.

        Args:
            samples: how many the step has; None if that is not known.
        """
        seen, self._seen = self._seen, []
        if samples is None or samples < 2:
            return
        for kind, place, first, second in seen:
            if second == samples:
                root.time_axes[kind, AS_DECLARED] += 1
            elif first == samples and second > 1:
                root.time_axes[f"{kind} at {place}", TIME_FOR_SAMPLES] += 1
