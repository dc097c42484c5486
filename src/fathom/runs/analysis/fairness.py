"""Whether runs may be compared: the same data, splits, seeds, budget and evaluation; as findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from fathom.findings import Finding, Findings, NotChecked, Severity
from fathom.phrases import counted, enumerated
from fathom.runs.analysis.comparison import RunComparison
from fathom.runs.analysis.numbers import count, duration
from fathom.runs.folder.reader import RunReader
from fathom.runs.folder.records import is_number

BUDGET = 0.02  # of the samples learned from, by which runs may differ: a last batch more or less
LEAST_SEEDS = 3  # of one setting, before a spread means anything
_SPLITS = {"train": "training", "val": "validation", "test": "test"}


def check_fairness(comparison: RunComparison) -> Findings:
    """Return what makes a comparison unfair, the gravest first, or that nothing does; and what could not be looked at.

    A finding names the runs by their letters.
    """
    runs, labels = comparison.runs, comparison.labels
    found = [
        *_unfinished(runs, labels),
        *_data(runs, labels),
        *_splits(runs, labels),
        *_budget(runs, labels),
        *_evaluation(runs, labels),
        *_seeds(runs, labels),
        *_machines(runs, labels),
    ]
    skipped = []
    if not all(_digests(run) for run in runs):
        skipped.append(NotChecked("compare.other_split", "a run has no digests of its splits in data.json"))
    if not any(finding.severity != "note" for finding in found):
        what = "data, splits, budget and evaluation are the same"
        if skipped:
            what = "data by name, budget and evaluation are the same"
        found.insert(0, Finding("compare.fair", "note", f"The comparison is fair: {what}", {"runs": len(runs)}))
    return Findings.gravest_first(found, skipped)


def _groups(labels: Sequence[str], values: Sequence[Any]) -> dict[str, list[str]]:
    """Return the letters of the runs by value, as text; those without one are left out."""
    groups: dict[str, list[str]] = {}
    for label, value in zip(labels, values, strict=True):
        if value is not None:
            groups.setdefault(str(value), []).append(label)
    return groups


def _differ(
    code: str, severity: Severity, what: str, labels: Sequence[str], values: Sequence[Any], *, why: str, cure: str = ""
) -> Iterator[Finding]:
    """Yield a finding where a value is not the same for all that have one."""
    groups = _groups(labels, values)
    if len(groups) < 2:
        return
    parts = [f"{', '.join(letters)}: {value}" for value, letters in groups.items()]
    evidence = {letter: value for value, letters in groups.items() for letter in letters}
    yield Finding(code, severity, f"{what} differ ({'; '.join(parts)})", evidence, cause=why, remedy=cure)


def _unfinished(runs: Sequence[RunReader], labels: Sequence[str]) -> Iterator[Finding]:
    open_ = [label for label, run in zip(labels, runs, strict=True) if run.status != "done"]
    if open_:
        yield Finding(
            "compare.unfinished",
            "warning",
            f"{enumerated(open_)} did not finish",
            {"runs": ", ".join(open_)},
            cause="what was stopped early had a smaller budget",
            remedy="fathom train --resume RUN",
        )


def _data(runs: Sequence[RunReader], labels: Sequence[str]) -> Iterator[Finding]:
    yield from _differ(
        "compare.other_data",
        "error",
        "Data",
        labels,
        [run.data_name for run in runs],
        why="results on different data say nothing about the networks",
    )


def _digests(run: RunReader) -> dict[str, str]:
    found = (run.data or {}).get("digests")
    return {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}


def _splits(runs: Sequence[RunReader], labels: Sequence[str]) -> Iterator[Finding]:
    if len({run.data_name for run in runs}) > 1:
        return
    for name, words in _SPLITS.items():
        digests = [_digests(run).get(name) for run in runs]
        groups = _groups(labels, digests)
        if len(groups) < 2:
            continue
        sizes = [((run.data or {}).get("splits") or {}).get(name) for run in runs]
        listed = "; ".join(
            f"{', '.join(letters)}: {count(sizes[list(labels).index(letters[0])])} samples"
            for letters in groups.values()
        )
        severity: Severity = "error" if name == "test" else "warning"
        yield Finding(
            "compare.other_split",
            severity,
            f"The {words} splits differ ({listed})",
            {letter: digest for digest, letters in groups.items() for letter in letters},
            cause="another split is another task: its samples may be easier"
            if name != "train"
            else "more or other samples to learn from are an advantage of their own",
            remedy="the same --val, --set data.split_seed=0 and data files",
            place=f"{name} split",
        )


def _budget(runs: Sequence[RunReader], labels: Sequence[str]) -> Iterator[Finding]:
    """Compare how many samples each run has learned from, all epochs together."""
    seen = [_samples_seen(run) for run in runs]
    present = [number for number in seen if number]
    if len(present) < 2 or max(present) <= (1 + BUDGET) * min(present):
        return
    parts = [f"{label}: {count(number)}" for label, number in zip(labels, seen, strict=True) if number]
    times = [f"{label}: {duration(run.train_s)}" for label, run in zip(labels, runs, strict=True) if run.train_s]
    stopped = [
        label
        for label, run in zip(labels, runs, strict=True)
        if str(run.run.get("message") or "").startswith("stopped early")
    ]
    # who stopped by itself had the same budget and did not use it
    is_choice = stopped and len({_planned(run) for run in runs}) == 1
    yield Finding(
        "compare.other_budget",
        "note" if is_choice else "warning",
        f"Samples learned from differ ({'; '.join(parts)}); time {'; '.join(times)}",
        dict(zip(labels, seen, strict=True)),
        cause="early stopping ended some runs before their budget was spent"
        if is_choice
        else "longer training is an advantage of its own",
        remedy="" if is_choice else "the same --epochs",
    )


def _samples_seen(run: RunReader) -> float | None:
    samples = ((run.data or {}).get("splits") or {}).get("train")
    epochs = run.epochs()[-1]["epoch"] if run.epochs() else 0
    return samples * epochs if is_number(samples) and epochs else None


def _planned(run: RunReader) -> object:
    return _setting(run, "training", "epochs")


def _setting(run: RunReader, section: str, name: str) -> Any:
    part = run.config.get(section)
    return part.get(name) if isinstance(part, dict) else None


def _evaluation(runs: Sequence[RunReader], labels: Sequence[str]) -> Iterator[Finding]:
    monitors = [_setting(run, "training", "monitor") or (b.metric if (b := run.best()) else None) for run in runs]
    yield from _differ(
        "compare.other_evaluation",
        "warning",
        "The metrics by which the best epoch was chosen",
        labels,
        monitors,
        why="each run shows its best by another measure",
        cure="the same training.monitor",
    )
    for name, words in (("loss", "The losses"), ("label_smoothing", "Label smoothings")):
        yield from _differ(
            "compare.other_evaluation",
            "note",
            words,
            labels,
            [_setting(run, "training", name) for run in runs],
            why="training losses of one are no measure for the other; accuracy still compares",
        )
    tested = [label for label, run in zip(labels, runs, strict=True) if run.evaluation is not None]
    if tested and len(tested) < len(runs):
        yield Finding(
            "compare.other_evaluation",
            "note",
            f"The test set was used by {enumerated(tested)} alone",
            {"runs": ", ".join(tested)},
            cause="choose by validation",
        )


def _seeds(runs: Sequence[RunReader], labels: Sequence[str]) -> Iterator[Finding]:
    """Note that a difference of single seeds may be chance, unless each setting has several."""
    by_setting: dict[str, set[object]] = {}
    for run in runs:
        settings = {key: value for key, value in run.config.items() if key != "seed"}
        by_setting.setdefault(repr(settings), set()).add(run.config.get("seed"))
    fewest = min(len(seeds) for seeds in by_setting.values())
    if len(by_setting) > 1 and fewest < LEAST_SEEDS:
        yield Finding(
            "compare.few_seeds",
            "note",
            f"A setting was trained with {counted(fewest, 'seed')}",
            {"seeds": fewest, "settings": len(by_setting)},
            cause="another seed alone moves a result; of a small difference one seed says nothing",
            remedy="repeat each with --seed 0, 1, 2",
        )
    if len(by_setting) > 1:
        yield from _differ(
            "compare.other_seed",
            "note",
            "Seeds",
            labels,
            [run.config.get("seed") for run in runs],
            why="weights, order and, unless data.split_seed is set, splits are drawn anew",
        )


def _machines(runs: Sequence[RunReader], labels: Sequence[str]) -> Iterator[Finding]:
    reads: tuple[tuple[str, Callable[[RunReader], Any]], ...] = (
        ("Precisions", lambda run: str((run.run.get("choices") or {}).get("precision", "")).partition(" (")[0]),
        ("Versions of torch", lambda run: (run.run.get("versions") or {}).get("torch")),
        ("Machines", lambda run: (run.run.get("machine") or {}).get("cpu")),
    )
    for words, read in reads:
        yield from _differ(
            "compare.other_machine",
            "note",
            words,
            labels,
            [read(run) or None for run in runs],
            why="times do not compare, and results differ by rounding",
        )
