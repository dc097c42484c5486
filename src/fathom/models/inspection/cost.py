"""What training a network will cost, before anything is run: FLOPs, bytes moved, memory, and time by the roofline.

A layer takes as long as its arithmetic at full speed or its traffic at full bandwidth takes, whichever is longer. That
is the least time that hardware allows; kernels that start slowly, and data that come late, add to it. Backward, each
layer does what it did forward twice: once for the gradient of its input, once for that of its weights.

Source:  notes N1 §3.1, §3.3; Williams, Waterman & Patterson 2009, doi:10.1145/1498765.1498785 (roofline)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from fathom.models.hardware import Hardware
from fathom.models.inspection.summary import run_sample
from fathom.models.inspection.tracer import Tracer, tensors_in

# by the input and by the weights: a product each
BACKWARD = 2  # times the forward pass
# velocity; mean and mean square
COPIES = {"sgd": 0, "momentum": 1, "adam": 2, "adamw": 2}  # what an optimiser keeps for each parameter


_FREE = (nn.Identity, nn.Flatten, nn.Unflatten)  # the same numbers under another shape: nothing moves


@dataclass(frozen=True)
class LayerCost:
    """One call of a layer, forward, for the whole batch.

    Attributes:
        flops: two per multiply-add; convolutions, dense, recurrent and attention layers only.
        num_bytes: its input and its weights read, its output written.
    """

    name: str
    type: str
    flops: int
    num_bytes: int

    @property
    def intensity(self) -> float:
        """FLOPs per byte: below the hardware's own, FLOP/s over bytes/s, memory is what the layer waits for."""
        return self.flops / self.num_bytes if self.num_bytes else 0.0

    def seconds(self, hardware: Hardware) -> float:
        """Return the least time that it takes."""
        # arithmetic and traffic overlap: the longer one counts
        return max(self.flops / hardware.flops, self.num_bytes / hardware.bandwidth)

    def is_compute_bound(self, hardware: Hardware) -> bool:
        """Whether arithmetic takes longer than traffic."""
        return self.flops / hardware.flops > self.num_bytes / hardware.bandwidth


@dataclass(frozen=True)
class TrainingCost:
    """A step of training on a batch.

    Attributes:
        layers: in the order in which they run.
        weights, gradients, state, activations: bytes held; ``state`` is the optimiser's, and ``activations`` are
            the outputs of all layers, which the way back needs.
    """

    layers: tuple[LayerCost, ...]
    weights: int
    gradients: int
    state: int
    activations: int

    @property
    def flops(self) -> int:
        """FLOPs of a step, forward and backward."""
        return (1 + BACKWARD) * sum(layer.flops for layer in self.layers)  # forward 1, backward 2

    @property
    def num_bytes(self) -> int:
        """Bytes moved in a step, forward and backward, and by the optimiser."""
        return (1 + BACKWARD) * sum(layer.num_bytes for layer in self.layers) + self.update_bytes

    @property
    def update_bytes(self) -> int:
        """Bytes moved by the optimiser: weights and state read and written, gradients read."""
        return 2 * (self.weights + self.state) + self.gradients  # once in, once out

    @property
    def memory(self) -> int:
        """Bytes held at the end of the forward pass."""
        return self.weights + self.gradients + self.state + self.activations

    def seconds(self, hardware: Hardware) -> float:
        """Return the least time of a step."""
        layers = sum(layer.seconds(hardware) for layer in self.layers)
        return (1 + BACKWARD) * layers + self.update_bytes / hardware.bandwidth


def training_cost(
    net: nn.Module, input_shape: Sequence[int], batch_size: int, *, optimizer: str = "adamw", number_bytes: int = 4
) -> TrainingCost:
    """Forecast a step of training; nothing is trained, and on the meta device nothing is computed.

    Args:
        input_shape: of one sample.
        optimizer: sgd, momentum (SGD with it), adam or adamw.
        number_bytes: of a number: 4 in float32, 2 in bfloat16.
    """
    tracer = Tracer()
    rows: list[dict[str, Any]] = []

    def before(layer: nn.Module, inputs: Any) -> None:
        tracer.open_rows.append({"flops": 0})  # the tracer adds FLOPs to the innermost open row

    def after(name: str, layer: nn.Module, inputs: Any, output: Any) -> None:
        row = tracer.open_rows.pop()
        # numbers that go in, numbers that come out
        sizes = [sum(t.numel() for t in tensors_in(each)) for each in (inputs, output)]
        own = sum(parameter.numel() for parameter in layer.parameters(recurse=False))  # read once for the whole batch
        rows.append(row | {"name": name, "type": type(layer).__name__, "in": sizes[0], "out": sizes[1], "own": own})

    handles = []
    for name, layer in net.named_modules():
        if next(layer.children(), None) is None and not isinstance(layer, _FREE):  # layers without layers inside
            handles.append(layer.register_forward_pre_hook(before))
            handles.append(
                layer.register_forward_hook(lambda m, i, o, name=name: after(name or type(m).__name__, m, i, o))
            )
    try:
        run_sample(net, input_shape, tracer, tracer.start)  # one sample: costs scale with the batch
    finally:
        for handle in handles:
            handle.remove()
    layers = tuple(
        LayerCost(
            row["name"],
            row["type"],
            batch_size * row["flops"],
            # inputs and outputs by the batch, weights once
            number_bytes * (batch_size * (row["in"] + row["out"]) + row["own"]),
        )
        for row in rows
    )
    weights = number_bytes * sum(parameter.numel() for parameter in net.parameters())
    # every output is kept for the backward pass
    activations = number_bytes * batch_size * sum(row["out"] for row in rows)
    return TrainingCost(layers, weights, weights, COPIES[optimizer] * weights, activations)
