"""Augmentation of training samples: random changes of images, and noise."""

from __future__ import annotations

from fathom.data.images.augment.augmentation import Compose, Noise
from fathom.data.images.augment.augmentation_spec import make_augmentation
from fathom.settings.config import Config


def build_augmentation(config: Config) -> Compose | None:
    """Return the changes that the settings ask for, noise last; None for none."""
    asked = make_augmentation(config.data.augment)
    steps = asked.steps if asked else ()
    if config.training.input_noise:
        steps = (*steps, Noise(config.training.input_noise))
    return Compose(steps) if steps else None
