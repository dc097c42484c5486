"""What pruning did, from ``prune.json``: a table of the stages, plain sentences, and the section of a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fathom.errors import FathomError
from fathom.phrases import counted
from fathom.runs.analysis.numbers import DASH, count, decimal, percent, short
from fathom.runs.analysis.paired import METHOD, Pairing
from fathom.runs.folder import schema
from fathom.runs.folder.reader import RunReader
from fathom.runs.folder.records import is_number, read_json
from fathom.runs.html.markup import Html, element, fold, note, table
from fathom.runs.html.page import Section

STAGES = {"before": "before", "pruned": "pruned", "finetuned": "fine-tuned"}
_SPLITS = {"val": "validation", "train": "training"}
_METRICS = ("accuracy", "perplexity", "rmse", "loss")
_WORDS = {"accuracy": "accuracy", "perplexity": "perplexity", "rmse": "RMSE", "loss": "loss"}
_FASTER = 1.05  # a smaller gain in time is called none


def read_pruning(run: Path) -> dict[str, Any] | None:
    """Read prune.json of a run folder; None where the run did not begin with a pruned model.

    Raises:  FathomError if it is damaged or from a newer Fathom
    """
    path = run / schema.PRUNING
    if not path.exists():
        return None
    record = read_json(path)
    schema.check_schema(record, path)
    stages, times = record.get("stages"), record.get("times")
    if not (isinstance(stages, Mapping) and isinstance(times, list) and {"before", "pruned"} <= set(stages)):
        raise FathomError(f"{path} is damaged: it lacks stages or times")
    for entry in (*stages.values(), *times):
        if not isinstance(entry, Mapping):
            raise FathomError(f"{path} is damaged: a stage or a time is no set of figures")
    return record


def stage_table(record: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Return the header and one row for each stage: size, zeros, quality, time."""
    stages, times = record["stages"], record["times"]
    metric = _metric(record)
    split = _SPLITS.get(str(stages["before"].get("split")), "")
    header = ["", "parameters", "FLOPs", "zero weights", f"{split} {_WORDS[metric]}"]
    header += [f"{split} loss"] if metric != "loss" else []
    header += [f"ms, batch of {row['batch']}" for row in times]
    rows = []
    for key, title in STAGES.items():
        if key not in stages:
            continue
        stage = stages[key]
        share = stage["zeros"] / stage["weights"] if stage.get("weights") else 0.0
        row = [title, count(stage.get("parameters")), short(stage.get("flops")), percent(share)]
        row += [_show(metric, stage.get(metric))] + ([decimal(stage.get("loss"))] if metric != "loss" else [])
        # Fine-tuning changes weights, not the work: its time is that of the pruned network.
        row += [_milliseconds(each["ms"].get(key if key == "before" else "pruned")) for each in times]
        rows.append(row)
    return header, rows


def read_gain(record: Mapping[str, Any]) -> list[str]:
    """Say what was gained and what it cost, no more than the numbers bear out."""
    return [text for text in (_size(record), _time(record), _quality(record)) if text]


def show_pruning(run: RunReader) -> Section | None:
    """Write the section, if the run began with a pruned model."""
    record = read_pruning(run.path)
    if record is None:
        return None
    header, rows = stage_table(record)
    what = "channels" if record.get("structured") else "weights"
    how = (
        f"{percent(record.get('amount'), 0)} of the {what}, {record.get('scope')}, criterion {record.get('criterion')}"
    )
    epochs = counted(record.get("finetune") or 0, "epoch")
    about = (
        f"Pruned from {Path(str(record.get('run'))).name}: {how}; then {epochs} of "
        "fine-tuning. Times are those of one batch, measured in turns on the machine below, in float32."
        f"{' ' + METHOD if record.get('pairs') else ''}"
    )
    sentences = element("ul", *(element("li", text) for text in read_gain(record)), class_="reading")
    stages = table(header, rows, label="Before and after pruning")
    return Section("pruning", "Pruning", note(about), stages, sentences, _places(record), _left(record))


def _places(record: Mapping[str, Any]) -> Html:
    if record.get("structured"):
        rows = [
            (_names(place["layers"]), count(place["before"]), count(place["after"]))
            for place in record.get("places") or []
        ]
        found = table(("Layers", "Channels before", "After"), rows, label="Channels of each layer")
        about = "Layers in one row are added to one another somewhere, so they lose the same channels."
        return fold("Channels of each layer", element("div", note(about), found))
    rows = [
        (each["weight"], count(each["size"]), percent(each["zeros"] / each["size"]))
        for each in record.get("layers") or []
    ]
    return fold("Zeros of each layer", table(("Weight", "Size", "Zero"), rows, label="Zeros of each layer"))


def _left(record: Mapping[str, Any]) -> Html | str:
    left = kept_channel_sentences(record)
    return note("Left whole: " + "; ".join(left) + ".") if left else ""


def kept_channel_sentences(record: Mapping[str, Any]) -> list[str]:
    """Say which layers could not lose channels, and why."""
    return [f"{_names(place['layers'])} ({place['why']})" for place in record.get("left") or []]


def _names(layers: Sequence[str], most: int = 4) -> str:
    shown = ", ".join(layer or "the only layer" for layer in layers[:most])
    return shown if len(layers) <= most else f"{shown} and {len(layers) - most} more"


def _size(record: Mapping[str, Any]) -> str:
    before, after = record["stages"]["before"], record["stages"]["pruned"]
    if not record.get("structured"):
        share = after["zeros"] / after["weights"] if after.get("weights") else None
        return (
            f"{percent(share)} of the {count(after.get('weights'))} weights are zero. The file and the arithmetic are "
            "as large as before: dense kernels multiply by zero as by any other number."
        )
    parameters = f"parameters to {percent(after['parameters'] / before['parameters'], 0)}"
    flops = f", FLOPs to {percent(after['flops'] / before['flops'], 0)}" if before.get("flops") else ""
    return f"The network shrank: {parameters}{flops} of what they were."


def _time(record: Mapping[str, Any]) -> str:
    parts, is_faster = [], []
    for row in record["times"]:
        old, new = row["ms"].get("before"), row["ms"].get("pruned")
        if not (is_number(old) and is_number(new) and new > 0):
            continue
        is_faster.append(old / new >= _FASTER)
        parts.append(f"{_milliseconds(new)} ms instead of {_milliseconds(old)} for a batch of {row['batch']}")
    if not parts:
        return ""
    text = " and ".join(parts)
    if not record.get("structured"):
        return f"It takes {text}: the work is the same, so a difference is chance."
    if all(is_faster):
        return f"It is faster: {text}."
    if not any(is_faster):
        return f"It is not faster: {text}. The calls cost more than the arithmetic saved, or the machine was busy."
    return f"It is faster in part: {text}."


def _quality(record: Mapping[str, Any]) -> str:
    stages, metric = record["stages"], _metric(record)
    before, pruned = stages["before"].get(metric), stages["pruned"].get(metric)
    final = stages["finetuned"].get(metric) if "finetuned" in stages else None
    last = final if is_number(final) else pruned
    if not (is_number(before) and is_number(pruned) and is_number(last)):
        return ""
    split = _SPLITS.get(str(stages["before"].get("split")), "")
    path = f"{_show(metric, before)} before, {_show(metric, pruned)} after pruning"
    if is_number(final):
        path += f", {_show(metric, final)} after fine-tuning"
    better = last - before if metric == "accuracy" else before - last
    pair = Pairing.of((record.get("pairs") or {}).get("finetuned" if is_number(final) else "pruned"))
    text = f"{split.capitalize()} {_WORDS[metric]}: {path}. {_compare_change(metric, better, before, pair)}"
    is_worse = is_number(final) and (final < pruned if metric == "accuracy" else final > pruned)
    return f"{text} Fine-tuning made it worse; try a smaller --lr." if is_worse else text


def _compare_change(metric: str, better: float, before: float, pair: Pairing | None) -> str:
    if metric != "accuracy":
        if better >= 0:
            return "Nothing was lost."
        return f"It is {percent(-better / before)} worse than it was." if before > 0 else "It is worse than it was."
    if better == 0:
        return "Nothing was lost."
    text = f"{100 * abs(better):.2f} points were {'gained' if better > 0 else 'lost'}"
    if pair is None:
        return f"{text}."
    return f"{text}, {'more than' if pair.is_significant else 'within'} {pair.chance_sentence()}."


def _metric(record: Mapping[str, Any]) -> str:
    return next((name for name in _METRICS if name in record["stages"]["before"]), "loss")


def _show(metric: str, value: object) -> str:
    return percent(value, 2) if metric == "accuracy" else decimal(value)


def _milliseconds(value: object) -> str:
    return f"{value:.3g}" if is_number(value) else DASH
