"""Recurrent cells: one step of a sequence at a time, with a state that is handed on.

Names and layout are torch's: the weights of a cell's gates are stacked in one matrix for the input (``weight_ih``) and
one for the state (``weight_hh``), and there are two biases, which only ever occur as their sum; the book has one.

Source:  notes N0, N3 ch. 9; Elman 1990; Cho et al. 2014, arXiv:1406.1078; Hochreiter & Schmidhuber 1997
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fathom.scratch.engine.checks import as_sizes, check_float, check_shape
from fathom.scratch.engine.creation import zeros
from fathom.scratch.engine.operations import stack
from fathom.scratch.engine.tensor import Tensor
from fathom.scratch.layers.initializers import uniform_
from fathom.scratch.layers.linear import linear
from fathom.scratch.layers.module import Module, Parameter

State = Tensor | tuple[Tensor, Tensor]  # h alone, or (h, c) of an LSTM


class _Cell(Module):
    num_gates = 1

    def __init__(self, input_size: int, hidden_size: int, dtype: Any = np.float32) -> None:
        super().__init__()
        as_sizes(type(self).__name__, "input_size and hidden_size", (input_size, hidden_size), 2, low=1)
        self.input_size, self.hidden_size = input_size, hidden_size
        bound, rows = 1 / np.sqrt(hidden_size), self.num_gates * hidden_size  # torch's range, for all four
        self.weight_ih = Parameter(uniform_(Tensor(np.empty((rows, input_size), dtype)), -bound, bound))
        # (gates·hidden_size, hidden_size)
        self.weight_hh = Parameter(uniform_(Tensor(np.empty((rows, hidden_size), dtype)), -bound, bound))
        self.bias_ih = Parameter(uniform_(Tensor(np.empty(rows, dtype)), -bound, bound))
        # two biases where one would do: torch's layout
        self.bias_hh = Parameter(uniform_(Tensor(np.empty(rows, dtype)), -bound, bound))

    def zero_state(self, batch_size: int) -> Tensor:
        """Return the state before the first step.

        Shape:   -> (batch_size, hidden_size)
        """
        return zeros(batch_size, self.hidden_size, dtype=self.weight_ih.dtype)

    def _check(self, x: Tensor, *state: Tensor) -> None:
        name = type(self).__name__
        check_float(name, "x", x)
        if x.ndim != 2 or x.shape[1] != self.input_size:
            raise ValueError(f"{name}: x has shape {x.shape}, expected (N, {self.input_size})")
        for h in state:
            check_shape(name, "state", h, (x.shape[0], self.hidden_size), ", one row for each of x")

    def _gates(self, x: Tensor, h: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """What input and state contribute to each gate."""
        # (N, gates·hidden_size) each
        from_input, from_state = linear(x, self.weight_ih, self.bias_ih), linear(h, self.weight_hh, self.bias_hh)
        n = self.hidden_size
        places = [slice(i * n, (i + 1) * n) for i in range(self.num_gates)]  # one block of columns a gate
        return [from_input[:, place] for place in places], [from_state[:, place] for place in places]


class RNNCell(_Cell):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh).

    Shape:   x (N, input_size), h (N, hidden_size) -> h' (N, hidden_size)
    Equals:  torch.nn.RNNCell
    """

    def forward(self, x: Tensor, h: Tensor | None = None) -> Tensor:
        h = self.zero_state(len(x)) if h is None else h  # (N, hidden_size) of zeros
        self._check(x, h)
        # (N, hidden_size)
        return (linear(x, self.weight_ih, self.bias_ih) + linear(h, self.weight_hh, self.bias_hh)).tanh()


class GRUCell(_Cell):
    """Two gates: r resets what of the state is looked at, z says how much of it is kept.

        r = σ(W_ir x + b_ir + W_hr h + b_hr)
        z = σ(W_iz x + b_iz + W_hz h + b_hz)
        n = tanh(W_in x + b_in + r ⊙ (W_hn h + b_hn))
        h' = (1 − z) ⊙ n + z ⊙ h

    Args:
        reset_first: the book's and the paper's order, n = tanh(W_in x + b_in + W_hn (r ⊙ h) + b_hn): the reset gate
            before the matrix product. torch has it after. The two are different networks.

    Shape:   x (N, input_size), h (N, hidden_size) -> h' (N, hidden_size)
    Equals:  torch.nn.GRUCell, unless reset_first
    """

    num_gates = 3  # r, z, n: torch's order

    def __init__(self, input_size: int, hidden_size: int, reset_first: bool = False, dtype: Any = np.float32) -> None:
        super().__init__(input_size, hidden_size, dtype)
        self.reset_first = reset_first

    def forward(self, x: Tensor, h: Tensor | None = None) -> Tensor:
        h = self.zero_state(len(x)) if h is None else h
        self._check(x, h)
        from_input, from_state = self._gates(x, h)
        r = (from_input[0] + from_state[0]).sigmoid()  # (N, hidden_size), as all gates
        z = (from_input[1] + from_state[1]).sigmoid()
        last = slice(2 * self.hidden_size, None)  # the rows of n
        # torch, and cuDNN, reset after the product; the first paper before it
        candidate = linear(r * h, self.weight_hh[last], self.bias_hh[last]) if self.reset_first else r * from_state[2]
        n = (from_input[2] + candidate).tanh()  # what may be written
        return (1 - z) * n + z * h  # z = 1 keeps the state


class LSTMCell(_Cell):
    """Three gates about a memory c: what enters (i), what is kept (f), what is shown (o).

        i, f, o = σ(…), g = tanh(…), each W_i x + b_i + W_h h + b_h with weights of its own
        c' = f ⊙ c + i ⊙ g
        h' = o ⊙ tanh(c')

    Shape:   x (N, input_size), h (N, hidden_size), c (N, hidden_size) -> h' (N, hidden_size), c' (N, hidden_size)
    Equals:  torch.nn.LSTMCell
    """

    num_gates = 4  # i, f, g, o: torch's order

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        if not (state is None or (isinstance(state, tuple) and len(state) == 2)):
            raise TypeError(f"LSTMCell: state must be a tuple (h, c) of Tensors, not {type(state).__name__}")
        h, c = state or (self.zero_state(len(x)), self.zero_state(len(x)))
        self._check(x, h, c)
        i, f, g, o = (a + b for a, b in zip(*self._gates(x, h), strict=True))  # before their nonlinearities
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()  # a sum, not a product: gradients last
        return o.sigmoid() * c.tanh(), c  # (h', c')


class Recurrent(Module):
    """A cell run over all steps of a sequence.

    Shape:   X (steps, N, input_size) -> outputs (steps, N, hidden_size), state (N, hidden_size); the state
             after the last step, of an LSTM h and c
    Equals:  torch.nn.RNN, GRU or LSTM with one layer
    """

    def __init__(self, cell: RNNCell | GRUCell | LSTMCell) -> None:
        super().__init__()
        self.cell = cell

    def forward(self, X: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        if X.ndim != 3 or 0 in X.shape[:2]:
            raise ValueError(
                f"Recurrent: X has shape {X.shape}, expected (steps, N, {self.cell.input_size}), none empty"
            )
        outputs = []
        for x in X:  # (N, input_size), step after step
            state = self.cell(x, state)
            outputs.append(state[0] if isinstance(state, tuple) else state)
        assert state is not None  # at least one step ran: an empty sequence was refused
        return stack(outputs), state  # (steps, N, hidden_size)
