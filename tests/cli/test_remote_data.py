"""The commands on addresses, against servers on this machine."""

import functools
import http.server
import json
import re
import shutil
import threading

import numpy as np
import pytest
from PIL import Image

ROWS = "Id,A,B,Price\n" + "".join(f"{i},{i % 7},{'abc'[i % 3]},{3 * i + i % 7}\n" for i in range(200))


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder that is served, and its address."""
    monkeypatch.setenv("FATHOM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    folder = tmp_path / "site"
    folder.mkdir()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_table_trains_is_evaluated_and_predicted_and_the_run_knows_its_version(fathom, site, tmp_path):
    folder, root = site
    (folder / "house.csv").write_text(ROWS)
    typed = f"{root.replace('://', '://me:hunter2@')}/house.csv?token=abcdef"
    result = fathom("train", "--data", typed, "--target", "Price", "--epochs", 1, "--seed", 0)
    assert result.code == 0, result.err
    assert "on house.csv:" in result.out
    (run,) = (tmp_path / "runs").iterdir()
    assert run.name.endswith("mlp-house.csv")
    for path in run.rglob("*"):
        assert b"hunter2" not in (path.read_bytes() if path.is_file() else b"")
        assert b"abcdef" not in (path.read_bytes() if path.is_file() else b"")
    assert json.loads((run / "run.json").read_text())["command"][3] == f"{root}/house.csv"

    (folder / "house.csv").write_text(ROWS.replace("a", "z"))  # the run goes on with what it learned from
    assert fathom("eval", "last").code == 0
    result = fathom("predict", "last", f"{root}/house.csv", "--out", "p.csv")
    assert result.code == 0, result.err
    assert len((tmp_path / "p.csv").read_text().splitlines()) == 201


def test_an_archive_of_images_is_checked_and_labelled(fathom, site, tmp_path):
    folder, root = site
    rng = np.random.default_rng(0)
    for brightness, name in enumerate(("cat", "dog")):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for i in range(20):
            pixels = rng.integers(0, 100, (8, 8, 3)) + 120 * brightness
            Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / "photos" / name / f"{i}.png")
    shutil.make_archive(str(folder / "photos"), "zip", tmp_path, "photos")
    shutil.copy(tmp_path / "photos" / "dog" / "3.png", folder / "dog.png")
    (folder / "broken.png").write_bytes(b"none")
    result = fathom("check", "--data", f"{root}/photos.zip")
    assert result.code == 0, result.err
    assert result.out.startswith("photos: 40 images")
    assert fathom("train", "mlp", "--data", f"{root}/photos.zip", "--epochs", 1).code == 0
    result = fathom(
        "predict", "last", f"{root}/dog.png", f"{root}/none.png", f"{root}/broken.png", f"{root}/photos.zip"
    )
    lines = result.out.splitlines()
    assert result.code == 1
    assert lines[1].startswith(f"{root}/dog.png,dog,")
    assert "no such file" in lines[2]
    assert "is not an image in a known format" in lines[3]
    assert lines[4].startswith(f"{root}/photos.zip/cat/0.png,cat,")
    assert len(lines) == 44


@pytest.mark.slow
def test_a_run_on_remote_data_goes_on_without_network(start_fathom, site, tmp_path):
    folder, root = site
    (folder / "house.csv").write_text(ROWS)
    options = (
        "train",
        "--data",
        f"{root}/house.csv",
        "--target",
        "Price",
        "--epochs",
        9000,
        "--out",
        tmp_path / "runs",
    )
    process = start_fathom(*options)
    for line in process.stdout:
        if re.match(r"epoch +3/", line):
            break
    process.terminate()
    process.communicate()
    assert process.returncode == 143
    (folder / "house.csv").unlink()
    process = start_fathom("train", "--resume", "last", "--out", tmp_path / "runs")
    for line in process.stdout:
        if re.match(r"epoch +\d+5/", line):
            break
    process.terminate()
    _, err = process.communicate()
    assert process.returncode == 143, err


@pytest.mark.parametrize(
    ("address", "code", "error"),
    [
        ("{root}/none.csv", 1, "no such file"),
        ("http://127.0.0.1:9/a.csv", 1, "no copy is here; try again later"),
        ("{root}/photos/", 2, "a folder cannot be listed over http"),
        ("gs://bucket/a.csv", 2, "unknown kind of address 'gs://'"),
    ],
)
def test_one_line_says_what_is_wrong(fathom, site, address, code, error):
    result = fathom("train", "--data", address.format(root=site[1]), "--target", "Price")
    assert result.code == code
    assert error in result.error
