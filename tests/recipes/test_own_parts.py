"""Losses of one's own, networks that misbehave, labelled folders, in `fathom.train` and `fathom.load`."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import fathom
from fathom.errors import UsageError

rng = np.random.default_rng(0)
X = rng.normal(size=(80, 4)).astype(np.float32)
DATA = (X, (X[:, 0] > 0).astype(int))


def focal(prediction, target):
    """Cross-entropy that forgets what is right already (Lin et al. 2017)."""
    log_p = prediction.log_softmax(1).gather(1, target[:, None])[:, 0]
    return -((1 - log_p.exp()) ** 2 * log_p).mean()


def train(tmp_path, net, data=DATA, **settings):
    return fathom.train(net, data, out=tmp_path / "runs", progress=False, **{"epochs": 2} | settings)


def test_a_loss_of_one_s_own(tmp_path):
    run = train(tmp_path, "mlp", loss=focal)
    assert run.config.training.loss == "focal"
    model = fathom.load(run.path, loss=focal)
    output = model.module(torch.tensor(X))
    scores = model.evaluate((X, DATA[1]))
    assert scores["loss"] == pytest.approx(float(focal(output.detach(), torch.tensor(DATA[1]))), rel=1e-5)
    assert len(fathom.load(run.path).predict(X)) == 80  # predicting needs no loss
    with pytest.raises(
        UsageError, match=r"the loss focal was a function given from Python: fathom.load\(run, loss=focal"
    ):
        fathom.load(run.path).evaluate("test")


def test_torch_s_loss_of_a_name_that_is_ours_too(tmp_path):
    run = train(tmp_path, "mlp", loss=nn.functional.cross_entropy)
    ours = train(tmp_path, "mlp", loss="cross_entropy")
    assert run.config.training.loss == "cross_entropy_"
    assert [r["train_loss"] for r in run.records] == [r["train_loss"] for r in ours.records]


class Changing(nn.Module):
    """Shrinks its weights whenever it is called."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 2)

    def forward(self, X):
        with torch.no_grad():
            self.layer.weight.mul_(0.9)
        return self.layer(X)


class Bounding(Changing):
    """Bounds its weights, which does nothing where the bound holds: a common way of writing it."""

    def forward(self, X):
        with torch.no_grad():
            self.layer.weight.clamp_(-1, 1)
        return self.layer(X)


class Renewing(Changing):
    """Makes its layer anew whenever it is called."""

    def forward(self, X):
        self.layer = nn.Linear(4, 2)
        return self.layer(X)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (Changing, "changes the parameter {}layer.weight in its forward pass"),
        (Renewing, "makes the parameter {}layer.weight anew in its forward pass"),
    ],
)
def test_a_forward_pass_that_changes_parameters_is_refused(kind, said, tmp_path):
    with pytest.raises(UsageError, match=said.format("")):
        train(tmp_path, kind())
    batches = [(torch.tensor(X[:8]), torch.tensor(DATA[1][:8]))]
    with pytest.raises(UsageError, match=said.format("net.")):
        fathom.Trainer(1).fit(fathom.Classifier(kind()), batches)


def test_a_bound_that_holds_is_none_of_these(tmp_path):
    assert train(tmp_path, Bounding()).records


def test_a_folder_of_classes_is_evaluated_from_python(tmp_path):
    for brightness, name in enumerate(("dark", "light")):
        for number in range(20):
            path = tmp_path / "images" / name / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray((rng.integers(0, 60, (12, 12)) + 150 * brightness).astype(np.uint8)).save(path)
    run = train(tmp_path, "mlp", tmp_path / "images", epochs=5)
    scores = fathom.load(run.path).evaluate(tmp_path / "images")
    assert scores["num_samples"] == 40
    assert scores["accuracy"] > 0.9
