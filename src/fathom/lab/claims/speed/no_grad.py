"""What no_grad and inference_mode save."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager

import torch
from torch import nn

from fathom.lab.experiment import Claim, Comparison, Conditions, Design, Fact, Plot, Reading

_MODES: dict[str, Callable[[], AbstractContextManager[object]]] = {
    "grad": torch.enable_grad,
    "no_grad": torch.no_grad,
    "inference": torch.inference_mode,
}
_ARMS = {"grad": "with gradients", "no_grad": "no_grad", "inference": "inference_mode"}


def measure(arm: str, seeds: Sequence[int], conditions: Conditions) -> Iterator[dict[str, float]]:
    """Time a forward pass; the fastest of many, which other processes disturbed least."""
    for seed in seeds:
        net, X = _make(seed, conditions)
        best = float("inf")
        with _MODES[arm]():
            for _ in range(conditions["repeats"]):
                began = time.perf_counter()
                net(X)
                best = min(best, time.perf_counter() - began)
        yield {"milliseconds": 1000 * best}


def _make(seed: int, conditions: Conditions) -> tuple[nn.Module, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    width, layers = conditions["width"], []
    for _ in range(conditions["depth"]):
        layers += [nn.Linear(width, width), nn.ReLU()]
    return nn.Sequential(*layers), torch.randn(conditions["batch"], width, generator=generator)


def check(conditions: Conditions) -> Sequence[Fact]:
    """Count the bytes that are kept for the backward pass."""
    net, X = _make(0, conditions)
    kept = {name: _kept_bytes(mode, net, X) for name, mode in _MODES.items()}
    activations = conditions["depth"] * X.numel() * X.element_size()
    return [
        Fact(
            "with gradients every layer's activations are kept",
            kept["grad"] >= activations,
            f"{kept['grad'] / 1e3:.0f} kB kept, {activations / 1e3:.0f} kB are activations",
        ),
        Fact("no_grad and inference_mode keep nothing", kept["no_grad"] == kept["inference"] == 0),
    ]


def _kept_bytes(mode: Callable[[], AbstractContextManager[object]], net: nn.Module, X: torch.Tensor) -> int:
    """Return the bytes of what autograd keeps, parameters left out, each tensor once."""
    found: dict[int, int] = {}
    own = {parameter.data_ptr() for parameter in net.parameters()}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.data_ptr() not in own:
            found[tensor.data_ptr()] = tensor.numel() * tensor.element_size()
        return tensor

    with mode(), torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        output = net(X)  # held until the end: freed memory would be given out again
    del output
    return sum(found.values())


CLAIM = Claim(
    number=14,
    title="no_grad and inference_mode",
    statement="no_grad and inference_mode save time and memory in evaluation.",
    place="N0 Performance Tuning",
    design=Design(
        factor="with gradients, no_grad, inference_mode",
        fixed="eight layers of 64 with ReLU, a batch of 16, one processor",
        budget="the fastest of 300 passes counts",
        arms=_ARMS,
        seeds=10,
        is_timed=True,
    ),
    comparisons=[
        Comparison(
            "time: no_grad / with gradients", "no_grad", "grad", "less", 1.05, measure="milliseconds", is_ratio=True
        ),
        Comparison(
            "time: inference_mode / no_grad",
            "inference",
            "no_grad",
            "less",
            1.05,
            measure="milliseconds",
            is_ratio=True,
            is_judged=False,
        ),
    ],
    measure=measure,
    facts=check,
    plot=Plot("milliseconds", "milliseconds of a forward pass"),
    settings={"width": 64, "depth": 8, "batch": 16, "repeats": 300},
    quick={"repeats": 100},
    reading=Reading(
        sentences=(
            "Without gradients no graph is built and no activation kept for a backward pass.",
            "A pass takes {c1} of the time with gradients; inference_mode {c2} of that of no_grad.",
            "Use either in evaluation, for memory above all: the larger the layers, the smaller the share of the "
            "graph in the "
            "time.",
        ),
        would_change="Large layers and batches, where the time of the products hides that of the graph.",
        depends_on="what is asked: memory or time",
        chinese=("no_grad / inference_mode 节省时间和内存", "成立：不保存激活；时间之比 {c1}，inference_mode 再 {c2}"),
    ),
)
