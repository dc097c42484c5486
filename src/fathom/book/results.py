"""The results of ``fathom book check``, kept in a file. Torch-free."""

from __future__ import annotations

from pathlib import Path

import msgspec
from filelock import FileLock

from fathom.errors import FathomError
from fathom.files import write_atomically

FILE = "results.json"
SCHEMA = 3
PACKAGES = ("fathom", "original")


class SectionResult(msgspec.Struct, frozen=True):
    """The result of one section.

    Attributes:
        section: its name, edition:chapter/file.
        package: whose d2l ran it, one of ``PACKAGES``.
        status, error, missing: see ``Verdict``.
        cells, passed: how many it has, and how many passed.
        stand_in: whether code that names CUDA ran on the CPU.
        batches: the batches to which passes over loaders were cut; 0 for whole passes.
        machine: versions and processor, if the run got that far.
    """

    section: str
    package: str
    status: str
    cells: int
    passed: int
    seconds: float
    error: str
    missing: str = ""
    stand_in: bool = False
    batches: int = 0
    machine: str = ""

    @property
    def is_failure(self) -> bool:
        """Whether the code failed, rather than the machine lacking something."""
        return self.status in ("failed", "timeout")


SectionResults = dict[tuple[str, str], SectionResult]


class _Stored(msgspec.Struct):
    schema: int
    results: list[SectionResult]


def read_results(path: Path) -> SectionResults:
    """Return the results of earlier checks; empty if there is no such file.

    Raises:  FathomError if the file is damaged
    """
    if not path.exists():
        return {}
    try:
        stored = msgspec.json.decode(path.read_bytes(), type=_Stored)
    except (OSError, msgspec.DecodeError) as error:
        raise FathomError(f"cannot read {path} ({error}); remove it to start over") from error
    return {(result.section, result.package): result for result in stored.results}


def store_result(path: Path, result: SectionResult) -> None:
    """Add a result to the file, replacing an earlier one; several checks may do so at once.

    Raises:  FathomError if the file is damaged or cannot be written
    """
    with FileLock(path.with_name(f".{path.name}.lock")):
        results = read_results(path) | {(result.section, result.package): result}
        stored = _Stored(SCHEMA, list(results.values()))
        write_atomically(path, msgspec.json.format(msgspec.json.encode(stored), indent=1))
