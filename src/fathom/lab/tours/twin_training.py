"""Training a network from scratch and its PyTorch twin side by side: the same first weights, the same batches."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

from fathom.errors import FathomError
from fathom.lab.tours.batches import ScratchData, image_data, text_data
from fathom.lab.tours.pairings import Pairing
from fathom.models import registry
from fathom.scratch.engine.creation import manual_seed
from fathom.scratch.engine.tensor import Tensor
from fathom.scratch.layers.module import Module
from fathom.scratch.learning.loops import Loss, generate, perplexity, predict, train_step
from fathom.scratch.learning.losses import cross_entropy, squared
from fathom.scratch.learning.optimizers import SGD
from fathom.scratch.networks import create
from fathom.scratch.studies.least_squares import least_squares, with_ones


@dataclass(frozen=True)
class TwinOptions:
    """What is trained on what, and how."""

    pairing: Pairing
    data: str
    size: int | None
    samples: int | None
    text: str | None
    epochs: int
    batch_size: int
    lr: float
    width: int | None
    precision: str  # "fp64" or "fp32"
    seed: int


@dataclass(frozen=True)
class TwinStep:
    """The loss of one batch, before the step: from scratch, by PyTorch."""

    epoch: int
    step: int
    scratch: float
    torch: float  # PyTorch's loss of the same batch with its own weights

    @property
    def difference(self) -> float:
        """How far apart they are."""
        return abs(self.scratch - self.torch)


@dataclass(frozen=True)
class Epoch:
    """Means and measures of one epoch; ``score`` is the test accuracy, or the perplexity of the text held out."""

    number: int
    loss: float
    torch_loss: float
    largest_difference: float
    score: float
    torch_score: float
    elapsed_s: float
    torch_elapsed_s: float


@dataclass
class TwinResult:
    """All that came of it."""

    data: ScratchData
    num_parameters: int
    steps: list[TwinStep] = field(default_factory=list)
    epochs: list[Epoch] = field(default_factory=list)
    largest_weight_difference: float = 0.0
    notes: list[str] = field(default_factory=list)


class _CharacterTwin(nn.Module):
    """``fathom.scratch.networks.rnn.CharacterRNN`` from PyTorch's own layers."""

    def __init__(self, num_characters: int, hidden: int, cell: str) -> None:
        super().__init__()
        self.recurrent = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}[cell](num_characters, hidden)
        self.head = nn.Linear(hidden, num_characters)  # (steps·N, K)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        outputs, _ = self.recurrent(X)
        return self.head(outputs.reshape(-1, outputs.shape[2]))  # (steps·N, hidden): the loss takes rows


def train_beside_torch(
    options: TwinOptions,
    on_start: Callable[[TwinResult], None] | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
) -> TwinResult:
    """Train both, step by step, on the CPU.

    Raises:  UsageError if the options do not fit the data; FathomError if the loss stops being finite
    """
    pairing = options.pairing
    dtype = np.float64 if options.precision == "fp64" else np.float32
    data = text_data(options, dtype) if pairing.is_text else image_data(options, dtype)
    net, twin = _make_pair(options, data, dtype)  # the same weights, to the bit
    result = TwinResult(data, sum(parameter.numel() for parameter in net.parameters()))
    if on_start is not None:
        on_start(result)

    ours: Loss = squared if pairing.is_regression else cross_entropy
    # the mean over all entries, as squared()
    theirs = nn.functional.mse_loss if pairing.is_regression else nn.functional.cross_entropy
    optimizer = SGD(net.parameters(), options.lr, pairing.momentum)
    twin_optimizer = torch.optim.SGD(twin.parameters(), options.lr, pairing.momentum)

    def step(number: int, X: np.ndarray, y: np.ndarray, seconds: list[float]) -> TwinStep:
        began = time.perf_counter()
        # before PyTorch's step: X and y are shared, and read only
        loss = train_step(net, optimizer, ours, X, y, pairing.clip_norm)
        between = time.perf_counter()  # both sides are timed apart
        twin_loss = _torch_step(
            twin, twin_optimizer, theirs, torch.from_numpy(X), torch.from_numpy(y), pairing.clip_norm
        )
        seconds[0] += between - began
        seconds[1] += time.perf_counter() - between
        if not (math.isfinite(loss) and math.isfinite(twin_loss)):
            raise FathomError(
                f"{pairing.name}: the loss is {loss:g} in epoch {number}; lower --lr, which is {options.lr:g}"
            )
        return TwinStep(number, len(result.steps) + 1, loss, twin_loss)

    for number in range(1, options.epochs + 1):
        seconds = [0.0, 0.0]  # from scratch, by PyTorch
        with np.errstate(over="ignore", invalid="ignore"):  # a loss that is not finite is reported in words
            for X, y in data.batches:
                result.steps.append(step(number, X, y, seconds))
        scores = (
            _score(pairing, data, lambda X: predict(net, X)),
            _score(pairing, data, lambda X: _torch_predict(twin, X)),
        )
        result.epochs.append(_sum_up(number, [each for each in result.steps if each.epoch == number], scores, seconds))
        if on_epoch is not None:
            on_epoch(result.epochs[-1])
    state = twin.state_dict()
    result.largest_weight_difference = max(  # over all parameters and buffers
        float(np.abs(value - state[_twin_name(name)].numpy()).max()) for name, value in net.state_dict().items()
    )
    result.notes = list(_notes(pairing, data, net))
    return result


def _sum_up(number: int, steps: list[TwinStep], scores: tuple[float, float], seconds: list[float]) -> Epoch:
    return Epoch(
        number,
        float(np.mean([each.scratch for each in steps])),  # of batches of one size: no weights needed
        float(np.mean([each.torch for each in steps])),
        max(each.difference for each in steps),
        *scores,
        *seconds,
    )


# The pair -----------------------------------------------------------------------------------------------------------


def _make_pair(options: TwinOptions, data: ScratchData, dtype: Any) -> tuple[Module, nn.Module]:
    """Make both networks with the same weights, which are drawn from scratch."""
    pairing = options.pairing
    built = pairing.options | ({"width": options.width} if options.width is not None else {})
    manual_seed(options.seed)  # the weights are drawn here, in create() below
    twin: nn.Module
    if data.vocabulary is not None:
        net = create(pairing.network, num_characters=len(data.vocabulary), **built)
        twin = _CharacterTwin(len(data.vocabulary), **built)
    else:
        shape: dict[str, Any] = {"input_shape": data.input_shape, "num_classes": data.num_outputs}
        twin = registry.create(pairing.twin, **shape, **{**pairing.twin_options, **built})
        net = create(pairing.network, **shape, **built)
    net.astype(dtype)
    twin.to(torch.float64 if dtype == np.float64 else torch.float32)
    # no copy is needed: load_state_dict copies
    state = {_twin_name(name): torch.from_numpy(value) for name, value in net.state_dict().items()}
    # torch counts batches of batch-norm; ours has no such buffer
    twin.load_state_dict(state | {name: value for name, value in twin.state_dict().items() if "num_batches" in name})
    return net, twin


def _twin_name(name: str) -> str:
    """Return torch's name of a parameter: its recurrent layers number their weights, their cells do not."""
    # one layer, l0: weight_ih → weight_ih_l0
    return f"{name.replace('.cell.', '.')}_l0" if ".cell." in name else name


def _torch_step(
    net: nn.Module,
    optimizer: torch.optim.Optimizer,
    loss: Callable[..., torch.Tensor],
    X: torch.Tensor,
    y: torch.Tensor,
    clip_norm: float | None,
) -> float:
    net.train()
    value = loss(net(X), y)
    optimizer.zero_grad()
    value.backward()
    if clip_norm is not None:
        gradients = [parameter.grad for parameter in net.parameters() if parameter.grad is not None]
        # In float64, as ours
        norm = torch.sqrt(sum((gradient.double().square().sum() for gradient in gradients), torch.zeros(())))
        if norm > clip_norm:  # torch's own clipping divides by norm + 1e-6
            for gradient in gradients:
                gradient.mul_(float(clip_norm / norm))
    optimizer.step()
    return value.item()


@torch.no_grad()
def _torch_predict(net: nn.Module, X: np.ndarray) -> np.ndarray:
    net.eval()
    return torch.cat([net(part) for part in torch.from_numpy(X).split(256)]).numpy()  # 256, as predict() from scratch


# What is measured ---------------------------------------------------------------------------------------------------


def _score(pairing: Pairing, data: ScratchData, outputs: Callable[[np.ndarray], np.ndarray]) -> float:
    if pairing.is_text:
        return perplexity(_mean_loss(data.test_batches(), outputs))
    return float((outputs(data.test_X).argmax(axis=1) == data.test_labels).mean())


def _mean_loss(batches: Iterable[tuple[np.ndarray, np.ndarray]], outputs: Callable[[np.ndarray], np.ndarray]) -> float:
    losses = [cross_entropy(Tensor(outputs(X)), Tensor(y)).item() for X, y in batches]  # of text held out
    return float(np.mean(losses))  # windows of one length: a plain mean of means


def _notes(pairing: Pairing, data: ScratchData, net: Module) -> Iterator[str]:
    if pairing.is_regression:
        X, y = data.batches.X.reshape(len(data.batches.X), -1), data.batches.y  # (N, D), (N, num_outputs)
        # Pixels that are never inked depend on the column of ones; a trace of a penalty decides between equal answers
        # XᵀX grows with the samples, so the penalty does too
        answer = least_squares(with_ones(Tensor(X)), Tensor(y), penalty=1e-6 * len(X)).data
        best = float(np.square(X @ answer[:-1] + answer[-1] - y).mean())  # the weights, then the constant
        reached = float(np.square(predict(net, data.batches.X) - y).mean())
        test = data.test_X.reshape(len(data.test_X), -1) @ answer[:-1] + answer[-1]
        right = float((test.argmax(axis=1) == data.test_labels).mean())
        yield f"mean squared error on the training samples: {reached:.6f}; least possible, in closed form: {best:.6f}"
        yield f"test accuracy of the closed form: {right:.2%}"
    if data.vocabulary is not None:
        text = generate(net, data.vocabulary, "time traveller ", 50, data.dtype)
        yield f"the text goes on, likeliest character after likeliest character: {text!r}"
