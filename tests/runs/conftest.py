import runpy
from pathlib import Path

import pytest

FAKE = runpy.run_path(str(Path(__file__).with_name("fake_run.py")))


@pytest.fixture
def make_run():
    return FAKE["make_run"]


@pytest.fixture
def make_regression_run():
    return FAKE["make_regression_run"]
