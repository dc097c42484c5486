import numpy as np
import pytest
from PIL import Image

from fathom.data.images.sheets import augmented_sheet, draw_sheet, sample_sheet
from fathom.errors import FathomError


def load(path):
    return np.asarray(Image.open(path).convert("RGB")).astype(int)


def tiles(sheet, colour):
    """Count the pixels of one colour."""
    return int((sheet == colour).all(-1).sum())


def test_every_class_has_its_row_of_its_own_images(tmp_path):
    colours = np.array([[200, 0, 0], [0, 150, 0], [0, 0, 250]], dtype=np.uint8)
    labels = np.arange(60) % 3
    images = np.broadcast_to(colours[labels][:, :, None, None], (60, 3, 16, 16))
    path = sample_sheet(images, labels, ("red", "green", "blue"), tmp_path / "deep" / "sheet.png", per_class=7)
    assert path == tmp_path / "deep" / "sheet.png"
    sheet = load(path)
    for colour in colours:
        assert tiles(sheet, colour) == 7 * 64 * 64
        rows = np.flatnonzero((sheet == colour).all(-1).any(1))
        assert rows.max() - rows.min() == 63
    assert [p.name for p in path.parent.iterdir()] == ["sheet.png"]


def test_small_images_are_enlarged_without_blur(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (1, 1, 28, 28), dtype=np.uint8)
    sheet = load(sample_sheet(image, np.array([0]), ("only",), tmp_path / "x.png"))
    enlarged = np.repeat(np.repeat(image[0, 0], 2, 0), 2, 1)
    windows = np.lib.stride_tricks.sliding_window_view(sheet[:, :, 0], (56, 56))
    assert (windows[:, :, 0] == enlarged[0]).all(-1).any()
    places = np.argwhere((windows[:, :, 0] == enlarged[0]).all(-1))
    assert any(np.array_equal(windows[y, x], enlarged) for y, x in places)


def test_names_are_written_beside_their_rows(tmp_path):
    images = np.full((2, 1, 8, 8), 255, dtype=np.uint8)
    with_names = load(sample_sheet(images, np.array([0, 1]), ("boot", "bag"), tmp_path / "a.png"))
    without = load(sample_sheet(images, np.array([0, 1]), (" ", " "), tmp_path / "b.png"))
    assert (with_names.min(), without.min()) == (0, 255)


@pytest.mark.parametrize("shape", [(3, 200, 300), (1, 5, 9)])
def test_large_and_oblong_images(tmp_path, shape):
    images = np.zeros((4, *shape), dtype=np.uint8)
    sheet = load(sample_sheet(images, np.array([0, 0, 1, 1]), ("a", "b"), tmp_path / "x.png"))
    assert sheet.shape[0] < 500
    assert sheet.shape[1] < 900


def test_a_class_without_images_and_many_classes(tmp_path):
    images = np.zeros((3, 1, 8, 8), dtype=np.uint8)
    names = [f"class {i}" for i in range(120)]
    sheet = load(sample_sheet(images, np.array([0, 1, 3]), names, tmp_path / "x.png"))
    assert sheet.shape[0] < 50 * 70 + 100


def test_floating_images(tmp_path):
    rows = [("half", np.full((1, 3, 8, 8), 0.5, dtype=np.float32))]
    assert tiles(load(draw_sheet(rows, tmp_path / "x.png")), (128, 128, 128)) == 64 * 64


def test_a_long_title_does_not_widen_the_sheet(tmp_path):
    rows = [("name", np.zeros((10, 1, 8, 8), dtype=np.uint8))]
    short, long = (load(draw_sheet(rows, tmp_path / "x.png", title)) for title in ("short", "a long title " * 20))
    assert short.shape[1] == long.shape[1]
    assert short.shape[0] < long.shape[0]


def test_augmented_sheet_begins_with_the_original(tmp_path):
    images = np.full((6, 1, 8, 8), 100, dtype=np.uint8)

    def brighten(batch, generator):
        import torch

        assert isinstance(generator, torch.Generator)
        return (batch.float() / 255 + 0.5).clamp(max=1)

    labels = np.array([0, 0, 0, 1, 1, 1])
    sheet = load(augmented_sheet(images, labels, ("a", "b"), brighten, tmp_path / "x.png", variants=4))
    assert tiles(sheet, (100, 100, 100)) == 2 * 64 * 64
    assert tiles(sheet, (228, 228, 228)) == 2 * 4 * 64 * 64 + 0


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "x.png").mkdir()
    with pytest.raises(FathomError, match=r"cannot write .*x\.png"):
        sample_sheet(np.zeros((1, 1, 8, 8), np.uint8), np.array([0]), ("a",), tmp_path / "x.png")
    assert [p.name for p in tmp_path.iterdir()] == ["x.png"]
