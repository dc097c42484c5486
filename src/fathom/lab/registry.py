"""The claims by name: a file in ``lab/claims`` or in a folder there is one. Names are known without importing it."""

from __future__ import annotations

import importlib
from functools import cache
from pathlib import Path

from fathom.errors import unknown
from fathom.lab.experiment import Claim

CLAIMS = Path(__file__).with_name("claims")


@cache
def claim_files() -> dict[str, Path]:
    """Return where each claim stands."""
    found = sorted(CLAIMS.rglob("*.py"), key=lambda path: path.stem)
    return {path.stem: path for path in found if not path.stem.startswith("_")}


def load_claim(name: str) -> Claim:
    """Import a claim.

    Raises:  UsageError for a name that is not a claim's
    """
    files = claim_files()
    if name not in files:
        raise unknown("claim", name, files)
    module = files[name].relative_to(CLAIMS).with_suffix("").as_posix().replace("/", ".")
    claim = importlib.import_module(f"fathom.lab.claims.{module}").CLAIM
    assert isinstance(claim, Claim)
    return claim
