"""Modules by composition and in the book's way; their losses and metrics."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from fathom.errors import FathomError, UsageError
from fathom.module import Classifier, Module, Regressor
from fathom.preprocess import Preprocess


@pytest.fixture
def images() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    X = torch.randint(0, 256, (6, 3, 4, 5), dtype=torch.uint8, generator=generator)
    return X, torch.tensor([0, 1, 2, 0, 1, 2])


def make_net() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(60, 3))


def test_composition(images):
    X, y = images
    net = make_net()
    module = Classifier(net, class_names=("a", "b", "c"), preprocess=Preprocess([0.5] * 3, [0.2] * 3))
    logits = net((X / 255 - 0.5) / 0.2)
    outputs = module.training_step((X, y))
    assert set(outputs) == {"loss", "accuracy"}
    torch.testing.assert_close(outputs["loss"], F.cross_entropy(logits, y))
    assert outputs["accuracy"] == (logits.argmax(1) == y).float().mean()
    assert outputs["loss"].requires_grad
    assert not outputs["accuracy"].requires_grad
    torch.testing.assert_close(module.predict_step(X), logits.softmax(1))
    assert module.describe() == {
        "kind": "classifier",
        "preprocess": {"mean": [0.5] * 3, "std": [pytest.approx(0.2)] * 3},
        "class_names": ["a", "b", "c"],
    }


def test_the_books_way_net_assigned_in_a_subclass():
    class LinearRegression(Regressor):
        def __init__(self, lr):
            super().__init__(lr=lr)
            self.net = nn.Linear(2, 1)

    module = LinearRegression(0.03)
    X, y = torch.randn(5, 2), torch.randn(5, 1)
    torch.testing.assert_close(module.training_step((X, y))["loss"], F.mse_loss(module.net(X), y))
    optimizer = module.configure_optimizers()
    assert isinstance(optimizer, torch.optim.SGD)
    assert optimizer.param_groups[0]["lr"] == 0.03
    assert module.describe()["kind"] == "regressor"


def test_the_books_way_forward_step_and_optimiser_overridden():
    class Scratch(Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.ones(2, 1))

        def forward(self, X):
            return X @ self.w

        def training_step(self, batch):
            X, y = batch
            return {"loss": (self(X) - y).abs().sum()}

        def configure_optimizers(self):
            return torch.optim.Adam([self.w], lr=0.5)

    module = Scratch()
    X, y = torch.randn(5, 2), torch.randn(5, 1)
    assert module.training_step((X, y))["loss"] == (X.sum(1, keepdim=True) - y).abs().sum()
    assert isinstance(module.configure_optimizers(), torch.optim.Adam)


def test_a_net_that_is_no_module_is_used_as_well():
    class Fixed(Regressor):
        net = staticmethod(lambda X: 2 * X)

    assert torch.equal(Fixed()(torch.ones(1, 1)), torch.full((1, 1), 2.0))


def test_missing_net_is_a_clear_error():
    class Forgetful(Classifier):
        pass

    with pytest.raises(FathomError, match=r"Forgetful has no network: assign self\.net, pass net=… or"):
        Forgetful()(torch.zeros(1, 2))


def test_label_smoothing_only_in_training(images):
    X, y = images
    net = make_net()
    plain, smooth = Classifier(net), Classifier(net, label_smoothing=0.2)
    logits = smooth(X)
    torch.testing.assert_close(smooth.training_step((X, y))["loss"], F.cross_entropy(logits, y, label_smoothing=0.2))
    torch.testing.assert_close(smooth.validation_step((X, y))["loss"], F.cross_entropy(logits, y))
    assert torch.equal(smooth.validation_step((X, y))["loss"], plain.training_step((X, y))["loss"])
    with pytest.raises(UsageError, match="label smoothing belongs to the cross-entropy"):
        Classifier(net, loss="multi_margin", label_smoothing=0.1)


def test_losses_by_name_and_as_functions():
    net, X, y = nn.Linear(2, 1), torch.randn(4, 2), torch.randn(4, 1)
    torch.testing.assert_close(Regressor(net, loss="l1").training_step((X, y))["loss"], F.l1_loss(net(X), y))
    own = Regressor(net, loss=lambda prediction, target: (prediction - target).max())
    assert own.training_step((X, y))["loss"] == (net(X) - y).max()
    weighted = Classifier(nn.Linear(2, 3), loss=nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 3.0])))
    assert "train_loss.weight" in weighted.state_dict()
    with pytest.raises(UsageError, match="unknown loss 'sqared'; did you mean 'squared'"):
        Regressor(net, loss="sqared")


def test_half_precision_output_is_judged_in_float32_and_double_stays_double():
    X, y = torch.randn(8, 2), torch.randn(8, 1)
    module = Regressor(nn.Linear(2, 1))
    with torch.autocast("cpu", torch.bfloat16):
        assert module(X).dtype == torch.bfloat16
        assert module.training_step((X, y))["loss"].dtype == torch.float32
        assert module.predict_step(X).dtype == torch.float32
    assert module.double().training_step((X.double(), y.double()))["loss"].dtype == torch.float64
