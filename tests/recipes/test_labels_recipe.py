"""Two classes by one output, and labels, all the way: training, report, evaluation, prediction, export."""

import csv
import json
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from sklearn import metrics as sk
from torch import nn

import fathom
from fathom.build.divisions import make_division
from fathom.build.kinds import detection
from fathom.build.kinds.base import Kind
from fathom.build.results import SplitResult
from fathom.build.summaries import summarize, worst_mistakes
from fathom.data.array_data import ArrayData
from fathom.data.arrays import Arrays
from fathom.errors import UsageError
from fathom.export.export import export
from fathom.inference.onnx_file import OnnxModel
from fathom.inference.saved import load_module
from fathom.module import Classifier
from fathom.recipes.predict import open_predictions
from fathom.runs.folder.reader import RunReader

COLOURS = ("red", "green", "blue")


def write_table(path, rows=240, classes=("no", "yes")):
    rng = np.random.default_rng(0)
    with path.open("w") as file:
        table = csv.writer(file)
        table.writerow(["a", "b", "won"])
        for a, b in rng.normal(size=(rows, 2)):
            table.writerow([f"{a:.4f}", f"{b:.4f}", classes[min(len(classes) - 1, int(a - b > 0) + int(a > 1))]])
    return str(path)


@pytest.fixture
def table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return write_table(tmp_path / "t.csv")


def settings_of(table, **training):
    training = {"epochs": 8, "loss": "bce_with_logits", "metrics": ["f1_binary", "auroc"], **training}
    return {"data": {"name": table, "options": {"target": "won"}}, "training": training}


def test_two_classes_of_a_table_by_one_output(table):
    run = fathom.train(settings_of(table, label_smoothing=0.05))
    module, description = load_module(run.path)
    assert description["model"]["num_classes"] == 1
    assert description["class_names"] == ["no", "yes"]
    evaluation = run.evaluation
    with (run.path / "predictions.csv").open() as file:
        told = [
            (row["label"] == "yes", row["predicted"] == "yes", float(row["probability"]))
            for row in csv.DictReader(file)
        ]
    true, predicted, share = map(np.array, zip(*told, strict=True))
    assert evaluation["accuracy"] == pytest.approx(sk.accuracy_score(true, predicted))
    assert evaluation["accuracy"] > 0.8
    assert evaluation["confusion"] == sk.confusion_matrix(true, predicted).tolist()
    assert evaluation["f1_binary"] == pytest.approx(sk.f1_score(true, predicted))
    of_yes = np.where(predicted, share, 1 - share)
    assert evaluation["loss"] == pytest.approx(sk.log_loss(true, of_yes), rel=1e-4)
    assert evaluation["auroc"] == pytest.approx(sk.roc_auc_score(true, of_yes))
    assert (share >= 0.5).all()
    assert fathom.evaluate(run.path, "test")["loss"] == pytest.approx(evaluation["loss"])
    rows = list(open_predictions(run.path, [table], top=2).rows)
    assert all(row["probability"] + row["probability_2"] == pytest.approx(1, abs=2e-6) for row in rows)

    export(run.path)
    exported = OnnxModel(run.path / "model.onnx")
    cells = np.array([[0.5, -0.5], [-1.0, 1.0], [np.nan, 0.0]])
    with torch.no_grad():
        logits = module(module.preprocess.encode(cells))
    p = logits.sigmoid().numpy()
    np.testing.assert_allclose(exported.outputs(cells), np.concatenate([1 - p, p], 1), atol=1e-5)
    assert [row["label"] for row in open_predictions(exported.path, [table]).rows] == [row["label"] for row in rows]


def test_class_weights_of_a_table_and_what_does_not_fit(table, tmp_path):
    settings = settings_of(table, epochs=1)
    settings["data"]["balance"] = "weights"
    assert fathom.train(settings).evaluation is not None
    three = write_table(tmp_path / "three.csv", classes=("a", "b", "c"))
    with pytest.raises(UsageError, match=r"bce_with_logits is for two classes, or for labels, and .* has 3 classes"):
        fathom.train(settings_of(three))


class ColoursKind(Kind):
    """Vectors that have any of three colours, in a JSON file: ``{"X": [[…], …], "y": [[0, 1, 1], …]}``."""

    name, noun = "colours", "colours"

    def claims(self, settings):
        return str(settings.get("data.name", "")).endswith(".colours.json")

    def default_settings(self):
        return {"model": {"name": "softmax"}}

    def batch_size(self, name):
        return 20

    def epochs(self, name):
        return 30

    def locate(self, data):
        return msgspec.structs.replace(data, name=str(Path(data.name).absolute()))

    def read(self, data):
        return json.loads(Path(data.name).read_text())

    def build(self, config, contents=None, on_read=None):
        content = self.read(config.data) if contents is None else contents
        X, y = np.array(content["X"], np.float32), np.array(content["y"], np.float32)
        arrays = Arrays(X[60:], y[60:], X[:60], y[:60], ())
        return ColoursData(arrays, config.data.batch_size, name="colours", val=make_division(config))

    def check(self, data):
        raise NotImplementedError

    def model_of_run(self, module, description, run, device):
        return module

    def predict(self, model, request):
        raise NotImplementedError


class ColoursData(ArrayData):
    multilabel = True

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.task, self.class_names = "classification", COLOURS

    def preprocess(self, size=None):
        return fathom.Preprocess()


@pytest.fixture
def colours(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(detection, "_registered", {})
    detection.register_kind(ColoursKind())
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 6))
    y = (X @ rng.normal(size=(6, 3)) + 0.8 * rng.normal(size=(300, 3)) > [0, 1, -1]).astype(int)
    Path("my.colours.json").write_text(json.dumps({"X": X.tolist(), "y": y.tolist()}))
    return "my.colours.json"


def test_labels_all_the_way(colours):
    run = fathom.train({"data": {"name": colours}, "training": {"metrics": ["f1", "auroc"]}})
    assert run.config.training.loss == "bce_with_logits"
    with (run.path / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    said = {
        key: np.array([[c in row[key].split("|") for c in COLOURS] for row in rows]) for key in ("label", "predicted")
    }
    shares = np.array([[float(row[f"probability_{c}"]) for c in COLOURS] for row in rows])
    true, predicted = said["label"], said["predicted"]
    content = json.loads(Path(colours).read_text())
    assert true.astype(int).tolist() == content["y"][:60]
    evaluation = run.evaluation
    assert evaluation["accuracy"] == pytest.approx(sk.accuracy_score(true, predicted))
    assert evaluation["label_accuracy"] == pytest.approx(1 - sk.hamming_loss(true, predicted))
    assert evaluation["label_accuracy"] > 0.75
    assert evaluation["f1"] == pytest.approx(sk.f1_score(true, predicted, average="macro"))
    assert evaluation["auroc"] == pytest.approx(sk.roc_auc_score(true, shares, average="macro"), rel=1e-4)
    expected = sk.precision_recall_fscore_support(true, predicted, average=None)
    for k, row in enumerate(evaluation["per_label"]):
        assert row["label"] == COLOURS[k]
        assert [row[n] for n in ("precision", "recall", "f1", "support")] == pytest.approx([v[k] for v in expected])
    reader = RunReader(run.path)
    codes = {finding.code for finding in reader.findings.findings}
    assert {"run.test_result", "run.hardest_class"} <= codes
    assert "have every label right" in run.report.read_text()
    assert "Per label" in run.report.read_text()
    assert evaluation["mistakes"]
    assert fathom.evaluate(run.path, "test")["accuracy"] == evaluation["accuracy"]

    module, description = load_module(run.path)
    assert description["multilabel"] is True
    X = np.array(content["X"][:60], np.float32)
    np.testing.assert_allclose(module.predict_step(torch.from_numpy(X)).detach().numpy(), shares, atol=1e-5)
    export(run.path, out="labels.onnx")
    exported = OnnxModel("labels.onnx")
    assert exported.multilabel
    np.testing.assert_allclose(exported.outputs(X), shares, atol=1e-5)
    with pytest.raises(UsageError, match="does not fit the labels of colours; choose bce_with_logits"):
        fathom.train({"data": {"name": colours}, "training": {"loss": "cross_entropy"}})


def test_summary_of_labels_and_the_surest_mistake():
    output = torch.tensor([[2.0, -3.0, 1.0], [0.5, 0.2, -4.0], [-1.0, -1.0, 5.0]])
    target = torch.tensor([[1, 0, 1], [1, 0, 1], [0, 1, 1]])
    module = Classifier(nn.Identity(), class_names=COLOURS, loss="bce_with_logits")
    found = summarize(module, output, target, "test")
    assert found["accuracy"] == pytest.approx(1 / 3)
    assert found["label_accuracy"] == pytest.approx(6 / 9)
    assert found["commonest_labels"] == {"labels": "red|blue", "share": pytest.approx(2 / 3)}
    assert found["loss"] == pytest.approx(float(nn.BCEWithLogitsLoss()(output, target.float())))
    mistakes = worst_mistakes(module, SplitResult(found, output, target), 5)
    assert [(m["index"], m["label"], m["predicted"]) for m in mistakes] == [
        (1, "red|blue", "red|green"),
        (2, "green|blue", "blue"),
    ]
    assert mistakes[0]["probability"] == pytest.approx(float(torch.tensor(4.0).sigmoid()))


def test_classes_that_are_none_are_refused():
    module = Classifier(nn.Identity(), loss="bce_with_logits")
    with pytest.raises(UsageError, match="numbers of classes from 0 on; got 1 to 2"):
        summarize(module, torch.zeros(4, 1), torch.tensor([1, 2, 1, 2]), "test")
    named = Classifier(nn.Identity(), loss="bce_with_logits", class_names=("spam",))
    with pytest.raises(UsageError, match="class_names has 1 names, and the network's output is for 2 classes"):
        summarize(named, torch.zeros(2, 1), torch.tensor([0, 1]), "test")
