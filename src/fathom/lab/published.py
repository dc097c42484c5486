"""The published results: one file a claim in ``lab/published``, from which the table and the documentation are made.

Reading them needs no torch and imports no claim.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fathom.files import write_atomically
from fathom.lab.registry import claim_files
from fathom.lab.statistics import holm
from fathom.runs.folder.records import read_json, to_json

PUBLISHED = Path(__file__).with_name("published")
_DIGITS = 6  # significant ones of every number: what comes after differs between machines


def read_published(name: str) -> dict[str, Any] | None:
    """Return the published result of a claim; None where none is."""
    path = PUBLISHED / f"{name}.json"
    return read_json(path) if path.exists() else None


def all_published() -> list[dict[str, Any]]:
    """Return all published results in the order of the notes."""
    found = [read_published(name) for name in claim_files()]
    return sorted((content for content in found if content is not None), key=lambda content: content["number"])


def publish(content: Mapping[str, Any]) -> Path:
    """Write a result as the published one."""
    path = PUBLISHED / f"{content['name']}.json"
    write_atomically(path, to_json(_rounded(content), indent=1) + "\n")
    return path


def survivors(contents: list[dict[str, Any]]) -> tuple[int, int]:
    """Return how many of the decided, judged comparisons survive Holm's correction over all claims, and of how many."""
    decided = [
        comparison["p"]
        for content in contents
        for comparison in content["comparisons"]
        if comparison["is_judged"] and comparison["answer"] != "open"
    ]
    return sum(holm(decided)), len(decided)


def changed_verdict(content: Mapping[str, Any]) -> str | None:
    """Return what is to be said where a verdict differs from the published one; None where it does not."""
    published = read_published(str(content["name"]))
    if published is None or published["verdict"]["kind"] == content["verdict"]["kind"]:
        return None
    return f"{content['name']}: {content['verdict']['text']}; published: {published['verdict']['text']}"


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else value
    if isinstance(value, Mapping):
        return {key: _rounded(item) for key, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, list | tuple) else value
