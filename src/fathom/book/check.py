"""``check_books``: every section in scope of a checkout of the book, run one process each, and the table of results."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from fathom.book.cells import read_document
from fathom.book.record import Record
from fathom.book.run import Options, run_file
from fathom.data.paths import make_folder
from fathom.errors import FathomError, UsageError
from fathom.files import write_atomically

# The chapters whose PyTorch cells are to run, in the order of the book; a folder is chapter_NAME.
CHAPTERS = {
    "en": (
        "preliminaries",
        "linear-regression",
        "linear-classification",
        "multilayer-perceptrons",
        "builders-guide",
        "convolutional-neural-networks",
        "convolutional-modern",
        "recurrent-neural-networks",
        "recurrent-modern",
        "attention-mechanisms-and-transformers",
        "optimization",
        "computational-performance",
        "computer-vision",
        "hyperparameter-optimization",
    ),
    "zh": (
        "preliminaries",
        "linear-networks",
        "multilayer-perceptrons",
        "deep-learning-computation",
        "convolutional-neural-networks",
        "convolutional-modern",
        "recurrent-neural-networks",
        "recurrent-modern",
        "attention-mechanisms",
        "optimization",
        "computational-performance",
        "computer-vision",
    ),
}
APIS = {"en": "new", "zh": "old"}
RESULTS = "results.json"
SCHEMA = 1
# What an error says when the network or the data are not there; the first three are urllib's, requests' and torch's.
_NO_DATA = re.compile(
    r"URLError|ConnectionError|HTTPError|urlopen error|Max retries|cannot download|is not in \S* ?FATHOM_DATA"
)
_NO_PACKAGE = re.compile(r"ModuleNotFoundError: No module named '(?!d2l\b|fathom\b)([\w.]+)'")


class Result(msgspec.Struct, frozen=True):
    """How one section went; ``status`` is passed, failed, no data, no package or no gpu."""

    section: str
    who: str
    status: str
    cells: int
    passed: int
    seconds: float
    error: str

    @property
    def is_failure(self) -> bool:
        """Whether it is a failure of the code, not of what the machine lacks."""
        return self.status == "failed"


class _Stored(msgspec.Struct):
    schema: int
    results: list[Result]


@dataclass(frozen=True)
class Plan:
    """What is to be run: see ``fathom book check --help``; ``original`` is a Python that can import the book's d2l."""

    out: Path
    only: tuple[str, ...] = ()
    original: str | None = None
    again: bool = False
    jobs: int = 1
    cpu_stand_in: bool = False
    timeout_s: float | None = None


@dataclass(frozen=True)
class Section:
    """A file of a checkout; ``name`` is edition:chapter/file."""

    edition: str
    book: Path
    path: Path

    @property
    def name(self) -> str:
        """Name the section as the table does."""
        return f"{self.edition}:{self.path.parent.name.removeprefix('chapter_')}/{self.path.stem}"


def list_sections(book: Path) -> list[Section]:
    """List the sections of a checkout that have PyTorch code and are in scope, in the order of the book.

    Raises:  UsageError if ``book`` is no checkout of either edition
    """
    edition = next((e for e, chapters in CHAPTERS.items() if (book / f"chapter_{chapters[1]}").is_dir()), None)
    if edition is None:
        raise UsageError(f"{book} is no checkout of the book: it has no folder chapter_{CHAPTERS['en'][1]} or the like")
    sections = []
    for chapter in CHAPTERS[edition]:
        for path in _in_order(book / f"chapter_{chapter}"):
            try:
                read_document(path)
            except FathomError:
                continue  # no PyTorch code in it
            sections.append(Section(edition, book, path))
    return sections


def _in_order(folder: Path) -> list[Path]:
    """List a chapter's files as its table of contents does, then what that leaves out."""
    files = {path.stem: path for path in sorted(folder.glob("*.md")) if not path.stem.endswith("_origin")}
    index = files.pop("index", None)
    text = index.read_text(encoding="utf-8", errors="replace") if index else ""
    listed = [name for name in re.findall(r"^([\w-]+)$", text, re.MULTILINE) if name in files]
    return [files[name] for name in dict.fromkeys([*listed, *files])]


def check_books(books: Sequence[Path], plan: Plan, say: Callable[[str], None] = lambda line: None) -> list[Result]:
    """Run the sections of the checkouts, and give the results of all of them that are known by now.

    What a section did is in ``plan.out``, a folder each with its transcript; results.json there is kept up to date, so
    that a check that was stopped goes on where it was. ``say`` gets one line a section.
    """
    sections = [section for book in books for section in list_sections(book.absolute())]
    chosen = [s for s in sections if not plan.only or any(text in s.name for text in plan.only)]
    if not chosen:
        raise UsageError(f"no section has {' or '.join(plan.only)} in its name")
    make_folder(plan.out)
    known = _read_results(plan.out / RESULTS)
    makers = ["fathom", *(["original"] if plan.original else [])]
    if plan.original:
        _check_python(plan.original)

    def run(work: tuple[Section, str]) -> Result:
        return _run_section(*work, plan)

    work = [(section, who) for section in chosen for who in makers]
    if not plan.again:
        work = [(s, who) for s, who in work if (s.name, who) not in known or known[s.name, who].status != "passed"]
    for result in _map(run, work, plan.jobs):
        known[result.section, result.who] = result
        _write_results(plan.out / RESULTS, list(known.values()))
        about = f"{result.status}: {result.error}" if result.error else result.status
        say(f"{result.section} {result.who} {result.passed}/{result.cells} {result.seconds:.0f} s {about}")
    return [known[s.name, who] for s in chosen for who in makers if (s.name, who) in known]


def _map(run: Callable[[Any], Result], work: Sequence[Any], jobs: int) -> Iterator[Result]:
    if jobs == 1:
        yield from map(run, work)
        return
    pool = ThreadPoolExecutor(jobs)
    try:
        yield from pool.map(run, work)
    finally:
        pool.shutdown(cancel_futures=True)


def _run_section(section: Section, who: str, plan: Plan) -> Result:
    out = plan.out / who / section.name.replace(":", "/")
    options = Options(
        api=APIS[section.edition],
        cpu_stand_in=plan.cpu_stand_in and who == "fathom",
        keep_going=True,
        timeout_s=plan.timeout_s,
        original=section.book if who == "original" else None,
        python=plan.original if who == "original" and plan.original else sys.executable,
    )
    make_folder(out.parent)
    record = run_file(section.path, out, options)
    status, error = judge(record)
    return Result(section.name, who, status, len(record.cells), record.passed, round(record.seconds, 1), error)


def judge(record: Record) -> tuple[str, str]:
    """Give the status of a run and the first error that made it so.

    A cell that fails because an earlier one failed for want of data counts for the same want.
    """
    if not record.failed and not record.message:
        return "passed", ""
    first = record.failed[0] if record.failed else None
    error = f"cell {first.cell.number}, {first.error}" if first else record.message
    text = "\n".join(output.text for output in first.outputs if output.kind == "error") if first else ""
    if _NO_DATA.search(text):
        return "no data", error
    if _NO_PACKAGE.search(text):
        return "no package", error
    if re.search(r"CUDA|cuda|NVIDIA", text.strip().rpartition("\n")[2]):
        return "no gpu", error
    return "failed", error


def _check_python(python: str) -> None:
    code = "import IPython, torch, matplotlib_inline, pandas, requests"
    try:
        done = subprocess.run([python, "-c", code], capture_output=True, text=True)
    except OSError as error:
        raise UsageError(f"--original: cannot start {python} ({error.strerror or error})") from error
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise UsageError(f"--original: {python} cannot import what the book's package needs ({last})")


def _read_results(path: Path) -> dict[tuple[str, str], Result]:
    if not path.exists():
        return {}
    try:
        stored = msgspec.json.decode(path.read_bytes(), type=_Stored)
    except (OSError, msgspec.DecodeError) as error:
        raise FathomError(f"cannot read {path} ({error}); remove it to begin anew") from error
    return {(result.section, result.who): result for result in stored.results}


def _write_results(path: Path, results: list[Result]) -> None:
    write_atomically(path, msgspec.json.format(msgspec.json.encode(_Stored(SCHEMA, results)), indent=1))


def to_json(results: Sequence[Result]) -> str:
    """Write the results as JSON."""
    return json.dumps([msgspec.structs.asdict(result) for result in results], indent=1, ensure_ascii=False)


def show_table(results: Sequence[Result]) -> str:
    """Write the table section × cells × passed × seconds, Fathom's beside the original's where that was run."""
    names = list(dict.fromkeys(result.section for result in results))
    makers = [who for who in ("fathom", "original") if any(result.who == who for result in results)]
    by_key = {(result.section, result.who): result for result in results}
    width = max(len("section"), *(len(name) for name in names))
    head = f"{'section':<{width}}  cells" + "".join(f"  {who:>8}  seconds" for who in makers)
    lines = [head, "-" * len(head)]
    for name in names:
        found = [by_key.get((name, who)) for who in makers]
        cells = next(result.cells for result in found if result)
        columns = "".join(f"  {r.passed:>8}  {r.seconds:7.1f}" if r else f"  {'–':>8}  {'–':>7}" for r in found)
        ours = found[0].status if found[0] and found[0].status != "passed" else ""
        lines.append(f"{name:<{width}}  {cells:>5}{columns}" + (f"  {ours}" if ours else ""))
    lines.append("-" * len(head))
    for who in makers:
        mine = [result for result in results if result.who == who]
        whole = sum(result.status == "passed" for result in mine)
        cells, passed = sum(r.cells for r in mine), sum(r.passed for r in mine)
        counts = {s: sum(r.status == s for r in mine) for s in ("failed", "no data", "no package", "no gpu")}
        rest = "".join(f", {count} {status}" for status, count in counts.items() if count)
        lines.append(f"{who}: {whole} of {len(mine)} sections and {passed} of {cells} cells pass{rest}")
    return "\n".join(lines)
