"""How likely a language model finds the lines of a text: one row a line, in their order."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional as F

from fathom.data.text_file import read_text
from fathom.data.vocabulary import Tokenizer, Vocabulary
from fathom.errors import FathomError, UsageError
from fathom.module import LanguageModel
from fathom.recipes.remote import fetch_input
from fathom.training.device import find_device

COLUMNS = ["file", "line", "tokens", "unknown", "perplexity", "text", "error"]

Row = dict[str, Any]


def score_lines(
    module: LanguageModel, inputs: Sequence[str | Path], *, top: int = 1, device: str = "auto", encoding: str = "utf-8"
) -> tuple[list[str], Iterator[Row]]:
    """Give the perplexity of each line of text files; lines without a token are left out.

    Every line is read by itself, from a state that knows nothing. Where the vocabulary has the line break or the
    space, that comes first, so that all tokens of the line are predicted; otherwise all but the first are.

    Returns: the names of the columns, and rows made as they are asked for: file, line (counted from 1), tokens
        predicted, how many of them are unknown, perplexity, text, error
    Raises:  UsageError if ``top`` is not 1, or an input is a folder
    """
    if top != 1:
        raise UsageError("--top is for classes; a language model gives the perplexity of each line")
    for source in inputs:
        if Path(source).is_dir():
            raise UsageError(f"{source}: a folder; this model reads texts, name the files")
    module.to(find_device(device)).eval()
    return COLUMNS, _rows(module, inputs, encoding)


def _rows(module: LanguageModel, inputs: Sequence[str | Path], encoding: str) -> Iterator[Row]:
    options = module.tokenizer | {"reserved": tuple(module.tokenizer["reserved"])}
    tokenizer, vocabulary = Tokenizer(**options), Vocabulary(module.tokens)
    opening = [token for token in ("\n", " ") if token in vocabulary][:1]
    for source in inputs:
        try:
            text = read_text(fetch_input(source), encoding)
        except FathomError as error:
            yield {"file": str(source), "error": str(error)}
            continue
        for number, line in enumerate(text.split("\n"), start=1):
            tokens = vocabulary.encode([*opening, *tokenizer.split(line.strip())]).tolist()
            if len(tokens) < 2:
                continue
            loss, unknown = _score(module, tokens), tokens[1:].count(0)
            row = {"line": number, "tokens": len(tokens) - 1, "unknown": unknown, "perplexity": math.exp(loss)}
            yield {"file": str(source), **row, "text": line.strip(), "error": ""}


@torch.inference_mode()
def _score(module: LanguageModel, tokens: list[int]) -> float:
    """Give the mean cross-entropy of the tokens after the first."""
    numbers = torch.tensor(tokens, device=next(module.parameters()).device)
    return float(F.cross_entropy(module(numbers[:-1, None]).squeeze(1).float(), numbers[1:]))
