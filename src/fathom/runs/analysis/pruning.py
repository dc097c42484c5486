"""What pruning did, from ``prune.json``: a table of the stages, and findings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fathom.findings import Finding, Plain
from fathom.phrases import enumerated
from fathom.runs.analysis.numbers import DASH, count, decimal, percent, short
from fathom.runs.analysis.paired import PairedCounts
from fathom.runs.folder.records import is_number

STAGES = {"before": "before", "pruned": "pruned", "finetuned": "fine-tuned"}  # in the order they are measured
_SPLITS = {"val": "validation", "train": "training"}  # without a validation split training is measured
_METRICS = ("accuracy", "perplexity", "rmse", "loss")  # the first that a run has is shown
_WORDS = {"accuracy": "accuracy", "perplexity": "perplexity", "rmse": "RMSE", "loss": "loss"}
_FASTER = 1.05  # a smaller gain in time does not count


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
        if key not in stages:  # without fine-tuning
            continue
        stage = stages[key]
        share = stage["zeros"] / stage["weights"] if stage.get("weights") else 0.0  # single weights alone can be zero
        row = [title, count(stage.get("parameters")), short(stage.get("flops")), percent(share)]
        row += [_show(metric, stage.get(metric))] + ([decimal(stage.get("loss"))] if metric != "loss" else [])
        # Fine-tuning changes weights, not the work: its time is that of the pruned network.
        row += [_milliseconds(each["ms"].get(key if key == "before" else "pruned")) for each in times]
        rows.append(row)
    return header, rows


def check_pruning(record: Mapping[str, Any]) -> list[Finding]:
    """Return what was gained and what it cost, as far as the numbers show, and which layers stayed whole."""
    found = [_size(record), _time(record), _quality(record), _kept(record)]
    return [finding for finding in found if finding is not None]


def name_layers(layers: Sequence[str], most: int = 4) -> str:
    """Return the names of at most ``most`` layers as text; the only layer of a network has no name."""
    return enumerated([layer or "the only layer" for layer in layers], most)


def _size(record: Mapping[str, Any]) -> Finding:
    before, after = record["stages"]["before"], record["stages"]["pruned"]
    if not record.get("structured"):  # single weights were set to zero
        share = after["zeros"] / after["weights"] if after.get("weights") else None
        text = (
            f"{percent(share)} of the {count(after.get('weights'))} weights are zero. The file and the arithmetic are "
            "as large as before: dense kernels multiply by zero as by any other number"
        )
        return Finding("prune.size", "note", text, {"zeros": after["zeros"], "weights": after.get("weights")})
    shares = {"parameters": after["parameters"] / before["parameters"]}  # what is left, not what is gone
    if before.get("flops"):
        shares["flops"] = after["flops"] / before["flops"]
    parameters = f"parameters to {percent(shares['parameters'], 0)}"
    flops = f", FLOPs to {percent(shares['flops'], 0)}" if "flops" in shares else ""
    return Finding("prune.size", "note", f"The network shrank: {parameters}{flops} of what they were", shares)


def _time(record: Mapping[str, Any]) -> Finding | None:
    parts, is_faster = [], []
    evidence: dict[str, Plain] = {}
    for row in record["times"]:
        old, new = row["ms"].get("before"), row["ms"].get("pruned")
        if not (is_number(old) and is_number(new) and new > 0):  # a missing or broken time
            continue
        is_faster.append(old / new >= _FASTER)
        parts.append(f"{_milliseconds(new)} ms instead of {_milliseconds(old)} for a batch of {row['batch']}")
        evidence |= {f"ms_before_batch_{row['batch']}": old, f"ms_batch_{row['batch']}": new}
    if not parts:
        return None
    text = " and ".join(parts)
    if not record.get("structured"):
        text = f"A batch takes {text}: the work is the same, so a difference is chance"
        return Finding("prune.time", "note", text, evidence)
    if all(is_faster):  # for every batch size
        return Finding("prune.time", "note", f"The pruned network is faster: {text}", evidence)
    if any(is_faster):
        return Finding("prune.time", "note", f"The pruned network is faster in part: {text}", evidence)
    return Finding(
        "prune.not_faster",
        "warning",
        f"The pruned network is not faster: {text}",
        evidence,
        cause="the calls cost more than the arithmetic saved, or the machine was busy",
    )


def _quality(record: Mapping[str, Any]) -> Finding | None:
    stages, metric = record["stages"], _metric(record)
    before, pruned = stages["before"].get(metric), stages["pruned"].get(metric)
    final = stages["finetuned"].get(metric) if "finetuned" in stages else None
    last = final if is_number(final) else pruned  # fine-tuning may not have been asked for
    if not (is_number(before) and is_number(pruned) and is_number(last)):
        return None
    split = _SPLITS.get(str(stages["before"].get("split")), "")
    path = f"{_show(metric, before)} before, {_show(metric, pruned)} after pruning"
    evidence = {"metric": metric, "before": before, "pruned": pruned}
    if is_number(final):
        path += f", {_show(metric, final)} after fine-tuning"
        evidence["finetuned"] = final
    better = last - before if metric == "accuracy" else before - last  # above 0 is a gain
    pair = PairedCounts.of((record.get("pairs") or {}).get("finetuned" if is_number(final) else "pruned"))
    text = f"{split.capitalize()} {_WORDS[metric]}: {path}. {_compare_change(metric, better, before, pair)}"
    # only accuracy is better when higher
    if is_number(final) and (final < pruned if metric == "accuracy" else final > pruned):
        text += ". Fine-tuning made it worse"
        return Finding("prune.worse_by_finetuning", "warning", text, evidence, remedy="try a smaller --lr")
    return Finding("prune.quality", "note", text, evidence)


def _kept(record: Mapping[str, Any]) -> Finding | None:
    kept = [f"{name_layers(place['layers'])} ({place['why']})" for place in record.get("left") or []]
    if not kept:
        return None
    return Finding("prune.kept_whole", "note", f"Left whole: {'; '.join(kept)}", {"groups": len(kept)})


def _compare_change(metric: str, better: float, before: float, pair: PairedCounts | None) -> str:
    if metric != "accuracy":
        if better >= 0:
            return "Nothing was lost"
        # a share of a loss of 0 has no meaning
        # a share of what it was: losses have no common unit
        return f"It is {percent(-better / before)} worse than it was" if before > 0 else "It is worse than it was"
    if better == 0:
        return "Nothing was lost"
    text = f"{100 * abs(better):.2f} points were {'gained' if better > 0 else 'lost'}"
    if pair is None:
        return text
    return f"{text}, {'more than' if pair.is_significant else 'within'} {pair.chance_sentence()}"


def _metric(record: Mapping[str, Any]) -> str:
    # the first there: accuracy goes before loss
    return next((name for name in _METRICS if name in record["stages"]["before"]), "loss")


def _show(metric: str, value: object) -> str:
    return percent(value, 2) if metric == "accuracy" else decimal(value)


def _milliseconds(value: object) -> str:
    return f"{value:.3g}" if is_number(value) else DASH
