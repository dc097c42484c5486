"""The pass over image files: the same pixels whoever reads them, and troubles noted, not raised."""

import multiprocessing
import os
import signal
import sys

import numpy as np
import pytest
from PIL import Image, ImageOps

from fathom.data.images import survey as module
from fathom.data.images.decode import ImageReader, read_image
from fathom.data.images.form import choose_form
from fathom.data.images.options import ImageOptions
from fathom.data.images.pixels.form import PixelForm
from fathom.data.images.survey import survey
from fathom.data.loaders.free_memory import free_memory
from fathom.errors import FathomError


@pytest.fixture
def paths(tmp_path):
    """Three hundred images of several kinds; number 7 is no image, number 9 is cut off, number 11 is away."""
    rng = np.random.default_rng(0)
    found = []
    for i in range(300):
        path = tmp_path / f"{i:03}.{'jpg' if i % 3 else 'png'}"
        size = (9, 7) if i % 5 else (20, 31)
        image = Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8))
        image.convert("L" if i % 4 == 0 else "RGB").save(path, "gif" if i == 50 else None)
        found.append(str(path))
    (tmp_path / "007.jpg").write_text("no image")
    (tmp_path / "009.png").write_bytes((tmp_path / "009.png").read_bytes()[:80])
    (tmp_path / "011.jpg").unlink()
    return found


BROKEN = (7, 9, 11)


@pytest.mark.parametrize(("workers", "platform"), [(0, "linux"), (2, "linux"), (2, "elsewhere")])
def test_every_image_is_read_once_by_whomever(paths, workers, platform, monkeypatch):
    monkeypatch.setattr(module, "_MOST_IN_CHUNK", 16)
    monkeypatch.setattr(sys, "platform", platform)
    told = []
    found = survey(paths, PixelForm(3, (8, 8)), keep=True, workers=workers, on_read=lambda *now: told.append(now))
    assert multiprocessing.active_children() == []
    assert tuple(np.flatnonzero(~found.is_readable)) == BROKEN
    assert np.flatnonzero(found.has_foreign_suffix).tolist() == [50]
    for i, path in enumerate(paths):
        if i in BROKEN:
            assert not found.pixels[i].any()
            continue
        pixels = read_image(path, 3, (8, 8)).astype(np.int64)
        assert np.array_equal(found.pixels[i], pixels)
        assert np.array_equal(found.sums[i], np.stack([pixels.sum((1, 2)), (pixels**2).sum((1, 2))], 1))
        assert found.sizes[i].tolist() == [9, 7] if i % 5 else [20, 31]
    assert len(np.unique(found.digests[found.is_readable])) == 297
    assert told[-1] == (300, 300)
    reasons = dict(found.explain_broken())
    assert reasons[paths[7]] == "is not an image in a known format"
    assert reasons[paths[9]].startswith("is damaged or truncated (")
    assert reasons[paths[11]] == "cannot be read (No such file or directory)"
    again = survey(paths, PixelForm(3, (8, 8)), keep=False, workers=0)
    assert again.pixels is None
    for name in ("sums", "sizes", "is_readable"):
        assert np.array_equal(getattr(again, name), getattr(found, name))


@pytest.mark.parametrize("keep", [True, False])
def test_digests_are_the_same_for_the_same_pixels_alone(tmp_path, keep):
    rng = np.random.default_rng(0)
    original = rng.integers(0, 256, (6, 5, 3), dtype=np.uint8)
    shuffled = rng.permutation(original.reshape(30, 3)).reshape(6, 5, 3)  # the same sums
    images = [original, shuffled, original, original.transpose(1, 0, 2).reshape(6, 5, 3), 255 - original]
    paths = []
    for i, (image, kind) in enumerate(zip(images, ("png", "png", "bmp", "png", "png"), strict=True)):
        paths.append(str(tmp_path / f"{i}.{kind}"))
        Image.fromarray(image).save(paths[-1])
    digests = survey(paths, PixelForm(3, (6, 5)), keep=keep, workers=0).digests
    assert digests[0] == digests[2]
    assert len(set(digests.tolist())) == 4


def test_sums_of_large_images_do_not_overflow(tmp_path):
    Image.new("RGB", (400, 300), (255, 255, 0)).save(tmp_path / "a.png")
    sums = survey([str(tmp_path / "a.png")], PixelForm(3, (300, 400)), keep=True, workers=0).sums
    assert sums[0].tolist() == [[255 * 120_000, 255**2 * 120_000]] * 2 + [[0, 0]]


@pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux alone")
def test_a_killed_process_is_one_line_and_none_is_left(paths, monkeypatch):
    parent = os.getpid()
    real = ImageReader.read

    def read(reader, path):
        if path == paths[100] and os.getpid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(reader, path)

    monkeypatch.setattr(ImageReader, "read", read)
    monkeypatch.setattr(module, "_MOST_IN_CHUNK", 16)
    with pytest.raises(FathomError, match="a process that reads images was killed"):
        survey(paths, PixelForm(3, (8, 8)), keep=True, workers=2)
    assert multiprocessing.active_children() == []


def test_free_memory_is_that_of_this_machine(tmp_path, monkeypatch):
    import fathom.data.loaders.free_memory as place

    assert 1 << 26 < free_memory() < 1 << 45
    group = tmp_path / "limited"
    group.mkdir()
    for name, text in (("memory.max", "1000000"), ("memory.current", "700000"), ("memory.stat", "inactive_file 5000")):
        (group / name).write_text(text)
    assert place._left_in(group, "memory.max", "memory.current") == [305_000]
    (group / "memory.max").write_text("max")
    assert place._left_in(group, "memory.max", "memory.current") == []


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "tiff"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_sizes_are_those_of_turned_images(tmp_path, kind, orientation):
    """The truth is Pillow's own exif_transpose of the file."""
    image, path = Image.new("RGB", (30, 20)), str(tmp_path / f"x.{kind}")
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.save(path, exif=exif)
    with Image.open(path) as opened:
        width, height = ImageOps.exif_transpose(opened).size
    assert (height, width) == ((30, 20) if orientation >= 5 else (20, 30))
    assert choose_form([path], 0, ImageOptions()) == PixelForm(3, (height, width), converts=False)
    assert survey([path], PixelForm(3, (height, width)), keep=True, workers=0).sizes.tolist() == [[height, width]]
