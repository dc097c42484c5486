"""Folds: complete, disjoint, balanced, and held out of everything that is learned."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fathom.data.array_data import ArrayData
from fathom.data.arrays import Arrays
from fathom.data.images.module import ImageData
from fathom.data.images.options import ImageOptions
from fathom.data.splits.division import Division
from fathom.data.splits.folds import Fold, describe_small_classes, number_folds
from fathom.data.tables.module import TableData
from fathom.data.texts.module import TextData
from fathom.data.texts.options import TextOptions
from fathom.errors import UsageError

labelled = st.lists(st.integers(0, 6), min_size=8, max_size=200).map(lambda values: np.array(values, dtype=np.int64))


@given(labels=labelled, of=st.integers(2, 8), seed=st.integers(0, 2**63 - 1), repeat=st.integers(0, 5))
@settings(deadline=None)
def test_every_fold_has_its_share_of_each_class(labels, of, seed, repeat):
    numbers = number_folds(labels, of, seed, repeat)
    sizes = np.bincount(numbers, minlength=of)
    assert sizes.sum() == len(labels)
    assert np.ptp(sizes) <= 1
    for label in np.unique(labels):
        assert np.ptp(np.bincount(numbers[labels == label], minlength=of)) <= 1


def test_folds_part_the_whole_and_a_repeat_is_another_division():
    labels = np.repeat([0, 1], 50)
    held_out = [Fold(i, 5).cut(labels, 3)[1] for i in range(5)]
    assert np.array_equal(np.sort(np.concatenate(held_out)), np.arange(100))
    rest, held = Fold(2, 5).cut(labels, 3)
    assert np.array_equal(np.union1d(rest, held), np.arange(100))
    assert not np.array_equal(held, Fold(2, 5, repeat=1).cut(labels, 3)[1])
    assert not np.array_equal(held, Fold(2, 5).cut(labels, 4)[1])


def test_impossible_folds_are_refused():
    with pytest.raises(UsageError, match="5 folds of 3 samples"):
        number_folds(np.zeros(3, dtype=np.int64), 5, 0)
    with pytest.raises(UsageError, match="at least 2"):
        Fold(0, 1)


def test_scarce_classes_are_named():
    labels = np.array([0] * 10 + [1] * 2)
    assert describe_small_classes(labels, 5, ("cat", "dog")) == [
        "fewer samples than the 5 folds, so that some folds hold none: dog (2)"
    ]
    assert describe_small_classes(labels.astype(float), 5, ()) == []


def _arrays():
    """Every image is flat and its shade its number, so that parts can be told apart."""
    shades = np.arange(100, dtype=np.uint8)
    images = np.broadcast_to(shades[:, None, None, None], (100, 1, 2, 2)).copy()
    return Arrays(images, np.arange(100) % 2, images[:10] + 200, np.zeros(10, dtype=np.int64), ("even", "odd"))


def test_statistics_are_those_of_the_fold_s_own_training_part():
    seen = []
    for index in range(4):
        data = ArrayData(_arrays(), 8, seed=index, val=Division(fold=Fold(index, 4), seed=7))
        held_out = torch.cat([X[:, 0, 0, 0] for X, _ in data.test_dataloader()])
        train = torch.cat([X[:, 0, 0, 0] for X, _ in data.train_eval_dataloader()])
        val = torch.cat([X[:, 0, 0, 0] for X, _ in data.val_dataloader()])
        assert sorted(torch.cat([held_out, train, val]).tolist()) == list(range(100))  # and nothing of the test set
        (mean,), (std,) = data.statistics()
        assert mean == pytest.approx(train.double().mean().item() / 255)
        assert std == pytest.approx(train.double().std(correction=0).item() / 255)
        seen += held_out.tolist()
    assert sorted(seen) == list(range(100))


def test_the_division_follows_its_own_seed():
    def parts(seed, split_seed):
        data = ArrayData(_arrays(), 8, seed=seed, val=Division(seed=split_seed))
        return data.val_index.tolist()

    assert parts(1, 5) == parts(2, 5) == parts(5, None)
    assert parts(1, None) != parts(1, 5)


def test_folds_of_a_table_leave_its_test_rows_alone(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("x,y\n" + "".join(f"{i * 37 % 200}.5,{i * 0.5}\n" for i in range(200)))
    plain = TableData.read(path, 16, target="y", seed=3)
    tested = set(plain.test_index.tolist())
    seen = []
    for index in range(5):
        data = TableData.read(path, 16, target="y", seed=index, val=Division(seed=3, fold=Fold(index, 5)))
        held_out, train = data.test_index.tolist(), data.train_index.tolist()
        assert not tested & {*held_out, *train, *data.val_index.tolist()}
        assert data.scale.mean.item() == pytest.approx(np.mean([i * 0.5 for i in train]), rel=1e-6)
        assert data.test_rows([0])[0] == (
            held_out[0] + 1,
            {"x": f"{held_out[0] * 37 % 200}.5", "y": f"{held_out[0] * 0.5}"},
        )
        seen += held_out
    assert len(seen) == 180
    assert not tested & set(seen)


def test_folds_of_a_text_are_contiguous_and_its_end_is_left_alone():
    text = "".join(chr(97 + i % 23) + ("." if i % 50 == 0 else "") for i in range(6000)) + "ß" * 700
    body = text[: len(text) - 670]
    for index in range(3):
        data = TextData(text, 4, options=TextOptions(steps=8), val=Division(fold=Fold(index, 3)))
        held_out = "".join(data.vocabulary.tokens[t] for t in data.test.tolist())
        assert held_out.replace("<unk>", "ß") in body
        rest = len(data.train) + len(data.val)
        assert abs(rest + len(data.test) - len(body)) < 40  # all but what rounds a part to whole columns
    assert abs(len(data.test) * 3 - len(body)) < 40


def test_folds_of_a_folder_leave_its_test_images_alone(tmp_path):
    from PIL import Image

    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for i in range(20):
            Image.new("L", (4, 4), i).save(tmp_path / name / f"{i:02}.png")
    tested = set(ImageData.from_folder(tmp_path, 4, seed=2, options=ImageOptions(workers=0)).test.paths)
    seen = set()
    for index in range(3):
        data = ImageData.from_folder(
            tmp_path, 4, seed=9, options=ImageOptions(workers=0), val=Division(seed=2, fold=Fold(index, 3))
        )
        parts = [set(part.paths) for part in (data.train, data.val, data.test)]
        assert sum(map(len, parts)) == len(set.union(*parts)) == 36
        assert not tested & set.union(*parts)
        seen |= parts[2]
    assert len(seen) == 36
