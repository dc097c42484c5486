"""``fathom learning-curve``: sizes, forecasts, resuming, what it refuses."""

import csv
import json
from pathlib import Path

from fathom.runs.folder.reader import RunReader
from fathom.settings.reading import read_config


def test_five_sizes_and_a_verdict(fathom):
    result = fathom("learning-curve", "softmax", "--data", "digits", "--epochs", 2, "--seeds", 1, "--steps", 10)
    assert result.code == 0, result.err
    (path,) = Path("runs").iterdir()
    content = json.loads((path / "learning-curve.json").read_text())
    sizes = content["plan"]["sizes"]
    assert sizes == [round(sizes[-1] / 2**k) for k in (4, 3, 2, 1, 0)]
    with open(path / "sizes.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["size"]) for row in rows] == sizes
    for row in rows:
        evaluation = json.loads((path / row["run"] / "evaluation.json").read_text())
        assert float(row["error"]) == 1 - evaluation["accuracy"]
        config = read_config(path / row["run"])
        assert (
            (RunReader(path / row["run"]).data or {})["splits"]["train"] == config.data.train_size == int(row["size"])
        )
    assert [projection["size"] for projection in content["forecasts"]] == [f * sizes[-1] for f in (2, 4, 10)]
    assert "More data" in result.out
    page = (path / "learning-curve.html").read_text()
    assert "What the curve says" in page
    assert f'href="{rows[0]["run"]}/report.html"' in page

    # a stop after three runs: two are trained anew, three are kept
    kept = [(path / row["run"] / "run.json").stat().st_mtime_ns for row in rows[:3]]
    content["plan"]["status"], content["results"] = "stopped", content["results"][:3]
    (path / "learning-curve.json").write_text(json.dumps(content))
    again = fathom("learning-curve", "--resume", "last")
    assert again.code == 0, again.err
    assert "3 of 5 done already" in again.out
    assert [(path / row["run"] / "run.json").stat().st_mtime_ns for row in rows[:3]] == kept


def test_what_is_refused(fathom, tmp_path):
    (tmp_path / "book.txt").write_text("a word and another " * 400)
    assert "reads no texts" in fathom("learning-curve", "gru", "book.txt").error
    assert "a curve needs 20" in fathom("learning-curve", "mlp", "digits", "--most", 100).error
    assert "--fast-dev-run" in fathom("learning-curve", "mlp", "digits", "--set", "training.fast_dev_run=true").error
    assert "has 1,294 samples" in fathom("learning-curve", "mlp", "digits", "--most", 5000).error
    assert fathom("learning-curve", "mlp", "--resume", "last").error.startswith("--resume reuses")


def test_fewer_samples_in_a_run_of_its_own(fathom):
    result = fathom("train", "softmax", "digits", "--epochs", 1, "--batch-size", 32, "--set", "data.train_size=100")
    assert result.code == 0, result.err
    (path,) = Path("runs").iterdir()
    assert (RunReader(path).data or {})["splits"]["train"] == 100
