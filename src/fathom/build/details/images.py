"""The summary of the test split of images with a number each: a baseline to beat, and the images furthest off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fathom.build.details.regression import largest_errors, mean_baseline
from fathom.build.results import SplitResult
from fathom.build.summaries import save_images
from fathom.data.images.module import ImageData
from fathom.module import Module

_SHOWN = 24  # in the report, four rows of six


def collect_errors(module: Module, data: ImageData, evaluation: SplitResult, folder: Path) -> dict[str, Any]:
    """Return the target's name, the baseline and the largest errors, whose images are written into ``folder``."""
    kind, names = data.test_sample_names()
    worst = [entry | {kind: names[entry["index"]]} for entry in largest_errors(module, evaluation, _SHOWN)]
    save_images(folder, worst, data.test_images([entry["index"] for entry in worst]))
    return {"target": data.target_name, "baseline": mean_baseline(module, evaluation), "mistakes": worst}
