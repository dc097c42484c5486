"""Inputs of exported graphs, as their metadata describes them, and the names of inputs and outputs. Torch-free."""

from __future__ import annotations

import msgspec

from fathom.data.encodings import check_encoding
from fathom.data.images.decode import check_form
from fathom.data.tables.fit import TableDescription
from fathom.data.texts.vocabulary import Tokenizer, Vocabulary

IMAGES, FEATURES, CELLS = "images", "features", "cells"
LOGITS, PROBABILITIES, VALUES = "logits", "probabilities", "values"
TOKENS, STATES, NEXT_STATES = "tokens", ("state", "cell_state"), ("next_state", "next_cell_state")


class ImageInput(msgspec.Struct, frozen=True, tag_field="kind", tag="image", omit_defaults=True):
    """Images, uint8 (batch, channels, height, width).

    Attributes:
        target: the number that is predicted, where it has a name.
    """

    channels: int
    height: int
    width: int
    target: str = ""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return (self.channels, self.height, self.width)


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
        check_form(graph_input.channels, (graph_input.height, graph_input.width))
    elif isinstance(graph_input, TokenInput):
        Vocabulary(graph_input.tokens)
        check_encoding(graph_input.encoding)
