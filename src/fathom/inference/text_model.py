"""Language models of runs and exports behind one interface. Torch-free."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from fathom.data.texts.vocabulary import Tokenizer, Vocabulary
from fathom.inference.onnx_file import OnnxModel
from fathom.inference.onnx_inputs import LOGITS, NEXT_STATES, TokenInput


class TextModel(Protocol):
    """A language model with its vocabulary, and the encoding of the text it learned from."""

    tokenizer: Tokenizer
    vocabulary: Vocabulary
    encoding: str

    def read(self, numbers: Sequence[int], state: Any = None) -> tuple[np.ndarray, Any]:
        """Read tokens by their numbers.

        Args:
            state: after an earlier call; None is the initial state.
        Returns: logits of the token after each, float32 (len(numbers), num_tokens), and the state after them
        """


class OnnxTextModel:
    """An exported language model."""

    def __init__(self, model: OnnxModel) -> None:
        assert isinstance(model.input, TokenInput)
        self.model = model
        self.tokenizer, self.vocabulary = model.input.tokenizer, Vocabulary(model.input.tokens)
        self.encoding = model.input.encoding
        self._start = [np.zeros((layers, 1, hidden), np.float32) for layers, hidden in model.state_sizes]

    def read(self, numbers: Sequence[int], state: Any = None) -> tuple[np.ndarray, Any]:
        """Read tokens by their numbers from a state; return logits and the next state."""
        outputs = self.model.run(np.array(numbers, np.int64)[:, None], *(state or self._start))  # (steps, 1)
        return outputs[LOGITS][:, 0], [outputs[name] for name in NEXT_STATES if name in outputs]  # (steps, num_tokens)
