from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from fathom.data.images.samples import MOST_ROWS, augmented_rows, draw_strip, sample_rows


def load(content):
    return np.asarray(Image.open(BytesIO(content)).convert("RGBA")).astype(int)


def count_pixels(strip, colour):
    """Count the opaque pixels of one colour."""
    return int((strip == (*colour, 255)).all(-1).sum())


def test_every_class_has_its_row_of_its_own_images():
    colours = np.array([[200, 0, 0], [0, 150, 0], [0, 0, 250]], dtype=np.uint8)
    labels = np.arange(60) % 3
    images = np.broadcast_to(colours[labels][:, :, None, None], (60, 3, 16, 16))
    rows = sample_rows(images, labels, ("Frösche", "猫", "blue"), per_class=7)
    assert [name for name, _ in rows] == ["Frösche", "猫", "blue"]
    for (_, content), colour in zip(rows, colours, strict=True):
        strip = load(content)
        assert strip.shape == (64, 7 * 64 + 6 * 4, 4)
        assert count_pixels(strip, colour) == 7 * 64 * 64
        assert int((strip[:, :, 3] == 0).sum()) == 6 * 4 * 64  # the gaps alone are transparent: no text is painted


def test_small_images_are_enlarged_without_blur():
    image = np.random.default_rng(0).integers(0, 256, (1, 1, 28, 28), dtype=np.uint8)
    strip = load(draw_strip(image))
    assert np.array_equal(strip[:, :, 0], np.repeat(np.repeat(image[0, 0], 2, 0), 2, 1))


@pytest.mark.parametrize("shape", [(3, 200, 300), (1, 5, 9)])
def test_large_and_oblong_images(shape):
    strip = load(draw_strip(np.zeros((2, *shape), dtype=np.uint8)))
    assert 30 <= strip.shape[0] <= 128
    tile = (strip.shape[1] - 4) / 2
    assert tile / strip.shape[0] == pytest.approx(shape[2] / shape[1], rel=0.03)


def test_a_class_without_images_has_no_row_and_many_classes_are_cut():
    images = np.zeros((3, 1, 8, 8), dtype=np.uint8)
    names = [f"class {i}" for i in range(120)]
    assert [name for name, _ in sample_rows(images, np.array([0, 1, 3]), names)] == ["class 0", "class 1", "class 3"]
    assert len(sample_rows(np.zeros((120, 1, 8, 8), np.uint8), np.arange(120), names)) == MOST_ROWS


def test_floating_images():
    assert count_pixels(load(draw_strip(np.full((1, 3, 8, 8), 0.5, dtype=np.float32))), (128, 128, 128)) == 64 * 64


def test_augmented_rows_begin_with_the_original():
    images = np.full((6, 1, 8, 8), 100, dtype=np.uint8)

    def brighten(batch, generator):
        import torch

        assert isinstance(generator, torch.Generator)
        return (batch.float() / 255 + 0.5).clamp(max=1)

    rows = augmented_rows(images, np.array([0, 0, 0, 1, 1, 1]), ("a", "b"), brighten, variants=4)
    for _, content in rows:
        strip = load(content)
        assert (strip[:, :64, :3] == 100).all()
        assert count_pixels(strip, (228, 228, 228)) == 4 * 64 * 64
