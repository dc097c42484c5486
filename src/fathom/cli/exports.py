"""What stands for a model on the command line: a run, or a file that ``fathom export`` wrote."""

from __future__ import annotations

import os
from pathlib import Path


def find_model(name: str, runs: str) -> str | Path:
    """Return the name of an export as it is, and of anything else the run folder.

    Raises:  UsageError if there is no such run
    """
    from fathom.runs.folder.reader import resolve_run

    return name if name.lower().endswith(".onnx") and not os.path.isdir(name) else resolve_run(name, runs)
