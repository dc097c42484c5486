"""Cures that are settings: which ones a finding has, and what training with them gains."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import fathom
from fathom.build.configure import configure
from fathom.cli.main import main
from fathom.doctor.fix import changed, describe_plan, plan_fix
from fathom.doctor.remedies import advise, options_of
from fathom.doctor.run_folder import examine_run, headline
from fathom.findings import Finding, Findings
from fathom.runs.folder.lock import lock_run
from fathom.settings.config import config_from_dict, config_to_dict

CPU = {"device": "cpu", "threads": 1}


def config_of(**training):
    tree = {"model": {"name": "mlp"}, "training": {"epochs": 4, "batch_size": 8} | training}
    data = {"name": "digits", "batch_size": tree["training"].pop("batch_size")}
    found = config_to_dict(configure(tree | {"data": data}))
    found["training"] |= {
        "optimizer": "adamw",
        "loss": "cross_entropy",
        "weight_decay": 0.01,
        "schedule": "step:size=1",
    }
    found["training"]["lr"] = found["training"]["lr"] or training.get("lr", 0.003)
    return config_from_dict(found)


@pytest.mark.parametrize(
    ("code", "evidence", "settings"),
    [
        ("lr.too_high", {}, {"training.lr": 0.003}),  # its default, lower than a tenth
        ("gradient.exploding", {}, {"training.clip_norm": 1.0}),
        ("lr.zero", {}, {"training.schedule": "cosine"}),
        ("model.collapse", {"largest_class": 0.95}, {"data.balance": "weights"}),
        ("fit.underfitting", {"fall": 0.2}, {"training.epochs": 12}),
        ("fit.underfitting", {"first": 2.3, "last_quarter": 2.2}, None),  # it stands still: longer is no cure
        ("optimizer.decay_on_norm_and_bias", {}, {"training.decay_norm_and_bias": False}),
        ("model.batch_norm_small_batch", {}, {"data.batch_size": 32}),
        (
            "fit.overfitting",
            {},
            {"training.weight_decay": 0.05, "model.options.dropout": 0.3, "training.patience": 3},
        ),
        ("loss.softmax_before_cross_entropy", {}, None),
    ],
)
def test_the_settings_of_a_cure(code, evidence, settings):
    finding = advise(Finding(code, "warning", "seen", evidence, remedy="as the catalogue says"), config_of(lr=0.5))
    if settings is None:
        assert finding.remedy == "as the catalogue says"
    else:
        assert finding.settings == settings
        assert finding.remedy == options_of(settings)
        changed(config_of(lr=0.5), finding.settings)  # each is a setting that exists, with a valid value


def test_cures_are_those_of_the_gravest(tmp_path):
    run = fathom.train({"model": {"name": "softmax"}, "training": {"epochs": 1}, "execution": CPU}, root=tmp_path)
    findings = Findings.gravest_first(
        [
            Finding("lr.too_high", "error", "high", settings={"training.lr": 0.1}),
            Finding("gradient.exploding", "error", "exploding", settings={"training.lr": 0.2}),
            Finding("fit.underfitting", "note", "short", settings={"training.epochs": 3}),
            Finding("loss.softmax_before_cross_entropy", "error", "twice", remedy="return the logits"),
        ]
    )
    fix = plan_fix(run.path, findings)
    assert fix.settings == {"training.lr": 0.1}
    assert [finding.code for finding in fix.cured] == ["lr.too_high"]
    assert [finding.code for finding in fix.left] == ["loss.softmax_before_cross_entropy"]


def test_a_run_is_trained_again_and_gains(tmp_path, capsys):
    tree = {"model": {"name": "lenet"}, "training": {"epochs": 3, "lr": 3.0, "log_every": 5}, "execution": CPU}
    run = fathom.train(tree, root=tmp_path, name="high")
    file = tmp_path / "fix.json"
    assert main(["doctor", "high", "--runs", str(tmp_path), "--fix", "--json", str(file)]) == 0
    printed = capsys.readouterr().out
    assert "training.lr: 3.0 → 0.005  for lr.too_high" in printed
    content = json.loads(file.read_text())["fix"]
    before, after = content["validation"]
    assert content["metric"] == "val_accuracy"
    assert after > 0.9 > before
    assert content["better"]
    assert "lr.too_high" in content["gone"]
    assert printed.index("gained") < printed.index("test accuracy: ")  # validation before the test
    assert Path(content["run"]).name == "high-fix"
    assert {f.code for f in examine_run(run.path).findings} >= {"lr.too_high"}  # the old one stays


def test_there_may_be_nothing_to_fix(tmp_path):
    run = fathom.train({"model": {"name": "softmax"}, "training": {"epochs": 1}, "execution": CPU}, root=tmp_path)
    found = Findings((Finding("loss.wrong_kind", "error", "wrong", remedy="cross_entropy takes logits"),))
    assert list(describe_plan(plan_fix(run.path, found))) == [
        "no setting mends loss.wrong_kind: cross_entropy takes logits",
        "nothing to fix: no finding has a cure that is a setting",
    ]


def test_the_headline_says_how_a_run_stands(tmp_path):
    tree = {"model": {"name": "softmax"}, "training": {"epochs": 1}, "execution": CPU}
    path = fathom.train(tree, root=tmp_path, name="run").path
    assert headline(path) == "doctor   run: done, 21 steps; 4 probes"
    content = json.loads((path / "run.json").read_text())
    (path / "run.json").write_text(json.dumps(content | {"status": "running"}))
    assert ": interrupted, " in headline(path)
    with lock_run(path):
        assert ": running, " in headline(path)
        examine_run(path)  # while it runs too
    (path / "probes.jsonl").unlink()
    assert "no probes: " in headline(path)
