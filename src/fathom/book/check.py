"""``check_books``: every section in scope of a checkout of the book, run one process each."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fathom.book.results import FILE, MAKERS, Result, keep_result, read_results
from fathom.book.run import Options, run_file
from fathom.book.sections import APIS, Section, list_sections
from fathom.book.verdict import judge
from fathom.data.fetch.paths import make_folder
from fathom.errors import UsageError


@dataclass(frozen=True)
class Plan:
    """What is to be run: see ``fathom book check --help``; ``original`` is a Python that can import the book's d2l."""

    out: Path
    only: tuple[str, ...] = ()
    original: str | None = None
    again: bool = False
    run_nothing: bool = False
    jobs: int = 1
    cpu_stand_in: bool = False
    batches: int | None = None
    timeout_s: float | None = None


def check_books(books: Sequence[Path], plan: Plan, say: Callable[[str], None] = lambda line: None) -> list[Result]:
    """Run the sections of the checkouts, and give the results of all of them that are known by now.

    What a section did is in ``plan.out``, a folder each with its transcript; results.json there is kept up to date, so
    that a check that was stopped goes on where it was. ``say`` gets one line a section.
    """
    chosen = choose_sections(books, plan.only)
    known = read_results(plan.out / FILE)
    makers = MAKERS if plan.original else MAKERS[:1]

    def run(work: tuple[Section, str]) -> Result:
        return _run_section(*work, plan)

    work = [] if plan.run_nothing else [(section, who) for section in chosen for who in makers]
    if not plan.again:
        work = [(s, who) for s, who in work if not _is_settled(known.get((s.name, who)), plan)]
    if work:
        make_folder(plan.out)
        if plan.original:
            _check_python(plan.original)
    for result in _map(run, work, plan.jobs):
        known[result.section, result.who] = result
        keep_result(plan.out / FILE, result)
        about = f"{result.status}: {result.error}" if result.error else result.status
        say(f"{result.section} {result.who} {result.passed}/{result.cells} {result.seconds:.0f} s {about}")
    return [known[s.name, who] for s in chosen for who in MAKERS if (s.name, who) in known]


def choose_sections(books: Sequence[Path], only: Sequence[str]) -> list[Section]:
    """List the sections of the checkouts whose names hold one of ``only``, or all of them.

    Raises:  UsageError for what is no checkout, or if there is no such section
    """
    sections = [section for book in books for section in list_sections(book.absolute())]
    chosen = [s for s in sections if not only or any(text in s.name for text in only)]
    if not chosen:
        raise UsageError(f"no section has {' or '.join(only)} in its name")
    return chosen


def _is_settled(result: Result | None, plan: Plan) -> bool:
    """Say whether a section need not run: it passed, in whole or as short as it would be run now."""
    return result is not None and result.status == "passed" and result.batches in (0, plan.batches)


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
    is_ours = who == "fathom"
    out = plan.out / who / section.name.replace(":", "/")
    options = Options(
        api=APIS[section.edition],
        cpu_stand_in=plan.cpu_stand_in and is_ours,
        batches=plan.batches,
        keep_going=True,
        timeout_s=plan.timeout_s,
        original=None if is_ours else section.book,
        python=sys.executable if is_ours or not plan.original else plan.original,
    )
    make_folder(out.parent)
    record = run_file(section.path, out, options)
    verdict = judge(record)
    return Result(
        section.name,
        who,
        verdict.status,
        len(record.cells),
        record.passed,
        round(record.seconds, 1),
        verdict.error,
        verdict.lacks,
        options.cpu_stand_in,
        plan.batches or 0,
        record.machine,
    )


def _check_python(python: str) -> None:
    code = "import IPython, torch, matplotlib_inline, pandas, requests"
    try:
        done = subprocess.run([python, "-c", code], capture_output=True, text=True)
    except OSError as error:
        raise UsageError(f"--original: cannot start {python} ({error.strerror or error})") from error
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise UsageError(f"--original: {python} cannot import what the book's package needs ({last})")
