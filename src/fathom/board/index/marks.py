"""What a person says of a run: a note and tags, in a file of the run folder that training never writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fathom.errors import FathomError, UsageError
from fathom.files import write_atomically
from fathom.runs.folder import schema
from fathom.runs.folder.records import read_json, to_json

FILE = "marks.json"
MOST_NOTE, MOST_TAGS, MOST_TAG = 4000, 20, 40  # characters, tags, characters of a tag


@dataclass(frozen=True)
class Marks:
    """A note and tags."""

    note: str = ""
    tags: tuple[str, ...] = ()


def read_marks(run: Path) -> Marks:
    """Read a run's note and tags; none where there are none or the file is damaged."""
    try:
        content = read_json(run / FILE) if (run / FILE).exists() else {}
    except FathomError:
        return Marks()
    tags = content.get("tags")
    return Marks(
        str(content.get("note") or "")[:MOST_NOTE],
        tuple(str(tag)[:MOST_TAG] for tag in tags[:MOST_TAGS]) if isinstance(tags, list) else (),
    )


def write_marks(run: Path, note: object, tags: object) -> Marks:
    """Write a run's note and tags.

    Raises:  UsageError if they are too long or no text; FathomError if they cannot be written
    """
    if not isinstance(note, str) or len(note) > MOST_NOTE:
        raise UsageError(f"a note is a text of at most {MOST_NOTE} characters")
    if not isinstance(tags, Sequence) or isinstance(tags, str) or len(tags) > MOST_TAGS:
        raise UsageError(f"at most {MOST_TAGS} tags")
    names = []
    for tag in tags:
        if not isinstance(tag, str) or not tag.strip() or len(tag) > MOST_TAG:
            raise UsageError(f"a tag is a text of at most {MOST_TAG} characters")
        names.append(tag.strip())
    marks = Marks(note.strip(), tuple(dict.fromkeys(names)))
    content = {"schema": schema.SCHEMA, "note": marks.note, "tags": list(marks.tags)}
    write_atomically(run / FILE, to_json(content, indent=2) + "\n")
    return marks
