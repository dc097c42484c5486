"""Looking into a text: its splits, its vocabulary, and what of its splits that does not know."""

from __future__ import annotations

from pathlib import Path

from fathom.data.checks import CheckedSplit, DataCheck, check_splits
from fathom.data.encodings import name_encoding
from fathom.data.texts.module import TextData
from fathom.findings import Finding


def check_text(data: TextData) -> DataCheck:
    """Look into the tokens of a text."""
    splits = {"train": data.train, "val": data.val, "test": data.test}
    found = DataCheck(
        Path(data.name).name,
        "tokens",
        [CheckedSplit(name, len(tokens)) for name, tokens in splits.items() if len(tokens)],
    )
    # a text has no labels and no rows to compare
    found.facts = [("level", data.tokenizer.level), ("vocabulary", f"{len(data.vocabulary):,} tokens")]
    if data.encoding != "utf-8":
        found.facts.append(("encoding", name_encoding(data.encoding)))
    if (note := data.describe_form()) is not None:
        found.findings.append(Finding("data.reading", "note", note))
    found.findings += data.unknown_findings()
    return check_splits(found)
