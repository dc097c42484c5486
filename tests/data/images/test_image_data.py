"""A folder of images as a data module: what is inferred, how it is split, and what is refused."""

import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from fathom.data.array_data import ArrayData
from fathom.data.arrays import Arrays
from fathom.data.images.module import ImageData
from fathom.data.images.options import ImageOptions
from fathom.errors import FathomError, UsageError

RNG = np.random.default_rng(0)
HERE = ImageOptions(workers=0)  # decode in this process


def fill(folder, count, size=(10, 8), mode="RGB"):
    """Save random images of (height, width)."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        pixels = RNG.integers(0, 256, (*size, 3), dtype=np.uint8)
        Image.fromarray(pixels).convert(mode).save(folder / f"{i:03d}.png")


@pytest.fixture
def root(tmp_path):
    """Three classes with 20, 30 and 40 images, no parts."""
    for name, count in (("ant", 20), ("bee", 30), ("cat", 40)):
        fill(tmp_path / "images" / name, count)
    return tmp_path / "images"


def labels(loader):
    return torch.cat([y for _, y in loader])


def test_size_channels_classes_and_counts_are_found(root):
    data = ImageData.from_folder(root, options=HERE)
    assert data.class_names == ("ant", "bee", "cat")
    assert data.input_shape == (3, 10, 8)
    assert data.num_outputs == 3
    assert data.task == "classification"
    assert data.num_train == len(labels(data.train_dataloader())) == 73
    assert data.example_input().shape == (1, 3, 10, 8)


def test_parts_that_are_not_there_are_cut_from_the_training_files(root):
    data = ImageData.from_folder(root, val=0.1, options=HERE)
    parts = [set(part.paths) for part in (data.train, data.val, data.test)]
    assert [len(part) for part in parts] == [73, 8, 9]  # test is cut first, validation from the 81 left
    assert len(set.union(*parts)) == 90
    assert labels(data.test_dataloader()).bincount().tolist() == [2, 3, 4]
    again, other = (
        ImageData.from_folder(root, val=0.1, options=HERE),
        ImageData.from_folder(root, val=0.1, seed=1, options=HERE),
    )
    assert set(again.test.paths) == parts[2]
    assert set(other.test.paths) != parts[2]


def test_parts_that_are_there_are_used(root, tmp_path):
    whole = tmp_path / "whole"
    for part in ("train", "val", "test"):
        shutil.copytree(root, whole / part)
    data = ImageData.from_folder(whole, val=0.1, options=HERE)
    assert [len(part) for part in (data.train, data.val, data.test)] == [90, 90, 90]
    shutil.rmtree(whole / "val")
    data = ImageData.from_folder(whole, val=0.2, options=HERE)
    assert [len(part) for part in (data.train, data.val, data.test)] == [72, 18, 90]


def test_without_a_share_nothing_is_cut(root):
    data = ImageData.from_folder(root, val=0, options=HERE)
    assert data.val_dataloader() is None
    assert data.test_dataloader() is None
    assert data.num_train == 90


def test_too_few_images_for_a_part_give_none(tmp_path):
    fill(tmp_path / "a", 2)
    fill(tmp_path / "b", 2)
    data = ImageData.from_folder(tmp_path, val=0.1, options=HERE)
    assert data.val_dataloader() is None
    assert data.test_dataloader() is None
    assert data.num_train == 4


@pytest.mark.parametrize(
    ("num_train", "expected"), [(4, 4), (20, 8), (72, 8), (200, 8), (65, 9), (300, 16), (5000, 256)]
)
def test_the_batch_size_goes_with_the_number_of_images(num_train, expected):
    from fathom.data.images.form import choose_batch_size

    assert choose_batch_size(num_train) == expected


def test_statistics_are_those_of_the_training_files(root):
    data = ImageData.from_folder(root, options=HERE)
    pixels = torch.cat([X for X, _ in data.train_eval_dataloader()]).double() / 255
    mean, std = data.statistics()
    assert mean == pytest.approx(pixels.mean((0, 2, 3)).tolist(), abs=1e-9)
    assert std == pytest.approx(pixels.std((0, 2, 3), correction=0).tolist(), abs=1e-9)


def test_a_wide_image_set_is_brought_to_the_size_asked_for(root):
    data = ImageData.from_folder(root, options=ImageOptions(size=(5, 6), workers=0))
    X, _ = next(iter(data.train_dataloader()))
    assert X.shape[1:] == (3, 5, 6)
    assert data.test_images([0, 2])[1].shape == (3, 5, 6)


def test_mixed_sizes_become_a_square_of_the_median_side(tmp_path):
    for i, size in enumerate([(10, 30), (20, 12), (14, 40), (50, 16), (18, 60)]):
        fill(tmp_path / f"class{i}", 1, size)
    assert ImageData.from_folder(tmp_path, val=0, options=HERE).input_shape == (3, 14, 14)


def test_large_images_are_brought_down(tmp_path):
    for name in "ab":
        fill(tmp_path / name, 1, (300, 600))
    assert ImageData.from_folder(tmp_path, val=0, options=HERE).input_shape == (3, 112, 224)


def test_grey_images_have_one_channel_unless_told_otherwise(tmp_path):
    fill(tmp_path / "a", 3, mode="L")
    fill(tmp_path / "b", 3, mode="1")
    assert ImageData.from_folder(tmp_path, val=0, options=HERE).input_shape[0] == 1
    assert ImageData.from_folder(tmp_path, val=0, options=ImageOptions(workers=0, channels=3)).input_shape[0] == 3
    fill(tmp_path / "b", 1, mode="RGB")
    assert ImageData.from_folder(tmp_path, val=0, options=HERE).input_shape[0] == 3


def test_batches_are_those_of_the_same_images_in_memory(root):
    from fathom.data.images.augment.augmentation_spec import make_augmentation

    augment = make_augmentation("flip,crop:padding=2")
    folder = ImageData.from_folder(root, 16, val=0, seed=3, augment=augment, options=ImageOptions(workers=2))
    inside = list(ImageData.from_folder(root, 90, val=0, options=HERE).train_eval_dataloader())
    memory = ArrayData(
        Arrays(inside[0][0].numpy(), inside[0][1].numpy(), None, None, folder.class_names),
        16,
        val=0,
        seed=3,
        augment=augment,
    )
    ours, theirs = folder.train_dataloader(), memory.train_dataloader()
    for _ in range(2):
        for (X1, y1), (X2, y2) in zip(ours, theirs, strict=True):
            assert torch.equal(X1, X2)
            assert torch.equal(y1, y2)
    folder.close()


def break_one(root, content=b"no image", name="bee/007.png"):
    (root / name).write_bytes(content)
    return root / name


def test_more_broken_images_than_allowed_stop(root):
    path = break_one(root)
    with pytest.raises(FathomError, match=f"1 of 90 images .1.1 %. cannot be read, .*: {path} is not an image in "):
        ImageData.from_folder(root, val=0, options=ImageOptions(workers=0, max_broken=0.01))


def test_by_default_they_stop_only_where_most_are_broken(root):
    paths = sorted(root.rglob("*.png"))
    for path in paths[::2]:
        path.write_bytes(b"no image")
    data = ImageData.from_folder(root, val=0, options=HERE)
    assert (data.num_train, len(data.broken)) == (45, 45)
    paths[1].write_bytes(b"no image")
    with pytest.raises(FathomError, match=r"46 of 90 images \(51.1 %\) cannot be read, more than the 50 % allowed"):
        ImageData.from_folder(root, val=0, options=HERE)


@pytest.mark.parametrize("cache", ["memory", "none"])
def test_fewer_are_left_out_and_named(root, cache):
    fill(root / "bee", 40)
    paths = [break_one(root, b"", "bee/003.png"), break_one(root, (root / "cat" / "001.png").read_bytes()[:99])]
    data = ImageData.from_folder(root, val=0, options=ImageOptions(workers=0, max_broken=0.05, cache=cache))
    assert data.num_train == len(labels(data.train_dataloader())) == 98
    assert [file for file, _ in data.broken] == [str(path) for path in paths]
    assert data.broken[0][1] == "is empty"
    assert data.notes[0].startswith(
        f"left out: 2 files that cannot be read: {paths[0]} is empty; {paths[1]} is damaged"
    )
    assert data.describe()["broken"][0] == {"file": str(paths[0]), "reason": "is empty"}
    pixels = torch.cat([X for X, _ in data.train_eval_dataloader()]).double() / 255
    assert data.statistics()[0] == pytest.approx(pixels.mean((0, 2, 3)).tolist(), abs=1e-9)


def test_a_image_under_a_lying_suffix_is_read_and_named(root):
    path = root / "cat" / "000.png"
    Image.open(path).save(path, "jpeg")
    data = ImageData.from_folder(root, val=0, options=HERE)
    assert data.num_train == 90
    assert data.notes[0] == f"mislabelled, read by content: 1 file of another format than the name says ({path})"


def test_an_enormous_image_is_named(root, monkeypatch):
    from PIL import Image

    path = root / "ant" / "000.png"
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 30)  # Pillow warns above, and refuses above twice as many
    with pytest.raises(FathomError, match=r"ant/\d+\.png|bee/\d+\.png|cat/\d+\.png") as caught:
        ImageData.from_folder(root, val=0, options=HERE)
    assert path.parent.parent.name in str(caught.value)
    assert "pixels" in str(caught.value)


def test_a_broken_image_in_the_midst_of_training_is_one_line(root):
    data = ImageData.from_folder(root, 8, val=0, options=ImageOptions(workers=2, cache="none"))
    path = break_one(root)
    with pytest.raises(FathomError) as caught:
        list(data.train_dataloader())
    assert str(caught.value).startswith(f"{path} is not an image in a known format")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (lambda root: shutil.rmtree(root), "does not exist"),
        (lambda root: [shutil.rmtree(p) for p in root.iterdir()], "has no class folders"),
        (lambda root: (root / "dog").mkdir(), "the class folder .*dog holds no image"),
    ],
)
def test_what_is_no_set_of_images_is_refused(prepare, message, root):
    prepare(root)
    with pytest.raises(FathomError, match=message):
        ImageData.from_folder(root)


def test_a_batch_larger_than_the_set_is_refused(root):
    with pytest.raises(UsageError, match=r"batch size 100 is larger than the 73 training samples of .*images"):
        ImageData.from_folder(root, 100)


@pytest.mark.parametrize("channels", [0, 2, 4])
def test_other_numbers_of_channels_are_refused(channels, root):
    with pytest.raises(UsageError, match=f"images of {channels} channels"):
        ImageData.from_folder(root, options=ImageOptions(channels=channels, workers=0))
