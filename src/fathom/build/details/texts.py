"""Quality of a language model on a text, and samples of what it writes."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from fathom.data.texts.module import TextData
from fathom.inference.generation import sample_tokens
from fathom.inference.run_models import RunTextModel
from fathom.module import LanguageModel, Module
from fathom.runs.folder.schema import SCHEMA
from fathom.training.device import Execution
from fathom.training.evaluation import evaluate_batches

_SAMPLE_LENGTH = {"char": 400, "word": 100}  # tokens
_SAMPLE_PREFIX = {"char": 40, "word": 8}  # tokens from the test split that it goes on from
_SAMPLE_TEMPERATURES = (0.5, 0.8, 1.0)  # cautious, in between, as the model learned it


def evaluate_text(
    module: Module, data: TextData, split: str, batches: Iterable[Any], execution: Execution
) -> dict[str, Any]:
    """Return the content of ``evaluation.json``: mean loss over the tokens, perplexity, how many were unknown."""
    found = evaluate_batches(module, batches, execution)
    means = found.metrics
    return {
        "schema": SCHEMA,
        "split": split,
        "num_samples": found.num_samples,
        "loss": means["loss"],
        "perplexity": means["perplexity"],
        "bits_per_token": means["loss"] / math.log(2),  # nats to bits
        "level": data.tokenizer.level,
        "vocabulary": len(data.vocabulary),  # perplexities compare only at equal level and vocabulary
        "unknown": data.count_unknown()[split],
        **({"encoding": data.encoding} if data.encoding != "utf-8" else {}),
    }


def write_samples(module: LanguageModel, data: TextData) -> list[dict[str, Any]]:
    """Let the model continue the start of the test split, for the report, at several temperatures."""
    level, model = data.tokenizer.level, RunTextModel(module.eval())
    numbers = data.test[: _SAMPLE_PREFIX[level]].tolist()
    tokens = data.vocabulary.decode(numbers)
    prefix = data.tokenizer.join(tokens)
    samples = []
    for temperature in _SAMPLE_TEMPERATURES:
        written = sample_tokens(model, numbers, _SAMPLE_LENGTH[level], temperature=temperature, seed=data.seed)
        # joined as a whole: spaces depend on the neighbouring tokens
        text = data.tokenizer.join([*tokens, *data.vocabulary.decode(written)])
        samples.append({"temperature": temperature, "prefix": prefix, "text": text[len(prefix) :]})
    return samples
