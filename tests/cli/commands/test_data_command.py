import argparse
import gzip
import re
import subprocess
import sys

import numpy as np
import pytest

from fathom.cli.commands.setup import data
from fathom.data.arrays import Arrays
from fathom.data.sources import catalog
from fathom.errors import FathomError, UsageError


def fathom_data(*arguments):
    parser = argparse.ArgumentParser()
    data.add_arguments(parser)
    return data.run(parser.parse_args(arguments))


@pytest.fixture(autouse=True)
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FATHOM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "100")


def test_the_table_lists_all_sets(monkeypatch, capsys):
    monkeypatch.delenv("FATHOM_DATA", raising=False)
    assert fathom_data() == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[0].split() == ["name", "train", "test", "classes", "shape", "checksum", "where"]
    assert [line.split()[0] for line in lines[1:]] == catalog.names()
    assert lines[1].split()[:6] == ["digits", "1,438", "359", "10", "1×8×8", "ok"]
    assert lines[3].split() == ["fashion_mnist", "60,000", "10,000", "10", "1×28×28", "absent", "–"]
    assert "made on demand" in lines[5]
    assert err == ""
    assert "\x1b" not in out


def test_the_table_says_where_real_data_lies(shared_data, capsys):
    assert fathom_data() == 0
    out = capsys.readouterr().out
    assert f"ok        {shared_data / 'FashionMNIST' / 'raw'}" in out


def test_a_damaged_set_is_named_and_the_exit_code_says_so(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "own" / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (folder / f"{name}-ubyte.gz").write_bytes(gzip.compress(b"wrong"))
    monkeypatch.setenv("FATHOM_DATA", str(tmp_path / "own"))
    assert fathom_data() == 1
    out, err = capsys.readouterr()
    assert "wrong" in out.splitlines()[2]
    assert err.count("\n") == 1
    assert str(folder / "train-images-idx3-ubyte.gz") in err


def test_on_a_terminal_the_table_is_drawn(monkeypatch, capsys):
    monkeypatch.delenv("FATHOM_DATA", raising=False)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert fathom_data() == 0
    out = capsys.readouterr().out
    assert "──" in out
    assert "synthetic_regression" in out
    assert max(len(re.sub("\x1b\\[[0-9;]*m", "", line)) for line in out.splitlines()[:8]) <= 100


def strips(page):
    """The images of both sections, as they stand in the page."""
    plain, _, augmented = page.read_text().partition('id="augmented"')
    return [re.findall(r'src="(data:image/png[^"]+)"', part) for part in (plain, augmented)]


def test_one_set_is_described_and_shown(tmp_path, capsys):
    assert fathom_data("digits", "--out", str(tmp_path / "out"), "--augment", "cutout:size=3") == 0
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert lines[0] == "Handwritten digits of scikit-learn"
    assert ["0", "142", "36"] in [line.split() for line in lines]
    assert ["all", "1,438", "359"] in [line.split() for line in lines]
    assert f"samples  {tmp_path}/out/digits-samples.html" in out
    samples, augmented = strips(tmp_path / "out" / "digits-samples.html")
    assert len(samples) == len(augmented) == 10
    assert not set(samples) & set(augmented)
    assert "draws of cutout:size=3." in (tmp_path / "out" / "digits-samples.html").read_text()


def test_real_data_is_shown(shared_data, tmp_path, capsys):
    assert fathom_data("fashion_mnist", "--out", str(tmp_path)) == 0
    assert "Ankle boot    6,000   1,000" in capsys.readouterr().out
    page = (tmp_path / "fashion_mnist-samples.html").read_text()
    assert page.count("<figcaption>Ankle boot</figcaption>") == 2


def test_the_samples_depend_on_the_seed_only(tmp_path):
    contents = []
    for number, seed in enumerate(("1", "1", "2")):
        fathom_data("digits", "--out", str(tmp_path / str(number)), "--seed", seed)
        contents.append(strips(tmp_path / str(number) / "digits-samples.html"))
    assert contents[0] == contents[1]
    assert contents[0][0] != contents[2][0]
    assert contents[0][1] != contents[2][1]


def test_regression_has_no_images(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert fathom_data("synthetic_regression") == 0
    assert "mean of y" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_none_leaves_the_augmented_image_out(tmp_path):
    fathom_data("digits", "--out", str(tmp_path), "--augment", "none")
    assert strips(tmp_path / "digits-samples.html")[1] == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["digist"], "did you mean 'digits'"),
        (["digits", "--augment", "flop"], "did you mean 'flip'"),
        (["digits", "--augment", "jitter:hue=0.1"], "3 colour channels"),
        (["synthetic_regression", "--augment", "flip"], "has none"),
        (["--augment", "flip"], "needs the name"),
        (["mnist", "--extract", "x"], "--extract is for cifar10"),
        (["--extract", "x"], "--extract is for cifar10"),
        (["cifar10", "--extract", "x", "--augment", "flip"], "leave --augment out"),
    ],
)
def test_wrong_usage(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=message):
        fathom_data(*arguments)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(FathomError, match="cannot make the folder"):
        fathom_data("digits", "--out", str(tmp_path / "file" / "out"))


def test_extract(tmp_path, monkeypatch, capsys):
    from fathom.data.sources import cifar10

    images = np.zeros((20, 3, 32, 32), dtype=np.uint8)
    labels = np.arange(20) % 10
    monkeypatch.setattr(cifar10, "load", lambda **_: Arrays(images, labels, images, labels, cifar10.CLASS_NAMES))
    assert fathom_data("cifar10", "--extract", str(tmp_path / "out")) == 0
    out, err = capsys.readouterr()
    assert "wrote 40 images to" in out
    assert err == ""  # it took no time
    assert len(list((tmp_path / "out").rglob("*.png"))) == 40


def test_importing_the_command_is_light():
    script = (
        "import sys, fathom.cli.commands.setup.data as d; d.catalog.names();"
        "print(sorted({'torch', 'numpy', 'rich', 'PIL'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
