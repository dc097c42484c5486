"""Any network on any data from Python: the run folder of the command line, its model again, what does not fit."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_diabetes, load_iris
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

import fathom
from fathom.errors import FathomError, UsageError
from fathom.models.registration import REGISTERED
from fathom.runs.folder.reader import RunReader

X, Y = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])[Y]


class Net(nn.Module):
    def __init__(self, width=16, outputs=3):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, width), nn.ReLU(), nn.Linear(width, outputs))

    def forward(self, x):
        return self.layers(x)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("api") / "runs"


@pytest.fixture(scope="module")
def arrays(root):
    torch.manual_seed(0)
    net = Net()
    return fathom.train(net, (X, NAMES), epochs=10, lr=0.02, out=root), net


@pytest.fixture(scope="module")
def frame():
    return load_iris(as_frame=True).frame.assign(kind=NAMES).drop(columns="target")


@pytest.fixture(scope="module")
def table(root, frame):
    return fathom.train("mlp", frame, target="kind", epochs=3, out=root)


def test_a_run_of_arrays_has_what_a_run_of_the_command_line_has(arrays):
    run, net = arrays
    for name in ("config.yaml", "model.json", "model.safetensors", "evaluation.json", "report.html", "findings.json"):
        assert (run.path / name).is_file()
    assert (run.config.training.optimizer, run.config.training.schedule) == ("adamw", "one_cycle")  # the usual defaults
    assert RunReader(run.path).status == "done"
    assert run.evaluation["num_samples"] == 15
    assert run.evaluation["class_names"] == ["setosa", "versicolor", "virginica"]
    model = fathom.load(run.path, net=Net())
    for mine, kept in zip(net.parameters(), model.net.parameters(), strict=True):
        assert torch.equal(mine.cpu(), kept)  # the object that was given holds the best weights
    assert not set(REGISTERED) & {"Net", "Net_"}


def test_a_loaded_model_predicts_as_the_network_does_by_hand(arrays):
    run, net = arrays
    model = fathom.load(run.path, net=Net())
    found = model.predict(X, top=2)
    # the statistics of the training split, which the model carries
    mean, std = model.module.preprocess.mean, model.module.preprocess.std
    by_hand = net.cpu().eval()((torch.tensor(X).float() - mean) / std).softmax(1).detach()
    torch.testing.assert_close(torch.tensor(found.values), by_hand)
    assert found["label"] == [["setosa", "versicolor", "virginica"][k] for k in by_hand.argmax(1).tolist()]
    accuracy = np.mean(np.array(found["label"]) == NAMES)
    scores = model.evaluate((X, NAMES))
    assert scores["accuracy"] == pytest.approx(accuracy)
    assert model.evaluate()["accuracy"] == run.evaluation["accuracy"]
    columns, rows = model.predict(X[0]).columns, list(model.predict(X[:1]))  # one sample, too
    assert columns == ["index", "label", "probability", "error"]
    assert rows[0]["label"] == "setosa"


def test_what_is_shown_is_short(arrays, table, frame):
    run, _ = arrays
    model = fathom.load(run.path, net=Net())
    for shown in (run, model, model.predict(X), model.evaluate()):
        assert len(repr(shown)) < 700
        assert "<" in shown._repr_html_()
    assert repr(model.evaluate()).startswith("test: 15 samples · loss ")
    lines = repr(model.predict(X)).splitlines()
    assert (lines[0], lines[-1]) == ("150 predictions", "… 140 more")
    assert lines[1].split() == ["index", "label", "probability"]
    assert list(model.predict(X[:2]).to_frame()["label"]) == ["setosa", "setosa"]
    assert fathom.load(table.path).evaluate(frame)["num_samples"] == 150


def test_a_frame_is_read_as_a_file_of_it_is(table, frame, tmp_path):
    model = fathom.load(table.path)
    frame.to_csv(tmp_path / "iris.csv", index=False)
    found = model.predict(frame)
    assert found.rows == model.predict(tmp_path / "iris.csv").rows
    assert model.predict(frame[frame.columns[:4]].to_numpy()).rows == found.rows
    columns, rows = fathom.predict(table.path, frame)
    assert (columns, list(rows)) == (found.columns, found.rows)
    accuracy = np.mean(np.array(found["label"]) == NAMES)
    assert model.evaluate(frame)["accuracy"] == model.evaluate(tmp_path / "iris.csv")["accuracy"] == accuracy


def test_a_regression_is_evaluated_in_the_units_of_the_data(root):
    features, target = load_diabetes(return_X_y=True)
    torch.manual_seed(0)
    run = fathom.train(nn.Linear(10, 1), (features, target), epochs=12, lr=0.02, val=0.2, out=root)
    model = fathom.load(run.path, net=nn.Linear(10, 1))
    predicted = model.predict(features)["prediction"]
    rmse = float(np.sqrt(np.mean((np.array(predicted) - target) ** 2)))
    assert model.evaluate((features, target))["rmse"] == pytest.approx(rmse, rel=1e-6)
    assert 45 < rmse < 65  # the closed form of ordinary least squares has 53.5
    assert fathom.load(run.path, net=nn.Linear(10, 1)).evaluate("val")["num_samples"] == 71


class Images(Dataset):
    """Grey squares, dark and bright; ``broken`` cannot be read."""

    classes = ("dark", "bright")

    def __init__(self, n=60, broken=None):
        self.n, self.broken = n, broken

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        if i == self.broken:
            raise OSError("truncated")
        generator = torch.Generator().manual_seed(i)
        return torch.rand(1, 8, 8, generator=generator) * 0.4 + 0.5 * (i % 2), i % 2


def conv():
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(2))


def test_a_data_set_is_divided_and_its_worst_mistakes_shown(root):
    net = nn.Sequential(conv(), nn.Dropout(0.0))
    run = fathom.train(net, Images(), epochs=1, lr=1e-6, val=0.2, out=root)
    assert (run.evaluation["num_samples"], run.evaluation["class_names"]) == (12, ["dark", "bright"])
    assert len(list((run.path / "mistakes").glob("*.png"))) == len(run.evaluation["mistakes"])
    with pytest.raises(UsageError, match=r"were given from Python: fathom.load\(run\).evaluate\(data\)"):
        fathom.load(run.path, net=nn.Sequential(conv(), nn.Dropout(0.0))).evaluate()
    scores = fathom.load(run.path, net=nn.Sequential(conv(), nn.Dropout(0.0))).evaluate(Images(20))
    assert scores["num_samples"] == 20


def test_loaders_are_used_as_they_are_and_a_run_of_them_resumes(root, tmp_path):
    def loaders():
        data = TensorDataset(torch.tensor(X).float(), torch.tensor(Y))
        return DataLoader(data, 32, shuffle=True), DataLoader(data, 50), DataLoader(data, 50)

    class Stop(fathom.Callback):
        def on_epoch_start(self, trainer):
            if trainer.epoch == 1:
                raise FathomError("enough")

    def train(name, **options):
        torch.manual_seed(0)
        return fathom.train(Net(), loaders(), epochs=2, out=root, name=name, **options)

    whole = train("whole")
    with pytest.raises(FathomError, match="enough"):
        train("stopped", callbacks=[Stop()])
    path = root / "stopped"
    with pytest.raises(FathomError, match="the network 'Net' is neither Fathom's"):
        fathom.resume(path)
    with pytest.raises(FathomError, match="were given from Python"):
        fathom.resume(path, net=Net())
    resumed = fathom.resume(path, net=Net(), data=loaders())
    assert resumed.evaluation == whole.evaluation
    assert [r["train_loss"] for r in resumed.records] == [r["train_loss"] for r in whole.records]


class TwoInputs(Net):
    def forward(self, a, b):
        return super().forward(a + b)


class Named(Net):
    def forward(self, x):
        return {"logits": super().forward(x), "hidden": x}


class Untraced(nn.Module):
    """Does what no tracer follows."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.zeros(4, 3))

    def forward(self, x):
        if torch.overrides._len_torch_function_stack():
            raise RuntimeError("watched")
        return x @ self.w


def test_a_network_that_cannot_be_traced_has_no_table_of_layers(root):
    run = fathom.train(Untraced(), (X, Y), epochs=1, out=root)
    assert "the network cannot be followed layer by layer" in run.report.read_text()
    assert len(fathom.load(run.path, net=Untraced()).predict(X)) == 150


@pytest.mark.parametrize(
    ("net", "data", "options", "words"),
    [
        (TwoInputs, (X, Y), {}, r"TwoInputs.forward\(a, b\) is called with the inputs of a batch alone"),
        (Named, (X, Y), {}, "Named returned a dict of logits, hidden, not a tensor"),
        (lambda: Net(outputs=2), (X, Y), {}, "Net gives 2 outputs a sample, and .* has 3 classes; change its last"),
        (lambda: nn.Linear(5, 3), (X, Y), {}, "Linear cannot read a sample of 4 numbers"),
        (lambda: nn.AvgPool1d(1, 1), (X[:, :3], Y), {}, "no parameter to train|nothing to train"),
        (lambda: fathom.Classifier(Net()), (X, Y), {}, "give the network, Classifier.net"),
        (lambda: nn.Linear, (X, Y), {}, r"not the class Linear; make one"),
        (Net, (X[:9], Y), {}, "X has 9 samples and y 150"),
        (Net, (np.where(X > 7, np.nan, X), Y), {}, "X holds missing or infinite values, first in row 102"),
        (Net, (X, np.where(Y > 1, None, "a")), {}, "y is missing in row 100"),
        (Net, (X, Y * 0), {}, "y holds one class, 0; a classifier needs two or more"),
        (Net, (X, np.stack([Y, Y], 1)), {}, r"y has the shape \(150, 2\); of classes one label a sample"),
        (Net, 3, {}, "data: a int is none: give a folder"),
        (Net, (X, Y), {"epoch": 1}, "unknown setting 'epoch'; did you mean 'epochs'"),
        (Net, Images(40, broken=0), {}, r"sample 0 of the data set cannot be read \(OSError: truncated\)"),
        (conv, Images(40, broken=7), {}, r"sample 7 of the data set cannot be read \(OSError: truncated\)"),
        (lambda: {"model": {"name": "mlp"}}, (X, Y), {}, "a tree of settings names its data itself"),
    ],
)
def test_what_does_not_fit_is_one_line_and_leaves_no_run(net, data, options, words, tmp_path):
    with pytest.raises(FathomError, match=words):
        fathom.train(net(), data, out=tmp_path, **{"epochs": 1} | options)
    if "sample 7" not in words:  # found when training has begun
        assert {path.name for path in tmp_path.iterdir()} <= {"data"}


@pytest.fixture
def code(tmp_path, monkeypatch):
    """A module of the user's, importable, and forgotten afterwards."""

    def write(name, text):
        (tmp_path / f"{name}.py").write_text(text)
        return name

    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield write
    for name in set(sys.modules) - before:
        if name.startswith("user_"):
            del sys.modules[name]


NETS = """
from torch import nn
def make(width=8, *, num_classes):
    return nn.Sequential(nn.LazyLinear(width), nn.ReLU(), nn.Linear(width, num_classes))
def breaks():
    raise ValueError("boom")
number = 3
"""


def test_own_code_is_named_and_a_run_folder_alone_imports_nothing(code, tmp_path):
    name = f"{code('user_nets', NETS)}:make"
    run = fathom.train(name, (X, Y), epochs=1, model_options={"width": 5}, out=tmp_path / "runs")
    assert fathom.load(run.path).net[0].out_features == 5  # the user has imported it
    del sys.modules["user_nets"]
    with pytest.raises(FathomError, match=r"which a run folder does not import: name it, --model user_nets:make"):
        fathom.load(run.path)
    with pytest.raises(FathomError, match="does not import"):
        fathom.train({"model": {"name": name}}, out=tmp_path / "runs")
    assert "user_nets" not in sys.modules
    assert len(fathom.load(run.path, net=name).predict(X[:3])) == 3


def test_the_command_line_takes_own_code(code, tmp_path, monkeypatch):
    from fathom.cli.main import main

    name = f"{code('user_cli', 'from torch import nn' + NETS.replace('nn.Seq', 'nn.Flatten(), nn.Seq', 0))}:make"
    run = fathom.train(name, (X, Y), epochs=1, out=tmp_path / "runs").path
    del sys.modules["user_cli"]
    assert main(["eval", str(run)]) == 1
    assert "user_cli" not in sys.modules
    assert main(["eval", str(run), "--model", name]) == 0
    config = ["--config", str(run / "config.yaml"), "--epochs", "1"]
    del sys.modules["user_cli"]
    assert main(["train", *config]) == 2  # a file names it, the user does not
    assert main(["train", name, *config, "--set", "model.options.width=3"]) == 0


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("user_bad:mak", r"model 'user_bad:mak': user_bad has no 'mak'; did you mean 'make'"),
        ("user_bad:number", "it is a int, not a function or class"),
        ("user_bad:breaks", "making it failed: ValueError: boom"),
        ("user_none:make", "there is no module 'user_none'"),
        ("user_raises:make", "importing user_raises failed: KeyError: 'x'"),
        ("user_needs:make", "importing user_needs failed: No module named 'not_there'"),
        ("a b:c", "write package.module:function"),
        ("user_bad:make", "unknown option of user_bad:make 'widht'; did you mean 'width'"),
    ],
)
def test_code_that_is_not_there_or_fails_is_one_line(name, words, code, tmp_path):
    code("user_bad", NETS)
    code("user_raises", "{}['x']")
    code("user_needs", "import not_there")
    options = {"widht": 3} if "widht" in words else {}
    with pytest.raises(UsageError, match=words):
        fathom.train(name, (X, Y), epochs=1, model_options=options, out=tmp_path)


def test_a_checkpoint_of_another_class_is_one_line(arrays):
    with pytest.raises(FathomError, match=r"made for another architecture: it has no 'net\.weight'"):
        fathom.load(arrays[0].path, net=nn.Linear(4, 3))


class Pixels(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2))

    def forward(self, x):
        return self.layers(x)


@pytest.mark.slow
def test_a_folder_and_a_text(root, tmp_path):
    from PIL import Image

    for shade, name in ((20, "dark"), (200, "bright")):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for i in range(12):
            Image.new("RGB", (16, 16), (shade + i,) * 3).save(tmp_path / "photos" / name / f"{i}.png")
    run = fathom.train(Pixels(), tmp_path / "photos", epochs=1, val=0.2, out=root)
    model = fathom.load(run.path, net=Pixels())
    assert model.evaluate()["accuracy"] == run.evaluation["accuracy"]
    assert [Path(name).name for name in model.predict(tmp_path / "photos" / "dark")["file"]][:2] == ["0.png", "1.png"]
    text = tmp_path / "book.txt"
    text.write_text("the quick brown fox jumps over the lazy dog. " * 120)
    run = fathom.train("rnn", text, epochs=1, steps=16, model_options={"hidden": 8}, out=root)
    found = fathom.load(run.path).predict(["the lazy dog", "zzz"])
    assert (found["file"], found["text"]) == (["text-1", "text-2"], ["the lazy dog", "zzz"])
    with pytest.raises(UsageError, match="a language model predicts texts, not arrays"):
        fathom.load(run.path).predict(X)


def test_an_npz_file_is_data_and_what_is_none_is_one_line(tmp_path):
    path = tmp_path / "mine.npz"
    np.savez(path, train_X=X, train_y=NAMES)
    run = fathom.train("mlp", path, epochs=1, dropout=0.1, out=tmp_path / "runs")
    assert run.evaluation is None  # the file has no test split
    assert run.config.model.options == {"dropout": 0.1}
    assert fathom.load(run.path).class_names == ("setosa", "versicolor", "virginica")
    contents = {"junk": b"junk", "objects": None, "half": path.read_bytes()[:-40], "other": None}
    np.savez(tmp_path / "objects.npz", train_X=np.array([{}], dtype=object), train_y=Y)
    np.savez(tmp_path / "other.npz", images=X)
    for name, content in contents.items():
        if content is not None:
            (tmp_path / f"{name}.npz").write_bytes(content)
    for name, words in (
        ("junk", "not an .npz file of NumPy"),
        ("half", "not an .npz file of NumPy"),
        ("objects", "holds Python objects, which are not read"),
        ("other", "has no train_X; it holds images"),
    ):
        with pytest.raises(FathomError, match=words):
            fathom.train("mlp", tmp_path / f"{name}.npz", epochs=1, out=tmp_path / "runs")
