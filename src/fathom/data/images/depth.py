"""What is lost of images with more than 8 bits a channel: they are scaled to 8. Loads without torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from fathom.data.images.decode import read_image, silence_decoders
from fathom.data.images.formats import FORMATS
from fathom.phrases import counted

_LOOKED_INTO = 16  # files: what is lost is much the same in all of a set


def describe_depth(paths: Sequence[str], seed: int) -> list[str]:
    """Say in a line how many grey levels of deep images are left by 8 bits; nothing where none of a sample is deep."""
    chosen = [paths[i] for i in np.random.default_rng(seed).permutation(len(paths))[:_LOOKED_INTO]]
    before, after, negative = [], [], 0
    with silence_decoders():
        for path in chosen:
            try:
                with Image.open(path, formats=FORMATS) as image:
                    if not image.mode.startswith(("I", "F")):
                        continue
                    values = np.asarray(image)
                after.append(len(np.unique(read_image(path, 1))))
            except Exception:  # what is broken is told of elsewhere
                continue
            before.append(len(np.unique(values)))
            negative += bool((values < 0).any())
    if not before:
        return []
    levels, left = round(np.mean(before[: len(after)])), round(np.mean(after))
    lost = f"of {levels:,} levels an image {left:,} are left ({100 * max(0, levels - left) / levels:.0f} % lost)"
    below = f"; values below 0 become 0 (in {counted(negative, 'file')})" if negative else ""
    return [
        f"depth: {len(before)} of {counted(len(chosen), 'image')} looked into have more than 8 bits a channel and are "
        f"scaled to 8: {lost}{below}; stretch them to the full range of 8 bits beforehand where that matters"
    ]
