"""The one evaluation pass, against sums made by hand."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from fathom.data.loaders.memory import MemoryLoader
from fathom.errors import FathomError
from fathom.module import Classifier, Regressor
from fathom.training.device import Execution
from fathom.training.evaluation import evaluate_batches, evaluate_feed
from fathom.training.feed import Feed

CPU = Execution(torch.device("cpu"))


class Noisy(nn.Module):
    """Adds to its input in training, doubles it in evaluation."""

    def forward(self, X):
        return X + 100 if self.training else 2 * X


def test_means_are_those_over_all_samples_though_batches_are_uneven():
    X, y = torch.randn(103, 4), torch.randint(0, 4, (103,))
    module = Classifier(nn.Identity())
    found = evaluate_batches(module, MemoryLoader(X, y, 25), CPU)
    assert found.num_samples == 103
    assert (found.output, found.target) == (None, None)
    # Each batch's mean is rounded to float32 once.
    assert found.metrics["loss"] == pytest.approx(float(F.cross_entropy(X.double(), y)), rel=1e-6)
    assert found.metrics["accuracy"] == pytest.approx(float((X.argmax(1) == y).double().mean()), rel=1e-6)
    assert set(found.metrics) == {"loss", "accuracy"}


def test_outputs_come_in_order_and_in_evaluation_mode():
    X, y = torch.arange(10.0).view(10, 1), torch.arange(10.0).view(10, 1) + 1
    found = evaluate_batches(Regressor(Noisy()).train(), MemoryLoader(X, y, 3), CPU, keep_outputs=True)
    output, target = found.pair()
    assert torch.equal(output, 2 * X)
    assert torch.equal(target, y)
    assert not output.requires_grad


def test_random_state_is_kept_while_the_pass_draws():
    class Drawing(Regressor):
        def validation_step(self, batch):
            torch.rand(3)
            return super().validation_step(batch)

    X, module = torch.randn(8, 1), Drawing(nn.Linear(1, 1))
    torch.manual_seed(4)
    expected = torch.rand(2)
    torch.manual_seed(4)
    evaluate_batches(module, MemoryLoader(X, X, 4), CPU)
    assert torch.equal(torch.rand(2), expected)


def test_a_pass_that_is_asked_to_stop_gives_nothing():
    X, asked = torch.randn(8, 1), []

    def should_stop():
        asked.append(True)
        return len(asked) == 2

    module = Regressor(nn.Linear(1, 1))
    assert evaluate_feed(module, Feed(MemoryLoader(X, X, 2)), CPU, should_stop=should_stop) is None
    assert len(asked) == 2


def test_what_cannot_be_evaluated_is_refused():
    module, X = Regressor(nn.Linear(1, 1)), torch.randn(4, 1)
    with pytest.raises(FathomError, match="gave no batch"):
        evaluate_batches(module, [], CPU)

    class LossAlone(Regressor):
        def validation_step(self, batch):
            return {"loss": super().validation_step(batch)["loss"]}

    assert set(evaluate_batches(LossAlone(nn.Linear(1, 1)), [(X, X)], CPU).metrics) == {"loss"}
    with pytest.raises(FathomError, match="validation_step of LossAlone returned loss; outputs can be kept only"):
        evaluate_batches(LossAlone(nn.Linear(1, 1)), [(X, X)], CPU, keep_outputs=True)
