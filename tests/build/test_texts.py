"""A text from settings to a evaluated model: perplexity by hand, writing, lines scored, what does not fit refused."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import fathom
from fathom.data.texts.module import TextData
from fathom.data.texts.options import TextOptions
from fathom.data.texts.vocabulary import Tokenizer, Vocabulary
from fathom.errors import FathomError, UsageError
from fathom.inference.generation import generate, sample_tokens
from fathom.inference.run_models import RunTextModel
from fathom.inference.saved import load_module
from fathom.module import LanguageModel
from fathom.recipes.evaluate import evaluate
from fathom.recipes.predict import predict
from fathom.recipes.train import train
from fathom.settings.settings import Settings

VERSE = "the tide is out and the sand is wet, and the gulls walk where the sea has been.\n"


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "book.txt"
    path.write_text(VERSE * 40, encoding="utf-8")
    return path


def settings(book: Path, **changes: Any) -> Any:
    tree = {
        "model": {"name": "gru", "options": {"hidden": 24}},
        "data": {"name": str(book), "batch_size": 4, "options": {"steps": 16}},
        "training": {"epochs": 4, "lr": 0.02},
    }
    for section, values in changes.items():
        tree[section] = tree.get(section, {}) | values
    return Settings(tree)


@pytest.fixture(scope="module")
def run(book: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(settings(book), root=tmp_path_factory.mktemp("runs")).path


def perplexity_by_hand(net: nn.Module, tokens: Tensor) -> float:
    """Read a part in one go, and take what torch's softmax says of every token but the first."""
    read = tokens.long()
    with torch.no_grad():
        logits = net(read[:-1, None])[0][:, 0]
    return math.exp(-float(logits.double().log_softmax(1)[torch.arange(len(read) - 1), read[1:]].mean()))


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_perplexity_is_what_torch_says_by_hand(run: Path, book: Path, split: str) -> None:
    module, _ = load_module(run)
    data = TextData.read(book, 4, options=TextOptions(steps=16))
    result = evaluate(run, split)
    expected = perplexity_by_hand(module.net, getattr(data, split))
    assert result["perplexity"] == pytest.approx(expected, rel=1e-5)
    assert result["perplexity"] == pytest.approx(math.exp(result["loss"]))
    assert result["bits_per_token"] == pytest.approx(math.log2(result["perplexity"]))
    assert result["num_samples"] == len(getattr(data, split)) - 1


def test_the_run_records_perplexity_and_evaluates_once(run: Path) -> None:
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    epochs = [record for record in records if record["event"] == "epoch"]
    for record in epochs:
        for part in ("train", "val"):
            assert record[f"{part}_perplexity"] == pytest.approx(math.exp(record[f"{part}_loss"]), rel=1e-6)
    assert epochs[-1]["val_perplexity"] < 0.6 * epochs[0]["val_perplexity"]
    evaluation = json.loads((run / "evaluation.json").read_text())
    assert evaluation["split"] == "test"
    assert evaluation["perplexity"] == pytest.approx(evaluate(run)["perplexity"])
    assert [sample["temperature"] for sample in evaluation["samples"]] == [0.5, 0.8, 1.0]
    page = (run / "report.html").read_text()
    assert "perplexity-chart" in page
    assert "test perplexity" in page
    assert "Generated text" in page


def test_what_is_saved_is_enough_to_read_a_text(run: Path) -> None:
    description = json.loads((run / "model.json").read_text())
    assert description["kind"] == "language_model"
    assert description["input"] == {"kind": "tokens", "steps": 16}
    assert description["tokenizer"] == {
        "level": "char",
        "lower": False,
        "clean": "none",
        "reserved": [],
        "normalize": "NFC",
    }
    assert set(description["tokens"]) == {"<unk>", *VERSE}
    module, _ = load_module(run)
    assert isinstance(module, LanguageModel)
    assert module.tokens == tuple(description["tokens"])


# Writing -------------------------------------------------------------------------------------------------------------


def test_writing_is_seeded_and_goes_on_with_the_prefix(run: Path) -> None:
    first, again, other = (generate(run, "the tide", 60, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first.text != other.text
    assert first.text.startswith("the tide")
    assert first.text == first.prefix + first.continuation
    assert len(first.continuation) == 60
    assert "<unk>" not in first.text


def test_without_a_prefix_the_most_frequent_token_begins(run: Path) -> None:
    assert generate(run, length=5).prefix == " "


def test_greedy_is_the_largest_logit_each_time(run: Path) -> None:
    module, _ = load_module(run)
    assert isinstance(module, LanguageModel)
    tokens = Vocabulary(module.tokens).encode("the sea").tolist()
    written = sample_tokens(RunTextModel(module), tokens, 12, temperature=0)
    with torch.no_grad():
        logits = module.net(torch.tensor(tokens + written)[:, None])[0][len(tokens) - 1 : -1, 0]
    logits[:, 0] = -math.inf
    assert written == logits.argmax(1).tolist()
    assert written == sample_tokens(RunTextModel(module), tokens, 12, top_k=1, seed=5)


def test_draws_follow_the_distribution() -> None:
    """One token after another, always from the same three logits: the frequencies are those of the softmax."""

    class Constant(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.logits = nn.Parameter(torch.tensor([5.0, 0.0, 1.0, 2.0]))

        def forward(self, X: Tensor, state: Any = None) -> tuple[Tensor, Any]:
            return self.logits.expand(*X.shape, 4), state

    module = LanguageModel(Constant(), tokens=["<unk>", "a", "b", "c"], tokenizer=Tokenizer().describe())
    for temperature in (0.7, 2.0):
        counts = (
            torch.tensor(sample_tokens(RunTextModel(module), [1], 4000, temperature=temperature)).bincount(minlength=4)
            / 4000
        )
        expected = torch.tensor([-math.inf, 0.0, 1.0, 2.0]).div(temperature).softmax(0)
        assert torch.allclose(counts, expected, atol=0.03)
    assert set(sample_tokens(RunTextModel(module), [1], 200, top_k=2)) == {2, 3}


def test_what_the_prefix_holds_that_is_not_known_is_named(run: Path) -> None:
    generated = generate(run, "zé tide 中é", 5)
    assert generated.unknown == ("z", "é", "中")
    assert generated.text.startswith("zé tide 中é")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"length": 0}, "length must be at least 1, not 0"),
        ({"temperature": -1}, "temperature must be at least 0, not -1"),
        ({"temperature": math.nan}, "temperature must be at least 0, not nan"),
        ({"top_k": 0}, "top_k must be at least 1, not 0"),
    ],
)
def test_options_of_writing_that_make_no_sense(run: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        generate(run, "the", **options)
    assert message in str(caught.value)


# Lines ---------------------------------------------------------------------------------------------------------------


def test_lines_are_scored_one_by_one(run: Path, tmp_path: Path) -> None:
    path = tmp_path / "lines.txt"
    path.write_text(f"{VERSE}\n  the zea\nxq\n", encoding="utf-8")
    columns, rows = predict(run, [path, tmp_path / "absent.txt"])
    first, second, third, last = list(rows)
    assert set(first) <= set(columns)
    assert [row["line"] for row in (first, second, third)] == [1, 3, 4]
    assert [row["unknown"] for row in (first, second, third)] == [0, 1, 2]
    assert first["perplexity"] < second["perplexity"]
    module, _ = load_module(run)
    numbers = torch.from_numpy(Vocabulary(module.tokens).encode("\nthe zea")).long()
    with torch.no_grad():
        loss = F.cross_entropy(module(numbers[:-1, None])[:, 0], numbers[1:])
    assert second["perplexity"] == pytest.approx(float(loss.exp()))
    assert second["tokens"] == 7
    assert "absent.txt" in last["error"]
    with pytest.raises(UsageError, match="a folder; this model reads texts"):
        predict(run, [tmp_path])
    with pytest.raises(UsageError, match="--top is for classifiers"):
        predict(run, [path], top=2)


# What does not fit ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "data", "message"),
    [
        ("lenet", None, "lenet does not read texts such as book.txt; choose one of rnn, gru, lstm"),
        ("gru", "digits", "gru reads texts, and digits is not a text; give a text file, or time_machine"),
        ("lstm", "synthetic_regression", "lstm reads texts, and synthetic_regression is not a text"),
    ],
)
def test_networks_and_data_that_do_not_fit(
    book: Path, tmp_path: Path, model: str, data: str | None, message: str
) -> None:
    config = Settings({"model": {"name": model}, "data": {"name": data or str(book)}})
    with pytest.raises(UsageError) as caught:
        train(config, root=tmp_path)
    assert message in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("section", "values", "message"),
    [
        ("data", {"augment": "flip"}, "is a text; --augment, --resize and input noise are for images"),
        ("data", {"resize": 32}, "is a text; --augment, --resize and input noise are for images"),
        ("data", {"options": {"steps": 4000}}, "too few for sequences of 4000 steps"),
        ("data", {"options": {"level": "letter"}}, "unknown level 'letter'"),
        ("model", {"options": {"hidden": 0}}, "hidden must be a whole number"),
    ],
)
def test_settings_that_make_no_sense(
    book: Path, tmp_path: Path, section: str, values: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        train(settings(book, **{section: values}), root=tmp_path)
    assert message in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_only_language_models_write(tmp_path: Path) -> None:
    config = Settings({"model": {"name": "softmax"}, "training": {"epochs": 1}})
    path = train(config, root=tmp_path).path
    with pytest.raises(
        UsageError, match="this model is a classifier, not a language model; give one trained on a text"
    ):
        fathom.generate(path, "a")


def test_a_text_that_changed_is_not_evaluated(run: Path, book: Path) -> None:
    content = book.read_text()
    book.write_text(content.replace("gulls", "GULLS"))
    try:
        with pytest.raises(FathomError, match="has changed since this model was trained"):
            evaluate(run)
    finally:
        book.write_text(content)


@pytest.mark.parametrize(("model", "level"), [("rnn", "word"), ("lstm", "char"), ("gru", "word")])
def test_every_network_and_level_trains_and_writes(tmp_path: Path, book: Path, model: str, level: str) -> None:
    config = settings(
        book,
        model={"name": model, "options": {"hidden": 16, "layers": 2, "embedding": 8, "dropout": 0.1}},
        data={"batch_size": None, "options": {"steps": 8, "level": level, "partition": "random"}},
        training={"epochs": 2, "lr": 0.01},
    )
    outcome = train(config, root=tmp_path)
    assert outcome.evaluation is not None
    assert outcome.evaluation["perplexity"] < outcome.evaluation["vocabulary"]
    written = generate(outcome.path, "the sea", 6)
    assert len(Tokenizer(level).split(written.continuation)) == 6
