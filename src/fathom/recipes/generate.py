"""``fathom generate`` as a function: a language model goes on with a text, token by token."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fathom.data.text import TextData
from fathom.data.vocabulary import Tokenizer, Vocabulary
from fathom.errors import UsageError
from fathom.module import LanguageModel
from fathom.recipes.saved import load_module
from fathom.runs.reader import resolve_run
from fathom.training.device import find_device

_SAMPLE_LENGTH = {"char": 400, "word": 100}
_SAMPLE_PREFIX = {"char": 40, "word": 8}
_SAMPLE_TEMPERATURES = (0.5, 0.8, 1.0)


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
        run: the run folder, its name in ``runs/``, or "last".
        prefix: read before the first token is drawn, cleaned as the training text was; empty for the most frequent
            token.
        temperature: logits are divided by it: below 1 likely tokens become likelier; 0 always takes the likeliest.
        top_k: draw among the k likeliest only.
        seed: of the draws.
    Raises:  UsageError if the model is no language model, or an option makes no sense
    """
    run = resolve_run(run)
    module, description = load_module(run)
    if not isinstance(module, LanguageModel):
        raise UsageError(f"{run}: this model is a {description['kind']}; only those trained on a text can write one")
    _check(length, temperature, top_k)
    tokenizer, vocabulary = _reading_of(module)
    tokens = list(tokenizer.split(prefix)) or [vocabulary.tokens[min(1 + len(tokenizer.reserved), len(vocabulary) - 1)]]
    unknown = tuple(dict.fromkeys(token for token in tokens if token not in vocabulary))
    numbers = vocabulary.encode(tokens).tolist()
    module.to(find_device(device))
    written = vocabulary.decode(write(module, numbers, length, temperature=temperature, top_k=top_k, seed=seed))
    whole, beginning = tokenizer.join([*tokens, *written]), tokenizer.join(tokens)
    return Generated(beginning, whole[len(beginning) :], whole, unknown)


@torch.inference_mode()
def write(
    module: LanguageModel,
    numbers: list[int],
    length: int,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    seed: int = 0,
) -> list[int]:
    """Draw ``length`` numbers of tokens after those given; "unknown", number 0, is never drawn.

    Equals:  softmax of the logits over temperature, all but the ``top_k`` largest left out, number 0 among them
    """
    module.eval()
    device = next(module.parameters()).device
    generator = torch.Generator().manual_seed(seed)
    X = torch.tensor(numbers, device=device).unsqueeze(1)
    state: Any = None
    written: list[int] = []
    for _ in range(length):
        logits, state = module.net(X, state)
        number = _draw(logits[-1, 0].double().cpu(), temperature, top_k, generator)
        written.append(number)
        X = torch.tensor([[number]], device=device)
    return written


def write_samples(module: LanguageModel, data: TextData) -> list[dict[str, Any]]:
    """Let the model go on with the beginning of the test part, for the report, at several temperatures."""
    level = data.tokenizer.level
    numbers = data.test[: _SAMPLE_PREFIX[level]].tolist()
    tokens = data.vocabulary.decode(numbers)
    prefix = data.tokenizer.join(tokens)
    samples = []
    for temperature in _SAMPLE_TEMPERATURES:
        written = write(module, numbers, _SAMPLE_LENGTH[level], temperature=temperature, seed=data.seed)
        text = data.tokenizer.join([*tokens, *data.vocabulary.decode(written)])
        samples.append({"temperature": temperature, "prefix": prefix, "text": text[len(prefix) :]})
    return samples


def _draw(logits: Tensor, temperature: float, top_k: int | None, generator: torch.Generator) -> int:
    logits[0] = -torch.inf
    if temperature == 0:
        return int(logits.argmax())
    if top_k is not None and top_k < len(logits) - 1:
        logits[logits < logits.topk(top_k).values[-1]] = -torch.inf
    # the largest first, so that a small temperature makes no overflow
    probability = ((logits - logits.max()) / temperature).softmax(0)
    return int(torch.multinomial(probability, 1, generator=generator))


def _reading_of(module: LanguageModel) -> tuple[Tokenizer, Vocabulary]:
    options = dict(module.tokenizer)
    return Tokenizer(**options | {"reserved": tuple(options["reserved"])}), Vocabulary(module.tokens)


def _check(length: int, temperature: float, top_k: int | None) -> None:
    if length < 1:
        raise UsageError(f"length {length}: it must be at least 1")
    if not 0 <= temperature < float("inf"):
        raise UsageError(f"temperature {temperature}: it must be a number of at least 0")
    if top_k is not None and top_k < 1:
        raise UsageError(f"top_k {top_k}: it must be at least 1")
