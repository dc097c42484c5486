"""Every channel of a network followed through one forward pass.

Each channel that a layer makes is a number. The number travels with the channel through activations, pooling,
flattening and concatenation; where two tensors are added, the numbers at the same place become one. What is not
followed is pinned: its channels stay. Nothing here knows a network by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils.weak import WeakTensorKeyDictionary

from fathom.models.inspection.summary import run_sample
from fathom.models.inspection.tracer import tensors_in
from fathom.models.surgery.numbering import ChannelIds, Numbering

# Matrices that a recurrent layer stacks: of the new state, of reset, update and new (GRU), of input, forget, cell and
# output (LSTM)
GATES = {"rnn_tanh": 1, "rnn_relu": 1, "gru": 3, "lstm": 4}

# What gives each channel from the same channel of its input alone.
_ACTIVATIONS = (
    *("relu", "relu_", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "mish", "sigmoid", "tanh", "hardtanh"),
    *("hardswish", "hardsigmoid", "relu6", "softplus", "logsigmoid", "dropout", "dropout1d", "dropout2d", "dropout3d"),
    *("feature_dropout", "alpha_dropout"),
)
_ARITHMETIC = ("clamp", "abs", "neg", "square", "sqrt", "exp", "gt", "__gt__", "ge", "__ge__", "lt", "__lt__", "le")
_COPIES = ("to", "float", "double", "half", "detach", "clone", "contiguous")
_PER_CHANNEL = frozenset((*_ACTIVATIONS, *_ARITHMETIC, *_COPIES, "pad", "interpolate"))
_POOLS = ("max_pool", "avg_pool", "lp_pool", "adaptive_")
# What gives each channel from the same channel of two tensors.
_PAIRS = frozenset(
    (
        *("add", "add_", "__add__", "__radd__", "__iadd__", "sub", "sub_", "__sub__", "__rsub__", "rsub"),
        *("mul", "mul_", "__mul__", "__rmul__", "__imul__", "div", "__truediv__", "true_divide"),
        *("maximum", "minimum"),
    )
)
# What lays out the same values in another shape.
_VIEWS = ("flatten", "reshape", "view", "unflatten", "pixel_unshuffle")


class Tape(TorchFunctionMode):
    """Sees every PyTorch function of a forward pass, and carries channel numbers from its inputs to its output.

    Attributes:
        numbers: of the channels.
        dims: parameter or buffer: dimension: the numbers along it.
        makers: names of parameters whose rows make channels, each with the dimension of these rows.
        norms: names of parameters that scale channels after normalising them.
        pins: numbers of channels that cannot go, and why.
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.numbers = Numbering()
        self.dims: dict[str, dict[int, ChannelIds]] = {}
        self.makers: dict[str, int] = {}
        self.norms: list[str] = []
        self.pins: list[tuple[ChannelIds, str]] = []
        # A parameter that two layers share has the name of the first.
        self._names: dict[int, str] = {}
        for name, tensor in (*net.named_parameters(), *net.named_buffers()):
            self._names.setdefault(id(tensor), name)
        self._axes = WeakTensorKeyDictionary()  # tensor: (the dimension of its channels, their numbers)

    def record(self, net: nn.Module, input_shape: Sequence[int]) -> None:
        """Follow one sample of zeros through the network."""

        def start(sample: Tensor) -> None:
            if sample.is_floating_point():  # tokens have no channels
                ids = self.numbers.new(sample.shape[1])
                self._axes[sample] = 1, ids
                self.pins.append((ids, "it belongs to the network's input"))

        output = run_sample(net, input_shape, self, start)
        self._pin(tensors_in(output), "it is the network's output")

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        output = func(*args, **kwargs)
        if next(tensors_in(output), None) is not None:
            self._follow(getattr(func, "__name__", ""), args, kwargs, output)
        return output

    def _follow(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        if name in ("conv1d", "conv2d", "conv3d"):
            self._follow_conv(args, kwargs, output)
        elif name == "linear":
            _, weight, bias = _read(args, kwargs, "input", "weight", "bias")
            # (…, D) -> (…, K)
            self._make(args, weight, bias, axis_in=args[0].dim() - 1, axis_out=output.dim() - 1, output=output)
        elif name == "batch_norm":
            self._follow_norm(args, kwargs, output)
        elif name == "prelu" and args[1].numel() > 1:
            self._scale(args[0], (args[1],), output)
        elif name == "embedding":
            self._follow_embedding(args, kwargs, output)
        elif name in GATES:
            self._follow_recurrent(name, args, output)
        elif name in ("cat", "concat", "concatenate"):
            self._follow_cat(args, kwargs, output)
        elif name in _VIEWS:
            self._follow_view(name, args, output)
        elif name in _PAIRS:
            self._follow_pair(args, output)
        elif name in _PER_CHANNEL or name.startswith(_POOLS) or name == "prelu":
            self._carry(args, kwargs, output, name)
        else:
            self._pin(tensors_in((args, list(kwargs.values()))), f"it goes into {name}, which is not followed")

    # One function each ---------------------------------------------------------------------------------------------

    def _follow_conv(self, args: tuple[Any, ...], kwargs: dict[str, Any], output: Tensor) -> None:
        names = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
        *_, groups = bound = _read(args, kwargs, *names)
        if (groups or 1) != 1:  # taking one channel out would leave groups of unequal size
            self._pin(args[:1], "it goes into a convolution in groups")
            ids = self.numbers.new(output.shape[1])
            self._axes[output] = 1, ids
            self._claim(bound[1], 0, ids)
            self._claim(bound[2], 0, ids)
            self._note_maker(bound[1], 0)
            self.pins.append((ids, "it is a convolution in groups"))
            return
        self._make(args, bound[1], bound[2], axis_in=1, axis_out=1, output=output)

    def _make(
        self, args: tuple[Any, ...], weight: Tensor, bias: Tensor | None, *, axis_in: int, axis_out: int, output: Tensor
    ) -> None:
        """Rows of a weight (C_out, C_in, …) make new channels, its columns read those of the input."""
        axis, ids = self._axes.get(args[0], (axis_in, None))
        if ids is not None and axis == axis_in:
            self._claim(weight, 1, ids)
        else:
            self._pin(args[:1], "it is read along another dimension")
        made = self._claim(weight, 0, self.numbers.new(weight.shape[0]))  # (C_out,)
        self._claim(bias, 0, made)  # bias (C_out,)
        self._note_maker(weight, 0)
        self._axes[output] = axis_out, made

    def _follow_norm(self, args: tuple[Any, ...], kwargs: dict[str, Any], output: Tensor) -> None:
        X, mean, var, weight, bias = _read(args, kwargs, "input", "running_mean", "running_var", "weight", "bias")
        self._scale(X, (mean, var, weight, bias), output)
        name = self._names.get(id(weight))
        if name is not None and name not in self.norms:
            self.norms.append(name)

    def _scale(self, X: Tensor, tensors: Iterable[Tensor | None], output: Tensor) -> None:
        """Every channel meets an element of its own of each tensor."""
        if X not in self._axes or self._axes[X][0] != 1:
            self._pin([X], "it is scaled along another dimension")
            return
        for tensor in tensors:
            self._claim(tensor, 0, self._axes[X][1])
        self._axes[output] = self._axes[X]

    def _follow_embedding(self, args: tuple[Any, ...], kwargs: dict[str, Any], output: Tensor) -> None:
        _, weight = _read(args, kwargs, "input", "weight")  # (tokens, channels)
        self._axes[output] = output.dim() - 1, self._claim(weight, 1, self.numbers.new(weight.shape[1]))
        self._note_maker(weight, 1)

    def _follow_recurrent(self, name: str, args: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        """All layers of a recurrent module are equally wide: the same unit of each goes together."""
        # torch.lstm(X, state, weights, has_biases, num_layers, dropout, train, bidirectional, batch_first), and alike
        X, weights, has_bias, num_layers, bidirectional = args[0], args[2], args[3], args[4], args[7]
        per_layer = 4 if has_bias else 2  # W_ih (gates·hidden, inputs), W_hh (gates·hidden, hidden), b_ih, b_hh
        if bidirectional or len(weights) != per_layer * num_layers:
            self._pin([X], "it goes into a recurrent layer of another form")
            return
        units = self.numbers.new(weights[1].shape[1])  # (hidden,)
        rows = np.tile(units, GATES[name])  # (gates·hidden,): the gates' rows lie one below the other
        for layer in range(num_layers):
            own = weights[per_layer * layer : per_layer * (layer + 1)]
            if layer > 0:  # reads the layer below it, from which it has its width
                self._claim(own[0], 1, units)
            elif X in self._axes:
                self._claim(own[0], 1, self._axes[X][1])
            self._claim(own[1], 1, units)
            for tensor in own:
                self._claim(tensor, 0, rows)
            self._note_maker(own[0], 0)
            self._note_maker(own[1], 0)
        self._axes[output[0]] = output[0].dim() - 1, units

    def _follow_cat(self, args: tuple[Any, ...], kwargs: dict[str, Any], output: Tensor) -> None:
        tensors, dim = _read(args, kwargs, "tensors", "dim")
        axes = {self._axes[tensor][0] for tensor in tensors if tensor in self._axes}
        is_whole = all(tensor in self._axes for tensor in tensors)
        # Followed only where the tensors are joined along their channels: one list of numbers after the other.
        if not is_whole or axes != {(dim or 0) % output.dim()}:
            self._pin(tensors, "it is joined along another dimension")
            return
        self._axes[output] = axes.pop(), np.concatenate([self._axes[tensor][1] for tensor in tensors])

    def _follow_view(self, name: str, args: tuple[Any, ...], output: Tensor) -> None:
        """Flattening (N, C, H, W) makes H·W features of each channel, next to one another."""
        X = args[0]
        if X not in self._axes:
            return
        axis, ids = self._axes[X]
        if output.shape == X.shape:
            self._axes[output] = axis, ids
        # pixel_unshuffle makes (N, C·r², H/r, W/r) of (N, C, H, W): r² channels of each, next to one another too.
        elif name == "pixel_unshuffle" or (axis == 1 and output.dim() == 2 and output.shape[0] == X.shape[0]):
            self._axes[output] = 1, np.repeat(ids, output.shape[1] // len(ids))
        else:
            self._pin([X], f"it goes into {name}, which mixes its dimensions")

    def _follow_pair(self, args: tuple[Any, ...], output: Tensor) -> None:
        """Channels that are added or multiplied go together."""
        tensors = [value for value in args if isinstance(value, Tensor) and value.numel() > 1]  # a scalar changes none
        known = [self._axes[tensor] for tensor in tensors if tensor in self._axes]
        same_shape = all(tensor.shape == output.shape for tensor in tensors)
        if not known:
            return
        if len(known) < len(tensors) or not same_shape or len({axis for axis, _ in known}) > 1:
            self._pin(tensors, "it is combined with something of another shape")
            return
        for _, ids in known[1:]:
            self.numbers.join(known[0][1], ids)
        self._axes[output] = known[0]

    def _carry(self, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any, name: str) -> None:
        # Several results: pooling gives indices beside the values.
        for X in tensors_in((args[:1], kwargs.get("input"))):
            if X not in self._axes:
                continue
            axis, ids = self._axes[X]
            for result in tensors_in(output):
                if result.dim() == X.dim() and result.shape[axis] == len(ids):
                    self._axes[result] = axis, ids
                else:
                    self._pin([X], f"it goes into {name}, which changes its channels")

    # Numbers -------------------------------------------------------------------------------------------------------

    def _claim(self, tensor: Tensor | None, dim: int, ids: ChannelIds) -> ChannelIds:
        """Let a dimension of a parameter belong to channels; one that is used twice joins those of both uses."""
        name = None if tensor is None else self._names.get(id(tensor))
        if name is None:
            if tensor is not None:  # computed, not stored: nothing can be taken out of it
                self.pins.append((ids, "its weight is computed from others"))
            return ids
        earlier = self.dims.setdefault(name, {}).setdefault(dim, ids)
        self.numbers.join(earlier, ids)
        return earlier

    def _note_maker(self, weight: Tensor, dim: int) -> None:
        if (name := self._names.get(id(weight))) is not None:
            self.makers[name] = dim

    def _pin(self, tensors: Iterable[Any], reason: str) -> None:
        self.pins.extend(
            (self._axes[tensor][1], reason) for tensor in tensors_in(list(tensors)) if tensor in self._axes
        )


def _read(args: tuple[Any, ...], kwargs: dict[str, Any], *names: str) -> list[Any]:
    """Return arguments in this order, None for those not given."""
    return [args[i] if i < len(args) else kwargs.get(name) for i, name in enumerate(names)]
