"""Images in class folders: the pass that decodes them, and the epochs after it beside a set in memory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bench.harness import Contender, measure_in_turns, say
from bench.problems import Problem
from bench.results import Suite
from bench.settings import Settings

DECODE = Problem("decode", "decoding 50,000 JPEGs of 32×32", "lenet", (3, 32, 32), 10, 50_000, 256, lr=0.1)
EPOCH = Problem("folder", "LeNet on 50,000 JPEGs of 32×32, batch 256", "lenet", (3, 32, 32), 10, 50_000, 256, lr=0.1)
_QUICK = 1_000
_MODULE = "bench.contenders.folder"
_DECODERS = tuple(
    Contender(name, label, _MODULE, group, {"part": "decode", "how": name.removesuffix("_auto")})
    for name, label, group in (
        ("pillow", "bare loop, Pillow", "handwritten"),
        ("torchvision", "bare loop, torchvision.io", "handwritten"),
        ("fathom_auto", "Fathom: decode, check, digest, keep", "fathom"),
    )
)
_SOURCES = (
    Contender("memory", "Fathom, the same images as arrays", _MODULE, "fathom", {"part": "epochs", "how": "arrays"}),
    Contender("fathom_auto", "Fathom, a folder", _MODULE, "fathom", {"part": "epochs", "how": "memory"}),
    Contender("fathom_files", "Fathom, a folder, `--cache none`", _MODULE, "fathom", {"part": "epochs", "how": "none"}),
)


def run(settings: Settings, suite: Suite) -> None:
    """Write the images, then measure both alternately."""
    number = _QUICK if settings.quick else DECODE.num_samples
    write_images(settings.folder / "folder", number)
    for problem, contenders, baseline in ((DECODE, _DECODERS, "pillow"), (EPOCH, _SOURCES, "memory")):
        problem = replace(problem, num_samples=number, batch_size=64) if settings.quick else problem
        suite.comparisons.append(measure_in_turns(contenders, problem, settings, baseline=baseline))


def write_images(root: Path, number: int) -> None:
    """Cut windows of 32×32 out of scikit-learn's two photographs; the class is the part of the photograph."""
    import numpy as np
    from PIL import Image
    from sklearn.datasets import load_sample_images

    photographs = load_sample_images().images
    rng = np.random.default_rng(0)
    for i in range(number):
        which, band = i % 2, (i // 2) % 5
        photograph = photographs[which]
        top = int(rng.integers(0, photograph.shape[0] - 32))
        width = (photograph.shape[1] - 32) // 5
        left = band * width + int(rng.integers(0, width))
        folder = root / f"{5 * which + band}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(photograph[top : top + 32, left : left + 32]).save(folder / f"{i:05}.jpg", quality=90)
    say(f"folder: {number:,} JPEGs of 32×32")
