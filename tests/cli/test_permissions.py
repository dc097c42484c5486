"""What may not be read or written is one line, or one broken image. Root is made to heed permissions here."""

import ctypes
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="permissions are told to root on Linux alone")

_DROP_FROM_BOUNDING_SET = 24  # PR_CAPBSET_DROP
_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH = 1, 2
_PROGRAM = """
import contextlib, io, json, sys
from fathom.cli.main import main

results = []
for arguments in json.loads(sys.argv[1]):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(arguments)
    results.append([code, out.getvalue(), err.getvalue()])
print(json.dumps(results))
"""


def heed_permissions():
    """Let root be refused what its files' permissions refuse, from the next program on."""
    if os.geteuid() == 0:
        libc = ctypes.CDLL(None)
        for capability in (_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH):
            libc.prctl(_DROP_FROM_BOUNDING_SET, capability, 0, 0, 0)


def run_all(folder, commands):
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, json.dumps([[str(word) for word in command] for command in commands])],
        cwd=folder,
        env=os.environ | {"FATHOM_HOME": str(folder / "home")},
        preexec_fn=heed_permissions,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture
def place(tmp_path):
    """Two classes of sixty images, ``photos``, in which one may not be read, and more that is locked."""
    rng = np.random.default_rng(0)
    for shade, kind in ((0, "cat"), (120, "dog")):
        (tmp_path / "photos" / kind).mkdir(parents=True)
        for i in range(60):
            pixels = rng.integers(0, 100, (8, 8, 3)) + shade
            Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / "photos" / kind / f"{i:02}.png")
    rows = [f"{kind}/{i:02}.png,{kind}" for kind in ("cat", "dog") for i in range(60)]
    for name in ("open.csv", "locked.csv"):
        (tmp_path / name).write_text("\n".join(["file,label", *rows]))
    shutil.make_archive(str(tmp_path / "locked"), "zip", tmp_path / "photos")
    shutil.copy(tmp_path / "locked.zip", tmp_path / "open.zip")
    for name in ("one", "shut"):
        shutil.copytree(tmp_path / "photos", tmp_path / name)
    for name in ("sealed", "home"):
        (tmp_path / name).mkdir()
    locked = {"photos/cat/07.png": 0, "one/cat": 0, "shut": 0, "locked.csv": 0, "locked.zip": 0}
    modes = locked | {"sealed": 0o555, "home": 0o555}
    for name, mode in modes.items():
        (tmp_path / name).chmod(mode)
    yield tmp_path
    for name in modes:
        (tmp_path / name).chmod(0o755)


@pytest.mark.slow
def test_what_may_not_be_read_or_written_is_one_line_and_one_image_a_broken_one(place, trained):
    readable = "make it readable (chmod +r) or name another"
    refusals = {
        ("train", "--data", "shut"): "cannot read the folder shut (Permission denied)",
        ("train", "--data", "one"): "cannot read the folder one/cat (Permission denied)",
        ("check", "--data", "shut"): "cannot read the folder shut (Permission denied)",
        (
            "train",
            "--data",
            "locked.csv",
            "--images",
            "photos",
        ): f"locked.csv: permission denied; {readable}",
        ("train", "--data", "open.csv", "--images", "shut"): "cannot read the folder shut/cat (Permission denied)",
        ("train", "--data", "locked.zip"): f"cannot read {place}/locked.zip: permission denied; {readable}",
        ("train", "--data", "open.zip"): "(Permission denied); set FATHOM_HOME to a writable folder",
        ("train", "--data", "photos", "--out", "sealed"): "in sealed: permission denied; choose a folder that you may",
        (
            "check",
            "--data",
            "photos",
            "--out",
            "sealed/check.html",
        ): "write sealed/check.html: permission denied",
        (
            "predict",
            trained.path,
            "photos/dog",
            "--out",
            "sealed/p.csv",
        ): "write sealed/p.csv: permission denied",
        ("predict", trained.path, "shut"): "cannot read the folder shut (Permission denied)",
        ("predict", trained.path, "locked.csv", "--images", "photos"): f"locked.csv: permission denied; {readable}",
    }
    served = [
        ("check", "--data", "photos"),
        ("train", "mlp", "--data", "photos", "--epochs", "1", "--out", "runs"),
        ("predict", trained.path, "photos/cat/07.png", "photos/cat/08.png"),
    ]
    results = run_all(place, [*refusals, *served])
    for error, (code, _, err) in zip(refusals.values(), results, strict=False):
        lines = [line for line in err.splitlines() if not line.startswith("left out: 1 file that cannot be read")]
        assert code == 1
        assert len(lines) == 1, err
        assert error in lines[0]
    checked, learned, predicted = results[len(refusals) :]
    assert checked[0] == 0  # a warning: training leaves it out
    assert f"1 file cannot be read: {place}/photos/cat/07.png (cannot be read (Permission denied))" in checked[1]
    assert learned[0] == 0
    assert "left out: 1 file that cannot be read: photos/cat/07.png cannot be read (Permission denied)" in learned[1]
    assert predicted[0] == 1
    rows = predicted[1].splitlines()
    assert rows[1] == "photos/cat/07.png,,,cannot read photos/cat/07.png (Permission denied)"
    assert rows[2].startswith("photos/cat/08.png,")
