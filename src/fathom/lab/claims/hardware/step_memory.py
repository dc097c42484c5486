"""``fathom models NAME --cost``: is the memory that it forecasts what a step holds?"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from fathom.lab.experiment import Claim, Conditions, Design, Fact, Reading
from fathom.models.inspection.cost import training_cost

_NETS = {"mlp": (1, 28, 28), "lenet": (1, 28, 28), "resnet9": (3, 32, 32), "googlenet": (3, 96, 96)}
_BATCH = 8


def check(conditions: Conditions) -> Sequence[Fact]:
    """Take a step, count what autograd and the optimiser keep, and compare with the forecast."""
    from fathom.models import registry

    facts = []
    for name, shape in _NETS.items():
        torch.manual_seed(0)
        net = registry.create(name, input_shape=shape, num_classes=10)
        cost = training_cost(net, shape, _BATCH, optimizer="adamw")
        held = _step(net, torch.randn(_BATCH, *shape))
        exact = all(held[key] == getattr(cost, key) for key in ("weights", "gradients", "state"))
        sizes = f"{cost.weights:,} bytes each"
        facts.append(Fact(f"{name}: weights, gradients, state", exact, sizes))
        ratio = cost.activations / held["activations"]
        facts.append(Fact(f"{name}: activations within 35 %", 1 / 1.35 < ratio < 1.35, f"×{ratio:.2f}"))
    return facts


def _step(net: torch.nn.Module, X: torch.Tensor) -> dict[str, int]:
    """Return the bytes that are held during a step; what several layers keep counts once."""
    kept: dict[int, torch.Tensor] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    weights = {p.untyped_storage().data_ptr() for p in net.parameters()}
    net.train()
    optimizer = torch.optim.AdamW(net.parameters())
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss = torch.nn.functional.cross_entropy(net(X), torch.zeros(len(X), dtype=torch.long))
    loss.backward()
    optimizer.step()
    moments = [t for state in optimizer.state.values() for t in state.values() if t.dim()]  # not the step's number
    return {
        "weights": sum(p.numel() * p.element_size() for p in net.parameters()),
        "gradients": sum(p.grad.numel() * p.grad.element_size() for p in net.parameters() if p.grad is not None),
        "state": sum(t.numel() * t.element_size() for t in moments),
        "activations": sum(
            t.untyped_storage().nbytes() for place, t in kept.items() if place not in weights and t.is_floating_point()
        ),
    }


CLAIM = Claim(
    number=63,
    title="The memory of a step, forecast",
    statement="A step holds weights, gradients, the optimiser's state and every layer's output, as can be computed.",
    place="N1 §3.1, §3.3",
    paper="",
    design=Design(
        factor="the network: mlp, lenet, resnet9, googlenet",
        fixed="batches of 8, float32, AdamW; what autograd keeps is counted by its hooks, each storage once",
        budget="one step",
    ),
    facts=check,
    reading=Reading(
        sentences=(
            "The forecast is made from shapes alone, on a device without memory.",
            "Weights, gradients and the optimiser's state are exact; activations are forecast as all outputs, while "
            "autograd keeps some of them not at all and others twice.",
            "For a number to the megabyte run `fathom forecast`, which measures.",
        ),
        would_change="Activation checkpointing, layers that work in place, fused kernels.",
        depends_on="the network",
        chinese=(
            "一步训练占用的内存（权重、梯度、优化器状态、激活）可以预先算出",
            "权重、梯度、状态精确；激活的预测见各网络",
        ),
    ),
)
