"""What stands before and behind a network: stored samples made fit for it, its numbers brought to the data's units.

Both are modules whose statistics are buffers, so that a saved model carries them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fathom.errors import UsageError


@dataclass(frozen=True)
class PixelScale:
    """What 0 and 1 are of pixels that are no bytes: one scale for all images.

    Attributes:
        low, high: the stored values that are 0 and 1.
        clips: whether what is outside becomes 0 or 1; else it goes on below 0 and above 1.
    """

    low: float
    high: float
    clips: bool = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise UsageError(f"range {self.low:g}…{self.high:g}: two finite numbers, the lower one first")


class Preprocess(nn.Module):
    """Turn stored samples into what the network was made for: resize, scale, normalise.

    The statistics are buffers, so that a saved model carries them and ``predict`` and export need nothing else.

    Shape:   X (N, C, H, W) -> (N, C, H', W'); uint8 in 0…255 or floating in 0…1; with a scale of any type, in its
        units, and values that are not finite become the mean; without a size any (N, C, …)
    Args:
        mean, std: per-channel statistics of the training split, in 0…1 units; None leaves the values alone.
        size: (height, width) to resize to, bilinear with antialiasing; None keeps the size.
        scale: which stored values are 0 and 1; None for bytes and for what is in 0…1 already.
        files: how image files become stored samples, see ``PixelForm``; only noted here, and kept with the model.
    """

    mean: Tensor
    std: Tensor
    centre: Tensor
    spread: Tensor

    def __init__(
        self,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        size: Sequence[int] | None = None,
        *,
        scale: PixelScale | None = None,
        files: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        if std is not None and not all(value > 0 for value in std):
            raise UsageError(f"standard deviations {list(std)}: each must be above 0")
        self.register_buffer("mean", torch.tensor([0.0] if mean is None else list(mean), dtype=torch.float32))
        self.register_buffer("std", torch.tensor([1.0] if std is None else list(std), dtype=torch.float32))
        if scale is not None:
            # pixels: 0…1 statistics are turned into the units of the files
            # in the units of the data, from double precision: a channel may be a millionth of the scale
            low, span = scale.low, scale.high - scale.low
            # x = low + span · x01
            centre, spread = [low + span * value for value in mean or [0.0]], [span * value for value in std or [1.0]]
            self.register_buffer("centre", torch.tensor(centre, dtype=torch.float32))
            self.register_buffer("spread", torch.tensor(spread, dtype=torch.float32))
        self.pixel_scale, self.files = scale, dict(files or {})
        # without statistics only a resize or nothing is to be done
        self.normalises = mean is not None or std is not None
        self.size = tuple(size) if size else None  # (H, W)
        # describes activations, so no part of what is saved
        self.memory_format = torch.contiguous_format  # the trainer sets channels_last where convolutions gain by it

    def forward(self, X: Tensor) -> Tensor:
        """Return what the network sees of a batch as stored."""
        if self.pixel_scale is not None:
            return self._normalise_scaled(X, self.pixel_scale)
        is_bytes = X.dtype == torch.uint8
        # floats without statistics: features of a table, or a user's own arrays
        if not is_bytes and not self.normalises and self.size is None:
            return X
        # channels_last exists for four dimensions only
        X = X.to(self.mean.dtype, memory_format=self.memory_format if X.ndim == 4 else torch.preserve_format, copy=True)
        if self.size is not None and tuple(X.shape[-2:]) != self.size:
            # antialias, as Pillow resizes; without it small images are noisy
            X = F.interpolate(X, self.size, mode="bilinear", antialias=True)  # (N, C, *size)
        shape = (-1,) + (1,) * (X.ndim - 2)  # of the statistics, (C, 1, 1) for images
        if is_bytes:
            # 255: bytes are 0…255, the statistics 0…1; in place, on the copy made above
            return X.sub_(255 * self.mean.view(shape)).div_(255 * self.std.view(shape))
        return X.sub_(self.mean.view(shape)).div_(self.std.view(shape))

    def _normalise_scaled(self, X: Tensor, scale: PixelScale) -> Tensor:
        """Scale and normalise in one, for x is (x − low)/(high − low) in 0…1 units."""
        shape = (-1,) + (1,) * (X.ndim - 2)  # of the statistics, (C, 1, 1) for images
        centre, spread = self.centre.view(shape), self.spread.view(shape)
        may_miss = X.is_floating_point()  # before the conversion: integers have no NaN
        X = X.to(self.mean.dtype, memory_format=self.memory_format if X.ndim == 4 else torch.preserve_format, copy=True)
        if may_miss:
            X = torch.where(X.isfinite(), X, centre)  # the mean: 0 after normalising
        if scale.clips:
            X = X.clamp(scale.low, scale.high)
        if self.size is not None and tuple(X.shape[-2:]) != self.size:
            X = F.interpolate(X, self.size, mode="bilinear", antialias=True)  # (N, C, *size)
        return (X - centre) / spread

    def output_shape(self, stored_shape: Sequence[int]) -> tuple[int, ...]:
        """Return the shape of a sample as the network sees it."""
        return (stored_shape[0], *self.size) if self.size else tuple(stored_shape)

    def describe(self) -> dict[str, Any]:
        """Return all that it was made of as plain values, for ``model.json``."""
        statistics = {"mean": self.mean.tolist(), "std": self.std.tolist()} if self.normalises else {}
        scale = {} if self.pixel_scale is None else asdict(self.pixel_scale)
        return statistics | ({"size": list(self.size)} if self.size else {}) | scale | self.files


class TargetScale(nn.Module):
    """Bring the numbers to be predicted to mean 0 and standard deviation 1, perhaps through their logarithm, and back.

    The statistics are buffers: a saved model predicts in the units of the data. All is computed in double precision, on
    the CPU: of 1,700,000,000 seconds, float32 knows two minutes.

    Shape:   output (N, D) -> float64 (N, D)
    Args:
        mean, std: of each target, or of its logarithm, over the training split.
        log: predict the natural logarithm; targets must be above 0.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float], *, log: bool = False) -> None:
        super().__init__()
        if not all(value > 0 for value in std):
            raise UsageError(f"standard deviations {list(std)}: each must be above 0")
        self.register_buffer("mean", torch.tensor(list(mean), dtype=torch.float64))
        self.register_buffer("std", torch.tensor(list(std), dtype=torch.float64))
        self.log = log

    def scale(self, target: Tensor) -> Tensor:
        """Return what the network learns.

        Shape:   target (N, D) -> float32 (N, D)
        """
        # double: prices in the millions lose their last digits in float32
        target = target.double().log() if self.log else target.double()
        return ((target - self.mean) / self.std).float()  # float32 again: what the loss takes

    def forward(self, output: Tensor) -> Tensor:
        """Return the network's output in the units of the data."""
        # on the CPU, as TargetScale itself: MPS has no float64
        value = output.cpu().double() * self.std + self.mean
        return value.exp() if self.log else value

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> TargetScale:
        """Stay on the CPU and in double precision, whatever becomes of the module around: MPS has no float64."""
        return self

    def describe(self) -> dict[str, Any]:
        """Return the statistics as plain values, for ``model.json``."""
        return {"mean": self.mean.tolist(), "std": self.std.tolist(), "log": self.log}
