"""What checks of the book found, kept in a file. Torch-free."""

from __future__ import annotations

from pathlib import Path

import msgspec
from filelock import FileLock

from fathom.errors import FathomError
from fathom.files import write_atomically

FILE = "results.json"
SCHEMA = 2
MAKERS = ("fathom", "original")


class Result(msgspec.Struct, frozen=True):
    """How one section went.

    Attributes:
        status, error, lacks: see ``Verdict``.
        stand_in: whether code that names CUDA ran on the CPU.
        batches: where passes over loaders were cut to so many batches; 0 for whole ones.
        machine: versions and processor, if the run got so far.
    """

    section: str
    who: str
    status: str
    cells: int
    passed: int
    seconds: float
    error: str
    lacks: str = ""
    stand_in: bool = False
    batches: int = 0
    machine: str = ""

    @property
    def is_failure(self) -> bool:
        """Whether it is a failure of the code, as far as can be told, not of what the machine lacks."""
        return self.status in ("failed", "timeout")


Results = dict[tuple[str, str], Result]


class _Stored(msgspec.Struct):
    schema: int
    results: list[Result]


def read_results(path: Path) -> Results:
    """Read what earlier checks found; nothing if there is no such file.

    Raises:  FathomError if the file is damaged
    """
    if not path.exists():
        return {}
    try:
        stored = msgspec.json.decode(path.read_bytes(), type=_Stored)
    except (OSError, msgspec.DecodeError) as error:
        raise FathomError(f"cannot read {path} ({error}); remove it to begin anew") from error
    return {(result.section, result.who): result for result in stored.results}


def keep_result(path: Path, result: Result) -> None:
    """Put a result into the file, in the place of an earlier one; several checks may do so at a time.

    Raises:  FathomError if the file is damaged or cannot be written
    """
    with FileLock(path.with_name(f".{path.name}.lock")):
        results = read_results(path) | {(result.section, result.who): result}
        stored = _Stored(SCHEMA, list(results.values()))
        write_atomically(path, msgspec.json.format(msgspec.json.encode(stored), indent=1))
