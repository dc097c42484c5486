"""``fathom train mlp --data table.csv --target target`` without the run folder: read, prepare, learn."""

from __future__ import annotations

import os
from pathlib import Path

from bench.gate import Gate
from bench.problems import Problem
from fathom.build.configure import configure
from fathom.build.plan import draft


def run(problem: Problem, gate: Gate) -> None:
    """Each round: read the file, prepare it, take one epoch with AdamW, evaluate on the validation rows."""
    tree = {
        "model": {"name": problem.model},
        "data": {
            "name": str(Path(os.environ["BENCH_FOLDER"], "table.csv")),
            "batch_size": problem.batch_size,
            "options": {"target": "target"},
        },
        "training": {"epochs": 1, "lr": problem.lr, "schedule": "constant"},
        "execution": {"device": "cpu"},
        "seed": problem.seed,
    }
    for _ in range(gate.num_epochs):
        gate.start_epoch()
        plan = draft(configure(tree)).ready()
        (record,) = plan.make_trainer([]).fit(plan.module, plan.data)
        gate.end_epoch({"train_loss": record["train_loss"], "val_loss": record["val_loss"]})
