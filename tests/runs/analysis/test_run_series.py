"""What is said of a series follows from its rows: who is better, by how much, and what a run that diverged leaves."""

import pytest

from fathom.errors import FathomError
from fathom.runs.analysis.crossval import CrossValidation
from fathom.runs.analysis.distillation import ALONE, DISTILLED, Distillation
from fathom.runs.analysis.series import DIVERGED, DONE


def texts(study):
    return [finding.sentence for finding in study.findings()]


def _study(path, task, key, values):
    folds = len(next(iter(values.values())))
    plan = {"task": task, "folds": folds, "repeats": 1, "models": {model: {} for model in values}}
    rows = [
        {"model": model, "repeat": 1, "fold": i + 1, "run": f"{model}/fold-{i + 1}", "message": "the reason"}
        | ({"status": DIVERGED} if value is None else {"status": DONE, key: value})
        for model, found in values.items()
        for i, value in enumerate(found)
    ]
    return CrossValidation(path, plan, rows)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(
    ("task", "key", "good", "bad", "says"),
    [
        ("classification", "accuracy", (0.91, 0.92, 0.93), (0.80, 0.81, 0.83), "accuracy +10.67 points"),
        ("regression", "rmse", (1.0, 1.1, 1.2), (3.0, 3.2, 3.1), "RMSE −2.000"),
    ],
)
def test_the_better_one_is_told_against_the_other(tmp_path, turned, task, key, good, bad, says):
    values = {"good": good, "bad": bad}
    study = _study(tmp_path, task, key, dict(reversed(values.items())) if turned else values)
    (finding,) = study.findings()
    assert (finding.code, finding.severity) == ("series.difference", "note")
    sentence = finding.sentence
    assert sentence.startswith(f"good is better than bad: {says} on average over 3 folds (95% interval ")
    low, high = sentence.partition("interval ")[2].partition(",")[0].split(" to ")
    assert (low[0], high[0]) == ((says.split()[1][0],) * 2)


def test_folds_that_diverged_are_left_out_of_means_and_comparison(tmp_path):
    study = _study(tmp_path, "classification", "accuracy", {"a": (0.9, None, 0.8, 0.7), "b": (0.8, 0.7, None, 0.6)})
    assert study.values("accuracy") == {"a": [0.9, 0.8, 0.7], "b": [0.8, 0.7, 0.6]}
    (difference,) = study.differences()
    assert difference.spread.count == 2
    assert difference.spread.mean == pytest.approx(-0.1)
    first, second, third = texts(study)
    assert first.startswith("a diverged in 1 of 4 folds (fold 2). The reason.")
    assert second.startswith("b diverged in 1 of 4 folds (fold 3).")
    assert "over 2 folds in which neither diverged" in third
    assert study.final_status() == {"status": "done", "message": "2 of 8 folds diverged"}
    none = _study(tmp_path, "classification", "accuracy", {"a": (None, None), "b": (0.5, 0.6)})
    assert none.differences() == []
    assert texts(none)[0].startswith("a diverged in every fold, so nothing is known of it. Fold 1: the reason.")


def _distillation(path, alone, distilled):
    plan = {"seeds": list(range(len(alone))), "data": "digits", "num_samples": {}}
    rows = [
        {"role": role, "seed": seed, "test_accuracy": value, "run": f"{role}/seed-{seed}"}
        for role, found in ((ALONE, alone), (DISTILLED, distilled))
        for seed, value in enumerate(found)
    ]
    return Distillation(path, plan, rows)


@pytest.mark.parametrize(
    ("distilled", "words"),
    [
        ((0.6, 0.71, 0.64), "more than the luck"),
        ((0.4, 0.49, 0.46), "did harm"),
        ((0.6, 0.5, 0.56), "do not swallow"),
        ((0.51, 0.61, 0.56), "no spread"),
    ],
)
def test_a_gain_is_one_where_the_seeds_say_so(tmp_path, distilled, words):
    study = _distillation(tmp_path, (0.5, 0.6, 0.55), distilled)
    assert words in " ".join(texts(study))


def test_a_single_pair_is_judged_by_the_examples(tmp_path):
    study = _distillation(tmp_path, (0.90,), (0.95,))
    study.results[-1]["pairs"] = {"test": {"num_samples": 100, "lost": 1, "gained": 6}}
    assert "no more than the 5.00 points that chance allows" in texts(study)[0]
    study.results[-1]["pairs"] = {"test": {"num_samples": 100, "lost": 0, "gained": 6}}
    assert "more than the 4.00 points that chance allows" in texts(study)[0]


def test_a_damaged_folder_is_named(tmp_path):
    (tmp_path / "crossval.json").write_text('{"schema": 2, "plan": {"task": "nonsense"}, "results": []}')
    with pytest.raises(FathomError, match=r"crossval.json is damaged: the plan is missing"):
        CrossValidation.read(tmp_path)
