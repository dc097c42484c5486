"""Fine-tuning compared with training from scratch: the same network, data and budget, on the same seeds.

The further runs are inside the fine-tuned one: ``scratch/`` holds those from scratch, ``repeats/`` fine-tuning with the
other seeds. Stopped runs are resumed, finished ones kept.
"""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from fathom.build.run import OnStart, PlannedRun
from fathom.errors import FathomError
from fathom.files import write_atomically
from fathom.runs.analysis.paired import pair_runs
from fathom.runs.analysis.spread import measure_spread
from fathom.runs.folder import schema
from fathom.runs.folder.reader import RunReader
from fathom.runs.folder.records import is_number, to_json
from fathom.runs.html.pages.report import write_report
from fathom.series.base import SeriesRun, train_series_run
from fathom.settings.config import Config, FinetuneConfig
from fathom.training.callbacks import Callback
from fathom.training.divergence import not_finite

# of the test split, with whether more is better
_MEASURES = {"accuracy": True, "perplexity": False, "rmse": False}


def complete_comparison(path: Path, config: Config, *, contents: Any, on_start: OnStart | None) -> dict[str, Any]:
    """Train the missing runs, and write ``comparison.json`` and the report after each.

    Args:
        path: the finished fine-tuned run.
        config: its settings.
    Returns: the content of ``comparison.json``; a run that diverged has a reason there and no value
    Raises:  Interrupted, with how to resume; FathomError as training does
    """
    measure = _choose_measure(path)  # the same for all runs of the comparison

    def read_result(run: Path) -> dict[str, Any]:
        value = (RunReader(run).evaluation or {}).get(measure)
        if not is_number(value):
            raise not_finite(f"test {measure}")
        return {"value": value}

    known = (RunReader(path).comparison or {}).get("diverged") or {}  # folder name to reason
    # the run that was asked for is the first fine-tuned one
    arms: dict[str, list[_Result]] = {"fine_tuned": [_Result(path, read_result(path)["value"])], "scratch": []}
    comparison = _write(path, config, measure, arms)  # written at once: its page shows what is still to come
    resume_hint = f"fathom train --resume {shlex.quote(str(path))}"
    for arm, planned in _plan(config):
        if planned.name in known:  # diverged in an earlier call: it would diverge again
            result = _Result(path / planned.name, None, known[planned.name])
        else:
            start = _titled(planned.label, on_start)
            run, found, reason = train_series_run(
                path, planned, read_result, resume_hint=resume_hint, contents=contents, on_start=start
            )
            result = _Result(run, found.get("value"), reason)
        arms[arm].append(result)
        comparison = _write(path, config, measure, arms)  # after every run: a stop loses none
    return comparison


class _Result(NamedTuple):
    run: Path
    value: float | None
    reason: str | None = None


def _choose_measure(path: Path) -> str:
    evaluation = RunReader(path).evaluation or {}
    # the first that there is, in the order above
    measure = next((name for name in _MEASURES if name in evaluation), None)
    if measure is None:
        raise FathomError(f"{path}: nothing to compare: the data has no test split")
    return measure


def _plan(config: Config) -> Iterator[tuple[str, SeriesRun]]:
    """Yield every further run, seed by seed."""
    # or each repeat would compare in its turn
    alone = msgspec.structs.replace(config.finetune, compare_scratch=False, seeds=1)
    plain = msgspec.structs.replace(config.data, mean=None, std=None)  # normalised by its own statistics
    for seed in range(config.seed, config.seed + config.finetune.seeds):
        if seed != config.seed:  # that run is the fine-tuned one itself
            again = msgspec.structs.replace(config, seed=seed, finetune=alone)
            yield "fine_tuned", SeriesRun(f"{schema.REPEATS}/seed-{seed}", f"fine-tuning with seed {seed}", again)
        # no fine-tuning: random weights, all layers free
        scratch = msgspec.structs.replace(config, seed=seed, finetune=FinetuneConfig(), data=plain)
        yield "scratch", SeriesRun(f"{schema.FROM_SCRATCH}/seed-{seed}", f"training from scratch, seed {seed}", scratch)


def _titled(title: str, on_start: OnStart | None) -> OnStart | None:
    """Put a title before the notes of a run."""
    if on_start is None:
        return None

    def start(run: PlannedRun) -> Sequence[Callback]:
        return on_start(dataclasses.replace(run, notes=(f"for comparison: {title}", *run.notes)))

    return start


def _write(path: Path, config: Config, measure: str, arms: Mapping[str, Sequence[_Result]]) -> dict[str, Any]:
    values = {arm: [result.value for result in results] for arm, results in arms.items()}
    seeds = range(config.seed, config.seed + config.finetune.seeds)
    runs = {arm: [result.run.relative_to(path).as_posix() for result in results] for arm, results in arms.items()}
    reasons = {
        name: result.reason
        for arm, results in arms.items()
        for name, result in zip(runs[arm], results, strict=True)
        if result.reason is not None
    }
    comparison = {
        "schema": schema.SCHEMA,
        "measure": measure,
        "more_is_better": _MEASURES[measure],
        "num_samples": (RunReader(path).evaluation or {}).get("num_samples"),
        "seeds": list(seeds),
        "complete": all(len(found) == len(seeds) for found in values.values()),  # a diverged run counts: it has ended
        **values,
        "runs": runs,
        "diverged": reasons,
        "pairs": [_pair(fine, scratch) for fine, scratch in zip(arms["fine_tuned"], arms["scratch"], strict=False)],
        # None of either drops the seed, so the others still pair up
        **paired_difference(values["fine_tuned"], values["scratch"]),
    }
    write_atomically(path / schema.COMPARISON, to_json(comparison, indent=2) + "\n")
    write_report(path)
    return comparison


def _pair(fine: _Result, scratch: _Result) -> dict[str, Any] | None:
    """Count the samples that only one of the two gets right, fine-tuning being the second."""
    found = None if fine.reason or scratch.reason else pair_runs(scratch.run, fine.run)
    return None if found is None else found.describe()


def paired_difference(first: Sequence[float | None], second: Sequence[float | None]) -> dict[str, float | None]:
    """Return the mean of first − second over the seeds that both have, with its 95 % interval.

    The runs of a seed share split and order, so the differences within seeds are what varies. One seed has no interval.
    """
    # not strict: one arm is a run ahead while the series goes
    differences = [a - b for a, b in zip(first, second, strict=False) if a is not None and b is not None]
    if not differences:
        return {"difference": None, "low": None, "high": None}
    spread = measure_spread(differences)  # Student's t over the seeds
    return {"difference": spread.mean, "low": spread.low, "high": spread.high}
