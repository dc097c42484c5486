"""Sets of deep images as data: one scale, its statistics, what is said of it, what is refused."""

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from fathom.data.images.augment.augmentation_spec import make_augmentation
from fathom.data.images.checks import check_images
from fathom.data.images.module import ImageData
from fathom.data.images.options import ImageOptions
from fathom.data.images.pixels.scale import show_as_bytes
from fathom.errors import FathomError, UsageError

RNG = np.random.default_rng(0)


def save(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, array)
    elif path.suffix == ".tif":
        tifffile.imwrite(path, array)
    else:
        Image.fromarray(array).save(path)


def make(root, draw, suffix=".npy", count=6):
    """Two classes of so many files; ``draw`` gives file i of class k."""
    arrays = []
    for k, name in enumerate(("ant", "bee")):
        for i in range(count):
            arrays.append(draw(i, k))
            save(root / name / f"{i:02d}{suffix}", arrays[-1])
    return np.stack(arrays)


def read(root, **options):
    return ImageData.from_folder(root, 4, val=0, options=ImageOptions(workers=0, **options))


def note(data, start):
    (found,) = [note for note in data.notes if note.startswith(start)]
    return found


KINDS = {
    "depth": (lambda i, k: RNG.integers(500 + k, 1000, (8, 8)).astype(np.uint16), ".png"),
    "ct": (lambda i, k: RNG.integers(-1024, 900, (8, 8)).astype(np.int16), ".tif"),
    "float": (lambda i, k: RNG.normal(0.5, 0.2, (8, 8)).astype(np.float32), ".tif"),
    "bands": (lambda i, k: (RNG.normal(0, 1, (8, 8, 5)) * [1, 10, 1000, 1e-3, 0]).astype(np.float32), ".npy"),
}


@pytest.mark.parametrize("cache", ["memory", "none"])
@pytest.mark.parametrize("kind", KINDS)
def test_one_scale_and_the_statistics_on_it(kind, cache, tmp_path):
    draw, suffix = KINDS[kind]
    arrays = make(tmp_path, draw, suffix)
    data = read(tmp_path, cache=cache)
    low, high = float(arrays.min()), float(arrays.max())
    assert (data.pixel_scale.low, data.pixel_scale.high, data.pixel_scale.clips) == (low, high, False)
    stored = torch.cat([X for X, _ in data.train_eval_dataloader()])
    planes = arrays.reshape(12, 8, 8, -1).transpose(0, 3, 1, 2)  # (N, C, H, W)
    assert stored.dtype == (torch.uint16 if kind == "depth" else torch.float32)
    assert np.array_equal(stored.numpy(), planes)
    wide = planes.astype(np.float64)
    mean, std = wide.mean((0, 2, 3)), wide.std((0, 2, 3))
    assert data.statistics()[0] == pytest.approx((mean - low) / (high - low), rel=1e-9)
    assert data.statistics()[1] == pytest.approx(np.where(std > 0, std / (high - low), 1), rel=1e-9)
    expected = (wide - mean[:, None, None]) / np.where(std > 0, std, 1)[:, None, None]
    np.testing.assert_allclose(data.preprocess()(stored), expected, atol=1e-5)
    assert "one scale for all images" in note(data, "values: ")
    assert "the least and the largest value of the training images" in note(data, "values: ")
    shown = show_as_bytes(stored[0].numpy(), data.pixel_scale)
    assert (shown.dtype, shown.shape) == (np.uint8, (3 if kind == "bands" else 1, 8, 8))


def test_a_range_is_the_scale_and_clips(tmp_path):
    arrays = make(tmp_path, *KINDS["ct"])
    data = read(tmp_path, window=(-160.0, 240.0))
    stored = torch.cat([X for X, _ in data.train_eval_dataloader()]).numpy()
    assert np.array_equal(stored[:, 0], arrays.clip(-160, 240))
    assert data.statistics()[0] == pytest.approx([((arrays.clip(-160, 240) + 160) / 400).mean()])
    assert "as --range says, values outside are clipped" in note(data, "values: ")
    assert data.preprocess().describe()["clips"] is True
    with pytest.raises(UsageError, match="--range 5,5"):
        read(tmp_path, window=(5.0, 5.0))
    bytes_root = tmp_path / "bytes"
    arrays = make(bytes_root, lambda i, k: RNG.integers(0, 256, (8, 8)).astype(np.uint8), ".png")
    data = read(bytes_root, window=(50.0, 150.0))
    assert data.X.dtype == torch.uint8
    unit = (arrays.clip(50, 150) - 50.0) / 100
    np.testing.assert_allclose(data.preprocess()(data.X)[:, 0], (unit - unit.mean()) / unit.std(), atol=1e-5)


def test_missing_values_become_the_mean_and_are_counted(tmp_path):
    def draw(i, k):
        values = RNG.normal(300, 2, (8, 8)).astype(np.float32)
        values[0, : 3 * (i == 0)] = [np.nan, np.inf, -np.inf][: 3 * (i == 0)]
        return values

    arrays = make(tmp_path, draw)
    data = read(tmp_path)
    known = arrays[np.isfinite(arrays)].astype(np.float64)
    assert (data.pixel_scale.low, data.pixel_scale.high) == (known.min(), known.max())
    span = known.max() - known.min()
    assert data.statistics()[1] == pytest.approx([known.std() / span])
    assert data.preprocess()(data.X[:1])[0, 0, 0, :3].tolist() == [0, 0, 0]
    assert "2 files with values that are not finite (NaN or inf), 0.78 % of all" in note(data, "missing: ")
    augmented = ImageData.from_folder(
        tmp_path,
        12,
        val=0,
        augment=make_augmentation(
            "flip,crop:padding=1,jitter:brightness=0.1:contrast=0.1,cutout:size=2,noise:std=0.01"
        ),
        options=ImageOptions(workers=0),
    )
    X, _ = next(iter(augmented.train_dataloader()))
    assert X.isfinite().all()
    assert (X.min() >= data.pixel_scale.low - 1e-3) & (
        X.max() <= data.pixel_scale.high + 1e-3
    )  # still in the units of the files


def test_augmentation_that_only_moves_changes_no_value(tmp_path):
    arrays = make(tmp_path, *KINDS["depth"])
    data = ImageData.from_folder(
        tmp_path, 12, val=0, augment=make_augmentation("flip:p=1"), options=ImageOptions(workers=0)
    )
    X, _ = next(iter(data.train_dataloader()))
    ours = sorted(map(tuple, X.flatten(1).round().tolist()))
    np.testing.assert_allclose(X, X.round(), atol=1e-3)
    assert ours == sorted(map(tuple, arrays[:, :, ::-1].reshape(12, -1).astype(float).tolist()))


def test_different_values_or_channels_are_not_mixed(tmp_path):
    deep, flat = (RNG.integers(0, 256, (8, 8)).astype(t) for t in (np.uint16, np.uint8))
    make(tmp_path / "half", lambda i, k: (flat, deep)[i % 2], ".png")
    with pytest.raises(UsageError, match=r"6 with 8-bit values .*data.options.convert=true"):
        read(tmp_path / "half")
    data = read(tmp_path / "half", converts=True)
    assert sorted({int(X.max()) for X in data.X.int()}) == sorted({int(flat.max()) * 257, int(deep.max())})
    data = read(tmp_path / "half", converts=True, values="uint8")
    assert data.X.dtype == torch.uint8
    make(tmp_path / "few", lambda i, k: flat if (i, k) == (0, 0) else deep + np.uint16(i + 9 * k), ".png")
    data = read(tmp_path / "few")
    assert [(len(data.broken), data.broken[0][1])] == [(1, "holds 8-bit values, not 16-bit values as the others")]
    make(tmp_path / "bands", lambda i, k: RNG.random((8, 8, 4), np.float32), ".npy", 1)
    save(tmp_path / "bands" / "bee" / "9.npy", RNG.random((8, 8, 7)))
    with pytest.raises(UsageError, match=r"1 with 7 channels .*data.options.channels=N"):
        read(tmp_path / "bands")
    with pytest.raises(UsageError, match=r"images of 12 channels .*the files have 4 channels"):
        read(tmp_path / "bands", channels=12)


def test_arrays_whose_channels_could_be_at_both_ends_are_asked_about(tmp_path):
    arrays = make(tmp_path, lambda i, k: RNG.random((12, 30, 13)), ".npy", 2)
    with pytest.raises(UsageError, match=r"12×30×13, .*data.options.layout=chw or hwc"):
        read(tmp_path)
    assert read(tmp_path, layout="chw").input_shape == (12, 30, 13)
    data = read(tmp_path, layout="hwc")
    assert np.array_equal(data.X.numpy(), arrays.transpose(0, 3, 1, 2).astype(np.float32))
    assert data.preprocess().describe()["layout"] == "hwc"


def test_further_pages_are_counted_and_told_once(tmp_path):
    first, second = (Image.fromarray(RNG.integers(0, 256, (8, 8, 3), dtype=np.uint8)) for _ in range(2))
    for name in ("ant", "bee"):
        (tmp_path / name).mkdir()
        first.convert("RGB").save(
            tmp_path / name / "a.mpo", "mpo", save_all=True, append_images=[second.convert("RGB")]
        )
        with tifffile.TiffWriter(tmp_path / name / "b.tif") as file:
            for _ in range(3):
                file.write(np.asarray(second), metadata=None)
        second.save(tmp_path / name / "c.png")
    data = read(tmp_path)
    assert data.num_train == 6
    assert note(data, "pages: ").startswith("pages: 4 files with more than one image")
    assert "6 further images passed over" in note(data, "pages: ")


def test_constant_images_and_files_without_a_finite_value(tmp_path):
    make(tmp_path, lambda i, k: np.full((8, 8), np.nan if i == 3 else 700.0 + k, np.float32))
    data = read(tmp_path)
    assert data.preprocess()(data.X).isfinite().all()
    make(tmp_path / "all", lambda i, k: np.full((8, 8), 700, np.uint16), ".png")
    data = read(tmp_path / "all")
    assert data.statistics() == ([0.0], [1.0])
    assert not data.preprocess()(data.X).any()


def test_the_check_shows_scale_and_samples(tmp_path):
    make(tmp_path, *KINDS["bands"])
    found = check_images(read(tmp_path, cache="none"))
    assert dict(found.facts)["a network gets"] == "5×8×8"
    assert "data.value_scale" in {finding.code for finding in found.findings}
    assert len(found.samples) == 2


def test_all_of_a_kind_that_is_not_read_are_named(tmp_path):
    for name in ("ant", "bee"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.heic").write_bytes(b"\0\0\0\x18ftypheic")
    with pytest.raises(FathomError, match=r"holds no image that is read: 1 .heic; save them as JPEG"):
        read(tmp_path)
