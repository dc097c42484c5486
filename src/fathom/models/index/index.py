"""The index of Fathom's own networks, index.json: what the decorators say of each, and how large it is.

Reading it takes a millisecond and no PyTorch; the networks themselves take a second to import and twelve to count.
``python -m fathom.models.index.make_index`` writes it anew; a test compares it with the decorators and with a count.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

from fathom.models.facts import Count, Form, Paper, RegisteredModel

PATH = Path(__file__).with_name("index.json")


@functools.cache
def read_index() -> dict[str, RegisteredModel]:
    """Return Fathom's own networks by name, simplest first."""
    return {row["name"]: _from_json(row) for row in json.loads(PATH.read_text(encoding="utf-8"))}


def _from_json(row: dict[str, Any]) -> RegisteredModel:
    counts = [Count(_read_form(count["form"]), count["parameters"], count["flops"]) for count in row["counts"]]
    return RegisteredModel(
        **row
        | {
            "paper": Paper(**row["paper"]),
            "form": _read_form(row["form"]),
            # JSON has no tuples, and the builders' defaults no lists
            "options": {key: tuple(v) if isinstance(v, list) else v for key, v in row["options"].items()},
            "counts": tuple(counts),
        }
    )


def _read_form(form: dict[str, Any]) -> Form:
    return Form(tuple(form["input_shape"]), form["num_classes"])
