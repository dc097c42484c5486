"""Comparisons that are fair, and those in which something else than what is compared differs."""

from __future__ import annotations

import json
import shutil

import pytest

import fathom
from fathom.cli.main import main
from fathom.runs.analysis.comparison import compare_runs
from fathom.runs.analysis.fairness import check_fairness

CPU = {"device": "cpu", "threads": 1}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")

    def train(name, data=(), seed=0, **training):
        tree = {"model": {"name": "softmax"}, "data": {"name": "digits"} | dict(data), "seed": seed, "execution": CPU}
        fathom.train(tree | {"training": {"epochs": 2, "doctor": "off"} | training}, root=root, name=name)

    train("base")
    train("split", data={"val": 0.2})
    train("other-seed", seed=1)
    train("same-split", seed=1, data={"split_seed": 0})
    # what follows differs in what its files say, not in how they came about
    for name, old, new in (
        ("rate", "lr: 0.01", "lr: 0.02"),
        ("by-loss", "monitor: null", "monitor: val_loss"),
        ("own", "name: digits", "name: squares"),
    ):
        shutil.copytree(root / "base", root / name)
        config = (root / name / "config.yaml").read_text()
        assert old in config
        (root / name / "config.yaml").write_text(config.replace(old, new))
    shutil.copytree(root / "base", root / "longer")
    records = (root / "longer" / "metrics.jsonl").read_text()
    (root / "longer" / "metrics.jsonl").write_text(records + records.replace('"epoch": 2', '"epoch": 4'))
    return root


@pytest.mark.parametrize(
    ("one", "other", "codes"),
    [
        ("base", "rate", {"compare.fair", "compare.few_seeds"}),
        ("base", "longer", {"compare.other_budget"}),
        ("base", "split", {"compare.other_split", "compare.other_budget", "compare.few_seeds"}),
        ("base", "other-seed", {"compare.other_split"}),
        ("base", "by-loss", {"compare.other_evaluation", "compare.few_seeds"}),
    ],
)
def test_what_differs_is_named(root, one, other, codes):
    found = check_fairness(compare_runs([root / one, root / other]))
    assert {finding.code for finding in found.findings} == codes
    assert not found.not_checked


def test_a_split_of_its_own_seed_is_the_same(root):
    found = check_fairness(compare_runs([root / "base", root / "same-split"]))
    assert "compare.other_split" not in {finding.code for finding in found.findings}


def test_other_data_are_an_error(root):
    found = check_fairness(compare_runs([root / "base", root / "own"]))
    assert found.findings[0].code == "compare.other_data"
    assert found.findings[0].severity == "error"


def test_only_the_splits_that_differ_are_named(root):
    found = check_fairness(compare_runs([root / "base", root / "split"]))
    # the official test set is the same
    assert {f.place for f in found.findings if f.code == "compare.other_split"} == {"train split", "val split"}


def test_terminal_page_and_json_say_it(root, tmp_path, capsys):
    names = [str(root / "base"), str(root / "longer")]
    assert main(["compare", *names, "--out", str(tmp_path / "c.html")]) == 0
    assert "warning: Samples learned from differ" in capsys.readouterr().out
    page = (tmp_path / "c.html").read_text()
    assert "Is the comparison fair?" in page
    assert "Samples learned from differ" in page
    assert main(["compare", *names, "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["runs"][1] == {"label": "B", "run": "longer"}
    assert "compare.other_budget" in {finding["code"] for finding in content["findings"]}


def test_runs_without_digests_are_compared_by_the_rest(root, tmp_path):
    for name in ("base", "rate"):
        shutil.copytree(root / name, tmp_path / name)
        path = tmp_path / name / "data.json"
        content = json.loads(path.read_text())
        del content["digests"]
        path.write_text(json.dumps(content))
    found = check_fairness(compare_runs([tmp_path / "base", tmp_path / "rate"]))
    assert [check.code for check in found.not_checked] == ["compare.other_split"]
    assert found.findings[0].message.startswith("The comparison is fair: data by name")
