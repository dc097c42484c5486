"""What a study found, as findings."""

from __future__ import annotations

from fathom.findings import Finding
from fathom.runs.analysis.study import Study

_TOP = 3  # trials that must agree before they count as too near an end of a range


def check_study(study: Study) -> list[Finding]:
    """Return the result, and what to make of it."""
    best = study.best()
    if best is None:
        return [Finding("tune.no_trial", "note", "No trial was completed yet")]
    found = [Finding("tune.best", "note", f"Best: {best.describe()}", {"trial": best.number, study.metric: best.value})]
    default = next((t for t in study.trials if t.is_default and t.state == "complete"), None)
    if default is not None and default is best:
        text = "The best trial is the one with the defaults: nothing that was tried is better"
        found.append(Finding("tune.defaults_are_best", "note", text, {"trial": default.number}))
    elif default is not None:
        text = f"Trial {default.number}, with the defaults, reached {study.form(default.value)}"
        evidence = {"trial": default.number, study.metric: default.value}
        found.append(Finding("tune.defaults", "note", text, evidence))
    found += _check_edges(study)
    if study.best_run:
        text = f"The best trial was trained again and kept, with the test set evaluated once: {study.best_run}"
        found.append(Finding("tune.kept_run", "note", text, {"run": study.best_run}, place=study.best_run))
    text = (
        f"The best {study.metric_name} of many trials flatters: it was chosen for being the best on these very "
        "samples. The test set of the run that is kept says how good it is"
    )
    return [*found, Finding("tune.best_flatters", "note", text)]


def _check_edges(study: Study) -> list[Finding]:
    """Point out best values at the end of a range: better ones may lie beyond."""
    found = []
    for axis in study.axes:
        values = [t.values[axis.name] for t in study.ranked()[:_TOP] if axis.name in t.values]  # of the best trials
        numbers = [value for value in values if isinstance(value, int | float)]
        low, high = _ends(axis.text)
        if axis.choices or len(numbers) < _TOP or low is None or high is None:  # too few, or a list of choices
            continue
        for end, where in ((low, "lower"), (high, "upper")):
            near = 0.02 * (high - low) if not axis.log else 0.1 * end  # a fiftieth of the range, or a tenth of the end
            # 0 is often a natural end: no dropout, no decay
            if end != 0 and all(abs(number - end) <= near for number in numbers):
                found.append(
                    Finding(
                        "tune.at_the_edge",
                        "warning",
                        f"The best trials lie at the {where} end of {axis.name}",
                        {"setting": axis.name, "end": end},
                        remedy="a wider range may hold better ones",
                        place=axis.name,
                    )
                )
    return found


def _ends(text: str) -> tuple[float | None, float | None]:
    low, _, high = text.partition(":")[0].partition("..")  # "0.1..1:log" and the like: ends, then how
    try:
        return float(low), float(high)
    except ValueError:
        return None, None
