"""Augmentation as a run's settings ask for it."""

import pytest
import torch

from fathom.build.augmentation import build_augmentation
from fathom.data.images.augment.augmentation import Compose, Flip, Noise
from fathom.data.tables.module import TableData
from fathom.recipes.train import train
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


def test_noise_on_a_table_is_in_standard_deviations(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("big,small,y\n" + "\n".join(f"{1e6 * (i % 17)},{1e-3 * (i % 13)},{i % 5}" for i in range(800)))
    noisy = TableData.read(path, 400, target="y", augment=Noise(0.5))
    plain = TableData.read(path, 400, target="y")
    pairs = zip(noisy.train_dataloader(), plain.train_dataloader(), strict=True)
    added = torch.cat([changed[0] - batch[0] for changed, batch in pairs])
    assert added.shape == (plain.num_train, 2)
    assert (added.std(0) - 0.5).abs().max() < 4 * 0.5 / (2 * len(added)) ** 0.5  # four standard errors
    asked = {"name": str(path), "options": {"target": "y"}}, {"epochs": 1, "input_noise": 0.5}
    trained = train({"model": {"name": "mlp"}, "data": asked[0], "training": asked[1]}, root=tmp_path / "runs")
    assert trained.records
