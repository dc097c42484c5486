"""The section of a report that lists the layers of the network."""

from __future__ import annotations

from fathom.phrases import counted
from fathom.runs.analysis.layers import Layer, list_layers
from fathom.runs.analysis.numbers import DASH, count, short
from fathom.runs.folder.reader import RunReader
from fathom.runs.html.charts.bars import share_bar
from fathom.runs.html.markup import Html, element, fold, join, note, table
from fathom.runs.html.page import Section

_MOST_OPEN_ROWS = 24  # about a screen of rows
_NO_BAR = element("span", class_="bar")


def show_layers(run: RunReader) -> Section:
    """Write the layer table, folded when it is long."""
    found = list_layers(run.model)
    if found is None:
        reason = "There is no layer table: the run ended before its model was described."
        return Section("layers", "Layers", note(reason))
    if not found.layers:
        # a network whose forward branches on its data, say
        reason = "There is no layer table: the network cannot be followed layer by layer."
        return Section("layers", "Layers", note(reason))
    # the total's receptive field has no meaning
    footer = ("total", "", "", _with_room(count(found.parameters)), _with_room(short(found.flops)), "")
    header = ("Layer", "Type", "Output shape", _with_room("Parameters"), _with_room("FLOPs"), "Receptive field")
    rows = map(_show_layer, found.layers)
    layers = table(header, rows, label="Layers", text_columns=(0, 1, 2), footer=footer)
    about = note(
        f"{counted(len(found.layers), 'layer')} for a sample of shape {_show_shape(found.input_shape)}. FLOPs are "
        "those of one forward pass of one sample: a multiply-add counts as two; only convolutions, linear, "
        "recurrent and attention layers are counted. Bars are shares of the total."
    )
    if len(found.layers) > _MOST_OPEN_ROWS:
        layers = fold(f"All {len(found.layers)} layers", layers)
    return Section("layers", "Layers", about, layers)


def _show_layer(layer: Layer) -> tuple[object, ...]:
    return (
        element("span", layer.name, class_="mono"),
        layer.kind,
        _show_shape(layer.output_shape),
        _show_share(count(layer.parameters), layer.parameter_share),
        _show_share(short(layer.flops), layer.flop_share),
        count(layer.receptive_field),
    )


def _with_room(text: str) -> Html:
    """Leave room below which the bars of the column stand."""
    return join([text, _NO_BAR])


def _show_share(text: str, share: float) -> Html:
    # paler where a layer has none
    return element("span", text, share_bar(share) if share else _NO_BAR, class_="" if share else "quiet")


def _show_shape(shape: tuple[object, ...] | None) -> str:
    return DASH if shape is None else "×".join(map(str, shape))
