"""Images of one split that are nearly those of another: found, and none but those."""

import io
import shutil

import numpy as np
import pytest
from PIL import Image

from fathom.data.images.checks import check_images
from fathom.data.images.module import ImageData
from fathom.data.images.near_copies import match_thumbnails


def texture(rng):
    """Make a photograph of sorts: what is large is strong, as in natural images."""
    total = np.zeros((64, 64, 3))
    for side in (2, 4, 8, 16, 32):
        coarse = Image.fromarray(rng.integers(0, 256, (side, side, 3), dtype=np.uint8))
        total += np.asarray(coarse.resize((64, 64), Image.Resampling.BICUBIC), float) / side
    return Image.fromarray((total / total.max() * 255).astype(np.uint8))


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Write 60 training images and 20 test images, of which four are nearly one of the former."""
    root, rng = tmp_path_factory.mktemp("near"), np.random.default_rng(0)
    for split, number in (("train", 30), ("test", 10)):
        for kind in ("cat", "dog"):
            (root / split / kind).mkdir(parents=True)
            for i in range(number):
                texture(rng).save(root / split / kind / f"{i:02d}.png")
    first = Image.open(root / "train" / "cat" / "00.png")
    first.save(root / "test" / "cat" / "jpeg.jpg", quality=40)
    first.resize((40, 40)).save(root / "test" / "cat" / "small.png")
    first.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(root / "test" / "dog" / "mirrored.png")
    first.point(lambda value: value * 0.8).save(root / "test" / "dog" / "dark.png")
    first.save(root / "test" / "dog" / "same.bmp")  # which is told of as the same
    return root


def test_near_copies_across_splits_are_named(root):
    data = ImageData.from_folder(root, 8)
    found = [f for f in check_images(data).findings if f.code == "data.duplicates_across_splits"]
    near = [finding for finding in found if "near_copies" in finding.evidence]
    (finding,) = near
    assert finding.evidence["near_copies"] == 4
    assert (finding.evidence["size"], finding.evidence["compared_with"]) == (25, len(data.train))
    assert finding.severity == "warning"
    assert finding.message.count("train/cat/00.png") == 3  # the fourth pair is counted only
    same = [finding for finding in found if finding not in near]
    assert [finding.evidence["shared"] for finding in same] == [1]


def test_digits_are_alike_by_nature():
    """Of 360 scikit-learn digits none is a copy, though half of them come to a correlation of 0.9 with another."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = np.kron(digits.images, np.ones((2, 2)))  # (N, 16, 16)
    labels = (digits.target[::5], np.delete(digits.target, np.s_[::5]))
    near, similarity = match_thumbnails(images[::5], np.delete(images, np.s_[::5], axis=0), labels)
    assert np.median(similarity) > 0.85
    assert (near >= 0).sum() <= 1


def test_plain_surfaces_and_empty_splits():
    plain, none = np.full((3, 16, 16), 7), np.zeros((0, 16, 16))
    for a, b in ((plain, plain), (plain, none), (none, plain)):
        near, similarity = match_thumbnails(a, b)
        assert (near == -1).all()
        assert (similarity == 0).all()


def test_the_check_draws_what_augmentation_makes_of_an_image_of_each_class(root):
    from fathom.data.images.augment.augmentation_spec import make_augmentation

    augment = make_augmentation("flip")
    found = check_images(ImageData.from_folder(root, 8, augment=augment))
    assert [name for name, _ in found.augmented] == ["cat", "dog"]
    strip = np.asarray(Image.open(io.BytesIO(found.augmented[0][1])).convert("RGB"))
    tiles = [strip[:, 68 * k : 68 * k + 64] for k in range(8)]  # tiles of 64 pixels, 4 apart; the first is the image
    is_kept = [np.array_equal(tile, tiles[0]) for tile in tiles]
    is_mirrored = [np.array_equal(tile, tiles[0][:, ::-1]) for tile in tiles]
    assert all(kept or mirrored for kept, mirrored in zip(is_kept, is_mirrored, strict=True))
    assert any(is_mirrored)
    assert not check_images(ImageData.from_folder(root, 8)).augmented


def test_the_fingerprint_changes_with_an_image_and_with_a_label(root, tmp_path):
    shutil.copytree(root, tmp_path / "copy")
    first = ImageData.from_folder(root, 8).fingerprint()
    assert ImageData.from_folder(tmp_path / "copy", 8).fingerprint() == first
    path = tmp_path / "copy" / "test" / "cat" / "00.png"
    path.rename(path.parents[1] / "dog" / "99.png")
    moved = ImageData.from_folder(tmp_path / "copy", 8).fingerprint()
    Image.new("RGB", (64, 64)).save(path.parents[1] / "dog" / "99.png")
    assert len({first, moved, ImageData.from_folder(tmp_path / "copy", 8).fingerprint()}) == 3
