"""Shift between training and test images: none where there is none, and what was put in is found."""

import numpy as np
import pytest
from PIL import Image, ImageFilter

from fathom.data.checks import DataCheck
from fathom.data.images.checks import check_images
from fathom.data.images.module import ImageData
from fathom.data.images.options import ImageOptions
from fathom.data.images.shift import find_image_shift, measure_images

RNG = np.random.default_rng(0)


def test_statistics_are_those_of_each_image():
    images = RNG.integers(0, 256, (5, 3, 6, 7)).astype(np.uint8)
    found = measure_images(images)
    assert list(found) == ["red", "green", "blue", "contrast", "detail"]
    for i, image in enumerate(images.astype(float)):
        assert found["green"][i] == pytest.approx(image[1].mean(), rel=1e-5)
        contrast = np.mean([channel.std() for channel in image])
        assert found["contrast"][i] == pytest.approx(contrast, rel=1e-5)
        assert found["detail"][i] == pytest.approx(np.abs(np.diff(image, axis=2)).mean() / contrast, rel=1e-4)
    assert list(measure_images(images[:, :1])) == ["brightness", "contrast", "detail"]
    assert list(measure_images(np.repeat(images, 2, 1)))[5] == "band 6"
    assert measure_images(np.zeros((2, 1, 1, 1)))["detail"].tolist() == [0, 0]


def draw(count):
    """Images of a few smooth shapes, all of one kind."""
    y, x = np.mgrid[:16, :16]
    phases = RNG.uniform(0, 6, (count, 2, 1, 1))
    waves = np.sin(x / 2 + phases[:, 0]) + np.cos(y / 3 + phases[:, 1]) + RNG.normal(0, 0.3, (count, 16, 16))
    return (waves * 40 + 120).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda image: image, None),
        (lambda image: Image.fromarray((np.asarray(image) * 0.8).astype(np.uint8)), "brightness"),
        (lambda image: image.filter(ImageFilter.GaussianBlur(1)), "detail"),
        (lambda image: image.resize((20, 16)), "width"),
    ],
)
def test_what_was_put_into_the_test_images_is_found(tmp_path, change, name):
    for split, count in (("train", 80), ("test", 60)):
        for i, pixels in enumerate(draw(count)):
            path = tmp_path / split / "ab"[i % 2] / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            image = Image.fromarray(pixels)
            (change(image) if split == "test" else image).save(path)
    data = ImageData.from_folder(tmp_path, 8, options=ImageOptions(workers=0, size=(16, 16)))
    findings = {finding.code: finding for finding in check_images(data).findings}
    if name is None:
        assert "data.shift" not in findings
        assert findings["data.classifier_shift"].severity == "note"
        return
    assert name in findings["data.shift"].evidence
    assert findings["data.shift"].severity == "warning"


def test_few_images_are_not_compared():
    found = DataCheck("x", "images", [])
    find_image_shift(found, "test", (np.zeros((50, 1, 4, 4)), np.zeros((3, 1, 4, 4))))
    assert [check.code for check in found.not_checked] == ["data.classifier_shift"]
