"""The commands on a packed folder of images, wherever a folder works."""

import json
import shutil
import zipfile

import numpy as np
import pytest
import yaml
from PIL import Image


@pytest.fixture
def packed(tmp_path, monkeypatch):
    """``photos.zip`` of two classes that differ in brightness, beside the folder that it was made of."""
    monkeypatch.setenv("FATHOM_HOME", str(tmp_path / "home"))
    rng = np.random.default_rng(0)
    for brightness, name in enumerate(("cat", "dog")):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for i in range(20):
            pixels = rng.integers(0, 100, (8, 8, 3)) + 120 * brightness
            Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / "photos" / name / f"{i:02}.png")
    return shutil.make_archive(str(tmp_path / "photos"), "zip", tmp_path, "photos")


def test_an_archive_is_checked_trained_on_evaluated_and_labelled_as_its_folder_is(fathom, packed, tmp_path):
    result = fathom("check", "--data", "photos.zip")
    assert result.code == 0, result.err
    assert result.out.startswith("photos: 40 images")
    assert result.err.startswith(f"unpacked photos.zip into {tmp_path / 'home/archives'}: 40 files, ")
    options = ("--epochs", 2, "--seed", 0)
    assert fathom("train", "mlp", "--data", "photos.zip", *options, "--out", "packed").code == 0
    assert fathom("train", "mlp", "--data", "photos", *options, "--out", "plain").code == 0
    (run,), (plain,) = ((tmp_path / name).iterdir() for name in ("packed", "plain"))
    assert run.name.endswith("-mlp-photos.zip")
    assert (run / "model.safetensors").read_bytes() == (plain / "model.safetensors").read_bytes()
    data = yaml.safe_load((run / "config.yaml").read_text())["data"]
    assert data["name"] == packed
    assert list(data["versions"]) == [packed]

    with zipfile.ZipFile(packed, "a") as file:  # the run goes on with what it learned from
        file.writestr("photos/cat/new.png", b"none")
    evaluated = [fathom("eval", path, "--json") for path in (run, plain)]
    assert evaluated[0].code == 0, evaluated[0].err
    assert json.loads(evaluated[0].out)["accuracy"] == json.loads(evaluated[1].out)["accuracy"]
    result = fathom("predict", run, "photos.zip", "photos/cat/00.png")
    assert result.code == 1
    rows = result.out.splitlines()
    assert len(rows) == 43
    assert rows[1].startswith("photos.zip/cat/00.png,cat,")
    assert rows[21].startswith('photos.zip/cat/new.png,,,"photos.zip/cat/new.png is not an image')
    assert rows[-1].startswith("photos/cat/00.png,cat,")


def test_labels_in_a_file_of_images_in_an_archive(fathom, packed, tmp_path):
    rows = [f"{path.relative_to(tmp_path)},{path.parent.name}" for path in (tmp_path / "photos").rglob("*.png")]
    (tmp_path / "labels.csv").write_text("\n".join(["file,label", *sorted(rows)]))
    shutil.rmtree(tmp_path / "photos")
    result = fathom("train", "mlp", "--data", "labels.csv", "--images", "photos.zip", "--epochs", 1)
    assert result.code == 0, result.err
    assert fathom("eval", "last").code == 0


def test_what_is_said_of_files_names_them_in_the_archive(fathom, packed, tmp_path):
    (tmp_path / "photos" / "cat" / "00.png").write_text("none")
    (tmp_path / "photos" / "dog" / "00.png").rename(tmp_path / "photos" / "dog" / "00.jpg")
    shutil.make_archive(str(tmp_path / "bad"), "zip", tmp_path, "photos")
    result = fathom("check", "--data", "bad.zip", "--max-broken", "10%")
    assert f"1 file cannot be read: {tmp_path}/bad.zip/cat/00.png (is not an image" in result.out
    assert f"of another format than the name says ({tmp_path}/bad.zip/dog/00.jpg)" in result.out
    assert "archives" not in result.out


def test_errors_name_the_archive_and_not_its_copy(fathom, packed, tmp_path):
    (tmp_path / "flat").mkdir()
    for path in (tmp_path / "photos" / "cat").iterdir():
        shutil.copy(path, tmp_path / "flat")
    for i in range(10):
        (tmp_path / "photos" / "dog" / f"x{i}.png").touch()
    shutil.make_archive(str(tmp_path / "flat"), "zip", tmp_path / "flat")
    shutil.make_archive(str(tmp_path / "bad"), "zip", tmp_path / "photos")
    for name, error in (
        ("flat", "flat.zip has no class folders: images belong in"),
        ("bad", "10 of 50 images (20.0 %) cannot be read"),
    ):
        result = fathom("train", "--data", f"{name}.zip", "--max-broken", "1%")
        assert result.code == 1
        assert error in result.err.splitlines()[-1]
        assert f"{tmp_path / name}.zip" in result.err.splitlines()[-1]
        assert "home" not in result.err.splitlines()[-1]
    for command in ("train", "check"):
        result = fathom(command, "--data", "none.zip")
        assert (result.code, result.error) == (2, "no such archive: none.zip")
