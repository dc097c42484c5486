"""A shipped recipe, or a network with Fathom's own defaults, watched on the test split after every epoch."""

from __future__ import annotations

from typing import Any

import torch
from fathom.build.data import build_data

from bench.contenders.fathom_trainer import AtGate, read_arrays
from bench.gate import Gate
from bench.problems import Problem
from fathom.build.assemble import build_callbacks, build_execution, build_module, build_trainer
from fathom.build.configure import configure
from fathom.data.sources.catalog import load_arrays
from fathom.settings.presets import read_recipe


def run(
    problem: Problem, gate: Gate, recipe: str | None = None, model: str | None = None, invented: bool = False
) -> None:
    """Train as ``fathom train`` would, with its validation split.

    Args:
        recipe: name of a shipped recipe; or model: name of a network.
        invented: train one epoch on the benchmark's own files.
    """
    tree: dict[str, Any] = (
        read_recipe(recipe) if recipe else {"model": {"name": model}, "data": {"name": "fashion_mnist"}}
    )
    tree["seed"] = problem.seed
    if invented:
        tree.setdefault("training", {})["epochs"] = 1
    tree.setdefault("execution", {})["device"] = "cpu"
    config = configure((tree, recipe or "benchmark"))
    arrays = read_arrays(problem, test=True) if invented else load_arrays("fashion_mnist")
    data = build_data(config, arrays)
    module = build_module(config, data)
    execution = build_execution(config, module, data)
    gate.note(choices=execution.describe())
    torch.manual_seed(problem.seed)
    trainer = build_trainer(config, execution, [*build_callbacks(config, None), AtGate(gate, data)])
    trainer.fit(module, data)
