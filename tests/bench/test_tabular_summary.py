"""The summary of the benchmark on tables says what its figures say."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def row(table, task, contender, score, seed):
    return {"table": table, "task": task, "contender": contender, "score": score, "seconds": 1.0, "seed": seed}


def test_the_better_of_both_is_the_measure(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    from bench.tabular.summary import summarize

    results = []
    for seed in (0, 1):
        # classification: 1 point better than linear; 3 points worse than boosting
        for name, scores in {"one": (0.10, 0.08, 0.07), "two": (0.05, 0.20, 0.08)}.items():
            for contender, score in zip(("boosting", "linear", "fathom"), scores, strict=True):
                results.append(row(name, "classification", contender, score, seed))
        for contender, score in (("boosting", 2.0), ("linear", 4.0), ("fathom", 2.2)):
            results.append(row("three", "regression", contender, score, seed))
    text = summarize(results, "fathom")
    assert (
        "classification: ahead on 1 of 2, -1.00 points on average, far behind on 1; worst two -3.00, one +1.00" in text
    )
    assert "regression: ahead on 0 of 1, 1.100 × the error on average, far behind on 1; worst three 1.10" in text
    assert "time: 6 s in all, boosting 6 s" in text


@pytest.mark.parametrize("name", ["iris", "diabetes"])
def test_tables_have_their_target(monkeypatch, name):
    monkeypatch.syspath_prepend(str(ROOT))
    from bench.tabular.tables import TABLES, read

    (table,) = [table for table in TABLES if table.name == name]
    frame = read(table)
    assert table.target in frame
    assert len(frame) > 100
