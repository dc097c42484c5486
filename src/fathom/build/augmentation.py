"""Augmentation of training samples: random changes of images, and noise."""

from __future__ import annotations

from fathom.data.images.augment.augmentation import Compose
from fathom.data.images.augment.augmentation_spec import make_augmentation
from fathom.settings.config import Config


def build_augmentation(config: Config) -> Compose | None:
    """Return the steps that the settings ask for, noise last; None for none."""
    steps = [config.data.augment] if config.data.augment else []
    if config.training.input_noise:
        steps.append(f"noise:std={config.training.input_noise}")
    return make_augmentation(",".join(steps)) if steps else None
