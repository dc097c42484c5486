"""Write the pages of ``docs/doctor`` from the catalogue: ``python -m fathom.doctor.make_pages docs/doctor``."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fathom.doctor.catalog import CATALOG
from fathom.doctor.catalog.entry import Entry
from fathom.files import write_atomically

BEGIN, END = "<!-- table of faults: python -m fathom.doctor.make_pages -->", "<!-- end of the table -->"


def page_of(entry: Entry, example: Mapping[str, Any] | None = None) -> str:
    """Return the page of one fault.

    Args:
        example: what ``bench.doctor.figures`` found in a run of a program with this fault.
    """
    return f"""# {entry.title}

`{entry.code}`, usually a{"n error" if entry.severity == "error" else f" {entry.severity}"}. [All faults](README.md)

**What you see.** {entry.symptom}
{_figure(entry, example) if example else ""}
**Why.** {_sentence(entry.cause)}

**Cure.** {_sentence(entry.cure)}

**How the check works.** {entry.how}

**When it is wrong.** {entry.wrong}
"""


def _figure(entry: Entry, example: Mapping[str, Any]) -> str:
    """Return the figure of a real run, if it has losses, and what the doctor says of it."""
    program = example["program"]
    name = f"[{program}.py](../../tests/faults/programs/{program}.py)"
    lines = [""]
    if example["figure"]:
        last = {key: "not finite" if example[key] is None else f"{example[key]:.4g}" for key in _ENDS}
        lines += [
            f"![Training loss with the fault and without](figures/{entry.code}.svg)",
            "",
            f"Training loss of {name} and of its mended twin: {last['fault_last']} and {last['mended_last']} at the "
            "end. Of the first the doctor says:",
        ]
    else:
        lines.append(f"Of {name}, which fails in its first steps, the doctor says:")
    return "\n".join([*lines, "", f"> {example['message']}", ""])


_ENDS = ("fault_last", "mended_last")


def read_examples(folder: Path) -> dict[str, Any]:
    """Return the runs that the pages show, by code: what ``python -m bench.doctor.figures`` wrote."""
    path = folder / "figures" / "examples.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def table() -> str:
    """Return the table of all faults, in Markdown."""
    rows = [f"| [`{e.code}`]({e.code}.md) | {e.title} | {e.severity} |" for e in CATALOG.values()]
    return "\n".join([BEGIN, "", "| code | fault | severity |", "|---|---|---|", *rows, "", END])


def write_pages(folder: Path) -> None:
    """Write a page for each fault, and the table into the README beside them."""
    examples = read_examples(folder)
    for entry in CATALOG.values():
        write_atomically(folder / f"{entry.code}.md", page_of(entry, examples.get(entry.code)))
    readme = folder / "README.md"
    before, _, rest = readme.read_text(encoding="utf-8").partition(BEGIN)
    write_atomically(readme, before + table() + rest.partition(END)[2])


def _sentence(text: str) -> str:
    first = text.split()[0]
    is_code = any(mark in first for mark in "._(=")  # a name in code keeps its letters
    return f"{text if is_code else text[0].upper() + text[1:]}."


if __name__ == "__main__":
    write_pages(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/doctor"))
