"""A language model of characters: a recurrent cell reads them one by one, a dense layer says which may come next.

Source:  notes N3 ch. 9; Dive into Deep Learning §9.5
"""

from __future__ import annotations

from fathom.scratch.engine.tensor import Tensor
from fathom.scratch.layers.linear import Linear
from fathom.scratch.layers.module import Module
from fathom.scratch.layers.recurrent import GRUCell, LSTMCell, Recurrent, RNNCell

CELLS: dict[str, type[RNNCell] | type[GRUCell] | type[LSTMCell]] = {"rnn": RNNCell, "gru": GRUCell, "lstm": LSTMCell}


class CharacterRNN(Module):
    """Return logits of the next character after each step; the state begins at zero.

    Shape:   X (steps, N, num_characters) -> logits (steps·N, num_characters); X is one-hot
    """

    def __init__(self, num_characters: int, hidden: int, cell: str) -> None:
        super().__init__()
        self.recurrent = Recurrent(CELLS[cell](num_characters, hidden))
        self.head = Linear(hidden, num_characters)

    def forward(self, X: Tensor) -> Tensor:
        outputs, _ = self.recurrent(X)  # (steps, N, hidden)
        return self.head(outputs.reshape(-1, outputs.shape[2]))


def character_rnn(num_characters: int, hidden: int = 32, cell: str = "rnn") -> Module:
    """Make the model; cell is rnn, gru or lstm.

    Raises:  ValueError for an unknown cell
    """
    if cell not in CELLS:
        raise ValueError(f"character_rnn: cell is one of {', '.join(CELLS)}, got {cell!r}")
    return CharacterRNN(num_characters, hidden, cell)
