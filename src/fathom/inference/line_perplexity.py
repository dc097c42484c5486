"""The perplexity of each line of a text under a language model, in order. Torch-free."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from fathom.data.fetch.inputs import fetch_input
from fathom.data.texts.reading import decode_text, read_text
from fathom.errors import FathomError, UsageError
from fathom.findings import Finding
from fathom.inference.image_inputs import STDIN
from fathom.inference.predictions import PredictionRequest, Predictions
from fathom.inference.text_model import TextModel
from fathom.unknown_tokens import check_text

COLUMNS = ["file", "line", "tokens", "unknown", "perplexity", "text", "error"]
_MOST_EXPONENT = 700.0  # e to a larger power is no longer a float
_STEPS = 4096  # tokens read at a time

Row = dict[str, Any]


def predict_texts(model: TextModel, request: PredictionRequest) -> Predictions:
    """Return the perplexity of each line of text files, "-" for standard input; empty lines are skipped.

    Every line is read on its own, from the initial state. If the vocabulary has the line break or the space, that
    comes first, so that all tokens of the line are predicted; otherwise all but the first are. The columns of a row:
    file, line (counted from 1), tokens predicted, how many of them are unknown, perplexity, text, error.

    Raises:  UsageError if ``top`` is not 1, or an input is a folder
    """
    if request.top != 1:
        raise UsageError("--top is for classifiers; a language model gives the perplexity of each line")
    for source in request.inputs:
        if Path(source).is_dir():
            raise UsageError(f"{source}: is a folder; this model reads texts, give the files")
    reading = _Reading(model, request.encoding)
    rows = (row for source in request.inputs for row in reading.rows(source))
    return Predictions(COLUMNS, rows, what="lines", findings=reading.findings)


class _Reading:
    """Texts as a model reads them: their rows, and what was found on the way."""

    def __init__(self, model: TextModel, encoding: str | None) -> None:
        self.model, self.encoding = model, encoding
        self.unknown = self.size = 0  # tokens of all lines
        self.guesses: list[Finding] = []

    def findings(self) -> list[Finding]:
        """Return the encodings that were found out, and many unknown tokens."""
        found = check_text("what was read", self.unknown, self.size, self.model.tokenizer.level)
        return [*self.guesses, *([found] if found is not None and found.severity == "warning" else [])]

    def rows(self, source: str | Path) -> Iterator[Row]:
        """Return a row for each line that is not empty."""
        shown = "standard input" if source == STDIN else str(source)
        try:
            text = self._read(source, shown)
        except FathomError as error:
            yield {"file": shown, "error": str(error)}
            return
        # not splitlines, which parts at U+2028 and form feeds too
        for number, line in enumerate(text.split("\n"), start=1):
            found = score_line(self.model, line)
            if found is None:
                continue
            self.unknown, self.size = self.unknown + found["unknown"], self.size + found["tokens"]
            yield {"file": shown, "line": number} | found

    def _read(self, source: str | Path, shown: str) -> str:
        """Read a text; what is not UTF-8 is taken to be encoded as the training text was, if it can be.

        Raises:  FathomError
        """
        expected = self.model.encoding
        if source == STDIN:
            content = sys.stdin.buffer.read()
            file = decode_text(content, shown, self.encoding, expected=expected, option="--encoding")
        else:
            file = read_text(fetch_input(source), self.encoding, expected=expected, option="--encoding")
        if file.is_guessed:
            cause = "as the training text was" if file.encoding == expected else ""
            evidence = {"encoding": file.encoding}
            remedy = "--encoding names another"
            self.guesses.append(Finding("data.encoding", "note", file.describe(shown), evidence, cause, remedy, shown))
        return file.text


def score_line(model: TextModel, line: str) -> Row | None:
    """Return how many tokens of a line are predicted, how many of them are unknown, and its perplexity, or an error.

    None if the line has too few tokens.
    """
    opening = [token for token in ("\n", " ") if token in model.vocabulary][:1]
    tokens = model.vocabulary.encode([*opening, *model.tokenizer.split(line.strip())]).tolist()
    if len(tokens) < 2:
        return None
    # the first token is read, not predicted
    loss, unknown = _score(model, tokens), tokens[1:].count(0)
    row: Row = {"tokens": len(tokens) - 1, "unknown": unknown, "text": line.strip(), "error": ""}
    if loss < _MOST_EXPONENT:
        return row | {"perplexity": float(f"{math.exp(loss):.7g}")}
    return row | {"error": "the perplexity is not finite"}


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
