"""Data modules: honest splits, statistics of the training split alone, loaders that serve what they say."""

import numpy as np
import pytest
import torch

from fathom.data.array_data import ArrayData
from fathom.data.arrays import Arrays
from fathom.data.module import DataModule
from fathom.data.sources.datasets import Digits, FashionMNIST, SyntheticRegression
from fathom.errors import UsageError


def make_arrays(n: int = 200, channels: int = 3, classes: int = 4, seed: int = 0) -> Arrays:
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (n, channels, 5, 6), dtype=np.uint8)
    images[:, 0] //= 3  # channels differ
    labels = rng.choice(classes, n, p=np.arange(1, classes + 1) / (classes * (classes + 1) / 2))
    test = rng.integers(0, 256, (30, channels, 5, 6), dtype=np.uint8)
    names = tuple(f"class {i}" for i in range(classes))
    return Arrays(images, labels, test, rng.integers(0, classes, 30), names)


def collect(loader) -> tuple[torch.Tensor, torch.Tensor]:
    X, y = zip(*loader, strict=True)
    return torch.cat(X), torch.cat(y)


def test_split_is_disjoint_complete_stratified_and_seeded():
    arrays = make_arrays(400)
    data = ArrayData(arrays, 32, val=0.25, seed=5)
    train, val = set(data.train_index.tolist()), set(data.val_index.tolist())
    assert not train & val
    assert train | val == set(range(400))
    assert len(val) == 100
    for label in range(4):
        share = (arrays.train_labels[list(val)] == label).sum() / (arrays.train_labels == label).sum()
        assert abs(share - 0.25) < 0.02
    again, other = ArrayData(arrays, 32, val=0.25, seed=5), ArrayData(arrays, 32, val=0.25, seed=6)
    assert torch.equal(again.val_index, data.val_index)
    assert not torch.equal(other.val_index, data.val_index)


def test_statistics_are_those_of_the_training_part_alone():
    arrays = make_arrays(1500)
    data = ArrayData(arrays, 32, val=0.2)
    # the validation split is made unlike the rest: it must not show
    arrays.train_images[data.val_index.numpy()] = 255
    mean, std = data.statistics()
    part = data.X[data.train_index].double() / 255
    true_std, true_mean = torch.std_mean(part, (0, 2, 3), correction=0)
    torch.testing.assert_close(torch.tensor(mean).double(), true_mean, rtol=1e-6, atol=0)
    torch.testing.assert_close(torch.tensor(std).double(), true_std, rtol=1e-6, atol=0)


def test_statistics_without_a_split_and_of_a_channel_that_never_varies():
    arrays = make_arrays(100)
    arrays.train_images[:, 1] = 37
    mean, std = ArrayData(arrays, 10, val=0).statistics()
    X = torch.from_numpy(arrays.train_images).double() / 255
    assert mean == pytest.approx(X.mean((0, 2, 3)).tolist(), rel=1e-9)
    assert std[1] == 1.0
    assert std[0] == pytest.approx(float(X[:, 0].std(correction=0)), rel=1e-9)


def test_statistics_of_features_survive_a_large_mean():
    rng = np.random.default_rng(0)
    X = (rng.normal(size=(3000, 2)) * [1.0, 0.01] + [1e4, -5.0]).astype(np.float32)
    data = ArrayData(Arrays(X, np.zeros((3000, 1), np.float32), None, None, ()), 10, val=0)
    mean, std = data.statistics()
    assert mean == pytest.approx(X.astype(np.float64).mean(0), rel=1e-9)
    assert std == pytest.approx(X.astype(np.float64).std(0), rel=1e-5)


def test_training_loader_serves_the_training_part_shuffled():
    data = ArrayData(make_arrays(), 16, val=0.1, seed=2)
    X, y = collect(data.train_dataloader())
    assert X.dtype == torch.uint8
    assert not torch.equal(y, data.y[data.train_index])
    assert torch.equal(y.sort().values, data.y[data.train_index].sort().values)
    assert len(X) == data.num_train == 180
    assert len(next(iter(data.train_dataloader()))[0]) == 16


def test_only_training_batches_are_augmented():
    data = ArrayData(make_arrays(), 16, augment=lambda X, generator: torch.zeros_like(X))
    assert all(not X.any() for X, _ in data.train_dataloader())
    for loader in (data.train_eval_dataloader(), data.val_dataloader(), data.test_dataloader()):
        assert all(X.any() for X, _ in loader)


def test_judging_loaders_keep_the_stored_order():
    arrays = make_arrays()
    data = ArrayData(arrays, 16, val=0.1)
    for _ in range(2):  # and in every epoch
        X, y = collect(data.test_dataloader())
        assert np.array_equal(X.numpy(), arrays.test_images)
        assert np.array_equal(y.numpy(), arrays.test_labels)
        X, y = collect(data.val_dataloader())
        assert torch.equal(X, data.X[data.val_index])
        X, y = collect(data.train_eval_dataloader())
        assert torch.equal(y, data.y[data.train_index])


def test_what_a_model_must_know():
    data = ArrayData(make_arrays(), 16)
    assert (data.task, data.input_shape, data.num_outputs) == ("classification", (3, 5, 6), 4)
    assert data.example_input().shape == (1, 3, 5, 6)
    flat = Arrays(np.zeros((9, 2), np.float32), np.zeros((9, 3), np.float32), None, None, ())
    data = ArrayData(flat, 4, val=0)
    assert (data.task, data.input_shape, data.num_outputs) == ("regression", (2,), 3)
    assert data.val_dataloader() is None
    assert data.test_dataloader() is None
    vector = Arrays(np.zeros((9, 2), np.float32), np.zeros(9, np.float32), None, None, ())
    assert ArrayData(vector, 4, val=0).num_outputs == 1
    nameless = Arrays(np.zeros((9, 1, 2, 2), np.uint8), np.arange(9) % 3, None, None, ())
    assert ArrayData(nameless, 2, val=0).num_outputs == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 201, "val": 0}, "batch size 201 is larger than the 200 training samples of data"),
        ({"batch_size": 190, "val": 0.1}, "larger than the 180 training samples"),
        ({"val": 1.0}, "validation share must be at least 0 and below 1; got 1"),
        ({"val": -0.1}, "validation share must be at least 0 and below 1; got -0.1"),
        ({"val": 0.001}, "holds out none of 200 samples"),
    ],
)
def test_wrong_use_is_refused(options, message):
    with pytest.raises(UsageError, match=message):
        ArrayData(make_arrays(), **options)


def test_own_data_module_needs_a_training_loader_only():
    class Own(DataModule):
        pass

    with pytest.raises(NotImplementedError, match="Own must define train_dataloader"):
        Own().train_dataloader()
    assert Own().val_dataloader() is None
    assert Own().test_dataloader() is None


def test_digits_by_name():
    data = Digits(batch_size=32, val=0.2, seed=1)
    assert data.name == "digits"
    assert data.num_outputs == 10
    assert data.train_dataloader().batch_size == 32
    assert Digits(size=28).input_shape == (1, 28, 28)
    assert Digits().batch_size == 64
    with pytest.raises(UsageError, match="batch size must be at least 1"):
        Digits(batch_size=0).train_dataloader()


def test_digits_with_augmentation_by_name():
    plain, noisy = Digits(), Digits(augment="noise:std=0.2")
    X, y = next(iter(plain.train_dataloader()))
    X_noisy, y_noisy = next(iter(noisy.train_dataloader()))
    assert torch.equal(y, y_noisy)
    assert X_noisy.is_floating_point()
    assert 0.05 < float((X_noisy - X.float() / 255).std()) < 0.25


def test_synthetic_regression_follows_its_law():
    data = SyntheticRegression(w=(1.5, -2.0, 0.5), b=3.0, noise=0.0, n=400, val=0.5)
    X, y = collect(data.train_dataloader())
    torch.testing.assert_close(y, X @ torch.tensor([[1.5], [-2.0], [0.5]]) + 3.0, rtol=1e-5, atol=1e-5)
    assert (len(X), data.task, data.batch_size) == (200, "regression", 10)


def test_fashion_mnist_has_the_published_statistics(shared_data):
    data = FashionMNIST(val=0)
    mean, std = data.statistics()
    assert mean[0] == pytest.approx(0.2860, abs=5e-5)
    assert std[0] == pytest.approx(0.3530, abs=5e-5)
    assert (data.num_train, len(data.test_dataloader().X)) == (60000, 10000)
