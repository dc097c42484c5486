"""What is tried in the playground as a command and as Python, which give the same weights to the bit."""

from __future__ import annotations

import json

from fathom.board.play.settings import PlaySettings

_ACTIVATIONS = {"relu": "ReLU()", "tanh": "Tanh()", "sigmoid": "Sigmoid()", "gelu": "GELU()", "linear": "Identity()"}


def as_command(settings: PlaySettings, step: int) -> str:
    """Return the command that trains as far as a step and prints losses and the digest of the weights."""
    query = settings.to_query()
    return f"fathom play --steps {step}" + (f" '{query}'" if query else "")


def as_python(settings: PlaySettings, step: int) -> str:
    """Return a script on the public names alone, but for the points and their features."""
    query = json.dumps(settings.to_query(), ensure_ascii=False)
    options = f"weight_decay={settings.weight_decay}"
    name = settings.optimizer
    if name in ("momentum", "nesterov"):
        options += f", momentum=0.9, nesterov={name == 'nesterov'}"
        name = "sgd"
    init = f"initialize(net, {settings.init!r})\n" if settings.init != "default" else ""
    first = "Features(settings.features)" if settings.points != "digits" else "nn.Identity()"
    return f"""\
import contextlib

import torch
from torch import nn

import fathom
from fathom.board.play.parts import Features, StopAt, Reached, digest, losses, make_data
from fathom.board.play.settings import read_query
from fathom.models.initializers import initialize
from fathom.training.optimizers import make_optimizer
from fathom.training.random_state import seed_everything

torch.set_num_threads(1)
settings = read_query({query})
data = make_data(settings)  # the points, half of them held out

seed_everything({settings.seed})
net = nn.Sequential(
    {first},
{_layers(settings)})
{init}module = fathom.Classifier(net, class_names=data.class_names)
trainer = fathom.Trainer(
    {settings.epochs},
    optimizer=lambda module: make_optimizer({name!r}, module, {settings.lr}, {options}),
    schedule={settings.schedule!r},
    device="cpu",
    precision="fp32",
    seed={settings.seed},
    log_every=10,
    progress=False,
    callbacks=[StopAt({step})],
)
with contextlib.suppress(Reached):
    trainer.fit(module, data)
print(trainer.step, losses(module, data), digest(module))
"""


def _layers(settings: PlaySettings) -> str:
    lines, width = [], str(len(settings.features) if settings.points != "digits" else 64)
    for units in settings.layers:
        lines.append(f"    nn.Linear({width}, {units}),")
        if settings.batch_norm:
            lines.append(f"    nn.BatchNorm1d({units}),")
        lines.append(f"    nn.{_ACTIVATIONS[settings.activation]},")
        if settings.dropout:
            lines.append(f"    nn.Dropout({settings.dropout}),")
        width = str(units)
    return "\n".join([*lines, f"    nn.Linear({width}, len(data.class_names)),"]) + "\n"
