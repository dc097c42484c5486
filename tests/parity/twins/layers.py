"""Layers beside torch's, with the parameters of their twins."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from hypothesis import strategies as st
from torch.nn import functional as F

import fathom.scratch as s
from fathom.models import mlp
from fathom.scratch import Tensor
from twins.drawing import (
    images,
    normal,
    seeds,
    sides,
)
from twins.rows import Case, Layer


def gru_of_the_book(cell: torch.nn.GRUCell) -> torch.nn.Module:
    """torch's GRU parameters in the book's formula: the reset gate before the matrix product."""

    class Book(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            for name, parameter in cell.named_parameters():
                self.register_parameter(name, parameter)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            h = x[:, : cell.hidden_size] * 0.5
            (xr, xz, xn), (hr, hz, _) = (
                F.linear(*each).chunk(3, 1)
                for each in ((x, self.weight_ih, self.bias_ih), (h, self.weight_hh, self.bias_hh))
            )
            r, z = torch.sigmoid(xr + hr), torch.sigmoid(xz + hz)
            W, b = self.weight_hh.chunk(3)[2], self.bias_hh.chunk(3)[2]
            n = torch.tanh(xn + F.linear(r * h, W, b))
            return (1 - z) * n + z * h

    return Book()


class WithState(s.Module):
    """A cell of ours that begins with a state made from its input, under the cell's own parameter names."""

    def __init__(self, cell: Any, pair: bool = False) -> None:
        super().__init__()
        self.pair, self.cell = pair, cell
        for name, parameter in cell.named_parameters():
            setattr(self, name, parameter)
        del self.cell
        self.call = cell.forward

    def forward(self, x: Tensor) -> Tensor:
        h = x[:, : self.weight_hh.shape[1]] * 0.5
        return s.cat(self.call(x, (h, h.tanh())), axis=1) if self.pair else self.call(x, h)


class TorchWithState(torch.nn.Module):
    def __init__(self, cell: torch.nn.Module, pair: bool = False) -> None:
        super().__init__()
        self.pair, self.call = pair, cell.forward
        for name, parameter in cell.named_parameters():
            self.register_parameter(name, parameter)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = x[:, : self.weight_hh.shape[1]] * 0.5
        return torch.cat(self.call(x, (h, h.tanh())), 1) if self.pair else self.call(x, h)


class OutputOnly(torch.nn.Module):
    """torch.nn.GRU with the parameter names of a cell of ours inside Recurrent."""

    def __init__(self, rnn: torch.nn.Module) -> None:
        super().__init__()
        self.rnn, self.cell = rnn, torch.nn.Module()
        for name, parameter in rnn.named_parameters():
            self.cell.register_parameter(name.removesuffix("_l0"), parameter)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return self.rnn(X)[0]


class FirstOutput(s.Module):
    def __init__(self, recurrent: s.Recurrent) -> None:
        super().__init__()
        self.cell, self.call = recurrent.cell, recurrent.forward

    def forward(self, X: Tensor) -> Tensor:
        return self.call(X)[0]


def basic_block(channels: int, out: int, stride: int) -> torch.nn.Module:
    from fathom.models.resnet import BasicBlock

    return BasicBlock(channels, out, stride)


def inception(channels: int) -> torch.nn.Module:
    from fathom.models.googlenet import PLAIN, Inception

    return Inception(channels, (2, 1, 3, 2, 2, 1), PLAIN, batch_norm=False)


def conv_unit(channels: int, kernel: int) -> torch.nn.Module:
    from fathom.models.googlenet import ConvUnit

    return ConvUnit(channels, 3, (kernel, kernel), batch_norm=False)


def mean_layer(channels: int) -> torch.nn.Module:
    return torch.nn.AdaptiveAvgPool2d(1)


def ignoring(kind: Callable[..., Any]) -> Callable[..., Any]:
    """A layer without options, for cases that name their channels."""
    return lambda channels: kind()


TABLE: dict[str, Any] = {
    # Layers
    "Linear": Layer(
        lambda channels, out, bias: s.Linear(channels, out, bias),
        lambda channels, out, bias: torch.nn.Linear(channels, out, bias),
        images(0, out=sides, bias=st.booleans()),
    ),
    **{
        f"Conv{n}d": Layer(
            partial(lambda kind, channels, **o: kind(channels, **o), getattr(s, f"Conv{n}d")),
            partial(lambda kind, channels, **o: kind(channels, **o), getattr(torch.nn, f"Conv{n}d")),
            images(n, out_channels=sides, kernel_size=st.integers(1, 3), padding=st.integers(0, 1), bias=st.booleans()),
        )
        for n in (1, 2, 3)
    },
    "Flatten": Layer(ignoring(s.Flatten), ignoring(torch.nn.Flatten), images()),
    "Identity": Layer(ignoring(s.Identity), ignoring(torch.nn.Identity), images()),
    "ReLU": Layer(ignoring(s.ReLU), ignoring(torch.nn.ReLU), images()),
    "PReLU": Layer(lambda channels: s.PReLU(channels), lambda channels: torch.nn.PReLU(channels), images()),
    "ScaledSigmoid": Layer(ignoring(s.ScaledSigmoid), ignoring(mlp.ScaledSigmoid), images()),
    "Sigmoid": Layer(ignoring(s.Sigmoid), ignoring(torch.nn.Sigmoid), images()),
    "Tanh": Layer(ignoring(s.Tanh), ignoring(torch.nn.Tanh), images()),
    "Softmax": Layer(ignoring(s.Softmax), ignoring(partial(torch.nn.Softmax, -1)), images()),
    "BatchNorm": Layer(
        lambda channels: s.BatchNorm(channels), lambda channels: torch.nn.BatchNorm2d(channels), images()
    ),
    "MaxPool2d": Layer(
        lambda channels, ceil_mode: s.MaxPool2d(3, 2, 1, ceil_mode),
        lambda channels, ceil_mode: torch.nn.MaxPool2d(3, 2, 1, ceil_mode=ceil_mode),
        images(ceil_mode=st.booleans()),
    ),
    "AvgPool2d": Layer(lambda channels: s.AvgPool2d(3, 2, 1), lambda channels: torch.nn.AvgPool2d(3, 2, 1), images()),
    "GlobalAvgPool": Layer(ignoring(s.GlobalAvgPool), mean_layer, images()),
    "RNNCell": Layer(
        lambda channels: WithState(s.RNNCell(channels, 2)),
        lambda channels: TorchWithState(torch.nn.RNNCell(channels, 2)),
        images(0, channels=3),
    ),
    "GRUCell": Layer(
        lambda channels, book: WithState(s.GRUCell(channels, 2, reset_first=book)),
        lambda channels, book: (gru_of_the_book if book else TorchWithState)(torch.nn.GRUCell(channels, 2)),
        images(0, channels=3, book=st.booleans()),
    ),
    "LSTMCell": Layer(
        lambda channels: WithState(s.LSTMCell(channels, 2), pair=True),
        lambda channels: TorchWithState(torch.nn.LSTMCell(channels, 2), pair=True),
        images(0, channels=3),
    ),
    "Recurrent": Layer(
        lambda channels, kind: FirstOutput(s.Recurrent(getattr(s, f"{kind}Cell")(4, 2))),
        lambda channels, kind: OutputOnly(getattr(torch.nn, kind)(4, 2)),
        st.builds(
            lambda seed, kind: Case([normal(seed, 3, 2, 4)], {"channels": 4, "kind": kind}),
            seeds,
            st.sampled_from(["RNN", "GRU", "LSTM"]),
        ),
    ),
    "ConvUnit": Layer(
        lambda channels, kernel: s.ConvUnit(channels, 3, kernel), conv_unit, images(kernel=st.sampled_from([1, 3, 5]))
    ),
    "Residual": Layer(
        lambda channels, out, stride: s.Residual(channels, out, stride),
        basic_block,
        images(out=st.integers(1, 3), stride=st.integers(1, 2)),
    ),
    "Inception": Layer(lambda channels: s.Inception(channels, (2, 1, 3, 2, 2, 1)), inception, images()),
    "Sequential": Layer(
        lambda channels: s.Sequential(s.Conv2d(channels, 2, 3), s.Tanh(), s.Sequential(s.Flatten(), s.PReLU())),
        lambda channels: torch.nn.Sequential(
            torch.nn.Conv2d(channels, 2, 3), torch.nn.Tanh(), torch.nn.Sequential(torch.nn.Flatten(), torch.nn.PReLU())
        ),
        images(),
    ),
}
