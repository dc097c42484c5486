"""A further kind of data is one object: it trains, is checked, evaluated and predicted without another file touched."""

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch

import fathom
from fathom.build.divisions import make_division
from fathom.build.kinds import detection
from fathom.build.kinds.base import Kind
from fathom.data.array_data import ArrayData
from fathom.data.arrays import Arrays
from fathom.data.checks import CheckedSplit, DataCheck, check_splits
from fathom.doctor.check import check
from fathom.inference.predictions import Predictions
from fathom.recipes.predict import open_predictions


class SignalsKind(Kind):
    """Signals of eight numbers in a JSON file: ``{"label": [[…], …]}``; the label is the first letter of a file."""

    name, noun = "signals", "signals"
    option_names = ("gain",)

    def claims(self, settings):
        return str(settings.get("data.name", "")).endswith(".signals.json")

    def default_settings(self):
        return {"model": {"name": "mlp", "options": {"hidden": [16]}}}

    def task(self, name):
        return "classification"

    def batch_size(self, name):
        return 16

    def epochs(self, name):
        return 12

    def pin(self, data):
        return msgspec.structs.replace(data, name=str(Path(data.name).absolute()))

    def read(self, data):
        return json.loads(Path(data.name).read_text())

    def build(self, config, contents=None, on_read=None):
        signals = self.read(config.data) if contents is None else contents
        names = tuple(signals)
        X = np.array([row for name in names for row in signals[name]], np.float32) * config.data.options.get("gain", 1)
        y = np.array([k for k, name in enumerate(names) for _ in signals[name]], np.int64)
        even = np.arange(len(y)) % 5 != 0
        arrays = Arrays(X[even], y[even], X[~even], y[~even], names)
        division = make_division(config)
        return ArrayData(arrays, config.data.batch_size, name=config.data.name, val=division, seed=config.seed)

    def check(self, data):
        splits = [CheckedSplit(name, len(y), y.numpy()) for name, y in data.labels_by_split().items()]
        return check_splits(DataCheck("signals", "signals", splits, class_names=data.class_names))

    def model_of_run(self, module, description, run, device):
        return module, description["class_names"]

    def predict(self, model, request):
        module, names = model
        rows = [row for path in request.inputs for row in json.loads(Path(path).read_text())]
        probabilities = module.predict_step(torch.tensor(rows))
        found = [{"label": names[int(p.argmax())], "error": ""} for p in probabilities]
        return Predictions(["label", "error"], iter(found), what="signals")


@pytest.fixture
def signals(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(detection, "_registered", {})
    detection.register_kind(SignalsKind())
    rng = np.random.default_rng(0)
    content = {name: (rng.normal(size=(60, 8)) + 3 * sign).tolist() for name, sign in (("low", -1), ("high", 1))}
    Path("mine.signals.json").write_text(json.dumps(content))
    return "mine.signals.json"


def test_it_trains_is_evaluated_resumed_and_predicted(signals):
    run = fathom.train({"data": {"name": signals, "options": {"gain": 2}}})
    assert run.config.data.kind == "signals"
    assert (run.config.model.name, run.config.training.epochs, run.config.data.batch_size) == ("mlp", 12, 16)
    assert run.evaluation["accuracy"] == 1.0
    assert run.report.is_file()
    assert fathom.evaluate(run.path, "val")["accuracy"] == 1.0
    Path("new.json").write_text(json.dumps([[-6.0] * 8, [6.0] * 8]))
    assert [row["label"] for row in open_predictions(run.path, ["new.json"]).rows] == ["low", "high"]


def test_it_is_checked_and_compared(signals):
    found = check({"data": {"name": signals}})
    assert [(split.name, split.size) for split in found.splits] == [("train", 86), ("val", 10), ("test", 24)]
    study = fathom.cross_validate([{"model": {"name": n}, "data": {"name": signals}} for n in ("softmax", "mlp")], 2)
    assert {row["model"] for row in study.results} == {"softmax", "mlp"}


def test_its_options_are_known_by_name(signals):
    with pytest.raises(fathom.UsageError, match="unknown option of signals 'gains'; did you mean 'gain'"):
        fathom.train({"data": {"name": signals, "options": {"gains": 2}}})
