import os
import signal
from pathlib import Path

import pytest

# Nothing is shown while a test trains, unless it asks for it.
os.environ["FATHOM_PROGRESS"] = "off"
if "PYTEST_XDIST_WORKER" in os.environ:  # a process a core: threads beside it would only wait for each other
    os.environ.setdefault("OMP_NUM_THREADS", "1")
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # of a shell's background job; the programs tested inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data that FATHOM_DATA names; tests that need it are skipped, visibly, without it."""
    root = os.environ.get("FATHOM_DATA")
    if not root or not Path(root).is_dir():
        pytest.skip("real data needed: set FATHOM_DATA to its folder")
    return Path(root)


@pytest.fixture(autouse=True)
def registry_of_its_own():
    """Take back the networks that a test registers: a name lasts as long as the process, and tests share one."""
    from fathom.models.registration import REGISTERED

    before = set(REGISTERED)
    yield
    for name in set(REGISTERED) - before:
        if not REGISTERED[name][0].module.startswith("fathom."):  # Fathom's own come with an import, once a process
            del REGISTERED[name]
