"""Write the pages of ``docs/doctor`` from the catalogue: ``python -m fathom.doctor.make_pages docs/doctor``."""

from __future__ import annotations

import sys
from pathlib import Path

from fathom.doctor.catalog import CATALOG
from fathom.doctor.catalog.entry import Entry
from fathom.files import write_atomically

BEGIN, END = "<!-- table of faults: python -m fathom.doctor.make_pages -->", "<!-- end of the table -->"


def page_of(entry: Entry) -> str:
    """Return the page of one fault."""
    return f"""# {entry.title}

`{entry.code}`, usually a{"n error" if entry.severity == "error" else f" {entry.severity}"}. [All faults](README.md)

**What you see.** {entry.symptom}

**Why.** {_sentence(entry.cause)}

**Cure.** {_sentence(entry.cure)}

**How the check works.** {entry.how}

**When it is wrong.** {entry.wrong}
"""


def table() -> str:
    """Return the table of all faults, in Markdown."""
    rows = [f"| [`{e.code}`]({e.code}.md) | {e.title} | {e.severity} |" for e in CATALOG.values()]
    return "\n".join([BEGIN, "", "| code | fault | severity |", "|---|---|---|", *rows, "", END])


def write_pages(folder: Path) -> None:
    """Write a page for each fault, and the table into the README beside them."""
    for entry in CATALOG.values():
        write_atomically(folder / f"{entry.code}.md", page_of(entry))
    readme = folder / "README.md"
    before, _, rest = readme.read_text(encoding="utf-8").partition(BEGIN)
    write_atomically(readme, before + table() + rest.partition(END)[2])


def _sentence(text: str) -> str:
    first = text.split()[0]
    is_code = any(mark in first for mark in "._(=")  # a name in code keeps its letters
    return f"{text if is_code else text[0].upper() + text[1:]}."


if __name__ == "__main__":
    write_pages(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/doctor"))
