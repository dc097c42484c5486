"""``fathom doctor RUN --fix``: the run again with the cures that are settings, and what they gained."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from fathom.doctor.remedies import options_of
from fathom.doctor.run_folder import examine_run
from fathom.doctor.training.watching import watched
from fathom.errors import UsageError
from fathom.findings import Finding, Findings, Plain, by_severity
from fathom.runs.analysis.comparison import flatten
from fathom.runs.analysis.numbers import DASH, decimal, percent
from fathom.runs.folder.reader import RunReader
from fathom.runs.folder.records import is_number
from fathom.settings.config import Config, config_from_dict, config_to_dict
from fathom.settings.reading import read_config
from fathom.settings.settings import merge, nested

if TYPE_CHECKING:
    from fathom.build.run import OnStart


@dataclass(frozen=True)
class Fix:
    """What is changed, and for which findings.

    Args:
        settings: by their full names.
        before: what they were.
        cured: the findings whose settings these are.
        left: warnings and errors whose cure is no setting.
    """

    settings: dict[str, Plain]
    before: dict[str, Any]
    cured: tuple[Finding, ...]
    left: tuple[Finding, ...]


@dataclass(frozen=True)
class FixResult:
    """The two runs and their figures: validation, by which a fix is judged, before the test.

    Args:
        metric: that the runs are evaluated by, as ``val_accuracy``; None where neither was.
        validation, test: before and after.
        gone, left, new: codes of warnings and errors.
    """

    path: Path
    metric: str | None
    is_highest: bool
    validation: tuple[float | None, float | None]
    test_metric: str | None
    test: tuple[float | None, float | None]
    gone: tuple[str, ...]
    left: tuple[str, ...]
    new: tuple[str, ...]

    @property
    def is_better(self) -> bool:
        """Whether validation gained; what has a figure is better than what diverged."""
        before, after = self.validation
        if after is None or before is None:
            return after is not None
        return after > before if self.is_highest else after < before

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "run": str(self.path),
            "metric": self.metric,
            "validation": list(self.validation),
            "test_metric": self.test_metric,
            "test": list(self.test),
            "better": self.is_better,
            "gone": list(self.gone),
            "left": list(self.left),
            "new": list(self.new),
        }


def plan_fix(path: Path, findings: Findings) -> Fix:
    """Choose the settings to change: those of errors, else of warnings, else of notes; of two cures the graver's."""
    config = read_config(path)
    ordered = by_severity(findings.findings)
    curable = [finding for finding in ordered if finding.settings is not UNSET and finding.settings]
    gravest = [finding for finding in curable if finding.severity == curable[0].severity]
    settings: dict[str, Plain] = {}
    cured = []
    for finding in gravest:
        # a cure is taken whole: half of it is none
        if finding.settings is UNSET or any(name in settings for name in finding.settings):
            if finding.settings is not UNSET and all(settings.get(n) == v for n, v in finding.settings.items()):
                cured.append(finding)
            continue
        settings |= finding.settings
        cured.append(finding)
    known = flatten(config_to_dict(config))
    left = [f for f in ordered if f.severity != "note" and (f.settings is UNSET or not f.settings)]
    return Fix(settings, {name: known.get(name) for name in settings}, tuple(cured), tuple(left))


def retrain(path: Path, fix: Fix, *, on_start: OnStart | None = None) -> FixResult:
    """Train a new run with the changed settings, watched, beside the old one; compare the two.

    Raises:  UsageError if the run was given data or a network from Python, which cannot be had again; Diverged
    """
    from fathom.build.run import Hooks, train_run

    old = RunReader(path)
    config = changed(read_config(path), fix.settings)
    try:
        trained = train_run(
            config,
            root=path.parent,
            name=f"{old.name}-fix",
            hooks=Hooks(watched(on_start)),
            command=["doctor", "--fix"],
        )
    except UsageError as error:
        raise UsageError(f"{old.name} cannot be trained again from its folder alone: {error}") from error
    return _compare(old, RunReader(trained.path))


def changed(config: Config, settings: Mapping[str, Plain]) -> Config:
    """Return a configuration with settings replaced, checked as any other.

    Raises:  UsageError naming one that is invalid
    """
    tree = config_to_dict(config)
    for name, value in settings.items():
        merge(tree, nested(name.split("."), value))
    return config_from_dict(tree, "the cure")


def describe_plan(fix: Fix) -> Iterator[str]:
    """Say what is changed and why, and what no setting mends."""
    for finding in fix.left:
        yield f"no setting mends {finding.code}: {finding.remedy or finding.cause or finding.message}"
    if not fix.settings:
        yield "nothing to fix: no finding has a cure that is a setting"
        return
    yield f"fix      {options_of(fix.settings)}"
    for name, value in fix.settings.items():
        causes = [f.code for f in fix.cured if f.settings is not UNSET and name in f.settings]
        old = fix.before.get(name)
        yield f"{'':<9}{name}: {DASH if old is None else old} → {value}  for {', '.join(causes)}"


def describe_result(result: FixResult) -> Iterator[str]:
    """Say what it gained: validation first, by which it is judged, then the test."""
    yield f"new run  {result.path}"
    if result.metric is not None:
        before, after = (_value(result.metric, value) for value in result.validation)
        verdict = "better" if result.is_better else "not better"
        yield f"gained   {result.metric}: {before} → {after}: {verdict}"
    if result.test_metric is not None:
        before, after = (_value(result.test_metric, value) for value in result.test)
        yield f"{'':<9}test {result.test_metric}: {before} → {after}, for the record: validation decides"
    for words, codes in (("gone", result.gone), ("left", result.left), ("new", result.new)):
        if codes:
            yield f"{words:<9}{', '.join(codes)}"
    if result.left and result.is_better:
        yield f"{'next':<9}fathom doctor {shlex.quote(str(result.path))} --fix"


def _value(metric: str, value: float | None) -> str:
    return percent(value, 2) if metric.endswith("accuracy") else decimal(value)


def _compare(old: RunReader, new: RunReader) -> FixResult:
    before, after = old.best(), new.best()
    best = after or before
    metric = best.metric if best is not None else None
    # a run that broke off in its first epoch has none
    values = tuple(b.value if b is not None and b.metric == metric else None for b in (before, after))
    tests = [run.evaluation or {} for run in (old, new)]
    name = next((n for n in ("accuracy", "perplexity", "rmse", "loss") if is_number(tests[1].get(n))), None)
    figures = tuple(float(test[name]) if name and is_number(test.get(name)) else None for test in tests)
    codes = [{f.code for f in examine_run(run.path).findings if f.severity != "note"} for run in (old, new)]
    return FixResult(
        new.path,
        metric,
        bool(best is not None and best.is_highest),
        (values[0], values[1]),
        name,
        (figures[0], figures[1]),
        tuple(sorted(codes[0] - codes[1])),
        tuple(sorted(codes[0] & codes[1])),
        tuple(sorted(codes[1] - codes[0])),
    )
