"""Where a run belongs: the series it is a member of, the study it is the best of, the run it repeats."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

from fathom.errors import FathomError
from fathom.runs.folder import schema
from fathom.runs.folder.records import read_json

_DEEPEST = 2  # folders between a series and its runs, as in mlp/fold-1


def related_pages(run: Path) -> list[tuple[str, Path]]:
    """Find the pages of what a run belongs to: how, as "Part of a cross-validation", and the page's path."""
    found = []
    for folder in list(run.resolve().parents)[:_DEEPEST]:  # not further up: any folder may hold a file of that name
        found += [(f"Part of {what}", folder / page) for what, page in _pages_in(folder)]
        if (folder / schema.RUN).exists():
            # a repeat or a scratch run inside another
            found.append(("The run it is compared with", folder / schema.REPORT))
    return found + [("Best of a search for settings", page) for page in _studies_of(run)]


def address_from(folder: Path, page: Path) -> str:
    """Return the address of a page as a link from a page in ``folder``.

    >>> address_from(Path("/runs/study"), Path("/runs/a run/report.html"))
    '../a%20run/report.html'
    """
    # relative: the folders may be moved or served together
    # quoted: names may have spaces; / also on Windows
    return quote(os.path.relpath(page.resolve(), folder.resolve()).replace(os.sep, "/"))


def _pages_in(folder: Path) -> list[tuple[str, str]]:
    """Return what series lie in a folder, each with the name of its page: that of its JSON file."""
    return [
        (what, Path(marker).with_suffix(".html").name)
        for marker, what in schema.SERIES.items()  # crossval.json and crossval.html
        if (folder / marker).exists()
    ]


def _studies_of(run: Path) -> list[Path]:
    """Find the studies beside a run whose best trial it is."""
    found = []
    for marker in sorted(run.resolve().parent.glob(f"*/{schema.STUDY}")):
        try:
            best = read_json(marker).get("best_run")
        except FathomError:  # a damaged study must not keep a run from its report
            continue
        if best and Path(str(best)).name == run.resolve().name:  # by name: the study may have been moved
            found.append(marker.with_suffix(".html"))
    return found
