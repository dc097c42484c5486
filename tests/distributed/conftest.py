import runpy
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def run_cases():
    """What runs cases in 1, 2 and 4 processes."""
    return runpy.run_path(str(Path(__file__).with_name("launching.py")))["run_cases"]
