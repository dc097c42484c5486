"""The book's recurrent networks and the language models around them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from fathom.d2l.frame.module import Classifier, Module
from fathom.d2l.topics.text import Vocab


class RNNScratch(Module):
    """A recurrent layer written out: H ← tanh(X W_xh + H W_hh + b_h).

    Shape:   inputs (T, N, num_inputs) -> outputs (T, N, num_hiddens), state (N, num_hiddens); outputs are a list of T
    """

    num_inputs: int
    num_hiddens: int
    sigma: float

    def __init__(self, num_inputs: int, num_hiddens: int, sigma: float = 0.01) -> None:
        super().__init__()
        self.save_hyperparameters()
        # 0.01 by default: small, so that tanh starts in its straight part
        self.W_xh = nn.Parameter(torch.randn(num_inputs, num_hiddens) * sigma)
        self.W_hh = nn.Parameter(torch.randn(num_hiddens, num_hiddens) * sigma)
        self.b_h = nn.Parameter(torch.zeros(num_hiddens))

    def forward(self, inputs: Tensor, state: Any = None) -> Any:
        """Return the outputs of all steps, and the final state."""
        if not isinstance(inputs, Tensor):
            inputs = torch.stack(list(inputs))  # (T, N, num_inputs)
        if state is None:
            state = torch.zeros(inputs.shape[1], self.num_hiddens, device=inputs.device)  # (N, num_hiddens)
        else:
            # outputs of torch's layers: (1, N, H), or (h, c)
            state = state.reshape(-1, self.num_hiddens) if isinstance(state, Tensor) else state[0]
        outputs = []
        # The term that does not depend on the state is one product for all steps: (T, N, num_hiddens).
        for X in inputs @ self.W_xh + self.b_h:
            state = torch.tanh(X + state @ self.W_hh)  # (N, num_hiddens)
            outputs.append(state)
        return outputs, state


class RNNLMScratch(Classifier):
    """A language model: one-hot tokens, a recurrent layer, a linear layer; it plots the perplexity exp(loss).

    Shape:   X int64 (N, T) -> logits (N, T, vocab_size)
    """

    rnn: Any
    vocab_size: int

    def __init__(self, rnn: Any, vocab_size: int, lr: float = 0.01) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.init_params()

    def init_params(self) -> None:
        """Make the parameters of the output layer."""
        # hidden to output ("q" in the book)
        self.W_hq = nn.Parameter(torch.randn(self.rnn.num_hiddens, self.vocab_size) * self.rnn.sigma)
        self.b_q = nn.Parameter(torch.zeros(self.vocab_size))

    def training_step(self, batch: Sequence[Any]) -> Tensor:
        """Return the loss to minimise, and plot the perplexity.

        Shape:   -> ()
        """
        loss = self.loss(self(*batch[:-1]), batch[-1])
        # exp: among how many equally likely tokens it hesitates
        self.plot("ppl", torch.exp(loss.detach()), train=True)
        return loss

    def validation_step(self, batch: Sequence[Any]) -> None:
        """Plot the perplexity on unseen text."""
        loss = self.loss(self(*batch[:-1]), batch[-1])
        self.plot("ppl", torch.exp(loss), train=False)

    def one_hot(self, X: Tensor) -> Tensor:
        """Turn tokens into unit vectors, time first.

        Shape:   X int64 (N, T) -> float32 (T, N, vocab_size)
        """
        return torch.eye(self.vocab_size, device=X.device)[X.T]  # rows of the identity: (T, N, vocab_size)

    def output_layer(self, rnn_outputs: Any) -> Tensor:
        """Return the logits of the layer's outputs.

        Shape:   rnn_outputs (T, N, H) -> (N, T, vocab_size); or a list of T outputs (N, H)
        """
        hiddens = (
            rnn_outputs if isinstance(rnn_outputs, Tensor) else torch.stack(list(rnn_outputs))
        )  # (T, N, num_hiddens)
        return (hiddens @ self.W_hq + self.b_q).swapaxes(0, 1)  # (N, T, vocab_size)

    def forward(self, X: Tensor, state: Any = None) -> Tensor:
        """Return the logits of the next token at every position."""
        outputs, _ = self.rnn(self.one_hot(X), state)  # the state after the last token is not needed
        return self.output_layer(outputs)

    @torch.no_grad()
    def predict(self, prefix: str, num_preds: int, vocab: Vocab, device: torch.device | str | None = None) -> str:
        """Return ``prefix`` continued by ``num_preds`` characters, each the most likely one."""
        state: Any = None
        tokens = [vocab[prefix[0]]]
        for i in range(len(prefix) + num_preds - 1):
            X = torch.tensor([[tokens[-1]]], device=device)  # (1, 1): one token of one text
            outputs, state = self.rnn(self.one_hot(X), state)  # the state carries the text so far
            if i < len(prefix) - 1:  # the prefix sets the state
                tokens.append(vocab[prefix[i + 1]])
            else:
                tokens.append(int(self.output_layer(outputs).argmax(2)))  # (1, 1, vocab_size): the likeliest token
        return "".join(vocab.idx_to_token[token] for token in tokens)


class RNN(Module):
    """torch's recurrent layer.

    Shape:   inputs (T, N, num_inputs) -> outputs (T, N, num_hiddens), state (1, N, num_hiddens)
    """

    num_inputs: int
    num_hiddens: int

    def __init__(self, num_inputs: int, num_hiddens: int) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.rnn: nn.Module = nn.RNN(num_inputs, num_hiddens)  # takes (T, N, num_inputs)

    def forward(self, inputs: Tensor, H: Any = None) -> Any:
        """Apply the layer, from the state ``H`` or from zeros."""
        return self.rnn(inputs, H)


class GRU(RNN):
    """torch's gated recurrent unit, in several layers.

    Shape:   inputs (T, N, num_inputs) -> outputs (T, N, num_hiddens), state (num_layers, N, num_hiddens)
    """

    num_layers: int
    dropout: float

    def __init__(self, num_inputs: int, num_hiddens: int, num_layers: int, dropout: float = 0) -> None:
        Module.__init__(self)  # not RNN's, which would make a layer that is thrown away
        self.save_hyperparameters()
        self.rnn = nn.GRU(num_inputs, num_hiddens, num_layers, dropout=dropout)


class RNNLM(RNNLMScratch):
    """A language model on one of torch's recurrent layers.

    Shape:   X int64 (N, T) -> logits (N, T, vocab_size)
    """

    def init_params(self) -> None:
        """Make the output layer; it learns its width from the first batch."""
        self.linear = nn.LazyLinear(self.vocab_size)

    def output_layer(self, hiddens: Any) -> Tensor:
        """Return the logits of hidden states.

        Shape:   hiddens (T, N, H) -> (N, T, vocab_size)
        """
        return self.linear(hiddens).swapaxes(0, 1)  # (N, T, vocab_size)
