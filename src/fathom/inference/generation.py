"""``fathom generate`` as a function: a language model continues a text, token by token. An export needs no torch."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fathom.data.texts.reading import decode_text
from fathom.errors import FathomError, UsageError
from fathom.inference.onnx_file import is_onnx, open_export
from fathom.inference.onnx_inputs import TokenInput
from fathom.inference.text_model import OnnxTextModel, TextModel
from fathom.runs.folder.lookup import resolve_run


@dataclass(frozen=True)
class Generated:
    """A generated text: ``prefix`` as the model read it, ``continuation``, and unknown tokens of the prefix."""

    prefix: str
    continuation: str
    text: str
    unknown: tuple[str, ...]


def generate(
    run: str | Path,
    prefix: str = "",
    length: int = 200,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    seed: int = 0,
    device: str = "auto",
) -> Generated:
    """Continue ``prefix`` by ``length`` tokens, each drawn from the model's distribution given those before it.

    Args:
        run: the run folder, its name in ``runs/``, "last", or an ``.onnx`` file that ``fathom export`` wrote.
        prefix: the start of the text, cleaned as the training text was; if empty, the most frequent token.
        temperature: logits are divided by it: below 1 likely tokens become likelier; 0 always takes the likeliest.
        top_k: draw only among the k likeliest.
        seed: of the sampling.
    Raises:  UsageError if the model is not a language model, or for an invalid option
    """
    _check(length, temperature, top_k)
    model = _open(run, device)
    tokenizer, vocabulary = model.tokenizer, model.vocabulary
    # The vocabulary goes by frequency, after "unknown" and the reserved tokens.
    prefix = _decode_arguments(prefix, model.encoding)
    tokens = list(tokenizer.split(prefix)) or [vocabulary.tokens[min(1 + len(tokenizer.reserved), len(vocabulary) - 1)]]
    unknown = tuple(dict.fromkeys(token for token in tokens if token not in vocabulary))
    numbers = vocabulary.encode(tokens).tolist()
    written = vocabulary.decode(sample_tokens(model, numbers, length, temperature=temperature, top_k=top_k, seed=seed))
    # joined as one: words set a space between
    whole, start = tokenizer.join([*tokens, *written]), tokenizer.join(tokens)
    return Generated(start, whole[len(start) :], whole, unknown)


def _decode_arguments(text: str, encoding: str) -> str:
    """Read bytes of a command line that were no text to Python as what the model's training text was encoded in."""
    try:
        text.encode()
        return text
    except UnicodeEncodeError:  # lone surrogates stand for such bytes, see os.fsdecode
        return decode_text(os.fsencode(text), "--prefix", expected=encoding).text


def _open(run: str | Path, device: str) -> TextModel:
    if is_onnx(run):
        exported = open_export(run, device)
        if not isinstance(exported.input, TokenInput):
            raise _not_a_language_model(run, exported.kind)
        return OnnxTextModel(exported)
    from fathom.inference.run_models import RunTextModel
    from fathom.inference.saved import load_module
    from fathom.module import LanguageModel
    from fathom.training.device import find_device

    run = resolve_run(run)
    module, description = load_module(run)
    if not isinstance(module, LanguageModel):
        raise _not_a_language_model(run, description["kind"])
    return RunTextModel(module.to(find_device(device)))


def _not_a_language_model(run: str | Path, kind: str) -> UsageError:
    return UsageError(f"{run}: this model is a {kind}, not a language model; give one trained on a text")


def sample_tokens(
    model: TextModel,
    numbers: Sequence[int],
    length: int,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    seed: int = 0,
) -> list[int]:
    """Draw the numbers of ``length`` tokens after those given; "unknown", number 0, is never drawn.

    Equals:  softmax of the logits over temperature, restricted to the ``top_k`` largest, without number 0
    """
    rng = np.random.default_rng(seed)
    written: list[int] = []
    state: Any = None
    for _ in range(length):
        logits, state = model.read(numbers, state)  # (len(numbers), num_tokens); from the second on one token
        # (num_tokens,), after the last of them
        numbers = [_draw(logits[-1].astype(np.float64), temperature, top_k, rng)]
        written += numbers
    return written


def _draw(logits: np.ndarray, temperature: float, top_k: int | None, rng: np.random.Generator) -> int:
    logits[0] = -np.inf  # number 0 is "unknown": it has no text
    if not np.isfinite(logits[1:]).all():
        raise FathomError("the model's outputs are not finite; there are no probabilities to draw from")
    if temperature == 0:
        return int(logits.argmax())
    if top_k is not None and top_k < len(logits) - 1:  # all but "unknown" is every token: nothing to leave out
        logits[logits < np.partition(logits, -top_k)[-top_k]] = -np.inf  # those equal to the k-th stay, even beyond k
    # less the largest, so that a small temperature does not overflow
    probability = np.exp((logits - logits.max()) / temperature)
    return int(rng.choice(len(logits), p=probability / probability.sum()))


def _check(length: int, temperature: float, top_k: int | None) -> None:
    if length < 1:
        raise UsageError(f"length must be at least 1, not {length}")
    if not 0 <= temperature < float("inf"):
        raise UsageError(f"temperature must be at least 0, not {temperature}")
    if top_k is not None and top_k < 1:
        raise UsageError(f"top_k must be at least 1, not {top_k}")
