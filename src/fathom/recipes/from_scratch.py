"""Fine-tuning beside training from scratch: the same network, data and budget, on the same seeds.

The further runs lie inside the fine-tuned one: ``scratch/`` holds those from scratch, ``repeats/`` fine-tuning with the
other seeds. Whatever stopped is gone on with, whatever is done stays.
"""

from __future__ import annotations

import math
import shlex
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import msgspec

from fathom.config import Config, FinetuneConfig
from fathom.errors import FathomError
from fathom.files import write_atomically
from fathom.recipes.settings import read_run_config
from fathom.runs import schema
from fathom.runs.reader import RunReader
from fathom.runs.records import to_json
from fathom.runs.report import write_report
from fathom.training.checkpoint import CheckpointError
from fathom.training.signals import Interrupted

# of the test part, with whether more is better
_MEASURES = (("accuracy", True), ("perplexity", False), ("rmse", False))


def complete_comparison(path: Path, config: Config, *, contents: Any, on_start: Callable[..., Any] | None) -> Any:
    """Train what is still wanting, and write ``comparison.json`` and the report after every run.

    Args:
        path: the fine-tuned run, done.
        config: its settings.
    Returns: the comparison as it stands in ``comparison.json``
    Raises:  Interrupted, with how to go on; FathomError as training does
    """
    runs: dict[str, list[Path]] = {"fine_tuned": [path], "scratch": []}
    comparison = _write(path, config, runs)
    for arm, settings in _plan(config):
        folder = path / (schema.FROM_SCRATCH if arm == "scratch" else schema.REPEATS)
        title = "from scratch" if arm == "scratch" else "fine-tuned again"
        note = f"for comparison: {title}, seed {settings.seed}"
        try:
            runs[arm].append(_find_or_train(folder, settings, contents, on_start, note))
        except Interrupted as stop:
            line = f"stopped in a run {note}; go on with: fathom train --resume {shlex.quote(str(path))}"
            raise Interrupted(stop.exit_code - 128, line) from None
        comparison = _write(path, config, runs)
    return comparison


def _plan(config: Config) -> Iterator[tuple[str, Config]]:
    """Give every further run with its settings: first all of one seed, then all of the next."""
    alone = msgspec.structs.replace(config.finetune, compare_scratch=False, seeds=1)
    plain = msgspec.structs.replace(config.data, mean=None, std=None)  # normalised by its own statistics
    for seed in range(config.seed, config.seed + config.finetune.seeds):
        if seed != config.seed:
            yield "fine_tuned", msgspec.structs.replace(config, seed=seed, finetune=alone)
        yield "scratch", msgspec.structs.replace(config, seed=seed, finetune=FinetuneConfig(), data=plain)


def _find_or_train(folder: Path, config: Config, contents: Any, on_start: Callable[..., Any] | None, note: str) -> Path:
    from fathom.recipes.train import resume, train

    for run in sorted(folder.glob(f"*/{schema.RUN}")):
        if read_run_config(run.parent).seed != config.seed:
            continue
        if RunReader(run.parent).status == "done":
            return run.parent
        try:
            return resume(run.parent, contents=contents, on_start=on_start).path
        except CheckpointError:  # it stopped before there was anything to go on from
            shutil.rmtree(run.parent, ignore_errors=True)
    return train(config, root=folder, contents=contents, on_start=on_start, notes=[note]).path


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

    Source:  Student's t for paired differences
    """
    differences = [a - b for a, b in zip(first, second, strict=False)]
    if not differences:
        return {"difference": None, "low": None, "high": None}
    middle = mean(differences)
    if len(differences) < 2:
        return {"difference": middle, "low": None, "high": None}
    from scipy.special import stdtrit

    half = float(stdtrit(len(differences) - 1, 0.975)) * stdev(differences) / math.sqrt(len(differences))
    return {"difference": middle, "low": middle - half, "high": middle + half}
