"""The parts of a report that show a language model: figures on the test split, samples of what it writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fathom.runs.analysis.numbers import count, decimal, percent
from fathom.runs.html.markup import Html, element, note, table
from fathom.runs.html.page import Section

MOST_SAMPLES = 8  # a foreign file may hold any number of them
MOST_CHARACTERS = 4000


def show_text(evaluation: Mapping[str, Any]) -> list[Section]:
    """Write the figures and, where there are any, the samples."""
    figures = Section("test", "Test split", note(_explain(evaluation)), _figures(evaluation))
    samples = [sample for sample in evaluation.get("samples") or [] if isinstance(sample, Mapping)]
    if not samples:
        return [figures]
    about = (
        "The model goes on with the words in bold, which begin the test split. A low temperature keeps to what is "
        "likely; at 1, tokens are drawn as the model expects them."
    )
    return [figures, Section("samples", "Generated text", note(about), *map(_show_sample, samples[:MOST_SAMPLES]))]


def _explain(evaluation: Mapping[str, Any]) -> str:
    return (
        "The test split is the end of the text, and the model read it once, from beginning to end. Perplexity is e to "
        "the mean loss: between how many equally likely tokens the model wavers. One that knew nothing would waver "
        f"between all {count(evaluation.get('vocabulary'))} of its vocabulary."
    )


def _figures(evaluation: Mapping[str, Any]) -> Html:
    tokens, unknown = evaluation.get("num_samples"), evaluation.get("unknown")
    # share only where both are counts
    share = f" ({percent(unknown / tokens)})" if isinstance(unknown, int) and isinstance(tokens, int) and tokens else ""
    rows = [
        ("Perplexity", decimal(evaluation.get("perplexity"))),
        ("Loss", decimal(evaluation.get("loss"))),
        ("Bits per token", decimal(evaluation.get("bits_per_token"))),
        ("Tokens predicted", count(tokens)),
        ("Tokens outside the vocabulary", count(unknown) + share),
        ("Vocabulary", f"{count(evaluation.get('vocabulary'))} {evaluation.get('level', 'token')}s"),
    ]
    return table(("", "Value"), rows, label="Test figures")


def _show_sample(sample: Mapping[str, Any]) -> Html:
    # prefix bold, what was written plain
    prefix, text = str(sample.get("prefix", "")), str(sample.get("text", ""))[:MOST_CHARACTERS]
    written = element("blockquote", element("b", prefix), text, class_="written")
    return element("div", element("h3", f"Temperature {sample.get('temperature', '?')}"), written)
