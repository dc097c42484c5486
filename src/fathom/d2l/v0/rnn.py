"""Recurrent language models of the earlier editions."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fathom.d2l.frame.accumulator import Accumulator
from fathom.d2l.frame.animator import Animator
from fathom.d2l.frame.timing import Timer
from fathom.d2l.topics.old_training import grad_clipping, sgd, to_device
from fathom.training.device import tune_allocator

Device = torch.device | str


class RNNModelScratch:
    """A recurrent network made of functions.

    Shape:   X int64 (N, T), state (…) -> (T·N, vocab_size), state (…)

    Args:
        get_params: (vocab_size, num_hiddens, device) -> the parameters.
        init_state: (batch_size, num_hiddens, device) -> the first state.
        forward_fn: (one-hot inputs (T, N, vocab_size), state, parameters) -> (outputs (T · N, vocab_size), state).
    """

    def __init__(
        self,
        vocab_size: int,
        num_hiddens: int,
        device: Device,
        get_params: Callable[..., list[Tensor]],
        init_state: Callable[..., Any],
        forward_fn: Callable[..., tuple[Tensor, Any]],
    ) -> None:
        self.vocab_size, self.num_hiddens = vocab_size, num_hiddens
        # tensors in the order in which forward_fn unpacks them
        self.params = get_params(vocab_size, num_hiddens, device)
        self.init_state, self.forward_fn = init_state, forward_fn

    def __call__(self, X: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Return the outputs and the next state."""
        # (T, N, vocab_size)
        return self.forward_fn(F.one_hot(X.T.long(), self.vocab_size).float(), state, self.params)

    def begin_state(self, batch_size: int, device: Device) -> Any:
        """Return the state before the first token."""
        return self.init_state(batch_size, self.num_hiddens, device)


class RNNModel(nn.Module):
    """One of torch's recurrent layers on one-hot tokens, and a dense layer.

    Shape:   inputs int64 (N, T), state (L, N, H) -> (T·N, vocab_size), state (L, N, H); an LSTM has two states
    """

    def __init__(self, rnn_layer: nn.RNNBase, vocab_size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rnn = rnn_layer
        self.vocab_size = vocab_size
        self.num_hiddens = rnn_layer.hidden_size
        self.num_directions = 2 if rnn_layer.bidirectional else 1
        self.linear = nn.Linear(self.num_hiddens * self.num_directions, vocab_size)

    def forward(self, inputs: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Return a score for every possible next token, and the next state."""
        Y, state = self.rnn(F.one_hot(inputs.T.long(), self.vocab_size).float(), state)
        return self.linear(Y.reshape(-1, Y.shape[-1])), state  # (T · N, vocab_size)

    def begin_state(self, device: Device, batch_size: int = 1) -> Any:
        """Return a state of zeros; an LSTM has two tensors."""
        # torch's layout: (layers · directions, N, num_hiddens)
        shape = (self.num_directions * self.rnn.num_layers, batch_size, self.num_hiddens)
        zeros = torch.zeros(shape, device=device)
        return (zeros, torch.zeros_like(zeros)) if isinstance(self.rnn, nn.LSTM) else zeros


@torch.no_grad()
def predict_ch8(prefix: str, num_preds: int, net: Any, vocab: Any, device: Device) -> str:
    """Return ``prefix`` continued by ``num_preds`` characters, each the most likely one."""
    state = net.begin_state(batch_size=1, device=device)
    known = torch.tensor([[vocab[char]] for char in prefix], device=device)  # (len(prefix), 1)
    for token in known[:-1]:
        _, state = net(token.reshape(1, 1), state)  # warm-up: only the state is wanted
    tokens = [known[-1]]
    for _ in range(num_preds):
        scores, state = net(tokens[-1].reshape(1, 1), state)
        tokens.append(scores.argmax(dim=1))
    # the prefix's last character is the first of tokens
    return prefix[:-1] + "".join(vocab.to_tokens(torch.cat(tokens).tolist()))


def train_epoch_ch8(
    net: Any, train_iter: Iterable[Any], loss: Any, updater: Any, device: Device, use_random_iter: bool
) -> tuple[float, float]:
    """Train for one pass; return perplexity and tokens per second. Gradients are clipped to a norm of 1.

    Args:
        updater: one of PyTorch's optimisers, or a function of the batch size.
        use_random_iter: start each batch from a fresh state, because it does not continue the one before.
    """
    state, timer, metric = None, Timer(), Accumulator(2)
    for X, Y in train_iter:
        if state is None or use_random_iter:
            # pieces at random: the old state belongs to another text
            state = net.begin_state(batch_size=X.shape[0], device=device)
        else:
            state = _detach(state)  # cut here: backward() goes no further than this batch
        X, y = to_device(X, device), to_device(Y.T.reshape(-1), device)  # (T · N,), in the order of y_hat
        y_hat, state = net(X, state)  # (T · N, vocab_size)
        mean_loss = loss(y_hat, y.long()).mean()
        if isinstance(updater, torch.optim.Optimizer):
            updater.zero_grad()
            mean_loss.backward()
            grad_clipping(net, 1)  # to a norm of 1, the book's
            updater.step()
        else:
            mean_loss.backward()
            grad_clipping(net, 1)
            updater(batch_size=1)  # the loss is a mean already
        metric.add(mean_loss.detach() * y.numel(), y.numel())
    return math.exp(metric[0] / metric[1]), metric[1] / timer.stop()  # perplexity; tokens per second


def _detach(state: Any) -> Any:
    return tuple(part.detach() for part in state) if isinstance(state, (tuple, list)) else state.detach()


def train_ch8(
    net: Any,
    train_iter: Iterable[Any],
    vocab: Any,
    lr: float,
    num_epochs: int,
    device: Device,
    use_random_iter: bool = False,
) -> None:
    """Train a language model with SGD; draw the perplexity, and print what the model writes every ten epochs."""
    if torch.device(device).type == "cpu":
        tune_allocator()
    loss = nn.CrossEntropyLoss()
    animator = Animator(xlabel="epoch", ylabel="perplexity", legend=["train"], xlim=[10, num_epochs])
    updater: Any
    if isinstance(net, nn.Module):
        updater = torch.optim.SGD(net.parameters(), lr)
    else:

        def updater(batch_size: int) -> None:
            sgd(net.params, lr, batch_size)

    for epoch in range(num_epochs):
        perplexity, speed = train_epoch_ch8(net, train_iter, loss, updater, device, use_random_iter)
        if (epoch + 1) % 10 == 0:
            print(predict_ch8("time traveller", 50, net, vocab, device))
            animator.add(epoch + 1, [perplexity])
    print(f"perplexity {perplexity:.1f}, {speed:.1f} tokens/sec on {device!s}")
    print(predict_ch8("time traveller", 50, net, vocab, device))
    print(predict_ch8("traveller", 50, net, vocab, device))
