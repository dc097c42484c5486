"""A saved model with what an export takes in and gives out, preprocessing inside."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec
import torch
from torch import Tensor, nn

from fathom.data.images.pixels.form import PixelForm
from fathom.data.tables.column import Column, count_codes
from fathom.data.tables.fit import TableDescription
from fathom.data.tables.layer import TableInput
from fathom.inference.onnx_inputs import (
    CELLS,
    FEATURES,
    IMAGES,
    LOGITS,
    NEXT_STATES,
    PROBABILITIES,
    STATES,
    TOKENS,
    VALUES,
    GraphInput,
)
from fathom.inference.saved import class_names_of
from fathom.module import LanguageModel, Module
from fathom.runs.folder.schema import SCHEMA
from fathom.version import VERSION

_INPUT_NAMES = {"image": IMAGES, "features": FEATURES, "table": CELLS}
_SHARE_MISSING = 0.2  # of the cells that are drawn
_STEPS = 7  # of the tokens that are drawn


class ExportModule(nn.Module):
    """A module with the outputs that an export gives.

    Shape:   X as stored, or the cells of a table's rows, float64 (N, columns) -> logits and probabilities
        (N, num_classes) of a classifier, of one output logits (N, 1) and probabilities (N, 2), values (N, D) of a
        regressor
    """

    def __init__(self, module: Module, description: Mapping[str, Any]) -> None:
        super().__init__()
        self.module = module
        self.is_classifier = module.kind == "classifier"
        self.stored = dict(description["input"])
        self.inputs: tuple[str, ...] = (_INPUT_NAMES[self.stored["kind"]],)
        self.outputs: tuple[str, ...] = (LOGITS, PROBABILITIES) if self.is_classifier else (VALUES,)
        # dimensions of any size, by the name of the input or output
        self.free = {name: {0: "batch"} for name in (*self.inputs, *self.outputs)}

    def forward(self, X: Tensor) -> tuple[Tensor, ...]:
        if isinstance(self.module.preprocess, TableInput):
            X = self.module.preprocess.encode_cells(X)
        output = self.module(X)
        return (output, self.module.read(output)) if self.is_classifier else (self.module.read(output),)

    def sample_inputs(self, count: int, seed: int = 0) -> tuple[Tensor, ...]:
        """Draw a batch of what goes in.

        Shape:   -> (count, C, H, W) of images, of the type that their form has, float32 (count, D) of features, float64
            (count, columns) of rows
        """
        stored, generator = self.stored, torch.Generator().manual_seed(seed)
        if stored["kind"] == "image":
            shape = (count, stored["channels"], stored["height"], stored["width"])
            return (_draw_pixels(stored, shape, generator),)
        if stored["kind"] == "table":
            columns = msgspec.convert(stored, TableDescription).columns
            return (torch.stack([_draw_cells(column, count, generator) for column in columns], 1),)
        return (torch.randn(count, stored["features"], generator=generator),)


def _draw_pixels(stored: Mapping[str, Any], shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Draw pixels on the scale of a set, of floating ones some that are not finite."""
    values = PixelForm.of_model(stored).values
    if values == "uint8":
        return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    drawn = stored["low"] + (stored["high"] - stored["low"]) * torch.rand(shape, generator=generator)
    if values == "uint16":
        return drawn.round().to(torch.int32).to(torch.uint16)
    return drawn.where(torch.rand(shape, generator=generator) > _SHARE_MISSING, torch.nan)


def _draw_cells(column: Column, count: int, generator: torch.Generator) -> Tensor:
    """Draw cells of all sorts that the column may hold, missing and unknown ones among them.

    Shape:   -> float64 (count,)
    """
    if column.kind == "category":
        # codes of missing and unknown ones too
        return torch.randint(0, count_codes(column), (count,), generator=generator).double()
    low, high = (0.0, 1.0) if column.low is None or column.high is None else (column.low, column.high)
    cells = low + (high - low) * torch.rand(count, dtype=torch.float64, generator=generator)
    if column.kind == "boolean":
        cells = cells.round()
    return cells.where(torch.rand(count, generator=generator) > _SHARE_MISSING, torch.nan)  # (count,)


class TextExportModule(nn.Module):
    """A language model that goes on from a state, and gives the one in which it ends.

    Shape:   tokens int64 (steps, batch), state (layers, batch, width), of an LSTM two of them -> logits
        (steps, batch, num_tokens), the next state or states
    """

    def __init__(self, net: nn.Module, num_tokens: int) -> None:
        super().__init__()
        self.net, self.num_tokens = net, num_tokens
        self.state_sizes: tuple[tuple[int, int], ...] = net.state_sizes  # type: ignore[assignment] # of text networks
        count = len(self.state_sizes)
        self.inputs: tuple[str, ...] = (TOKENS, *STATES[:count])
        self.outputs: tuple[str, ...] = (LOGITS, *NEXT_STATES[:count])
        self.free = {TOKENS: {0: "steps", 1: "batch"}, LOGITS: {0: "steps", 1: "batch"}}
        self.free |= {name: {1: "batch"} for name in (*STATES[:count], *NEXT_STATES[:count])}

    def forward(self, tokens: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        is_pair = len(state) == 2
        logits, after = self.net(tokens, state if is_pair else state[0])
        return (logits, *after) if is_pair else (logits, after)

    def sample_inputs(self, count: int, seed: int = 0) -> tuple[Tensor, ...]:
        """Draw a batch of what goes in; with another seed it has another number of steps."""
        generator = torch.Generator().manual_seed(seed)
        tokens = torch.randint(0, self.num_tokens, (_STEPS + seed, count), generator=generator)  # (steps, count)
        return (tokens, *self.net.draw_state(count, generator))  # type: ignore[operator]


def make_export_module(module: Module, description: Mapping[str, Any]) -> ExportModule | TextExportModule:
    """Return the model of a run as it is exported."""
    if isinstance(module, LanguageModel):
        return TextExportModule(module.net, len(module.tokens)).eval()
    return ExportModule(module, description).eval()


def export_metadata(description: Mapping[str, Any], licence: str | None) -> dict[str, str]:
    """Return what the file says of itself: texts by name."""
    model = description["model"]
    names = class_names_of(description) if description["kind"] == "classifier" else []
    facts = {
        "fathom_version": VERSION,
        "schema": str(SCHEMA),
        "kind": description["kind"],
        "model": model["name"],
        "class_names": json.dumps(list(names), ensure_ascii=False),
        "input": msgspec.json.encode(msgspec.convert(description | description["input"], GraphInput)).decode(),
    }
    facts |= {"multilabel": "true"} if description.get("multilabel") else {}
    return facts | ({"licence": licence} if licence else {})
