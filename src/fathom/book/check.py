"""``check_books``: runs every section in scope of a checkout of the book, each in its own process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fathom.book.results import FILE, PACKAGES, SectionResult, read_results, store_result
from fathom.book.run import RunOptions, run_file
from fathom.book.sections import APIS, BookSection, list_sections
from fathom.book.verdict import classify_run
from fathom.data.fetch.paths import make_folder
from fathom.errors import UsageError


@dataclass(frozen=True)
class CheckOptions:
    """What to run: see ``fathom book check --help``; ``original`` is a Python that can import the book's d2l."""

    out: Path
    only: tuple[str, ...] = ()
    original: str | None = None
    again: bool = False
    run_nothing: bool = False
    jobs: int = 1
    cpu_stand_in: bool = False
    batches: int | None = None
    timeout_s: float | None = None


def check_books(
    books: Sequence[Path], options: CheckOptions, report: Callable[[str], None] = lambda line: None
) -> list[SectionResult]:
    """Run the sections of the checkouts, and return all results known so far.

    ``options.out`` has a folder with a transcript for each section, and results.json, which is kept up to date so that
    an interrupted check can continue. ``report`` is called with one line per section.
    """
    chosen = choose_sections(books, options.only)
    known = read_results(options.out / FILE)  # by section and package, from earlier checks too
    packages = PACKAGES if options.original else PACKAGES[:1]  # without a Python for it the original is left out

    def run(work: tuple[BookSection, str]) -> SectionResult:
        return _run_section(*work, options)

    # run_nothing: only shows what is known
    work = [] if options.run_nothing else [(section, package) for section in chosen for package in packages]
    if not options.again:
        work = [(s, package) for s, package in work if not _is_settled(known.get((s.name, package)), options)]
    if work:
        make_folder(options.out)
        if options.original:
            _check_python(options.original)
    for result in _map(run, work, options.jobs):
        known[result.section, result.package] = result
        store_result(options.out / FILE, result)  # after each section: an interrupted check goes on where it stopped
        about = f"{result.status}: {result.error}" if result.error else result.status
        report(f"{result.section} {result.package} {result.passed}/{result.cells} {result.seconds:.0f} s {about}")
    return [known[s.name, package] for s in chosen for package in PACKAGES if (s.name, package) in known]


def choose_sections(books: Sequence[Path], only: Sequence[str]) -> list[BookSection]:
    """Return the sections of the checkouts whose names contain one of ``only``, or all of them.

    Raises:  UsageError if a folder is not a checkout, or no section matches
    """
    sections = [section for book in books for section in list_sections(book.absolute())]
    chosen = [s for s in sections if not only or any(text in s.name for text in only)]
    if not chosen:
        raise UsageError(f"no section name contains {' or '.join(only)}")
    return chosen


def _is_settled(result: SectionResult | None, options: CheckOptions) -> bool:
    """Return whether a section need not run: it passed, in full or cut as short as it would be now."""
    # 0: ran in full
    return result is not None and result.status == "passed" and result.batches in (0, options.batches)


def _map(run: Callable[[Any], SectionResult], work: Sequence[Any], jobs: int) -> Iterator[SectionResult]:
    if jobs == 1:
        yield from map(run, work)
        return
    pool = ThreadPoolExecutor(jobs)  # threads wait; each section runs in a process of its own
    try:
        yield from pool.map(run, work)
    finally:
        pool.shutdown(cancel_futures=True)  # on Ctrl-C: what has not begun does not begin


def _run_section(section: BookSection, package: str, options: CheckOptions) -> SectionResult:
    is_ours = package == "fathom"
    out = options.out / package / section.name.replace(":", "/")  # names are edition:chapter/section
    run_options = RunOptions(
        api=APIS[section.edition],
        cpu_stand_in=options.cpu_stand_in and is_ours,  # the original's code is not touched
        batches=options.batches,
        keep_going=True,  # each cell counts, so one that fails ends nothing
        timeout_s=options.timeout_s,
        original=None if is_ours else section.book,
        python=sys.executable if is_ours or not options.original else options.original,
    )
    make_folder(out.parent)
    record = run_file(section.path, out, run_options)
    verdict = classify_run(record)
    return SectionResult(
        section.name,
        package,
        verdict.status,
        len(record.cells),
        record.passed,
        round(record.seconds, 1),
        verdict.error,
        verdict.missing,
        run_options.cpu_stand_in,
        options.batches or 0,  # 0: every batch
        record.machine,
    )


def _check_python(python: str) -> None:
    # all that the original package imports beside the standard library
    code = "import IPython, torch, matplotlib_inline, pandas, requests"
    try:
        done = subprocess.run([python, "-c", code], capture_output=True, text=True)
    except OSError as error:
        raise UsageError(f"--original: cannot start {python} ({error.strerror or error})") from error
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise UsageError(f"--original: {python} cannot import what the book's package needs ({last})")
