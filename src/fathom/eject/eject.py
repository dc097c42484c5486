"""From a run to one file of plain PyTorch: written only if its data and its initial weights are those of the run."""

from __future__ import annotations

from pathlib import Path

from fathom.build.failures import readable_failures
from fathom.build.plan import draft
from fathom.build.run import restore_threads
from fathom.eject.check import check_file
from fathom.eject.file import PlainFile
from fathom.eject.refusals import check_ejectable
from fathom.errors import FathomError
from fathom.models.registry import check_run_model
from fathom.outputs import check_output, write_output
from fathom.runs.folder import schema
from fathom.runs.folder.lookup import resolve_run
from fathom.runs.folder.reader import RunReader
from fathom.settings.reading import read_config

FILE = "train.py"


def eject(run: str | Path, out: str | Path | None = None) -> Path:
    """Write a run as one file of plain PyTorch, and return the file.

    Args:
        run: the run folder, its name in ``runs/``, or "last".
        out: the file; None is ``train.py`` in the run folder.
    Raises:  FathomError, and then nothing is written, if the run has a part that the file would have no code for, or
        its data or initial weights would not be those of the run
    """
    path = resolve_run(run)
    out = path / FILE if out is None else Path(out)
    check_output(out)
    reader, config = RunReader(path), read_config(path)
    check_run_model(config.model.name, path / schema.CONFIG)
    check_ejectable(config, path.name)
    if reader.status != "done":
        raise FathomError(f"{path.name}: cannot be ejected: the run is {reader.status}; only a finished one can")
    choices = reader.run.get("choices") or {}
    if "processes" in choices:  # their sums are rounded in another order
        raise FathomError(
            f"{path.name}: cannot be ejected: {str(choices['processes']).partition(',')[0]} processes trained it"
        )
    config = restore_threads(config, choices)
    with readable_failures():
        plan = draft(config).ready()
        try:
            plan.execution.prepare(plan.module)
            text = PlainFile(plan, path.name, out.name, epochs=len(reader.epochs())).text()
            check_file(text, plan, path.name)
        finally:
            plan.data.close()
    write_output(out, text)
    return out
