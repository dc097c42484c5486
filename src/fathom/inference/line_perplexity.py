"""The perplexity of each line of a text under a language model, in order. Torch-free."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fathom.data.fetch.inputs import fetch_input
from fathom.data.texts.reading import decode_text, read_text
from fathom.errors import FathomError, UsageError
from fathom.inference.image_inputs import STDIN
from fathom.inference.text_model import TextModel

COLUMNS = ["file", "line", "tokens", "unknown", "perplexity", "text", "error"]
_MOST_EXPONENT = 700.0  # e to a larger power is no longer a float
_STEPS = 4096  # tokens read at a time

Row = dict[str, Any]


def predict_lines(
    model: TextModel, inputs: Sequence[str | Path], *, top: int = 1, encoding: str = "utf-8"
) -> tuple[list[str], Iterator[Row]]:
    """Return the perplexity of each line of text files, "-" for standard input; empty lines are skipped.

    Every line is read on its own, from the initial state. If the vocabulary has the line break or the space, that
    comes first, so that all tokens of the line are predicted; otherwise all but the first are.

    Returns: the names of the columns, and an iterator of rows: file, line (counted from 1), tokens
        predicted, how many of them are unknown, perplexity, text, error
    Raises:  UsageError if ``top`` is not 1, or an input is a folder
    """
    if top != 1:
        raise UsageError("--top is for classifiers; a language model gives the perplexity of each line")
    for source in inputs:
        if Path(source).is_dir():
            raise UsageError(f"{source}: is a folder; this model reads texts, give the files")
    return COLUMNS, _rows(model, inputs, encoding)


def _rows(model: TextModel, inputs: Sequence[str | Path], encoding: str) -> Iterator[Row]:
    tokenizer, vocabulary = model.tokenizer, model.vocabulary
    opening = [token for token in ("\n", " ") if token in vocabulary][:1]
    for source in inputs:
        shown = "standard input" if source == STDIN else str(source)
        try:
            if source == STDIN:
                text = decode_text(sys.stdin.buffer.read(), shown, encoding)
            else:
                text = read_text(fetch_input(source), encoding)
        except FathomError as error:
            yield {"file": shown, "error": str(error)}
            continue
        # not splitlines, which parts at U+2028 and form feeds too
        for number, line in enumerate(text.split("\n"), start=1):
            tokens = vocabulary.encode([*opening, *tokenizer.split(line.strip())]).tolist()
            if len(tokens) < 2:
                continue
            loss, unknown = _score(model, tokens), tokens[1:].count(0)  # the first is read, not predicted
            row: Row = {"file": shown, "line": number, "tokens": len(tokens) - 1, "unknown": unknown}
            row |= {"text": line.strip(), "error": ""}
            is_number = loss < _MOST_EXPONENT
            yield row | (
                {"perplexity": float(f"{math.exp(loss):.7g}")}
                if is_number
                else {"error": "the perplexity is not finite"}
            )


def _score(model: TextModel, tokens: list[int]) -> float:
    """Return the mean cross-entropy of the tokens after the first."""
    total, state = 0.0, None
    for start in range(0, len(tokens) - 1, _STEPS):
        targets = tokens[start + 1 : start + 1 + _STEPS]
        logits, state = model.read(tokens[start : start + len(targets)], state)
        scores = logits.astype(np.float64)
        scores -= scores.max(1, keepdims=True)  # (n, num_tokens); or exp overflows from 710 on
        # logsumexp − the target's score, summed
        total += float((np.log(np.exp(scores).sum(1)) - scores[range(len(targets)), targets]).sum())
    return total / (len(tokens) - 1)
