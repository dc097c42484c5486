"""run-folder.md names every file and field that a run leaves, and none that it does not."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest
import yaml

from fathom.recipes.train import train
from fathom.settings.settings import Settings

PAGE = Path(__file__).parents[2] / "docs" / "run-folder.md"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One run of each kind, as short as it can be."""
    root = tmp_path_factory.mktemp("runs")
    trees = {
        "classifier": {"model": {"name": "softmax"}, "training": {"epochs": 4, "log_every": 5}},
        "regressor": {"model": {"name": "linear"}, "data": {"name": "synthetic_regression"}, "training": {"epochs": 1}},
    }
    return {kind: train(Settings(tree), root=root).path for kind, tree in trees.items()}


def section(title: str) -> str:
    text = PAGE.read_text(encoding="utf-8")
    return text.partition(f"\n## {title}")[2].partition("\n## ")[0]


def fields(title: str) -> set[str]:
    """The names in the first column of a section's table."""
    return {
        name
        for row in re.findall(r"^\| (`.+?) \|", section(title), re.MULTILINE)
        for name in re.findall(r"`(\w+)`", row)
    }


def read(path: Path) -> dict[str, object]:
    return json.loads(path.read_text(encoding="utf-8"))


def test_files(runs: dict[str, Path]) -> None:
    listing = re.findall(r"^  ([\w.]+)/?  ", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert {entry.name for entry in runs["classifier"].iterdir()} == set(listing)
    assert {entry.name for entry in runs["regressor"].iterdir()} == set(listing) - {"mistakes"}


def test_config(runs: dict[str, Path]) -> None:
    content = yaml.safe_load((runs["classifier"] / "config.yaml").read_text(encoding="utf-8"))
    assert list(content) == re.findall(r"`(\w+)`", section("config.yaml").partition(": ")[2].partition(".")[0])


@pytest.mark.parametrize("kind", ["classifier", "regressor"])
def test_run(runs: dict[str, Path], kind: str) -> None:
    content = read(runs[kind] / "run.json")
    assert set(content) == fields("run.json")
    text = section("run.json")
    for part in ("versions", "machine"):
        for name in content[part]:  # type: ignore[attr-defined]
            assert f"`{name}`" in text
    for name in content["choices"]:  # type: ignore[attr-defined]
        assert name in text


def test_metrics(runs: dict[str, Path]) -> None:
    documented = fields("metrics.jsonl")
    seen: set[str] = set()
    for run in runs.values():
        for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines():
            seen |= set(json.loads(line))
        with (run / "metrics.csv").open(encoding="utf-8", newline="") as file:
            assert set(next(csv.reader(file))) <= documented - {"event"}
    assert seen == documented


def test_probes(runs: dict[str, Path]) -> None:
    text = section("probes.jsonl")
    for run in runs.values():
        for line in (run / "probes.jsonl").read_text(encoding="utf-8").splitlines():
            assert all(f"`{name}`" in text for name in json.loads(line)), line


def test_data(runs: dict[str, Path]) -> None:
    classifier, regressor = (read(runs[kind] / "data.json") for kind in ("classifier", "regressor"))
    assert set(classifier) == fields("data.json")
    assert set(regressor) == fields("data.json") - {"class_names", "counts"}


@pytest.mark.parametrize("kind", ["classifier", "regressor"])
def test_model(runs: dict[str, Path], kind: str) -> None:
    content = read(runs[kind] / "model.json")
    assert set(content) == fields("model.json")
    text = section("model.json")
    for name in [*content["model"], *content["input"], *content["layers"][0]]:  # type: ignore[misc,index]
        assert f"`{name}`" in text, name


def test_checkpoints(runs: dict[str, Path]) -> None:
    folder = runs["classifier"] / "checkpoints"
    assert {entry.name for entry in folder.iterdir()} == fields("checkpoints")
    text = section("checkpoints")
    for entry in (folder / "last").iterdir():
        assert f"`{entry.name}`" in text
    for name in read(folder / "last" / "manifest.json"):
        assert f"`{name}`" in text


def test_findings(runs: dict[str, Path]) -> None:
    for run in runs.values():
        content = read(run / "findings.json")
        assert set(content) == {"schema", "findings", "not_checked"}
        for finding in content["findings"]:  # type: ignore[attr-defined]
            assert set(finding) | {"settings"} == fields("findings.json")  # which only some have
        for check in content["not_checked"]:  # type: ignore[attr-defined]
            assert all(f"`{name}`" in section("findings.json") for name in check)


def test_evaluation(runs: dict[str, Path]) -> None:
    classifier, regressor = (read(runs[kind] / "evaluation.json") for kind in ("classifier", "regressor"))
    assert set(classifier) | set(regressor) == fields("evaluation.json")
    text = section("evaluation.json")
    for part in ("per_class", "mistakes"):
        for name in classifier[part][0]:  # type: ignore[index]
            assert f"`{name}`" in text
    with (runs["classifier"] / "predictions.csv").open(encoding="utf-8", newline="") as file:
        assert ",".join(next(csv.reader(file))) in section("predictions.csv")
