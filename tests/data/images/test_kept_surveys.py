"""What a pass found is used again as long as nothing changed, and never when something did."""

import os
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from fathom.data.images import kept_surveys as module
from fathom.data.images.kept_surveys import survey_once
from fathom.data.images.module import ImageData
from fathom.data.images.options import ImageOptions
from fathom.data.images.pixels.form import PixelForm
from fathom.data.images.survey import survey

FORM = {"form": PixelForm(3, (8, 8)), "keep": True, "workers": 0}
ARRAYS = ("pixels", "is_readable", "has_foreign_suffix", "sizes", "digests", "sums", "moments", "pages")


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("FATHOM_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(module, "_WORTH_S", 0.0)
    monkeypatch.setattr(module, "_SETTLED_NS", 0)
    return tmp_path / "home" / "decoded"


@pytest.fixture
def paths(tmp_path):
    """Twelve images; number 3 is broken, number 4 another format than its name says, number 5 away."""
    rng = np.random.default_rng(0)
    found = [str(tmp_path / "images" / "ab"[i % 2] / f"{i}.png") for i in range(12)]
    for i, path in enumerate(found):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        image = Image.fromarray(rng.integers(0, 256, (9, 7 + i % 3, 3), dtype=np.uint8))
        image.save(path, "bmp" if i == 4 else "png")
    Path(found[3]).write_text("none")
    os.unlink(found[5])
    return found


def assert_same(first, second):
    assert first.paths == second.paths
    for name in ARRAYS:
        a, b = getattr(first, name), getattr(second, name)
        assert (a is None) == (b is None)
        assert a is None or (a.dtype == b.dtype and np.array_equal(a, b)), name


@pytest.mark.parametrize("keep", [True, False])
def test_what_is_given_back_is_what_was_found(paths, keep):
    form = FORM | {"keep": keep}
    plain, first, second = survey(paths, **form), survey_once(paths, **form), survey_once(paths, **form)
    assert [found.is_known for found in (plain, first, second)] == [False, False, True]
    assert_same(plain, first)
    assert_same(first, second)
    assert second.explain_broken() == first.explain_broken()
    if keep:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            X = torch.from_numpy(second.pixels)
        X += 1  # a copy of one's own
        assert_same(plain, survey_once(paths, **form))


def rewrite(path):
    before = os.stat(path)
    content = bytearray(Path(path).read_bytes())
    content[-20] ^= 1
    Path(path).write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))  # as some tools that copy do


@pytest.mark.parametrize(
    ("change", "form"),
    [
        (lambda paths: rewrite(paths[0]), {}),
        (lambda paths: os.unlink(paths[0]), {}),
        (lambda paths: Image.new("RGB", (3, 3)).save(paths[5]), {}),
        (lambda paths: paths.reverse(), {}),
        (lambda paths: paths.pop(), {}),
        (lambda paths: None, {"form": PixelForm(1, (8, 8))}),
        (lambda paths: None, {"form": PixelForm(3, (9, 8))}),
        (lambda paths: None, {"form": PixelForm(3, (8, 8), "float")}),
        (lambda paths: None, {"keep": False}),
    ],
)
def test_every_change_is_noticed(paths, change, form):
    survey_once(paths, **FORM)
    change(paths)
    found = survey_once(paths, **FORM | form)
    assert not found.is_known
    assert_same(found, survey(paths, **FORM | form))


def test_files_that_change_just_now_are_not_relied_on(paths, monkeypatch, home):
    monkeypatch.setattr(module, "_SETTLED_NS", 2_000_000_000)
    assert not survey_once(paths, **FORM).is_known
    assert not home.exists()


@pytest.mark.parametrize(
    "damage", [lambda b: b"", lambda b: b[:-100], lambda b: b[:-100] + b"[", lambda b: b"[1]\n" + b]
)
def test_a_damaged_file_is_made_anew(paths, damage, home):
    first = survey_once(paths, **FORM)
    (file,) = home.iterdir()
    content = damage(file.read_bytes())
    if content != file.read_bytes():
        file.unlink()
        file.write_bytes(content)
    again = survey_once(paths, **FORM)
    assert_same(first, again)
    assert survey_once(paths, **FORM).is_known


def test_the_oldest_make_room(paths, monkeypatch, home):
    survey_once(paths, **FORM)
    (first,) = home.iterdir()
    os.utime(first, (1, 1))
    monkeypatch.setattr(module, "_MOST_BYTES", 2 * first.stat().st_size + 500)
    survey_once(paths[:-1], **FORM)
    assert first.exists()
    survey_once(paths[:-2], **FORM)
    assert not first.exists()
    assert len(list(home.iterdir())) == 2
    monkeypatch.setattr(module, "_MOST_BYTES", first.parent.stat().st_size // 100)
    survey_once(paths[:-3], **FORM)
    assert len(list(home.iterdir())) == 2  # too large to be kept


def test_a_full_disk_and_a_folder_that_cannot_be_written_are_no_error(paths, monkeypatch, home):
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 0}))
    survey_once(paths, **FORM)
    assert list(home.iterdir()) == []
    home.rmdir()
    home.write_text("in the way")
    assert_same(survey_once(paths, **FORM), survey(paths, **FORM))


def test_the_data_say_so_and_cache_none_keeps_nothing(tmp_path, home):
    for shade, kind in ((50, "cat"), (150, "dog")):
        (tmp_path / "pets" / kind).mkdir(parents=True)
        for i in range(8):
            Image.new("RGB", (6, 6), (shade, i, 0)).save(tmp_path / "pets" / kind / f"{i}.png")
    ImageData.from_folder(tmp_path / "pets", options=ImageOptions(cache="none", workers=0))
    assert not home.exists()
    first, second = (ImageData.from_folder(tmp_path / "pets", options=ImageOptions(workers=0)) for _ in range(2))
    assert second.notes[-1] == first.notes[-1] + "; unchanged since an earlier pass"
    assert torch.equal(first.X, second.X)
    assert torch.equal(first.train_index, second.train_index)
    assert first.statistics() == second.statistics()
    for a, b in zip(first.train_dataloader(), second.train_dataloader(), strict=True):
        assert torch.equal(a[0], b[0])
