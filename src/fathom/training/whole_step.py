"""One compiled graph for forward, backward and update, for networks so small that calling PyTorch is the cost.

The update rules are written out because an optimiser's ``step`` cannot be traced together with the gradients it uses;
they work on the optimiser's own state, so that checkpoints are the same with and without compiling.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from fathom.errors import UsageError
from fathom.module import Module
from fathom.training.device import Execution, require_compiler

Update = Callable[[Tensor, Tensor, dict[str, Tensor], dict[str, Any], Tensor], None]


def compile_whole_step(
    module: Module, optimizer: torch.optim.Optimizer, execution: Execution
) -> Callable[[Any], dict[str, Tensor]]:
    """Make a function batch -> outputs of ``training_step`` that also updates the weights.

    A parameter that the loss does not depend on stays as it is, as it would without a gradient.

    Equals:  backward and ``optimizer.step()`` to rounding, for SGD (momentum, Nesterov), Adam and AdamW
    Raises:  UsageError for another optimiser or an option not written out here
    """
    require_compiler(execution.device)
    import torch._dynamo

    if not hasattr(torch._dynamo.config, "trace_autograd_ops"):
        raise UsageError(f"compile=step needs a newer torch than {torch.__version__}; use --compile forward")
    torch._dynamo.config.trace_autograd_ops = True  # off by default: autograd.grad would not be traced
    update = _find_update(optimizer)
    groups = []
    for group in optimizer.param_groups:
        parameters = [p for p in group["params"] if p.requires_grad]
        states = [_initial_state(optimizer, group, p) for p in parameters]
        # The graph reads a copy, in which nothing changes between steps.
        options = {k: v for k, v in group.items() if k not in ("params", "lr")}
        # older torch keeps no such key in AdamW's groups
        options.setdefault("decoupled_weight_decay", isinstance(optimizer, torch.optim.AdamW))
        groups.append((options, parameters, states))
    everything = [p for _, parameters, _ in groups for p in parameters]

    def whole_step(batch: Any, rates: list[Tensor]) -> dict[str, Tensor]:
        with execution.autocast():
            outputs = module.training_step(batch)
        gradients = iter(torch.autograd.grad(outputs["loss"], everything, allow_unused=True))
        with torch.no_grad():
            for (options, parameters, states), rate in zip(groups, rates, strict=True):
                for parameter, state in zip(parameters, states, strict=True):
                    gradient = next(gradients)
                    if gradient is not None:
                        update(parameter, gradient, state, options, rate)
        return {name: value.detach() for name, value in outputs.items()}

    # A break in the graph would cost what the graph saves, so it is an error; the shape is always that of a full
    # batch.
    compiled = torch.compile(whole_step, fullgraph=True, dynamic=False)
    # The rate is an input of the graph: as a number in it, every new value would be compiled anew.
    rates = [torch.tensor(0.0, device=execution.device) for _ in groups]
    last: list[float | None] = [None] * len(groups)

    def run(batch: Any) -> dict[str, Tensor]:
        for i, group in enumerate(optimizer.param_groups):
            if group["lr"] != last[i]:
                last[i] = group["lr"]
                rates[i].fill_(group["lr"])  # in place: the graph reads this very tensor
        return compiled(batch, rates)

    return run


def _find_update(optimizer: torch.optim.Optimizer) -> Update:
    for group in optimizer.param_groups:
        for option in ("amsgrad", "dampening", "maximize"):
            if group.get(option):
                raise UsageError(f"compile=step does not know the option {option}; use --compile forward")
    if isinstance(optimizer, torch.optim.SGD):
        return _update_sgd
    if isinstance(optimizer, (torch.optim.Adam, torch.optim.AdamW)):
        return _update_adam
    raise UsageError("compile=step knows sgd, adam and adamw only; use --compile forward")


def _initial_state(optimizer: torch.optim.Optimizer, group: dict[str, Any], parameter: Tensor) -> dict[str, Tensor]:
    """Make the state that the first ordinary step would make, under the same names."""
    state = optimizer.state[parameter]
    if isinstance(optimizer, torch.optim.SGD):
        if group["momentum"] and state.get("momentum_buffer") is None:
            state["momentum_buffer"] = torch.zeros_like(parameter)  # 0·momentum + g is torch's first buffer, g
    elif not state:
        state["step"] = torch.zeros((), dtype=torch.float32, device=parameter.device)
        state["exp_avg"] = torch.zeros_like(parameter)
        state["exp_avg_sq"] = torch.zeros_like(parameter)
    return state


def _update_sgd(p: Tensor, g: Tensor, state: dict[str, Tensor], options: dict[str, Any], lr: Tensor) -> None:
    if options["weight_decay"]:
        g = g + options["weight_decay"] * p
    if options["momentum"]:
        buffer = state["momentum_buffer"]
        buffer.mul_(options["momentum"]).add_(g)
        g = g + options["momentum"] * buffer if options["nesterov"] else buffer
    p.sub_(lr * g)


def _update_adam(p: Tensor, g: Tensor, state: dict[str, Tensor], options: dict[str, Any], lr: Tensor) -> None:
    """Take a step of Adam.

    Source:  Kingma & Ba 2015, algorithm 1; decoupled decay: Loshchilov & Hutter 2019, algorithm 2
    """
    beta1, beta2 = options["betas"]
    if options["weight_decay"]:
        if options["decoupled_weight_decay"]:
            p.mul_(1 - lr * options["weight_decay"])
        else:
            g = g + options["weight_decay"] * p
    step, mean, square = state["step"], state["exp_avg"], state["exp_avg_sq"]  # torch's names of t, m and v
    step.add_(1)  # t
    mean.lerp_(g, 1 - beta1)  # m ← β₁m + (1 − β₁)g
    square.mul_(beta2).addcmul_(g, g, value=1 - beta2)  # v ← β₂v + (1 − β₂)g²
    # Both begin at zero: divided by 1 − βᵗ they are means from the first step on.
    root = square.sqrt() / (1 - beta2**step).sqrt() + options["eps"]
    p.sub_(lr / (1 - beta1**step) * mean / root)
