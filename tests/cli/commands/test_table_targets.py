"""Targets of tables as the file has them: precision, and names that Fathom's own columns have."""

import csv
import io
import json

import numpy as np
import pytest


def table(path, target, values, x):
    path.write_text(f"x,{target}\n" + "".join(f"{a:.4f},{b!r}\n" for a, b in zip(x, values.tolist(), strict=True)))
    return path


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=400)


def rows(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_targets_far_from_zero_are_learned_and_evaluated_in_their_precision(fathom, tmp_path, x):
    noise = np.random.default_rng(1).normal(0, 0.5, len(x))
    truth = (1_700_000_000 + 10 * x + noise).round(3)
    path = table(tmp_path / "t.csv", "seconds", truth, x)
    assert fathom("check", "--data", path, "--target", "seconds").code == 0
    assert fathom("train", "--data", path, "--target", "seconds", "--epochs", 5).code == 0
    (run,) = (tmp_path / "runs").iterdir()
    evaluation = json.loads((run / "evaluation.json").read_text())
    with (run / "predictions.csv").open(newline="") as file:
        kept = [(int(row["row"]), float(row["label"]), float(row["predicted"])) for row in csv.DictReader(file)]
    number, label, predicted = map(np.array, zip(*kept, strict=True))
    assert (label == truth[number - 1]).all()
    rmse = float(np.sqrt(np.mean((predicted - label) ** 2)))
    assert 0.1 < rmse < 3
    assert evaluation["rmse"] == pytest.approx(rmse, rel=1e-6)
    assert evaluation["r2"] == pytest.approx(1 - rmse**2 / label.var(), rel=1e-6)
    assert evaluation["r2"] < 1
    told = np.array([float(row["seconds"]) for row in rows(fathom("predict", run, path).out)])
    assert np.abs(told[number - 1] - predicted).max() < 1e-4
    assert fathom("export", run, "--out", "m.onnx").code == 0
    exported = np.array([float(row["seconds"]) for row in rows(fathom("predict", "m.onnx", path).out)])
    assert np.abs(exported - told).max() < 1e-3


@pytest.mark.parametrize("target", ["error", "row", "file", "probability_of_default"])
def test_a_target_may_be_called_as_it_likes(fathom, tmp_path, x, target):
    truth = 1e-8 * (5 + x)
    path = table(tmp_path / "t.csv", target, truth, x)
    assert fathom("train", "--data", path, "--target", target, "--epochs", 20).code == 0
    name = target if target.startswith("probability") else f"predicted_{target}"
    for inputs in ([path], [path, path]):
        result = fathom("predict", "last", *inputs)
        assert result.code == 0, result.err
        found = rows(result.out)
        assert list(found[0]) == [*(["file"] if len(inputs) > 1 else []), "row", name, "error"]
        assert [int(row["row"]) for row in found] == [*range(1, 401)] * len(inputs)
        assert not any(row["error"] for row in found)
        told = np.array([float(row[name]) for row in found[:400]])
        assert np.corrcoef(told, truth)[0, 1] > 0.99
        assert len(set(told)) > 300
