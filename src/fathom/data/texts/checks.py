"""Looking into a text: its splits, its vocabulary, and what of the later splits that does not know."""

from __future__ import annotations

from pathlib import Path

from fathom.data.checks import CheckedSplit, DataCheck, check_splits
from fathom.data.texts.module import TextData
from fathom.findings import Finding

_UNKNOWN = 0.05  # share of unknown tokens worth a warning


def check_text(data: TextData) -> DataCheck:
    """Look into the tokens of a text."""
    splits = {"train": data.train, "val": data.val, "test": data.test}
    found = DataCheck(
        Path(data.name).name,
        "tokens",
        [CheckedSplit(name, len(tokens)) for name, tokens in splits.items() if len(tokens)],
    )
    found.facts = [("level", data.tokenizer.level), ("vocabulary", f"{len(data.vocabulary):,} tokens")]
    for name, unknown in data.count_unknown().items():
        size = len(splits[name])
        if unknown and size:
            share = unknown / size
            found.findings.append(
                Finding(
                    "data.unknown_tokens",
                    "warning" if share > _UNKNOWN else "note",
                    f"{unknown:,} of {size:,} tokens of the {name} split ({share:.1%}) are unknown",
                    {"unknown": unknown, "size": size, "share": share},
                    cause="the vocabulary is that of the training split",
                    place=f"{name} split",
                )
            )
    return check_splits(found)
