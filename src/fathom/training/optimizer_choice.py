"""Optimisers as a user gives them: by name, torch's object or class, a function of the module, or several."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import nn

from fathom.errors import UsageError, unknown
from fathom.training.optimizers import NAMES, make_optimizer

Optimizers = torch.optim.Optimizer | Sequence[torch.optim.Optimizer] | Mapping[str, torch.optim.Optimizer]
"""One, or several for a module that takes its steps by hand."""

OptimizerChoice = str | torch.optim.Optimizer | Callable[..., Optimizers]

# What torch has as defaults; SGD, which has none of that use, takes the book's 0.1, a module's own default.
_USUAL_LR = {"adam": 1e-3, "adamw": 1e-3, "rmsprop": 1e-2, "adagrad": 1e-2, "adadelta": 1.0}


def check_optimizer(choice: Any) -> None:
    """Refuse, before there is a module, what no optimiser can be made of.

    Raises:  UsageError
    """
    if isinstance(choice, str):
        _parse(choice)
    # None: the module's own configure_optimizers
    elif not (choice is None or isinstance(choice, torch.optim.Optimizer) or callable(choice)):
        raise UsageError(
            f"optimizer: a {type(choice).__name__} is none; give a name ({', '.join(NAMES)}), torch's object or class, "
            "or a function of the module"
        )


def choose_optimizers(choice: OptimizerChoice | None, module: nn.Module) -> Any:
    """Return the optimiser of a module, or several as ``configure_optimizers`` gives them.

    Args:
        choice: a name, with options after a colon as in ``"sgd:lr=0.1,momentum=0.9"``, whose learning rate is the
            module's if it was given one; torch's object; its class, or a ``partial`` of it; a function of the module;
            None asks ``module.configure_optimizers()``.
    Raises:  UsageError for what is none, or an object made for other parameters
    """
    check_optimizer(choice)
    if choice is None:
        # a user's subclass decides, if it has its own
        made = module.configure_optimizers()  # type: ignore[operator]
    elif isinstance(choice, str):
        name, options = _parse(choice)
        # the text's own lr, else the module's, else what is usual
        lr = options.pop("lr", vars(module).get("lr", _USUAL_LR.get(name, 0.1)))
        made = make_optimizer(name, module, lr, **options)
    elif isinstance(choice, torch.optim.Optimizer):
        made = choice
    else:
        # torch's class takes parameters, a user's function the whole module
        made = choice(module.parameters() if _is_torch_class(choice) else module)
    for optimizer in all_of(made):
        if not isinstance(optimizer, torch.optim.Optimizer):
            raise UsageError(
                f"optimizer: {type(optimizer).__name__} is no torch.optim.Optimizer; a function of the module, or "
                "configure_optimizers, returns one, or a list or dictionary of several"
            )
        _check_owner(optimizer, module)
    return made


def all_of(given: Any) -> tuple[Any, ...]:
    """Return the optimisers as a flat sequence."""
    if isinstance(given, Mapping):  # {name: optimiser}; the names serve only the module that takes its steps by hand
        return tuple(given.values())
    return tuple(given) if isinstance(given, (tuple, list)) else (given,)


def _is_torch_class(choice: Any) -> bool:
    # partial(torch.optim.SGD, lr=0.1) is torch's class too
    kind = choice.func if isinstance(choice, partial) else choice
    return isinstance(kind, type) and issubclass(kind, torch.optim.Optimizer)


def _check_owner(optimizer: torch.optim.Optimizer, module: nn.Module) -> None:
    """Refuse an optimiser that would move another module's weights."""
    own = set(module.parameters())  # by identity: a Parameter hashes by its id
    foreign = sum(p not in own for group in optimizer.param_groups for p in group["params"])
    if foreign:
        raise UsageError(
            f"optimizer: {foreign} of the parameters of this {type(optimizer).__name__} are not the module's; make it "
            "from module.parameters(), or give a function of the module"
        )


def _parse(text: str) -> tuple[str, dict[str, Any]]:
    """Read ``"sgd:lr=0.1,nesterov=true"``; options are checked where the optimiser is made."""
    name, _, rest = text.partition(":")
    if name not in NAMES:
        raise unknown("optimizer", name, NAMES)
    options: dict[str, Any] = {}
    for item in filter(None, (part.strip() for part in rest.split(","))):  # filter: a trailing comma is forgiven
        key, equals, value = (part.strip() for part in item.partition("="))
        if not equals or not value:
            raise UsageError(f"optimizer {name}: cannot read {item!r}; write option=value, as in sgd:momentum=0.9")
        options[key] = _value(f"optimizer {name}: {key}", value)
    return name, options


def _value(what: str, text: str) -> Any:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        numbers = tuple(float(part) for part in text.split("/"))  # betas=0.9/0.99
    except ValueError:
        raise UsageError(f"{what} must be a number, true or false, not {text!r}") from None
    return numbers if len(numbers) > 1 else numbers[0]
