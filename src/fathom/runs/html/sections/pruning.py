"""The section of a report that shows what pruning did."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fathom.phrases import counted
from fathom.runs.analysis.numbers import count, percent
from fathom.runs.analysis.paired import METHOD
from fathom.runs.analysis.pruning import check_pruning, name_layers, stage_table
from fathom.runs.html.markup import Html, element, fold, note, table
from fathom.runs.html.page import Section
from fathom.runs.html.summary import show_findings


def show_pruning(record: Mapping[str, Any]) -> Section:
    """Write the section from the record in ``prune.json``."""
    header, rows = stage_table(record)
    what = "channels" if record.get("structured") else "weights"
    how = (
        f"{percent(record.get('amount'), 0)} of the {what}, {record.get('scope')}, criterion {record.get('criterion')}"
    )
    epochs = counted(record.get("finetune") or 0, "epoch")  # 0: not fine-tuned
    about = (
        f"Pruned from {Path(str(record.get('run'))).name}: {how}; then {epochs} of "
        "fine-tuning. Times are those of one batch, measured in turns on the machine below, in float32."
        f"{' ' + METHOD if record.get('pairs') else ''}"
    )
    stages = table(header, rows, label="Before and after pruning")
    return Section("pruning", "Pruning", note(about), stages, show_findings(check_pruning(record)), _places(record))


def _places(record: Mapping[str, Any]) -> Html:
    if record.get("structured"):  # channels were removed
        rows = [
            (name_layers(place["layers"]), count(place["before"]), count(place["after"]))
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
