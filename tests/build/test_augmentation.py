"""Augmentation as a run's settings ask for it."""

import pytest

from fathom.build.augmentation import build_augmentation
from fathom.data.images.augment.augmentation import Compose, Flip, Noise
from fathom.settings.config import Config, DataConfig, ModelConfig, replace_in


@pytest.mark.parametrize(
    ("augment", "noise", "steps"),
    [
        (None, 0.0, None),
        ("none", 0.0, None),
        ("none", 0.1, (Noise(0.1),)),
        (None, 0.1, (Noise(0.1),)),
        ("flip", 0.1, (Flip(), Noise(0.1))),
    ],
)
def test_noise_comes_after_the_changes_asked_for(augment, noise, steps):
    config = replace_in(
        Config(model=ModelConfig(name="lenet"), data=DataConfig(kind="arrays", name="digits")),
        data={"augment": augment},
        training={"input_noise": noise},
    )
    assert build_augmentation(config) == (None if steps is None else Compose(steps))
