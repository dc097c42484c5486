"""A shipped recipe, or a network with Fathom's own defaults, watched on the test split after every epoch."""

from __future__ import annotations

from typing import Any

import torch

from bench.contenders.fathom_trainer import AtGate, read_arrays
from bench.gate import Gate
from bench.problems import Problem
from fathom.build.configure import configure
from fathom.build.plan import draft
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
    arrays = read_arrays(problem, test=True) if invented else load_arrays("fashion_mnist")
    plan = draft(configure(tree), arrays).ready()
    gate.note(choices=plan.execution.describe())
    torch.manual_seed(problem.seed)
    plan.make_trainer([AtGate(gate, plan.data)]).fit(plan.module, plan.data)
