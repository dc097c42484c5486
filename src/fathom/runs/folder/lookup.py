"""Which run a user means: a folder, a name, the beginning of one, a pattern, or ``last``."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from fathom.errors import FathomError, UsageError, unknown
from fathom.runs.folder import schema
from fathom.runs.folder.lock import is_locked
from fathom.runs.folder.records import read_json, read_yaml

_WILDCARDS = frozenset("*?[")
# What ``rehearsal`` in run.json holds, as a user knows it.
REHEARSALS = {"fast_dev_run": "--fast-dev-run", "overfit_batches": "--overfit-batches"}


@dataclass(frozen=True)
class Found:
    """A run folder, and why newer ones were passed over where it was asked for as ``last``."""

    path: Path
    passed_over: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """Return what a user is told of it."""
        newer = f"; newer, not used: {_some(self.passed_over)}" if self.passed_over else ""
        return f"last is {self.path}{newer}"


def resolve_run(text: str | Path, root: str | Path = "runs", marker: str = schema.RUN) -> Path:
    """Find the run that ``text`` means, to use it.

    It is ``last`` (the newest that is finished and was no rehearsal), a path, a folder's name in ``root``, a
    beginning that only one name has, or a pattern such as ``*-lenet-*`` that fits only one.

    Args:
        marker: the file that tells such folders.
    Raises:  UsageError if nothing fits, or more than one does
    """
    # "last" skips what cannot be used, a name does not
    return find_last(root, marker).path if str(text) == "last" else _find_named(str(text), Path(root), marker)


def resolve_resumable(text: str | Path, root: str | Path = "runs", marker: str = schema.RUN) -> Path:
    """Find the run that ``text`` means, to resume it: as ``resolve_run``, but ``last`` is the newest that can be."""
    if str(text) == "last":
        return find_last(root, marker, to_resume=True).path
    return _find_named(str(text), Path(root), marker)


def find_last(root: str | Path, marker: str = schema.RUN, *, to_resume: bool = False) -> Found:
    """Find the newest run that can be used, or resumed.

    Raises:  UsageError if there is none
    """
    root = Path(root)
    names = names_in(root, marker)
    if not names:
        raise UsageError(f"there is no run in {root} yet; train one first, or give the path of a run folder")
    passed_over: list[str] = []
    # name[:15] is the date and time; of one second run.json tells more, in milliseconds.
    for name in sorted(names, key=lambda name: (name[:15], _created(root / name / marker)), reverse=True):
        path = root / name
        hindrance = _why_not_resumed(path, marker) if to_resume else _why_not_used(path, marker)
        if hindrance is None:
            return Found(path, tuple(passed_over))
        passed_over.append(f"{name} {hindrance}")
    if to_resume:
        raise UsageError(f"no run in {root} can be resumed: {_some(passed_over)}")
    raise UsageError(f"no run in {root} is finished: {_some(passed_over)}; to use one of them, give its name")


def series_in(path: Path) -> str | None:
    """Say what series of runs a folder holds, as "a cross-validation"; None if it holds none or is a run."""
    if (path / schema.RUN).exists():  # a run may hold the comparison's folders, and is no series
        return None
    return next((name for marker, name in schema.SERIES.items() if (path / marker).exists()), None)


def _find_named(text: str, root: Path, marker: str) -> Path:
    if Path(text).is_dir():  # a path goes before a name
        return Path(text)
    names = names_in(root, marker)
    if text in names:  # before beginnings: a whole name may begin another, as with -2
        return root / text
    if _WILDCARDS & set(text) and not Path(text).exists():  # a folder may have [ in its name
        return _find_one(text, _matches_of(text, root, names))
    matches = [name for name in names if text and name.startswith(text)]  # an empty text begins every name
    if matches:
        return _find_one(text, [root / name for name in matches])
    if Path(text).exists():
        raise UsageError(f"{text} is a file; give the run's folder")
    if not names or Path(text).name != text:  # a path, so no name in `root` was meant
        raise UsageError(f"there is no run folder {text}")
    if difflib.get_close_matches(text.lower(), [*names, "last"], n=1, cutoff=0.5):
        raise unknown("run", text, [*names, "last"])
    raise UsageError(f"there is no run {text!r} in {root}; the newest is {names[-1]}")  # all would be too many


def _matches_of(pattern: str, root: Path, names: list[str]) -> list[Path]:
    """Return the runs whose name fits, or whose path does where the pattern names a folder."""
    if Path(pattern).name == pattern:  # no folder in the pattern: names in root
        return [root / name for name in names if fnmatchcase(name, pattern)]
    parent = Path(pattern).parent
    fitting = (path for path in parent.glob(Path(pattern).name) if (path / schema.RUN).exists())
    return sorted(fitting)


def _find_one(text: str, matches: list[Path]) -> Path:
    if not matches:
        raise UsageError(f"no run fits {text!r}")
    if len(matches) > 1:
        names = _some([path.name for path in matches])
        raise UsageError(f"{text!r} fits {len(matches)} runs: {names}; give more of the name")
    return matches[0]


def names_in(root: Path, marker: str = schema.RUN) -> list[str]:
    """Return the names of the runs in a folder, or of the series with another ``marker``, the oldest first."""
    # a file's folder: the marker tells which are runs
    return sorted(entry.parent.name for entry in root.glob(f"*/{marker}")) if root.is_dir() else []


def _why_not_used(path: Path, marker: str) -> str | None:
    content = _read(path / marker)
    if content.get("status") != "done":
        return _condition(content)
    rehearsal = REHEARSALS.get(str(content.get("rehearsal")))
    return f"is a dry run ({rehearsal})" if rehearsal else None


def _why_not_resumed(path: Path, marker: str) -> str | None:
    content = _read(path / marker)
    if not content or is_locked(path):  # a lock, not the status: a killed run still says "running"
        return "is damaged" if not content else "is being trained"
    if content.get("status") == "done":
        # a done run is resumed only for its comparison
        return None if marker == schema.RUN and _is_compared_in_part(path) else "is finished"
    # a series resumes from its runs, not from a checkpoint
    if marker == schema.RUN and not any((path / schema.CHECKPOINTS / name).is_dir() for name in ("last", "previous")):
        return "has no checkpoint"
    return None


def _condition(content: Mapping[str, Any]) -> str:
    status = content.get("status")
    if status == "running":
        return "is not finished"
    return f"{'was ' if status == 'stopped' else ''}{status}" if status in schema.STATUSES else "is damaged"


def _is_compared_in_part(path: Path) -> bool:
    """Whether a finished run still lacks runs of its comparison with training from scratch."""
    try:
        wanted = (read_yaml(path / schema.CONFIG).get("finetune") or {}).get("compare_scratch")
        return bool(wanted) and not _read(path / schema.COMPARISON).get("complete")
    except FathomError:
        return False


def _some(texts: list[str] | tuple[str, ...]) -> str:
    return ", ".join(texts[:4]) + (" …" if len(texts) > 4 else "")  # four names fill two lines of a terminal


def _created(path: Path) -> str:
    return str(_read(path).get("created", ""))


def _read(path: Path) -> dict[str, Any]:
    """Return a file's content, nothing if it cannot be read: what is wrong with it is told where it is used."""
    try:
        return read_json(path)
    except FathomError:
        return {}
