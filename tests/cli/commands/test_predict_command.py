"""``fathom predict``: order, columns, every kind of image, every kind of file that is none."""

import csv
import io
import os
import subprocess
import sys
import time
import zlib

import numpy as np
import pytest
from PIL import Image

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (28, 28), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (40, 50, 3), dtype=np.uint8)


def read_table(text):
    return list(csv.DictReader(io.StringIO(text)))


def save(path, pixels, mode=None, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(path, **options)
    return path


def png_bomb(path, side=100_000):
    """A PNG of a few bytes that claims to be enormous."""

    def chunk(kind, content):
        body = kind + content
        return len(content).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")

    header = side.to_bytes(4, "big") * 2 + bytes((8, 2, 0, 0, 0))
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    )
    return path


@pytest.fixture
def images(tmp_path):
    """Good and bad images, by what they are."""
    folder = tmp_path / "images"
    good = {
        "plain": save(folder / "a.png", GREY),
        "rgba": save(folder / "b.png", COLOUR, "RGBA"),
        "palette": save(folder / "c.gif", COLOUR, "P"),
        "cmyk": save(folder / "d.jpg", COLOUR, "CMYK"),
        "16 bits": save(folder / "e.png", GREY.astype(np.uint16) * 257),
        "1 bit": save(folder / "f.bmp", GREY, "1"),
        "large": save(folder / "g.webp", np.repeat(np.repeat(COLOUR, 20, 0), 20, 1)),
        "one pixel": save(folder / "h.tiff", GREY[:1, :1]),
    }
    text = folder / "text.png"
    text.write_text("I am no image")
    whole = save(folder / "cut.jpg", COLOUR).read_bytes()
    (folder / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.png").write_bytes(b"")
    bad = {
        "text": text,
        "truncated": folder / "cut.jpg",
        "empty": folder / "empty.png",
        "bomb": png_bomb(folder / "bomb.png"),
        "missing": folder / "missing.png",
    }
    return good, bad


def test_every_mode_and_size_is_labelled(images, trained, fathom):
    good, _ = images
    result = fathom("predict", trained.path, *good.values())
    assert result.code == 0, result.err
    rows = read_table(result.out)
    assert list(rows[0]) == ["file", "label", "probability", "error"]
    assert [row["file"] for row in rows] == [str(path) for path in good.values()]
    assert all(row["label"] in set("0123456789") and 0.1 <= float(row["probability"]) <= 1 for row in rows)
    assert all(row["error"] == "" for row in rows)
    assert result.err == f"{len(good)} of {len(good)} images labelled\n"


def test_sixteen_bits_are_not_clipped(images, trained, fathom):
    good, _ = images
    plain, deep = read_table(fathom("predict", trained.path, good["plain"], good["16 bits"]).out)
    assert (deep["label"], deep["probability"]) == (plain["label"], plain["probability"])


def test_a_bad_image_is_a_row_with_an_error_and_code_1(images, trained, fathom):
    good, bad = images
    mixed = [good["plain"], bad["text"], bad["truncated"], good["cmyk"], bad["bomb"], bad["empty"], bad["missing"]]
    result = fathom("predict", trained.path, *mixed)
    assert result.code == 1
    assert result.err == "2 of 7 images labelled; 5 failed, see the error column\n"
    rows = read_table(result.out)
    assert [row["file"] for row in rows] == [str(path) for path in mixed]
    assert [bool(row["error"]) for row in rows] == [False, True, True, False, True, True, True]
    assert all(row["label"] == row["probability"] == "" for row in rows if row["error"])
    words = ["is not an image in a known format", "is damaged or truncated", "pixels", "", "No such file"]
    assert all(word in rows[i]["error"] for word, i in zip(words, (1, 2, 4, 5, 6), strict=True))
    assert all("\n" not in row["error"] for row in rows)


def test_folders_and_files_keep_their_order(trained, fathom, tmp_path):
    folder = tmp_path / "folder"
    inside = [save(folder / name, GREY) for name in ("b/2.png", "a.png", "b/10.png", "c.PNG")]
    for name in (".hidden.png", "notes.txt"):
        (folder / name).write_text("not to be labelled")
    first, last = save(tmp_path / "z.png", GREY), save(tmp_path / "0.png", GREY)
    result = fathom("predict", trained.path, first, folder, last, first)
    assert result.code == 0
    assert [row["file"] for row in read_table(result.out)] == [
        str(path) for path in (first, *sorted(inside), last, first)
    ]


def test_the_most_probable_classes_come_in_order(images, trained, fathom):
    good, bad = images
    result = fathom("predict", trained.path, good["plain"], bad["text"], "--top", 3)
    row, failed = read_table(result.out)
    assert list(row) == [
        "file",
        "label",
        "probability",
        "label_2",
        "probability_2",
        "label_3",
        "probability_3",
        "error",
    ]
    probabilities = [float(row[f"probability{suffix}"]) for suffix in ("", "_2", "_3")]
    assert probabilities == sorted(probabilities, reverse=True)
    assert len({row["label"], row["label_2"], row["label_3"]}) == 3
    assert failed["label_3"] == ""
    everything = read_table(fathom("predict", trained.path, good["plain"], "--top", 10).out)[0]
    assert sum(float(v) for k, v in everything.items() if k.startswith("probability")) == pytest.approx(1, abs=1e-5)


def test_a_file_gets_what_standard_output_gets(images, trained, fathom, tmp_path):
    good, bad = images
    inputs = [good["plain"], bad["text"], good["rgba"]]
    printed = fathom("predict", trained.path, *inputs)
    written = fathom("predict", trained.path, *inputs, "--out", "predictions.csv")
    assert (written.code, written.out) == (1, "")
    assert written.err == "2 of 3 images labelled in predictions.csv; 1 failed, see the error column\n"
    assert (tmp_path / "predictions.csv").read_text() == printed.out


def test_more_images_than_a_batch(trained, fathom, tmp_path):
    for i in range(150):
        save(tmp_path / "many" / f"{i:03d}.png", RNG.integers(0, 256, (8, 8), dtype=np.uint8))
    (tmp_path / "many" / "140.png").write_text("broken")
    result = fathom("predict", trained.path, "many")
    rows = read_table(result.out)
    assert [row["file"] for row in rows] == [f"many/{i:03d}.png" for i in range(150)]
    assert [i for i, row in enumerate(rows) if row["error"]] == [140]
    alone = read_table(fathom("predict", trained.path, "many/149.png").out)[0]
    assert float(alone["probability"]) == pytest.approx(float(rows[149]["probability"]), abs=2e-6)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["empty"], 2, "empty: no images in this folder ("),
        (["a.png", "--top", "0"], 2, "--top: '0' is not a whole number of at least 1"),
        (["a.png", "--top", "11"], 2, "--top 11: the model knows 10 classes"),
        (["a.png", "--device", "xpu"], 2, "device 'xpu' is not available on this machine"),
        (["a.png", "--out", "empty"], 2, "--out empty: is a folder; name a file"),
        (["a.png", "--out", "nowhere/x.csv"], 2, "--out nowhere/x.csv: no such folder: nowhere"),
        (["a.png", "--out", "a.png/x.csv"], 2, "--out a.png/x.csv: no such folder: a.png"),
        (["a.png", "--out", "/proc/x.csv"], 1, "cannot write /proc/x.csv: "),
    ],
)
def test_wrong_usage_and_places_that_cannot_be_written(arguments, code, message, trained, fathom, tmp_path):
    save(tmp_path / "a.png", GREY)
    (tmp_path / "empty").mkdir()
    before = sorted(os.listdir(tmp_path))
    result = fathom("predict", trained.path, *arguments)
    assert (result.code, result.out) == (code, "")
    assert result.error.startswith(message)
    assert sorted(os.listdir(tmp_path)) == before


def test_a_failure_in_the_middle_leaves_the_earlier_file(images, trained, fathom, tmp_path, monkeypatch):
    good, _ = images
    (tmp_path / "out.csv").write_text("earlier")

    def fail(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    result = fathom("predict", trained.path, good["plain"], "--out", "out.csv")
    assert result.code == 1
    assert result.error == "cannot write out.csv: no space left on device; free some space or choose another folder"
    assert (tmp_path / "out.csv").read_text() == "earlier"
    assert sorted(os.listdir(tmp_path)) == ["images", "out.csv"]


def test_a_name_that_is_not_text_is_carried_through(trained, fathom, tmp_path):
    name = b"caf\xe9.png"  # Latin-1, as from an old disk
    try:
        save(tmp_path / "a.png", GREY).rename(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
    except OSError:
        pytest.skip("this file system wants names to be UTF-8")
    result = fathom("predict", trained.path, ".", "--out", "out.csv")
    assert result.code == 0, result.err
    assert name in (tmp_path / "out.csv").read_bytes()


def test_a_regression_labels_no_images(fathom, tmp_path):
    assert fathom("train", "linear", "--data", "synthetic_regression", "--epochs", 1).code == 0
    save(tmp_path / "a.png", GREY)
    result = fathom("predict", "last", "a.png")
    assert (result.code, result.out) == (2, "")
    assert result.error.endswith("predict needs a model of images; this one is a regressor of numbers")


def test_predictions_on_saved_test_images_are_the_run_s_own(trained, fathom, tmp_path):
    from fathom.data.sources.catalog import load_arrays

    images = load_arrays("digits", size=28).test_images
    for i in range(40):
        save(tmp_path / "test" / f"{i:03d}.png", images[i, 0])
    rows = read_table(fathom("predict", trained.path, "test").out)
    expected = read_table((trained.path / "predictions.csv").read_text())[:40]
    assert [row["label"] for row in rows] == [row["predicted"] for row in expected]
    assert [float(row["probability"]) for row in rows] == pytest.approx(
        [float(row["probability"]) for row in expected], abs=2e-6
    )


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs locks that end with the process")
def test_what_a_killed_process_left_beside_out_is_cleared_away(trained, images, fathom, start_fathom, tmp_path):
    def leftovers():
        return list(tmp_path.glob(".fathom.tmp-*"))

    arguments = ["predict", trained.path, "-", "--out", "out.csv"]
    killed, living = (start_fathom(*arguments, stdin=subprocess.PIPE) for _ in range(2))
    while len(leftovers()) < 2:
        assert killed.poll() is living.poll() is None
        time.sleep(0.05)
    killed.kill()
    killed.wait()
    assert fathom("predict", trained.path, images[0]["plain"], "--out", "out.csv").code == 0
    assert len(leftovers()) == 1  # of the process that still waits for its input
    living.communicate()
    assert living.returncode == 0
    assert leftovers() == []
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 1
