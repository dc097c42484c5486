"""The programs of tests/faults: what is wrong with each, where, and to which half it belongs. Loads without torch."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from bench.settings import ROOT

PROGRAMS = ROOT / "tests" / "faults" / "programs"
HALVES = ("calibration", "report")
HELD = "held"  # a folder of programs that nobody who writes checks has looked at, and their split
_TWIN = "_fixed"
_HEADER = re.compile(r"^# (expects|exit|style|line): *(.*)$", re.MULTILINE)
_MARK = re.compile(r"# <- fault\b")
_CODE = re.compile(r"[a-z]+(\.[a-z0-9_]+)+")


@dataclass(frozen=True)
class Program:
    """A training script and what a doctor should say of it.

    Args:
        name: folder and file under tests/faults/programs, without ``.py``.
        expects: codes of which any is right, the planted one first; empty for a healthy program.
        lines: numbers of the lines that hold the fault, from 1; empty where none is marked.
        exit_code: what the script itself ends with.
        styles: how it is written.
    """

    name: str
    path: Path
    expects: tuple[str, ...]
    lines: tuple[int, ...] = ()
    exit_code: int = 0
    styles: tuple[str, ...] = ()

    @property
    def is_faulty(self) -> bool:
        """Whether there is something to find."""
        return bool(self.expects)

    @property
    def is_twin(self) -> bool:
        """Whether it is a faulty program mended."""
        return self.name.endswith(_TWIN)

    @property
    def half(self) -> str:
        """``calibration`` or ``report``; ``held`` for those held back."""
        return HELD if self.name.startswith(f"{HELD}/") else half_of(self.name)


def half_of(name: str) -> str:
    """Return the half to which a program belongs, by a hash of its name: fixed before anything was measured.

    A twin goes with its faulty program: what differs between them is the fault alone.
    """
    stem = name.rsplit("/", 1)[-1].removesuffix(_TWIN)
    return HALVES[hashlib.sha256(stem.encode()).digest()[0] % 2]


def read_program(path: Path, root: Path = PROGRAMS) -> Program:
    """Read the headers of a script.

    Raises:  ValueError if it does not say what it expects, or names no code where one is due
    """
    text = path.read_text(encoding="utf-8")
    headers = dict(_HEADER.findall(text))
    if "expects" not in headers:
        raise ValueError(f"{path}: no line '# expects: CODE, …' or '# expects: nothing'")
    named = tuple(part.strip() for part in headers["expects"].split(","))
    expects = () if named == ("nothing",) else named
    for code in expects:
        if not _CODE.fullmatch(code):
            raise ValueError(f"{path}: not a code: {code!r}")
    marked = [number for number, line in enumerate(text.splitlines(), 1) if _MARK.search(line)]
    marked += [int(number) for number in headers.get("line", "").split()]
    return Program(
        name=path.relative_to(root).with_suffix("").as_posix(),
        path=path,
        expects=expects,
        lines=tuple(marked),
        exit_code=int(headers.get("exit", 0)),
        styles=tuple(part.strip() for part in headers.get("style", "").split(",") if part.strip()),
    )


def read_programs(half: str = "all", root: Path = PROGRAMS) -> list[Program]:
    """Read all programs of a half, by name.

    Args:
        half: ``calibration``, ``report``, ``all`` for both, or ``held`` for those held back, which belong to neither.
    """
    programs = [read_program(path, root) for path in sorted(root.rglob("*.py"))]
    wanted = HALVES if half == "all" else (half,)
    return [program for program in programs if program.half in wanted]


def choose_few(programs: list[Program], every: int = 9) -> list[Program]:
    """Return a small sample of each kind, for a quick look: faulty ones, twins and healthy ones."""
    kinds = (
        [program for program in programs if program.is_faulty],
        [program for program in programs if not program.is_faulty and program.is_twin],
        [program for program in programs if not program.is_faulty and not program.is_twin],
    )
    return sorted((program for kind in kinds for program in kind[::every]), key=lambda program: program.name)
