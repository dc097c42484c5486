import subprocess
import sys

import numpy as np
import pytest

from fathom.data.sources import digits
from fathom.errors import FathomError, UsageError


def test_the_same_images_as_scikit_learn():
    from sklearn.datasets import load_digits

    theirs, ours = load_digits(), digits.load()
    images = np.concatenate([ours.train_images, ours.test_images])[:, 0]
    labels = np.concatenate([ours.train_labels, ours.test_labels])
    assert images.dtype == np.uint8
    assert (images.min(), images.max()) == (0, 255)

    def together(images, targets):
        return sorted(zip(map(bytes, images), targets.tolist(), strict=True))

    scaled = np.floor(theirs.images * 255 / 16 + 0.5).astype(np.uint8)
    assert together(images, labels) == together(scaled, theirs.target)


def test_the_test_part_is_a_fixed_stratified_fifth():
    data = digits.load()
    assert (len(data.train_labels), len(data.test_labels)) == (1438, 359)
    assert data.train_labels.dtype == np.int64
    shares = np.bincount(data.test_labels) / (np.bincount(data.train_labels) + np.bincount(data.test_labels))
    assert abs(shares - 0.2).max() < 0.006
    assert data.test_labels[:12].tolist() == [0, 2, 5, 6, 7, 5, 3, 5, 0, 8, 8, 7]


def test_scaled_up_as_torch_interpolates():
    import torch

    small, large = digits.load(), digits.load(size=28)
    assert large.train_images.shape == (1438, 1, 28, 28)
    assert np.array_equal(small.test_labels, large.test_labels)
    # from the unrounded originals, as ours
    original = torch.from_numpy(np.round(small.train_images / (255 / 16))).double() * (255 / 16)
    theirs = torch.nn.functional.interpolate(original, size=(28, 28), mode="bilinear", align_corners=False).numpy()
    assert abs(large.train_images - theirs).max() <= 0.5 + 1e-5


@pytest.mark.parametrize("size", [7, 257, 28.0, "28", True])
def test_bad_size(size):
    with pytest.raises(UsageError, match="8 to 256"):
        digits.load(size=size)


def test_works_without_the_file_in_its_usual_place(monkeypatch):
    expected = digits.load()
    monkeypatch.setattr(digits, "locate", lambda: None)
    assert np.array_equal(digits.load().train_images, expected.train_images)


def test_an_altered_file_is_refused(tmp_path):
    import gzip

    path = tmp_path / "digits.csv.gz"
    path.write_bytes(gzip.compress(b"1,2,3\n"))
    with pytest.raises(FathomError, match="wrong checksum"):
        digits.verify(path)
    path.write_bytes(b"not gzip")
    with pytest.raises(FathomError, match="cannot read"):
        digits.verify(path)


def test_nothing_heavy_is_imported():
    script = (
        "import sys; from fathom.data.sources import digits, idx, synthetic, cifar10;"
        "digits.load(28); synthetic.load();"
        "print([m for m in ('torch', 'sklearn', 'PIL', 'pandas', 'scipy') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
