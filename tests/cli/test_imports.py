"""What is imported when: the command line and ``import fathom`` must not wait for libraries that they do not need."""

import os
import subprocess
import sys

import pytest

from fathom.cli.verbs import VERBS

HEAVY = ("torch", "torchvision", "numpy", "sklearn", "matplotlib", "rich", "PIL", "pandas", "safetensors")


def imported(code, *, cwd):
    """The heavy libraries among what a new process has imported after ``code``."""
    program = f"{code}\nimport sys\nprint('imported:', *[m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=cwd, check=True)
    return done.stderr.splitlines()[-1].removeprefix("imported:").split()


def test_importing_fathom_imports_nothing_heavy(tmp_path):
    assert imported("import fathom; dir(fathom); fathom.__version__", cwd=tmp_path) == []


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], [], ["trian"]])
def test_the_command_itself_imports_nothing_heavy(arguments, tmp_path):
    assert imported(f"from fathom.cli.main import main; main({arguments!r})", cwd=tmp_path) == []


def test_the_help_of_every_command_imports_nothing_heavy(tmp_path):
    code = f"from fathom.cli.main import main\nfor verb in {list(VERBS)!r}: assert main([verb, '--help']) == 0"
    assert imported(code, cwd=tmp_path) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "lnet"],
        ["train", "--data", "digitz"],
        ["train", "--epochs", "0"],
        ["train", "--set", "training.epoch=3"],
        ["train", "--schedule", "cosin"],
        ["train", "--data", "nowhere/"],
        ["train", "--resume", "nowhere"],
        ["eval", "nowhere"],
        ["predict", "nowhere", "x.png"],
        ["recipes"],
    ],
)
def test_wrong_usage_is_told_before_torch_is_imported(arguments, tmp_path):
    assert "torch" not in imported(f"from fathom.cli.main import main; main({arguments!r})", cwd=tmp_path)


def test_data_are_read_while_torch_is_imported(tmp_path):
    # The stand-in for reading begins before torch and ends only once torch is there.
    code = """
import sys, time
from fathom.cli.main import main
from fathom.data.sources import catalog
from fathom.errors import FathomError

def load(name, **options):
    began_before = "torch" not in sys.modules
    until = time.monotonic() + 60
    while not hasattr(sys.modules.get("torch"), "nn") and time.monotonic() < until:
        time.sleep(0.01)
    raise FathomError(f"read {name} {options}, before torch: {began_before}, with it: {'torch' in sys.modules}")

catalog.load_arrays = load
sys.exit(main(["train"]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "fathom: read digits {'size': 28}, before torch: True, with it: True\n"
    assert os.listdir(tmp_path) == []
