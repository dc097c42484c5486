"""How large networks and recipes are, and what Fathom would choose for them; asked in a process that may load torch."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from bench.settings import ROOT, Settings

_SHAPE = (1, 28, 28)


def measure_networks(settings: Settings) -> dict[str, dict[str, Any]]:
    """Return FLOPs and Fathom's choices for every network that takes (1, 28, 28)."""
    return _ask("networks", settings)


def measure_recipes(settings: Settings) -> dict[str, float]:
    """Return the FLOPs of training of every shipped recipe for Fashion-MNIST."""
    return _ask("recipes", settings)


def _ask(question: str, settings: Settings) -> dict[str, Any]:
    answer = subprocess.run(
        [sys.executable, "-m", "bench.sizes", question],
        cwd=ROOT,
        env=settings.environment(),
        stdout=subprocess.PIPE,
        check=True,
    )
    return json.loads(answer.stdout)


def _describe_networks() -> dict[str, Any]:
    import torch

    from fathom.models import registry
    from fathom.models.inspection.summary import count_flops, count_parameters
    from fathom.module import Classifier
    from fathom.training.device import choose_execution

    described: dict[str, Any] = {}
    for name in registry.builtin_names():
        form = registry.get(name).form
        if form is None or len(form.input_shape) != 3:  # the linear model of features, and networks of texts
            continue
        net = registry.create(name, input_shape=_SHAPE, num_classes=10)
        chosen = choose_execution(Classifier(net), torch.rand(1, *_SHAPE), device="cpu")
        described[name] = {
            "flops": count_flops(net, _SHAPE),
            "parameters": count_parameters(net),
            "has_convolutions": any(isinstance(layer, torch.nn.Conv2d) for layer in net.modules()),
            "chosen": f"{chosen.precision}_{'channels_last' if chosen.channels_last else 'contiguous'}",
            "reasons": chosen.reasons,
        }
    return described


def _describe_recipes() -> dict[str, float]:
    from fathom.build.configure import configure
    from fathom.models.inspection.summary import count_flops
    from fathom.models.registry import create
    from fathom.settings.presets import read_recipe, recipe_names

    described: dict[str, float] = {}
    for name in recipe_names():
        config = configure(read_recipe(name))
        if config.data.name != "fashion_mnist":
            continue
        side = config.data.resize or 28
        net = create(config.model.name, input_shape=(1, side, side), num_classes=10, **config.model.options)
        samples = 60_000 * (1 - config.data.val) * (config.training.epochs or 1)
        described[name] = 3 * count_flops(net, (1, side, side)) * samples
    return described


if __name__ == "__main__":
    print(json.dumps(_describe_networks() if sys.argv[1] == "networks" else _describe_recipes()))
