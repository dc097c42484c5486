"""``fathom doctor SCRIPT``: runs a script under observation in a process of its own, and reads what was found."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fathom.errors import UsageError
from fathom.findings import Findings


@dataclass(frozen=True)
class ScriptReport:
    """What was found in a script, and how it ended.

    Args:
        exit_code: the script's own; negative if a signal ended it.
        facts: steps, seconds, and why it was stopped early or failed; empty if the process ended without a report.
    """

    findings: Findings
    exit_code: int
    facts: dict[str, Any]


def observe_script(
    script: str, arguments: Sequence[str] = (), *, epochs_limit: int | None = None, time_limit_s: float | None = None
) -> ScriptReport:
    """Run a training script, unchanged, and return what is to be said of it; its output goes where ours goes.

    Raises:  UsageError if there is no such script
    """
    path = Path(script)
    if not path.is_file():
        raise UsageError(f"{script}: no such file")
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "findings.json"
        command = [sys.executable, "-m", "fathom.doctor.runner", str(out)]
        if epochs_limit is not None:
            command += ["--epochs-limit", str(epochs_limit)]
        if time_limit_s is not None:
            command += ["--time-limit", str(time_limit_s)]
        sys.stdout.flush()
        done = subprocess.run([*command, script, *arguments], env=_environment(), check=False)
        if not out.exists():
            return ScriptReport(Findings(), done.returncode, {})
        content = json.loads(out.read_text(encoding="utf-8"))
    return ScriptReport(Findings.from_dict(content), done.returncode, content)


def _environment() -> dict[str, str]:
    """Return the environment, in which this very package is found."""
    root = str(Path(__file__).resolve().parents[2])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
