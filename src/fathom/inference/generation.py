"""``fathom generate`` as a function: a language model goes on with a text, token by token. An export needs no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fathom.errors import FathomError, UsageError
from fathom.inference.onnx_file import is_onnx, open_export
from fathom.inference.onnx_inputs import TokenInput
from fathom.inference.text_model import OnnxTextModel, TextModel
from fathom.runs.folder.lookup import resolve_run


@dataclass(frozen=True)
class Generated:
    """What a model wrote: ``prefix`` as it read it, ``continuation``, and the tokens of the prefix it did not know."""

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
    """Go on with ``prefix`` by ``length`` tokens: each is drawn from the model's distribution after those before it.

    Args:
        run: the run folder, its name in ``runs/``, "last", or an ``.onnx`` file that ``fathom export`` wrote.
        prefix: read before the first token is drawn, cleaned as the training text was; empty for the most frequent
            token.
        temperature: logits are divided by it: below 1 likely tokens become likelier; 0 always takes the likeliest.
        top_k: draw among the k likeliest only.
        seed: of the draws.
    Raises:  UsageError if the model is no language model, or an option makes no sense
    """
    _check(length, temperature, top_k)
    model = _open(run, device)
    tokenizer, vocabulary = model.tokenizer, model.vocabulary
    # The vocabulary goes by frequency, after "unknown" and the reserved tokens.
    tokens = list(tokenizer.split(prefix)) or [vocabulary.tokens[min(1 + len(tokenizer.reserved), len(vocabulary) - 1)]]
    unknown = tuple(dict.fromkeys(token for token in tokens if token not in vocabulary))
    numbers = vocabulary.encode(tokens).tolist()
    written = vocabulary.decode(write(model, numbers, length, temperature=temperature, top_k=top_k, seed=seed))
    # joined as one: words set a space between
    whole, beginning = tokenizer.join([*tokens, *written]), tokenizer.join(tokens)
    return Generated(beginning, whole[len(beginning) :], whole, unknown)


def _open(run: str | Path, device: str) -> TextModel:
    if is_onnx(run):
        exported = open_export(run, device)
        if not isinstance(exported.input, TokenInput):
            raise _no_writer(run, exported.kind)
        return OnnxTextModel(exported)
    from fathom.inference.run_models import RunTextModel
    from fathom.inference.saved import load_module
    from fathom.module import LanguageModel
    from fathom.training.device import find_device

    run = resolve_run(run)
    module, description = load_module(run)
    if not isinstance(module, LanguageModel):
        raise _no_writer(run, description["kind"])
    return RunTextModel(module.to(find_device(device)))


def _no_writer(run: str | Path, kind: str) -> UsageError:
    return UsageError(f"{run}: this model is a {kind}; only those trained on a text can write one")


def write(
    model: TextModel,
    numbers: Sequence[int],
    length: int,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    seed: int = 0,
) -> list[int]:
    """Draw ``length`` numbers of tokens after those given; "unknown", number 0, is never drawn.

    Equals:  softmax of the logits over temperature, all but the ``top_k`` largest left out, number 0 among them
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
        raise FathomError("the model gives no probabilities, its numbers are not finite")
    if temperature == 0:
        return int(logits.argmax())
    if top_k is not None and top_k < len(logits) - 1:  # all but "unknown" is every token: nothing to leave out
        logits[logits < np.partition(logits, -top_k)[-top_k]] = -np.inf  # those equal to the k-th stay, even beyond k
    # the largest first, so that a small temperature makes no overflow
    probability = np.exp((logits - logits.max()) / temperature)
    return int(rng.choice(len(logits), p=probability / probability.sum()))


def _check(length: int, temperature: float, top_k: int | None) -> None:
    if length < 1:
        raise UsageError(f"length {length}: it must be at least 1")
    if not 0 <= temperature < float("inf"):
        raise UsageError(f"temperature {temperature}: it must be a number of at least 0")
    if top_k is not None and top_k < 1:
        raise UsageError(f"top_k {top_k}: it must be at least 1")
