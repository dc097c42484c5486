"""From a CSV of a million rows to a trained epoch of the MLP: reading, preprocessing, learning."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bench.harness import Contender, measure_in_turns, say
from bench.problems import Problem
from bench.results import Suite
from bench.settings import Settings

TABLE = Problem("table", "CSV of 1,000,000 rows × 30 columns, MLP", "mlp", (30,), 1, 1_000_000, 1024, lr=3e-3)
_QUICK_ROWS = 4_000
_CONTENDERS = (
    Contender("handwritten", "hand-written, pandas and torch", "bench.contenders.table_handwritten", "handwritten"),
    Contender("fathom_auto", "Fathom", "bench.contenders.table_fathom", "fathom"),
)
_PART = 100_000  # rows written at a time


def run(settings: Settings, suite: Suite) -> None:
    """Write the file, then make both read it and train on it, alternately."""
    problem = replace(TABLE, num_samples=_QUICK_ROWS, batch_size=64) if settings.quick else TABLE
    write_table(settings.folder / "table.csv", problem.num_samples)
    suite.comparisons.append(measure_in_turns(_CONTENDERS, problem, settings, baseline="handwritten"))


def write_table(path: Path, num_rows: int) -> None:
    """Write numbers, some of them missing, categories of few and of many values, a date and a target."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(0)
    for start in range(0, num_rows, _PART):
        n = min(_PART, num_rows - start)
        columns = {f"number_{i}": (rng.normal(size=n) * 10.0 ** (i % 5 - 1)).round(4) for i in range(19)}
        for i in range(3):
            columns[f"number_{i}"] = np.where(rng.random(n) < 0.05, np.nan, columns[f"number_{i}"])
        columns |= {f"count_{i}": rng.integers(0, 1000, n) for i in range(3)}
        columns |= {f"kind_{k}": _words("kind", k)[rng.integers(0, k, n)] for k in (3, 5, 8, 12, 18)}
        columns["town"] = _words("town", 500)[rng.integers(0, 500, n)]
        days = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 1500, n), unit="D")
        columns["day"] = days.strftime("%Y-%m-%d").to_numpy()
        effect = (columns["kind_5"] == "kind 2").astype(float)
        columns["target"] = (columns["number_5"] + columns["number_10"] + effect + rng.normal(size=n)).round(4)
        frame = pd.DataFrame(columns)
        frame.to_csv(path, index=False, header=start == 0, mode="w" if start == 0 else "a")
    say(f"table: {num_rows:,} rows × {len(frame.columns)} columns, {path.stat().st_size / 2**20:.0f} MiB")


def _words(word: str, number: int):  # type: ignore[no-untyped-def]
    import numpy as np

    return np.array([f"{word} {i}" for i in range(number)])
