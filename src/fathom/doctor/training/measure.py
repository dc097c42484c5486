"""What one step shows of a network: norms and variances of gradients, sizes of updates, outputs of layers, units.

Everything stays on the device until ``Step.read`` brings it over in one copy; no random number is drawn, no mode,
weight or gradient is changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from fathom.doctor.observer.graph import survey
from fathom.doctor.observer.statistics import all_tensors
from fathom.doctor.observer.units import Units

MOST_WEIGHTS = 50_000_000  # copied to see what a step changes; of a larger network updates are not measured
MOST_SAMPLES = 64  # of a batch, whose outputs are looked at: a variance over them and their units is exact enough
MOST_LAYERS = 200  # whose outputs are looked at; of a deeper network the first ones
MOST_COUNTED = 4096  # outputs of a layer that go into its histogram: its shares are then right to about a hundredth
EDGES = tuple(-4 + 0.5 * i for i in range(17))  # of the histogram's 16 bins, in standard deviations from the mean


class Layers:
    """The parameters that are trained, and the layers with weights, by their names in the network."""

    def __init__(self, module: nn.Module) -> None:
        self.parameters: dict[str, nn.Parameter] = {
            _short(name): p for name, p in module.named_parameters() if p.requires_grad and not nn.parameter.is_lazy(p)
        }
        self._layer_of = {id(p): name.rpartition(".")[0] or name for name, p in self.parameters.items()}
        owners = {name.rpartition(".")[0] for name, p in self.parameters.items() if p.dim() > 1}
        found = ((_short(name), layer) for name, layer in module.named_modules())
        self.modules = {name: layer for name, layer in list(found)[:MOST_LAYERS] if name in owners}
        self.units = Units()

    def layer(self, parameter: Tensor) -> str:
        """Return the name of the layer that holds a parameter."""
        return self._layer_of.get(id(parameter), "")

    @property
    def can_copy(self) -> bool:
        """Whether the weights are few enough to be copied before a step."""
        return sum(p.numel() for p in self.parameters.values()) <= MOST_WEIGHTS


def _short(name: str) -> str:
    return name.removeprefix("net.")  # the network within the module: what `fathom models` and the report call a layer


@dataclass
class Step:
    """The measurement of one step, from before its forward pass to after its update.

    Args:
        sees_layers: whether outputs of layers can be looked at; not where they are compiled.
    """

    layers: Layers
    step: int
    sees_layers: bool = True
    values: dict[str, Tensor] = field(default_factory=dict)  # name of a quantity: (parameters or layers,)
    without_gradient: list[str] = field(default_factory=list)
    _handles: list[Any] = field(default_factory=list)
    _before: list[Tensor] = field(default_factory=list)
    # layer: (2 + 17,), mean, variance, and the share of outputs below each edge
    _outputs: dict[str, Tensor] = field(default_factory=dict)

    @torch.no_grad()
    def begin(self, module: nn.Module) -> None:
        """Copy the weights, and follow the outputs of this step's forward passes."""
        if self.layers.can_copy:
            self._before = [p.detach().clone() for p in self.layers.parameters.values()]
        if not self.sees_layers:
            return
        for name, layer in self.layers.modules.items():
            self._handles.append(layer.register_forward_hook(self._layer_hook(name)))
        self._handles.append(module.register_forward_hook(self._root_hook))

    def _layer_hook(self, name: str) -> Any:
        def look(layer: nn.Module, inputs: Any, output: Any) -> None:
            tensors = all_tensors(output)
            if tensors and tensors[0].is_floating_point() and tensors[0].numel() > 1:
                with torch.no_grad():
                    y = tensors[0].detach()[:MOST_SAMPLES].float()
                    variance, mean = torch.var_mean(y, correction=0)  # (), ()
                    self._outputs[name] = torch.cat([mean[None], variance[None], _shares_below(y, mean, variance)])

        return look

    def _root_hook(self, module: nn.Module, inputs: Any, output: Any) -> None:
        tensors = all_tensors(output)
        if not tensors or tensors[0].grad_fn is None:
            return
        with torch.no_grad():  # the graph from here back holds what every activation gave, functions' too
            found = survey(tensors[0]).activations
            few = [replace(a, output=a.output[:MOST_SAMPLES]) for a in found]
            self.layers.units.add(few, self.step, self.layers)  # type: ignore[arg-type]

    @torch.no_grad()
    def note_gradients(self, scale: Tensor | float | None = None) -> None:
        """Take the gradients as they are after a backward pass; of several in a step the last counts, which has all.

        Args:
            scale: what the loss was multiplied by, in fp16.
        """
        gradients = [p.grad for p in self.layers.parameters.values()]
        if all(g is None or g.is_sparse for g in gradients):
            return
        dense = [torch.zeros((), device=_device_of(gradients)) if g is None or g.is_sparse else g for g in gradients]
        norms = torch.stack(torch._foreach_norm(dense)).float()  # (P,)
        sizes = torch.stack(torch._foreach_norm(dense, 1)).float()  # (P,): Σ|g|
        sums = torch.stack([g.sum() for g in dense]).float()  # (P,)
        if scale is not None:
            norms, sizes, sums = norms / scale, sizes / scale, sums / scale
        self.without_gradient = [n for n, g in zip(self.layers.parameters, gradients, strict=True) if g is None]
        missing = torch.tensor([g is None for g in gradients], device=norms.device)
        for name, value in (("gradient", norms), ("gradient_size", sizes), ("gradient_sum", sums)):
            self.values[name] = value.masked_fill(missing, torch.nan)

    @torch.no_grad()
    def end(self) -> None:
        """Take the hooks away, and compare the weights with those before the step."""
        self.stop()
        now = [p.detach() for p in self.layers.parameters.values()]
        self.values["weight"] = torch.stack(torch._foreach_norm(self._before or now)).float()  # (P,)
        if self._before:
            changes = torch._foreach_sub(now, self._before)
            self.values["update"] = torch.stack(torch._foreach_norm(changes)).float()  # (P,)
        self._before = []

    def stop(self) -> None:
        """Take the hooks away."""
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def read(self) -> dict[str, Any]:
        """Bring all of it over: numbers in the order of parameters and layers; None for what is not there or finite."""
        names = [*self.values, *(f"layer {name}" for name in self._outputs)]
        tensors = [*self.values.values(), *self._outputs.values()]
        moved = torch.cat([t.reshape(-1) for t in tensors]).tolist() if tensors else []
        columns, at = {}, 0
        for name, tensor in zip(names, tensors, strict=True):
            columns[name] = [_rounded(v) for v in moved[at : at + tensor.numel()]]
            at += tensor.numel()
        found: dict[str, Any] = {name: columns[name] for name in ("weight", "update", "gradient") if name in columns}
        if "gradient" in columns:
            counts = [p.numel() for p in self.layers.parameters.values()]
            found |= _moments(columns, counts)
            if self.without_gradient:
                found["without_gradient"] = self.without_gradient
        if self._outputs:
            seen = [columns.get(f"layer {name}", [None, None]) for name in self.layers.modules]
            found |= {"output_mean": [values[0] for values in seen], "output_variance": [values[1] for values in seen]}
            found["output_histogram"] = [_histogram(values[2:]) for values in seen]
        return found


def _shares_below(y: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    """Return the share of values below each of ``EDGES``; by comparison, which waits for no device and has no order.

    Shape:   y of any, mean (), variance () -> (17,)
    """
    few = y.flatten()[:: max(1, y.numel() // MOST_COUNTED)][:, None]  # (n, 1)
    edges = mean + variance.sqrt() * torch.tensor(EDGES, device=y.device)  # (17,)
    return (few < edges).float().mean(0)  # (17,)


def _histogram(below: Sequence[float | None]) -> list[float] | None:
    """Return the share of values in each bin, from those below the edges; what is further out counts to the ends."""
    shares = [share for share in below if share is not None]
    if not shares:
        return None
    inner = [0.0, *shares[1:-1], 1.0]
    return [round(high - low, 4) for low, high in pairwise(inner)]


def _moments(columns: Mapping[str, list[float | None]], counts: Sequence[int]) -> dict[str, list[float | None]]:
    """Return mean |g| and the variance of g over each parameter's elements, from norms and sums."""
    sizes: list[float | None] = []
    variances: list[float | None] = []
    rows = zip(counts, columns["gradient"], columns["gradient_size"], columns["gradient_sum"], strict=True)
    for count, norm, size, total in rows:
        if norm is None or size is None or total is None:
            sizes.append(None)
            variances.append(None)
            continue
        sizes.append(_rounded(size / count))
        variances.append(_rounded(max(0.0, norm * norm / count - (total / count) ** 2)))  # E[g²] − E[g]²
    return {"gradient_size": sizes, "gradient_variance": variances}


def _rounded(value: float) -> float | None:
    return float(f"{value:.5g}") if value == value and abs(value) != float("inf") else None  # null in the file


def _device_of(tensors: Sequence[Tensor | None]) -> torch.device:
    return next(t.device for t in tensors if t is not None)


def describe_units(units: Units) -> Iterator[list[Any]]:
    """Yield kind, layer, units, samples, idle share and share at a bound of each activation so far."""
    for unit in units.finish():
        yield [unit.kind, unit.layer, unit.units, unit.samples, round(unit.idle, 4), round(unit.saturated, 4)]
