"""The parts of a report that say what was trained and how: layers, configuration, machine, versions, command."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence

from fathom.phrases import counted
from fathom.runs.analysis.numbers import DASH, count, duration, short
from fathom.runs.folder import schema
from fathom.runs.folder.reader import RunReader
from fathom.runs.folder.records import is_number, read_text
from fathom.runs.html.charts.bars import share_bar
from fathom.runs.html.markup import Html, element, fold, join, note, pairs, table
from fathom.runs.html.page import Section
from fathom.runs.html.summary import show_time

_MOST_OPEN_ROWS = 24


def show_layers(run: RunReader) -> Section:
    """Write the layer table, folded when it is long."""
    model = run.model
    if model is None or not isinstance(model.get("layers"), list):
        return Section(
            "layers", "Layers", note("There is no layer table: the run ended before its model was described.")
        )
    layers = [layer for layer in model["layers"] if isinstance(layer, Mapping)]
    totals = {key: sum(_amount(layer.get(key)) for layer in layers) for key in ("parameters", "flops")}
    rows = [
        (
            element("span", layer.get("name", ""), class_="mono"),
            layer.get("type", ""),
            _show_shape(layer.get("output_shape")),
            _show_share(count(layer.get("parameters")), layer.get("parameters"), totals["parameters"]),
            _show_share(short(layer.get("flops")), layer.get("flops"), totals["flops"]),
            count(layer.get("receptive_field")),
        )
        for layer in layers
    ]
    no_bar = element("span", class_="bar")
    footer = (
        "total",
        "",
        "",
        join([count(model.get("parameters")), no_bar]),
        join([short(model.get("flops")), no_bar]),
        "",
    )
    layer_table = table(
        ("Layer", "Type", "Output shape", join(["Parameters", no_bar]), join(["FLOPs", no_bar]), "Receptive field"),
        rows,
        label="Layers",
        text_columns=(0, 1, 2),
        footer=footer,
    )
    network = model.get("model")
    shape = _show_shape(network.get("input_shape") if isinstance(network, Mapping) else None)
    about = note(
        f"{counted(len(layers), 'layer')} for a sample of shape {shape}. FLOPs are those "
        "of one forward pass of one sample: a multiply-add counts as two, and only convolutions, linear and recurrent "
        "layers are counted. Bars are shares of the total."
    )
    if len(layers) > _MOST_OPEN_ROWS:
        return Section("layers", "Layers", about, fold(f"All {len(layers)} layers", layer_table))
    return Section("layers", "Layers", about, layer_table)


def show_config(run: RunReader) -> Section:
    """Write the resolved configuration as it stands in the folder."""
    text = read_text(run.path / schema.CONFIG)
    return Section("config", "Configuration", fold(schema.CONFIG, element("pre", element("code", text), tabindex="0")))


def show_origin(run: RunReader) -> Section:
    """Write the command, the times, and what the run was made with."""
    info = run.run
    command = info.get("command")
    line = shlex.join(map(str, command)) if isinstance(command, list) else str(command or "")
    times = {
        "started": show_time(info.get("created")),
        "finished": show_time(info.get("finished")),
        "training time": duration(run.train_s),
        "seed": info.get("seed", DASH),
    }
    blocks = [_show_group("Run", times), *(_show_group(key.title(), info.get(key)) for key in ("machine", "versions"))]
    shell = element("pre", element("code", line), class_="command") if line else ""
    choices = _show_group("Choices made by Fathom", info.get("choices"), "pairs long")
    return Section("origin", "Origin", shell, element("div", *blocks, class_="columns"), choices)


def _show_group(title: str, entries: object, class_: str = "pairs") -> Html:
    if not isinstance(entries, Mapping) or not entries:
        return Html("")
    shown = pairs(((name, _show_value(value)) for name, value in entries.items()), class_)
    return element("div", element("h3", title), shown, class_="group")


def _show_share(text: str, value: object, total: float) -> Html:
    amount = _amount(value)
    bar = share_bar(amount / total) if amount else element("span", class_="bar")
    return element("span", text, bar, class_="" if amount else "quiet")


def _show_shape(shape: object) -> str:
    return "×".join(map(str, shape)) if isinstance(shape, Sequence) and not isinstance(shape, str) else DASH


def _show_value(value: object) -> str | Html:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _amount(value: object) -> float:
    return value if is_number(value) else 0
