import numpy as np
import pytest

from fathom.data.sources import synthetic
from fathom.errors import UsageError


def test_shapes_and_types():
    data = synthetic.load(w=(1.0, 2.0, 3.0), n=20, n_test=5)
    assert data.train_images.shape == (20, 3)
    assert data.train_labels.shape == (20, 1)
    assert data.test_images.shape == (5, 3)
    assert data.test_labels.shape == (5, 1)
    assert {a.dtype for a in (data.train_images, data.train_labels, data.test_images)} == {np.dtype("float32")}
    assert data.class_names == ()


def test_least_squares_finds_the_law():
    data = synthetic.load(w=(2.0, -3.4), b=4.2, noise=0.01, n=1000, seed=3)
    design = np.column_stack([data.train_images, np.ones(1000)]).astype(np.float64)
    solution, *_ = np.linalg.lstsq(design, data.train_labels[:, 0], rcond=None)
    assert np.abs(solution - [2.0, -3.4, 4.2]).max() < 4 * 0.01 / np.sqrt(1000)
    residual = data.train_labels[:, 0] - design @ solution
    assert abs(residual.std() - 0.01) < 0.001


def test_without_noise_the_law_is_exact():
    data = synthetic.load(noise=0.0, n=50)
    assert np.allclose(data.train_images @ np.float32([[2.0], [-3.4]]) + 4.2, data.train_labels, atol=1e-5)


def test_seeded_and_parts_independent():
    first, again, other = synthetic.load(seed=1), synthetic.load(seed=1), synthetic.load(seed=2)
    assert np.array_equal(first.train_images, again.train_images)
    assert not np.array_equal(first.train_images, other.train_images)
    assert not np.array_equal(first.train_images, first.test_images)
    assert np.array_equal(synthetic.load(n=7, seed=1).test_images, first.test_images)


@pytest.mark.parametrize("wrong", [{"n": 0}, {"noise": -1.0}, {"w": ()}, {"w": (float("nan"),)}, {"n_test": 0}])
def test_bad_arguments(wrong):
    with pytest.raises(UsageError):
        synthetic.load(**wrong)
