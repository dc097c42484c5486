import os
from pathlib import Path

import pytest

# Nothing is shown while a test trains, unless it asks for it.
os.environ["FATHOM_PROGRESS"] = "off"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data that FATHOM_DATA names; tests that need it are skipped, visibly, without it."""
    root = os.environ.get("FATHOM_DATA")
    if not root or not Path(root).is_dir():
        pytest.skip("real data needed: set FATHOM_DATA to its folder")
    return Path(root)
