"""Fine-tuning beside training from scratch: the same network, data and budget, on the same seeds.

The further runs lie inside the fine-tuned one: ``scratch/`` holds those from scratch, ``repeats/`` fine-tuning with the
other seeds. Whatever stopped is gone on with, whatever is done stays.
"""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from fathom.config import Config, FinetuneConfig
from fathom.errors import FathomError
from fathom.files import write_atomically
from fathom.recipes.series import Member, told_apart, train_member
from fathom.recipes.train import Plan, Start
from fathom.runs import schema
from fathom.runs.reader import RunReader
from fathom.runs.records import to_json
from fathom.runs.report import write_report
from fathom.runs.spread import measure_spread
from fathom.training.callbacks import Callback

# of the test part, with whether more is better
_MEASURES = (("accuracy", True), ("perplexity", False), ("rmse", False))


def complete_comparison(path: Path, config: Config, *, contents: Any, on_start: Start | None) -> dict[str, Any]:
    """Train what is still wanting, and write ``comparison.json`` and the report after every run.

    Args:
        path: the fine-tuned run, done.
        config: its settings.
    Returns: the comparison as it stands in ``comparison.json``
    Raises:  Interrupted, with how to go on; FathomError as training does
    """
    runs: dict[str, list[Path]] = {"fine_tuned": [path], "scratch": []}
    comparison = _write(path, config, runs)
    for arm, member in _plan(config):
        with told_apart(member, f"fathom train --resume {shlex.quote(str(path))}"):
            run = train_member(path, member, contents=contents, on_start=_titled(member.label, on_start))
        runs[arm].append(run)
        comparison = _write(path, config, runs)
    return comparison


def _plan(config: Config) -> Iterator[tuple[str, Member]]:
    """Give every further run: first all of one seed, then all of the next."""
    alone = msgspec.structs.replace(config.finetune, compare_scratch=False, seeds=1)
    plain = msgspec.structs.replace(config.data, mean=None, std=None)  # normalised by its own statistics
    for seed in range(config.seed, config.seed + config.finetune.seeds):
        if seed != config.seed:
            again = msgspec.structs.replace(config, seed=seed, finetune=alone)
            yield "fine_tuned", Member(f"{schema.REPEATS}/seed-{seed}", f"fine-tuning with seed {seed}", again)
        scratch = msgspec.structs.replace(config, seed=seed, finetune=FinetuneConfig(), data=plain)
        yield "scratch", Member(f"{schema.FROM_SCRATCH}/seed-{seed}", f"training from scratch, seed {seed}", scratch)


def _titled(title: str, on_start: Start | None) -> Start | None:
    """Put a line in front of what a user reads of a run."""
    if on_start is None:
        return None

    def start(plan: Plan) -> Sequence[Callback]:
        return on_start(dataclasses.replace(plan, notes=(f"for comparison: {title}", *plan.notes)))

    return start


def _write(path: Path, config: Config, runs: dict[str, list[Path]]) -> dict[str, Any]:
    evaluations = {arm: [RunReader(run).evaluation or {} for run in paths] for arm, paths in runs.items()}
    measure = next(((name, high) for name, high in _MEASURES if name in evaluations["fine_tuned"][0]), None)
    if measure is None:
        raise FathomError(f"{path}: there is nothing to compare by, the data have no test part")
    name, more_is_better = measure
    values = {arm: [entry[name] for entry in found] for arm, found in evaluations.items()}
    seeds = range(config.seed, config.seed + config.finetune.seeds)
    comparison = {
        "schema": schema.SCHEMA,
        "measure": name,
        "more_is_better": more_is_better,
        "num_samples": evaluations["fine_tuned"][0].get("num_samples"),
        "seeds": list(seeds),
        "complete": all(len(found) == len(seeds) for found in values.values()),
        **values,
        "runs": {arm: [run.relative_to(path).as_posix() for run in paths] for arm, paths in runs.items()},
        **paired_difference(values["fine_tuned"], values["scratch"]),
    }
    write_atomically(path / schema.COMPARISON, to_json(comparison, indent=2) + "\n")
    write_report(path)
    return comparison


def paired_difference(first: Sequence[float], second: Sequence[float]) -> dict[str, float | None]:
    """Give the mean of first − second over the seeds that both have, with its 95 % interval.

    The runs of a seed share split and order, so the differences within seeds are what varies. One seed has no interval.
    """
    differences = [a - b for a, b in zip(first, second, strict=False)]
    if not differences:
        return {"difference": None, "low": None, "high": None}
    spread = measure_spread(differences)
    return {"difference": spread.mean, "low": spread.low, "high": spread.high}
