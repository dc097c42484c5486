"""Texts in a run: from settings to data and language model, evaluating by perplexity, a sample of what it writes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import msgspec
import torch

from fathom.settings.config import Config
from fathom.data.images.augment import Compose
from fathom.data.module import LabelledData
from fathom.data.texts.module import TextData
from fathom.data.texts.options import TextOptions
from fathom.data.texts.vocabulary import Tokenizer
from fathom.errors import FathomError, UsageError
from fathom.models import registry
from fathom.module import LanguageModel, Module
from fathom.inference.generation import write
from fathom.build.kinds.names import read_text
from fathom.build.divisions import make_division
from fathom.inference.run_model import RunText
from fathom.runs.folder.schema import SCHEMA
from fathom.training.device import Execution
from fathom.training.evaluation import evaluate_batches

_WORTH_TOKENS = 3e6  # read in training where nobody chose the epochs: minutes on two cores
_MOST_EPOCHS = 40
_SAMPLE_LENGTH = {"char": 400, "word": 100}
_SAMPLE_PREFIX = {"char": 40, "word": 8}
_SAMPLE_TEMPERATURES = (0.5, 0.8, 1.0)


def build_text(config: Config, augment: Compose | None, contents: Any) -> TextData:
    """Make the data module of a text; ``contents`` is the text, where it was read already.

    Raises:  UsageError if settings of images are given, or an option makes no sense
    """
    if augment is not None or config.data.resize is not None:
        raise UsageError(f"{config.data.name} is a text; --augment, --resize and input noise are for images")
    text = read_text(config.data) if contents is None else contents
    options = dict(config.data.options)
    options.pop("encoding", None)
    shares = {"test": options.pop("test")} if "test" in options else {}
    return TextData(
        text,
        config.data.batch_size,
        name=Path(config.data.name).name,
        options=TextOptions(**options),
        val=make_division(config.data),
        **shares,
        seed=config.seed,
    )


def settle_text(config: Config, data: TextData) -> Config:
    """Choose the epochs by the length of the text, where nobody did."""
    if config.training.epochs is not None:
        return config
    epochs = max(1, min(_MOST_EPOCHS, round(_WORTH_TOKENS / data.num_train)))
    return msgspec.structs.replace(config, training=msgspec.structs.replace(config.training, epochs=epochs))


def check_fit(config: Config, data: LabelledData) -> None:
    """Refuse a network that does not read what the data are.

    Raises:  UsageError naming those that do
    """
    name = config.model.name
    takes_tokens = registry.get(name).takes_tokens
    if takes_tokens == (data.task == "language"):
        return
    readers = ", ".join(other for other in registry.own_names() if registry.get(other).takes_tokens)
    if takes_tokens:
        raise UsageError(f"{name} reads texts, and {data.name} is none; its kind of data: a text file, or time_machine")
    raise UsageError(f"{name} does not read texts such as {data.name}; choose one of {readers}")


def build_language_model(net: torch.nn.Module, data: TextData, loss: str | None) -> LanguageModel:
    """Wrap a network together with the vocabulary that its tokens are numbered by."""
    return LanguageModel(
        net,
        tokens=data.vocabulary.tokens,
        tokenizer=data.tokenizer.describe(),
        loss=loss or "cross_entropy",
    )


def read_language_model(net: torch.nn.Module, description: dict[str, Any]) -> LanguageModel:
    """Make the module from a network and what ``model.json`` says of it.

    Raises:  UsageError if vocabulary or tokenizer are damaged
    """
    tokenizer = description["tokenizer"]
    Tokenizer(**(tokenizer | {"reserved": tuple(tokenizer["reserved"])}))  # checks
    return LanguageModel(net, tokens=description["tokens"], tokenizer=tokenizer)


def check_vocabulary(module: LanguageModel, data: TextData) -> None:
    """Refuse to evaluate a model on a text that gives another vocabulary: its parts are no longer those it learned from.

    Raises:  FathomError
    """
    if tuple(module.tokens) != data.vocabulary.tokens or module.tokenizer != data.tokenizer.describe():
        raise FathomError(
            f"{data.name} is no longer as it was when this model was trained, so its parts cannot be told apart; "
            "use fathom predict on a text that the model has not seen"
        )


def evaluate_text(module: Module, data: TextData, split: str, loader: Any, execution: Execution) -> dict[str, Any]:
    """Return the content of ``evaluation.json``: mean loss over the tokens, perplexity, how many were unknown."""
    found = evaluate_batches(module, loader, execution)
    means = found.metrics
    return {
        "schema": SCHEMA,
        "split": split,
        "num_samples": found.num_samples,
        "loss": means["loss"],
        "perplexity": means["perplexity"],
        "bits_per_token": means["loss"] / math.log(2),
        "level": data.tokenizer.level,
        "vocabulary": len(data.vocabulary),
        "unknown": data.count_unknown()[split],
    }


def write_samples(module: LanguageModel, data: TextData) -> list[dict[str, Any]]:
    """Let the model go on with the beginning of the test split, for the report, at several temperatures."""
    level, model = data.tokenizer.level, RunText(module.eval())
    numbers = data.test[: _SAMPLE_PREFIX[level]].tolist()
    tokens = data.vocabulary.decode(numbers)
    prefix = data.tokenizer.join(tokens)
    samples = []
    for temperature in _SAMPLE_TEMPERATURES:
        written = write(model, numbers, _SAMPLE_LENGTH[level], temperature=temperature, seed=data.seed)
        text = data.tokenizer.join([*tokens, *data.vocabulary.decode(written)])
        samples.append({"temperature": temperature, "prefix": prefix, "text": text[len(prefix) :]})
    return samples
