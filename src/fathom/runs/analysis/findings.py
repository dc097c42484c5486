"""All findings of a run: ``find_in_run`` computes them, ``write_findings`` writes them to the folder."""

from __future__ import annotations

from collections.abc import Sequence

from fathom.errors import FathomError
from fathom.files import write_atomically
from fathom.findings import SEVERITIES, Finding, Findings
from fathom.runs.analysis.curves import check_curves
from fathom.runs.analysis.evaluation import check_evaluation
from fathom.runs.folder import schema
from fathom.runs.folder.probes import findings_in
from fathom.runs.folder.reader import RunReader
from fathom.runs.folder.records import to_json


def find_in_run(run: RunReader) -> Findings:
    """Return how far training got, what the curves show, and what the test set says; the gravest first.

    Raises:  FathomError if a file of the run is damaged
    """
    curves, without_curves = check_curves(run)
    tests, without_tests = check_evaluation(run)
    # the order among equally grave ones
    found = [*_failure(run), *_beginning(run), *_data(run), *curves, *tests, *_special(run)]
    watched = findings_in(run.probes, run.path / schema.PROBES) or Findings()
    return Findings.gravest_first(merge(found, watched.findings), [*without_curves, *without_tests])


def merge(own: Sequence[Finding], watched: Sequence[Finding]) -> list[Finding]:
    """Return what the folder's numbers say and what the doctor saw, each fault once: as the graver of the two has it.

    Of equally grave ones the doctor's stands, which knows the settings that are its cure; where a loss ceased to be
    finite, the error that stopped the run knows more.
    """
    rank = {severity: place for place, severity in enumerate(SEVERITIES)}
    best = {f.code: rank[f.severity] for f in reversed(watched)}  # the gravest come first
    kept = [f for f in own if f.code == "loss.not_finite" or f.code not in best or rank[f.severity] < best[f.code]]
    codes = {finding.code for finding in kept}
    return [*kept, *(finding for finding in watched if finding.code not in codes)]


def write_findings(run: RunReader) -> Findings:
    """Write findings.json.

    Raises:  FathomError if a file of the run is damaged, or it cannot be written
    """
    found = find_in_run(run)
    # schema first, as in every file of a run
    write_atomically(run.path / schema.FINDINGS, to_json({"schema": schema.SCHEMA} | found.to_dict(), indent=2) + "\n")
    return found


def _special(run: RunReader) -> list[Finding]:
    """Return the findings of runs that started from other weights, whose modules only they import."""
    found: list[Finding] = []
    if run.comparison is not None:
        from fathom.runs.analysis.from_scratch import check_fine_tuning

        found += check_fine_tuning(run.comparison)
    if run.pruning is not None:
        from fathom.runs.analysis.pruning import check_pruning

        found += check_pruning(run.pruning)
    return found


def _failure(run: RunReader) -> list[Finding]:
    """Return why a run failed, unless the checks of the curves report it as a loss that is not finite."""
    # else it would be told twice
    if run.status != "failed" or (run.failure is not None and run.failure.code == "loss.not_finite"):
        return []
    return [run.failure or Finding("run.failed", "error", f"The run failed: {run.run.get('message')}")]


def _data(run: RunReader) -> list[Finding]:
    """Return what was found in the data when they were read.

    Raises:  FathomError if the record is damaged
    """
    try:
        return [Finding.from_dict(entry) for entry in (run.data or {}).get("findings", [])]
    except (ValueError, TypeError) as error:
        raise FathomError(f"{run.path / schema.DATA}: damaged ({error})") from None


def _beginning(run: RunReader) -> list[Finding]:
    """Return what is to be warned of in how the run began."""
    start = run.run.get("start")
    warning = start.get("warning") if isinstance(start, dict) else None  # an older run may hold none
    if not isinstance(warning, str):
        return []
    # a sentence begins with a capital
    return [Finding("run.fast_body", "warning", f"{warning[0].upper()}{warning[1:]}", place="finetune.body_lr")]
