"""Inputs of exported graphs, as their metadata describes them, and the names of inputs and outputs. Torch-free."""

from __future__ import annotations

import msgspec
import numpy as np

from fathom.data.encodings import check_encoding
from fathom.data.images.pixels.form import Layout, PixelForm, Values, check_form
from fathom.data.tables.fit import TableDescription
from fathom.data.texts.vocabulary import Tokenizer, Vocabulary

IMAGES, FEATURES, CELLS = "images", "features", "cells"  # names of the graph's inputs, by kind
LOGITS, PROBABILITIES, VALUES = "logits", "probabilities", "values"  # names of its outputs
# of a language model: an LSTM has two states, a GRU or RNN the first alone
TOKENS, STATES, NEXT_STATES = "tokens", ("state", "cell_state"), ("next_state", "next_cell_state")


class ImageInput(msgspec.Struct, frozen=True, tag_field="kind", tag="image", omit_defaults=True):
    """Images (batch, channels, height, width) as they are decoded: uint8, uint16, or float32 of other values.

    Attributes:
        target: the number that is predicted, where it has a name.
        values, converts, layout: how files become such images, see ``PixelForm``.
        low, high: the values that are 0 and 1 inside the graph; None where they are those of bytes.
        clips: whether what is outside becomes 0 or 1.
    """

    channels: int
    height: int
    width: int
    target: str = ""
    values: Values = "uint8"
    converts: bool = True
    layout: Layout | None = None
    low: float | None = None
    high: float | None = None
    clips: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return (self.channels, self.height, self.width)

    @property
    def form(self) -> PixelForm:
        """The form that files are brought to."""
        return PixelForm.of_model(msgspec.structs.asdict(self))  # through a dictionary, as model.json describes it

    @property
    def type(self) -> str:
        """What onnxruntime calls the type of a pixel."""
        return f"tensor({'float' if self.form.dtype == np.float32 else self.form.dtype.name})"


class FeatureInput(msgspec.Struct, frozen=True, tag_field="kind", tag="features"):
    """Plain numbers, float32 (batch, features)."""

    features: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return (self.features,)


class TokenInput(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="tokens"):
    """Tokens, int64 (steps, batch), and the state of the network before them.

    Attributes:
        tokens: the vocabulary, in the order of the tokens' numbers.
        tokenizer: how a text is cut into them.
        encoding: of the text that the model learned from.
    """

    tokens: tuple[str, ...]
    tokenizer: Tokenizer
    encoding: str = "utf-8"


GraphInput = ImageInput | FeatureInput | TableDescription | TokenInput
"""What a graph takes; for a table the cells of rows, float64 (batch, columns)."""


def check_input(graph_input: GraphInput) -> None:
    """Refuse an invalid input.

    Raises:  UsageError for an image that is too large, or an invalid vocabulary or encoding
    """
    if isinstance(graph_input, ImageInput):
        check_form(graph_input.form)
    elif isinstance(graph_input, TokenInput):
        Vocabulary(graph_input.tokens)  # refuses duplicates and a missing <unk>
        check_encoding(graph_input.encoding)
