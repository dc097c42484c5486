"""Optimisers by name, with what goes with them: which weights decay, the L1 penalty, gradient clipping.

The optimisers are torch.optim's own, made without the second that their first use costs.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from fathom.errors import UsageError, unknown


@dataclass(frozen=True)
class _Entry:
    kind: type[torch.optim.Optimizer]
    options: tuple[str, ...]  # beside lr and weight_decay
    fused_on: tuple[str, ...] = ()  # device types


# Adagrad's fused kernel for CUDA is missing in older torch, so it is not chosen unasked.
_ENTRIES = {
    "sgd": _Entry(torch.optim.SGD, ("momentum", "dampening", "nesterov"), ("cpu", "cuda")),
    "adam": _Entry(torch.optim.Adam, ("betas", "eps", "amsgrad"), ("cpu", "cuda")),
    "adamw": _Entry(torch.optim.AdamW, ("betas", "eps", "amsgrad"), ("cpu", "cuda")),
    "rmsprop": _Entry(torch.optim.RMSprop, ("momentum", "alpha", "eps", "centered")),
    "adagrad": _Entry(torch.optim.Adagrad, ("lr_decay", "initial_accumulator_value", "eps"), ("cpu",)),
    "adadelta": _Entry(torch.optim.Adadelta, ("rho", "eps")),
}
NAMES = tuple(_ENTRIES)
_SWITCHES = {"nesterov", "amsgrad", "centered"}  # options that are true or false, not numbers


def takes(name: str, option: str) -> bool:
    """Whether the optimiser of this name has an option of its own called ``option``."""
    return name in _ENTRIES and option in _ENTRIES[name].options


def make_optimizer(
    name: str,
    module: nn.Module | Iterable[Tensor] | Iterable[dict[str, Any]],
    lr: float | Tensor,
    *,
    weight_decay: float | None = None,
    decay_norm_and_bias: bool = True,
    fused: bool | None = None,
    **options: Any,
) -> torch.optim.Optimizer:
    """Make an optimiser by name. An option that is None counts as not given and has torch's default.

    Args:
        name: sgd, adam, adamw, rmsprop, adagrad or adadelta
        module: the module to train, or its parameters, or parameter groups as torch takes them
        lr: learning rate
        weight_decay: added to the gradient as weight_decay·w, or in adamw taken off the weight as lr·weight_decay·w.
            0 if not given, in adamw 0.01
        decay_norm_and_bias: False leaves biases and the parameters of normalisation layers out of the decay
        fused: one kernel for all parameters; None chooses it where it exists and every parameter fits
        options: sgd: momentum, dampening, nesterov; adam, adamw: betas, eps, amsgrad; rmsprop: momentum, alpha, eps,
            centered; adagrad: lr_decay, initial_accumulator_value, eps; adadelta: rho, eps

    Equals:  the class of the same name in torch.optim, bit for bit
    Raises:  UsageError if a name is unknown, a value out of range or two options contradict each other
    """
    if name not in _ENTRIES:
        raise unknown("optimizer", name, NAMES)
    entry = _ENTRIES[name]
    options = {key: value for key, value in options.items() if value is not None}
    _check_options(name, options)
    if not isinstance(lr, Tensor):
        _check_number(name, "lr", lr)
    if weight_decay is not None:
        _check_number(name, "weight_decay", weight_decay)
        options["weight_decay"] = weight_decay

    groups = _make_groups(module, decay_norm_and_bias)
    parameters = [parameter for group in groups for parameter in group["params"]]
    if not any(parameter.requires_grad for parameter in parameters):  # torch would make an optimiser that never moves
        raise UsageError("there is nothing to train: the module has no parameter that requires a gradient")
    can_fuse = _can_fuse(entry, module, parameters)
    if fused and not can_fuse:
        where = f"on {' and '.join(entry.fused_on)}, for dense floating-point weights on one device"
        raise UsageError(
            f"optimizer {name}: no fused kernel{f' but {where}' if entry.fused_on else ''}; leave fused out"
        )
    pays = sum(parameter.numel() for parameter in parameters) >= _FEWEST_FUSED
    if fused or (fused is None and can_fuse and pays):
        options["fused"] = True
    try:
        return eager(entry.kind)(groups, lr=lr, **options)  # type: ignore[arg-type]
    except ValueError as error:
        raise UsageError(f"optimizer {name}: {error}") from None


def split_by_decay(module: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Part a module's parameters into weights, and those that should not decay.

    The second part holds everything with fewer than two dimensions (biases, scales, the slope of a PReLU), what is
    named bias, and every parameter of a layer whose class has "Norm" in its name.
    """
    decayed: list[nn.Parameter] = []
    spared: list[nn.Parameter] = []
    seen: set[nn.Parameter] = set()
    for layer in module.modules():
        is_norm = "norm" in type(layer).__name__.lower()  # by name, for a user's own RMSNorm and the like
        for name, parameter in layer.named_parameters(recurse=False):
            if parameter in seen:  # a weight two layers share, as an embedding tied to the output
                continue
            seen.add(parameter)
            is_spared = is_norm or parameter.ndim < 2 or name.startswith("bias")
            (spared if is_spared else decayed).append(parameter)
    return decayed, spared


def _make_groups(module: Any, decay_norm_and_bias: bool) -> list[dict[str, Any]]:
    if isinstance(module, nn.Module):
        if decay_norm_and_bias:
            return [{"params": list(module.parameters())}]
        decayed, spared = split_by_decay(module)
        groups: list[dict[str, Any]] = [{"params": decayed}, {"params": spared, "weight_decay": 0.0}]
        return [group for group in groups if group["params"]]
    if not decay_norm_and_bias:
        raise UsageError("decay_norm_and_bias=False needs the module itself, not its parameters, to tell them apart")
    given = list(module)
    if given and isinstance(given[0], dict):
        return [group | {"params": list(group["params"])} for group in given]  # torch writes defaults into what it gets
    return [{"params": given}]


def _check_options(name: str, options: dict[str, Any]) -> None:
    known = _ENTRIES[name].options
    for key, value in options.items():
        if key not in known:
            if any(key in entry.options for entry in _ENTRIES.values()):
                raise UsageError(f"optimizer {name} takes no {key}; its options are {', '.join(known)}")
            raise unknown(
                f"option of the optimizer {name}:", key, (*known, "weight_decay", "decay_norm_and_bias", "fused")
            )
        if key in _SWITCHES:
            if not isinstance(value, bool):
                raise UsageError(f"optimizer {name}: {key} must be true or false, not {value!r}")
        elif key == "betas":
            if not isinstance(value, (tuple, list)) or len(value) != 2:
                raise UsageError(f"optimizer {name}: betas must be two numbers, not {value!r}")
            # a list from YAML; torch wants a tuple
            options[key] = tuple(_check_number(name, "betas", beta) for beta in value)
        else:
            _check_number(name, key, value)
    if options.get("nesterov") and not options.get("momentum"):
        raise UsageError(f"optimizer {name}: nesterov needs a momentum, such as 0.9")


def _check_number(name: str, key: str, value: Any) -> float:
    # bool first: True is an int to Python. NaN fails the comparison, so it needs no test of its own.
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0.0 <= value < math.inf:
        raise UsageError(f"optimizer {name}: {key} must be a number of at least 0, not {value!r}")
    return value


# With fewer weights than this a fused kernel costs more to call than it saves.
_FEWEST_FUSED = 4096


def _can_fuse(entry: _Entry, module: Any, parameters: Sequence[Tensor]) -> bool:
    if len({parameter.device for parameter in parameters}) != 1 or parameters[0].device.type not in entry.fused_on:
        return False
    if isinstance(module, nn.Module) and any(getattr(layer, "sparse", False) is True for layer in module.modules()):
        return False  # an embedding whose gradient is sparse
    return all(parameter.is_floating_point() for parameter in parameters)


# The decorators that `eager` may take off: they keep torch.compile out of the method, and the last one adds the step
# hooks, which torch adds again to every new class.
_TAKEN_OFF = {
    "_disable_dynamo.<locals>.inner",
    "_use_grad_for_differentiable.<locals>._use_grad",
    "Optimizer.profile_hook_step.<locals>.wrapper",
}


@functools.cache
def eager(kind: type[torch.optim.Optimizer]) -> type[Any]:
    """Return a subclass of a torch optimiser that does the same without importing torch._dynamo.

    torch wraps these methods so that torch.compile leaves them alone, and the wrappers import its whole compiler at the
    first call: more than a second, in every process that trains, compiled or not. The methods underneath are what
    runs in either case. If torch should wrap them in something not known here, the class is given back as it is.
    """
    methods: dict[str, Any] = {}
    for name in ("step", "zero_grad", "add_param_group", "state_dict", "load_state_dict"):
        method = getattr(kind, name)
        while hasattr(method, "__wrapped__"):
            if method.__code__.co_qualname not in _TAKEN_OFF:
                return kind
            method = method.__wrapped__
        methods[name] = method
    # _use_grad, taken off above, kept gradients out of the update; something still has to.
    methods["step"] = torch.no_grad()(methods["step"])
    return type(kind.__name__, (kind,), methods)  # torch's name, which checkpoints record


@torch.no_grad()
def l1_penalty_(parameters: Iterable[Tensor], strength: float) -> None:
    """Add the gradient of ``strength``·Σ|w| to the gradients: ``strength``·sign(w), 0 where w = 0.

    Parameters without a gradient are left alone. Gradients must not be scaled at the time (see GradScaler.unscale_).

    Shape:   parameters (…,) ->; any number of them, each of its own shape
    """
    pairs = [(parameter, parameter.grad) for parameter in parameters if parameter.grad is not None]
    if pairs:
        weights, gradients = zip(*pairs, strict=True)
        torch._foreach_add_(gradients, torch._foreach_sign(weights), alpha=strength)  # one kernel for all parameters


def clip_by_norm_(parameters: Iterable[Tensor], max_norm: float) -> Tensor:
    """Scale all gradients by min(1, ``max_norm``/(‖g‖ + 1e-6)), ‖g‖ being the norm of all of them together.

    The result stays on the device; nothing waits for it. The 1e-6 is torch's, the book's formula has none: a norm just
    under ``max_norm`` is scaled too, and a clipped one ends a millionth below.

    Shape:   parameters (…,) -> (); any number of them, each of its own shape
    Returns: ‖g‖ before clipping
    Equals:  torch.nn.utils.clip_grad_norm_
    """
    return nn.utils.clip_grad_norm_(parameters, max_norm)


def clip_by_value_(parameters: Iterable[Tensor], max_value: float) -> None:
    """Bring every entry of every gradient into [−``max_value``, ``max_value``].

    Shape:   parameters (…,) ->; any number of them, each of its own shape
    Equals:  torch.nn.utils.clip_grad_value_
    """
    nn.utils.clip_grad_value_(parameters, max_value)


@torch.no_grad()
def normalize_gradients_(parameters: Iterable[Tensor], norm: float) -> Tensor:
    """Scale all gradients by ``norm``/‖g‖, ‖g‖ being the norm of all of them together; gradients that are all 0 stay.

    Clipping leaves short gradients short; here every step is equally long, also where the loss is flat.

    Shape:   parameters (…,) -> (); any number of them, each of its own shape
    Returns: ‖g‖ before
    Source:  notes N2
    """
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    total = nn.utils.get_total_norm(gradients)  # ()
    if gradients:
        # on the device: nothing waits for the norm
        torch._foreach_mul_(gradients, torch.where(total > 0, norm / total, 1.0))
    return total


@torch.no_grad()
def project_(weights: Iterable[Tensor], max_norm: float) -> Tensor:
    """Scale all weights by min(1, ``max_norm``/‖w‖): onto the nearest point of the ball of that radius.

    Shape:   weights (…,) -> (); any number of them, each of its own shape
    Returns: ‖w‖ before, of all of them together
    Source:  notes N1 §1.6.1
    """
    weights = [weight.detach() for weight in weights]
    total = nn.utils.get_total_norm(weights)  # ()
    if weights:
        torch._foreach_mul_(weights, (max_norm / total).clamp(max=1.0))  # of all-zero weights: inf, clamped to 1
    return total
