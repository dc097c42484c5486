"""Network, preparation of a batch, optimiser and schedule as code."""

from __future__ import annotations

import importlib
import inspect
from functools import partial
from typing import Any

import torch
from torch import nn

from fathom.build.assemble import optimizer_factory, schedule_factory
from fathom.build.plan import Plan
from fathom.eject.data.part import DataPart, dedent
from fathom.eject.loop import CHANNELS_LAST, MODEL
from fathom.eject.source import Collected
from fathom.errors import FathomError
from fathom.models import registry
from fathom.models.own_code import is_code
from fathom.settings.config import resolved

_SHAPES = ("input_shape", "num_classes")
_RESIZE = """if X.shape[-2:] != {size}:
        X = F.interpolate(X, {size}, mode="bilinear", antialias=True)
    """
_PREPARE = """
def prepare(X):
    \"\"\"{purpose}\"\"\"
    {scale}X = X.to(torch.float32{format}, copy=True)
    {resize}return {value}
"""


def model_code(plan: Plan, part: DataPart, collected: Collected) -> list[str]:
    """Return the code of ``prepare``, ``Model`` and ``make_model``; the network's source is added to ``collected``.

    Raises:  FathomError for a network whose source cannot be had
    """
    is_text = plan.config.data.kind == "texts"
    call = _call(plan, collected)
    code = [] if is_text else _prepare_code(plan, part)
    layers, inner = [f"self.net = {call}"], "X"
    if part.front:
        layers.insert(0, "front = Front()  # its weights are drawn first")
        layers.append("self.front = front")
        code.append(part.front)
        inner = "self.front(X)"
    elif code:
        inner = "prepare(X)"
    lines = "\n".join(f"        {line}" for line in layers)
    format = CHANNELS_LAST if plan.execution.channels_last else ""
    if (rule := plan.config.training.init) is not None:
        if not isinstance(rule, str):
            raise FathomError("cannot be ejected: rules of initialisation by layer")
        collected.add("fathom.models.initializers", "initialize")
        lines += f"\n        initialize(self.net, {rule!r})"
    made = MODEL.format(layers=lines, forward=f"self.net({inner})", format=format)
    if is_text:
        made = made.replace(
            "    def forward(self, X):\n        return self.net(X)",
            "    def forward(self, X, state):\n        output, state = self.net(X, state)\n"
            "        return output.float().flatten(0, 1), state  # (steps · columns, tokens)",
        )
    return [*code, dedent(made)]


def _call(plan: Plan, collected: Collected) -> str:
    """Return the call that makes the network."""
    model = plan.config.model
    shape = plan.module.preprocess.output_shape(plan.data.input_shape)
    num_outputs = plan.kind.num_outputs(plan.config, plan.data)
    if is_code(model.name):
        module, _, name = model.name.partition(":")
        collected.imports.add(f"from {module} import {name}")
        builder = getattr(importlib.import_module(module), name)  # imported already: the user named it
        taken = [one for one in _SHAPES if one in inspect.signature(builder).parameters]
        given = {"input_shape": shape, "num_classes": num_outputs}
        return f"{name}({_arguments({one: given[one] for one in taken} | model.options)})"
    known, builder = registry.builder_of(model.name)
    options = dict(model.options)
    if "widths" in options:
        raise FathomError("cannot be ejected: its network was narrowed by pruning")
    collected.add(builder.__module__, builder.__name__)
    given = {"input_shape": shape, "num_classes": num_outputs} | dict(known.fixed) | options
    return f"{builder.__name__}({_arguments(given)})"


def _arguments(options: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in options.items())


def _prepare_code(plan: Plan, part: DataPart) -> list[str]:
    """Return the function that makes stored samples fit for the network, with its constants; nothing if that is all."""
    preprocess = plan.module.preprocess
    if preprocess.pixel_scale is not None:
        raise FathomError("cannot be ejected: pixels on a scale of their own")
    is_bytes = plan.data.example_input().dtype == torch.uint8
    if part.front or not (is_bytes or preprocess.normalises or preprocess.size):
        return []
    shape = (-1,) + (1,) * (plan.data.example_input().ndim - 2)  # of the statistics, (C, 1, 1) for images
    constants = ["# of the training split, by channel"] + [
        f"{name} = torch.tensor({values.tolist()}, device=DEVICE).view({shape})"
        for name, values in (("MEAN", preprocess.mean), ("STD", preprocess.std))
    ]
    format = ", memory_format=torch.channels_last" if plan.execution.channels_last and len(shape) == 3 else ""
    value = "X.sub_(scale * MEAN).div_(scale * STD)" if is_bytes else "X.sub_(MEAN).div_(STD)"
    scale = "scale = 255 if X.dtype == torch.uint8 else 1  # some augmentation gives 0…1\n    " if is_bytes else ""
    size = preprocess.size
    resize = _RESIZE.format(size=tuple(size)) if size else ""
    purpose = "Turn bytes into numbers, normalised by channel." if is_bytes else "Standardise each feature."
    return [
        "\n".join(constants),
        dedent(_PREPARE.format(purpose=purpose, scale=scale, format=format, resize=resize, value=value)),
    ]


def optimizer_code(plan: Plan, collected: Collected) -> str:
    """Return ``make_optimizer``: torch's own class, with the options that differ from its defaults."""
    made = optimizer_factory(plan.config)(plan.module)
    kind = next(c for c in type(made).__mro__ if c.__module__.startswith("torch."))
    usual = kind([nn.Parameter(torch.zeros(1))], lr=1.0).defaults
    options = {name: value for name, value in made.defaults.items() if value != usual.get(name) and name != "lr"}
    arguments = ", ".join(["lr=LR", *(f"{name}={value!r}" for name, value in options.items())])
    if plan.config.training.decay_norm_and_bias:
        groups = "model.parameters()"
        body = ""
    else:
        collected.add("fathom.training.optimizers", "split_by_decay")
        body = "    decayed, spared = split_by_decay(model)  # biases and norms do not decay\n"
        groups = '[{"params": decayed}, {"params": spared, "weight_decay": 0.0}]'
    return f"def make_optimizer(model):\n{body}    return torch.optim.{kind.__name__}({groups}, {arguments})"


def schedule_code(plan: Plan, steps_per_epoch: int, collected: Collected) -> str:
    """Return ``factor(step)``, what the learning rate is multiplied by.

    Raises:  FathomError for a schedule that is no function of the step alone
    """
    schedule = schedule_factory(plan.config)(steps_per_epoch * resolved(plan.config.training.epochs))
    head = 'def factor(step):\n    """Return what the learning rate is multiplied by at a step."""\n'
    curve, lines = schedule._curve, ""
    if isinstance(curve, partial) and "curve" in curve.keywords:  # a warm-up before it
        steps, start = curve.keywords["num_steps"], curve.keywords["start"]
        curve = curve.keywords["curve"]
        collected.add("fathom.training.schedules.curves", "warm_up")
        rise = f"warm_up(step, {steps}, {start})"
        lines = (
            f"    if step < {steps}:\n        return {_curve(curve, collected, '0')} * {rise}\n    step -= {steps}\n"
        )
    return f"{head}{lines}    return {_curve(curve, collected, 'step')}"


def _curve(curve: Any, collected: Collected, step: str) -> str:
    function, options = (curve.func, curve.keywords) if isinstance(curve, partial) else (curve, {})
    if function.__module__ != "fathom.training.schedules.curves":
        raise FathomError("cannot be ejected: its schedule is no function of the step alone")
    collected.add(function.__module__, function.__name__)
    return f"{function.__name__}({', '.join([step, *(f'{name}={value!r}' for name, value in options.items())])})"
