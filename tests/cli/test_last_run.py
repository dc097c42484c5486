"""A dry run is never used as ``last``; patterns that the shell replaced are refused with the names."""

from __future__ import annotations

import json

import pytest


@pytest.mark.parametrize("option", [("--fast-dev-run",), ("--overfit-batches", 1)])
def test_a_dry_run_is_used_only_by_name(option, fathom, tmp_path):
    assert fathom("train", "softmax", "--data", "digits", "--epochs", 1, *option).code == 0
    (run,) = (tmp_path / "runs").iterdir()
    assert json.loads((run / "run.json").read_text())["rehearsal"] == option[0].removeprefix("--").replace("-", "_")
    result = fathom("eval", "last")
    assert (result.code, result.out) == (2, "")
    assert f"no run in runs is finished: {run.name} is a dry run ({option[0]})" in result.error
    assert fathom("eval", run.name).code == 0

    assert fathom("train", "softmax", "--data", "digits", "--epochs", 1, "--out", "real").code == 0
    (real,) = (tmp_path / "real").iterdir()
    result = fathom("eval", "last", "--runs", "real")
    assert (result.code, result.err) == (0, f"last is real/{real.name}\n")


@pytest.mark.parametrize("verb", ["eval", "predict"])
def test_several_runs_are_named(verb, fathom, tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text("{}")
    result = fathom(verb, "a", "b", *(["x.png"] if verb == "predict" else []))
    assert result.code == 2
    assert "one run is expected, and more were given: " in result.error
    assert "b" in result.error
