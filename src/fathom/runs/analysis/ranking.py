"""Which of several runs is best, by validation, and what the test set says about the choice; as findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import mean, stdev

from fathom.findings import Finding, Plain
from fathom.runs.analysis.comparison import RunComparison, best_values, fine_percent, flatten, is_accuracy
from fathom.runs.analysis.numbers import count, decimal, percent
from fathom.runs.analysis.paired import classify_difference, pair_runs
from fathom.runs.folder.reader import RunReader
from fathom.runs.folder.records import is_number

# Metrics to rank by: the first that two runs have
_MEASURES: tuple[tuple[str, str, Callable[[object], str]], ...] = (
    ("val_accuracy", "validation accuracy", fine_percent),
    ("val_loss", "validation loss", decimal),
)


@dataclass(frozen=True)
class RankedRun:
    """A run by its position in the comparison, with its value, also as text."""

    place: int
    value: float
    text: str


@dataclass(frozen=True)
class Ranking:
    """Runs from best to worst, and the measure, such as "highest validation accuracy"."""

    measure: str
    entries: Sequence[RankedRun]


def check_runs(comparison: RunComparison) -> list[Finding]:
    """Return which run is best on validation, what the test set says about it, and how much seeds differ."""
    return [*_check_best(comparison), *_check_seeds(comparison)]


def rank_runs(comparison: RunComparison) -> Ranking | None:
    """Rank runs by validation: choosing by the test set would use it up.

    Returns: None on different data, or if fewer than two runs that did not fail share a metric
    """
    if len({run.data_name for run in comparison.runs}) > 1:  # values of different data do not compare
        return None
    for key, name, form in _MEASURES:
        values = best_values(comparison.runs, key)
        # places of runs; a failed one's best says nothing
        usable = [i for i, run in enumerate(comparison.runs) if values[i] is not None and run.status != "failed"]
        if len(usable) > 1:
            end = "highest" if is_accuracy(key) else "lowest"
            # stable: of equal ones the one given first
            order = sorted(usable, key=lambda i: values[i] or 0.0, reverse=is_accuracy(key))
            return Ranking(f"{end} {name}", [RankedRun(i, values[i] or 0.0, form(values[i])) for i in order])
    return None


def _check_best(comparison: RunComparison) -> Iterator[Finding]:
    ranking = rank_runs(comparison)
    if ranking is None:
        return
    best, following = ranking.entries[:2]  # the others do not matter for the choice
    first, second = (comparison.runs[entry.place] for entry in (best, following))
    a, b = (comparison.labels[entry.place] for entry in (best, following))
    if best.text == following.text:  # as written: digits not shown are no lead
        text = f"{a} and {b} share the {ranking.measure}, {best.text}"
    else:
        text = f"{a} has the {ranking.measure}, {best.text}; {b} follows with {following.text}"
    evidence: dict[str, Plain] = {"best": first.name, "value": best.value, "next": second.name}
    evidence["next_value"] = following.value
    own, theirs = ((run.evaluation or {}).get("accuracy") for run in (first, second))  # of a classifier
    if not is_number(own) or not is_number(theirs):
        yield Finding("series.difference", "note", text, evidence)
        return
    text += f". On the test set {a} is right on {percent(own, 2)}, {b} on {percent(theirs, 2)}"
    evidence |= {"test_accuracy": own, "next_test_accuracy": theirs}
    allowed = _by_chance(first, second)
    if allowed is None:
        yield Finding("series.difference", "note", text, evidence)
        return
    chance, words, is_more = allowed
    text += f": {100 * abs(own - theirs):.2f} points apart, {'more' if is_more else 'no more'} than {words}"
    code, severity = classify_difference(is_more)  # the finding's code says whether it is more than chance
    yield Finding(code, severity, text, evidence | {"difference": own - theirs, "by_chance": chance})


def _by_chance(first: RunReader, second: RunReader) -> tuple[float, str, bool] | None:
    """Return the difference that chance allows on the test set, also in words, and whether it is exceeded."""
    # the first counts as the later one: gained is what it has over the second
    pair = pair_runs(second.path, first.path)
    if pair is not None:
        return pair.chance, pair.chance_sentence(), pair.is_significant
    (own, samples), (theirs, others) = (
        ((run.evaluation or {}).get("accuracy", 0.0), (run.evaluation or {}).get("num_samples"))
        for run in (first, second)
    )
    if not samples or samples != others:
        return None
    # two standard errors of a difference of two shares: 1.96 holds 95% of a normal distribution
    chance = 1.96 * ((own * (1 - own) + theirs * (1 - theirs)) / samples) ** 0.5
    words = (
        f"the {100 * chance:.2f} points within which two equally good models differ 95% of the time on separate test "
        f"sets of {count(samples)} samples"
    )
    return chance, words, abs(own - theirs) > chance


def _check_seeds(comparison: RunComparison) -> Iterator[Finding]:
    groups: dict[str, dict[object, tuple[str, RunReader]]] = {}  # one run per seed: further ones repeat it
    for run, label in zip(comparison.runs, comparison.labels, strict=True):
        if run.status != "failed":
            settings = {key: value for key, value in flatten(run.config).items() if key != "seed"}
            # repr: settings hold lists, which cannot be keys
            # repr of settings: {seed: (letter, run)}
            groups.setdefault(repr(sorted(settings.items())), {}).setdefault(run.config.get("seed"), (label, run))
    for group in groups.values():
        labels, runs = [label for label, _ in group.values()], [run for _, run in group.values()]
        measures = {
            "validation accuracy": best_values(runs, "val_accuracy"),
            "test accuracy": [(run.evaluation or {}).get("accuracy") for run in runs],
        }
        said: list[str] = []
        evidence: dict[str, Plain] = {"seeds": len(runs)}
        for name, values in measures.items():
            present = [value for value in values if is_number(value)]
            if len(runs) > 1 and len(present) == len(runs):  # only where every run of the group has it
                average, deviation = mean(present), stdev(present)
                said.append(f"{name} {percent(average, 2)} on average, standard deviation {100 * deviation:.2f} points")
                key = name.replace(" ", "_")
                evidence |= {f"{key}_mean": average, f"{key}_standard_deviation": deviation}
        if said:
            text = f"{', '.join(labels)} have equal settings but for the seed: {'; '.join(said)}"
            yield Finding("series.spread_of_seeds", "note", text, evidence)
