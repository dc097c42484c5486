"""One output for two classes, and labels that each hold or do not, against torch and scikit-learn."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn import metrics as sk
from sklearn.linear_model import LogisticRegression
from torch import nn
from torch.nn import functional as F

import fathom
from fathom.decisions import class_logits, decide, probabilities, true_labels
from fathom.errors import UsageError
from fathom.losses import BalancedLoss, make_loss
from fathom.metrics import AUROC, F1, Precision, Recall
from fathom.module import Classifier, Regressor


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture
def binary():
    """Points and classes that a line divides but for a few."""
    X = drawn(200, 3).float()
    y = (X @ torch.tensor([2.0, -1.0, 0.5]) + 0.5 * drawn(200, seed=1).float() > 0).long()
    return X, y


class TestOneOutput:
    def test_is_read_as_two_logits(self):
        o = drawn(50, 1)
        torch.testing.assert_close(probabilities(o), torch.cat([(-o).sigmoid(), o.sigmoid()], 1))
        assert torch.equal(probabilities(o), probabilities(o.squeeze(1)))
        assert torch.equal(decide(o), (o.sigmoid() > 0.5).long().squeeze(1))
        assert decide(torch.zeros(2, 1)).tolist() == [0, 0]
        pixels = drawn(2, 1, 4, 3)
        assert class_logits(pixels).shape == (2, 2, 4, 3)
        assert decide(pixels).shape == (2, 4, 3)

    @pytest.mark.parametrize("form", ["(N,)", "(N, 1)", "float", "bool"])
    def test_loss_accuracy_and_probabilities(self, binary, form):
        X, y = binary
        net = nn.Linear(3, 1)
        module = Classifier(net, loss="bce_with_logits", metrics=["f1", "f1_binary", "auroc"])
        given = {"(N,)": y, "(N, 1)": y[:, None], "float": y.float(), "bool": y.bool()[:, None]}[form]
        step = module.training_step((X, given))
        o = net(X).detach()
        torch.testing.assert_close(step["loss"], F.binary_cross_entropy_with_logits(net(X)[:, 0], y.float()))
        torch.testing.assert_close(step["loss"], F.cross_entropy(class_logits(net(X)), y))
        predicted = (o[:, 0] > 0).numpy()
        assert float(step["accuracy"]) == pytest.approx(sk.accuracy_score(y, predicted))
        assert step["target"].shape == step["prediction"].shape == (200, 1)
        for metric, expected in (
            (F1(), sk.f1_score(y, predicted, average="macro")),
            (F1("binary"), sk.f1_score(y, predicted)),
            (AUROC(), sk.roc_auc_score(y, o[:, 0])),
        ):
            metric.update(step["prediction"], step["target"])
            assert metric.compute() == pytest.approx(float(expected), rel=1e-9)
        p = module.predict_step(X)
        torch.testing.assert_close(p[:, 1], o[:, 0].sigmoid())
        torch.testing.assert_close(p.sum(1), torch.ones(200))

    def test_outputs_without_a_column_mean_the_same(self, binary):
        X, y = binary
        net = nn.Sequential(nn.Linear(3, 1), nn.Flatten(0))
        for target in (y, y[:, None]):
            step = Classifier(net, loss=nn.BCEWithLogitsLoss()).eval().validation_step((X, target))
            torch.testing.assert_close(step["loss"], F.binary_cross_entropy_with_logits(net(X), y.float()))
            assert step["accuracy"] == ((net(X) > 0) == y).float().mean()

    def test_learns_what_scikit_learn_learns(self, binary):
        X, y = binary
        module = Classifier(nn.Linear(3, 1), loss="bce_with_logits", class_names=("no", "yes"))
        for _ in range(4000):
            optimizer = torch.optim.SGD(module.parameters(), lr=1.0)
            optimizer.zero_grad()
            module.training_step((X, y))["loss"].backward()
            optimizer.step()
        expected = LogisticRegression(C=np.inf, tol=1e-10, max_iter=10_000).fit(X.numpy(), y.numpy())
        ours = module.predict_step(X).detach().numpy()
        np.testing.assert_allclose(ours, expected.predict_proba(X.numpy()), atol=2e-3)

    def test_class_weights_and_label_smoothing(self, binary):
        X, y = binary
        net = nn.Linear(3, 1)
        o, w = net(X)[:, 0].detach(), torch.tensor([0.5, 2.0])
        weighed = Classifier(net, loss="bce_with_logits", class_weights=[0.5, 2.0])
        expected = F.binary_cross_entropy_with_logits(o, y.float(), weight=w[y])
        torch.testing.assert_close(weighed.training_step((X, y))["loss"].detach(), expected)
        torch.testing.assert_close(
            weighed.validation_step((X, y))["loss"].detach(), F.binary_cross_entropy_with_logits(o, y.float())
        )
        smooth = Classifier(net, loss="bce_with_logits", label_smoothing=0.2)
        expected = F.cross_entropy(class_logits(o), y, label_smoothing=0.2)
        torch.testing.assert_close(smooth.training_step((X, y))["loss"].detach(), expected)

    def test_a_loss_of_classes_refuses_it(self):
        for name in ("cross_entropy", "multi_margin"):
            with pytest.raises(UsageError, match=f"{name} compares one output for each class.*take bce_with_logits"):
                Classifier(nn.Linear(3, 1), loss=name).training_step((torch.zeros(4, 3), torch.zeros(4).long()))

    def test_trains_with_a_trainer(self, binary):
        X, y = binary
        y = (X[:, 0] > 0).long()
        module = Classifier(nn.Linear(3, 1), loss="bce_with_logits", metrics=["f1"], lr=1.0)
        data = SimpleNamespace(
            train_dataloader=lambda: [(X[i : i + 50], y[i : i + 50]) for i in range(0, 200, 50)],
            val_dataloader=lambda: [(X, y)],
        )
        fathom.Trainer(60, seed=0).fit(module, data)
        assert float(module.eval().validation_step((X, y))["accuracy"]) > 0.97


@pytest.fixture
def labelled():
    o = drawn(150, 4)
    y = (o + 1.5 * drawn(150, 4, seed=1) > torch.tensor([-1.0, 0.0, 0.5, 1.0])).long()
    return o, y


class TestLabels:
    def test_loss_accuracy_and_probabilities(self, labelled):
        o, y = labelled
        module = Classifier(nn.Identity(), loss="bce_with_logits").eval()
        step = module.validation_step((o, y))
        torch.testing.assert_close(step["loss"], F.binary_cross_entropy_with_logits(o, y.double()))
        predicted = (o > 0).long()
        assert float(step["accuracy"]) == pytest.approx(sk.accuracy_score(y, predicted))
        assert float(step["label_accuracy"]) == pytest.approx(1 - sk.hamming_loss(y, predicted))
        assert torch.equal(module.read(o), o.sigmoid())
        assert torch.equal(module.decide(o), predicted)
        assert torch.equal(step["target"], y)
        assert module.is_right(o, y.double()).tolist() == (predicted == y).all(1).tolist()

    @pytest.mark.parametrize(
        ("metric", "theirs"), [(F1, sk.f1_score), (Precision, sk.precision_score), (Recall, sk.recall_score)]
    )
    def test_counts_are_scikit_learn_s_over_batches(self, labelled, metric, theirs):
        o, y = labelled
        o[:, 3], y[:, 3] = -1, 0  # a label that nothing has and nothing is given
        ours = metric()
        first = metric()
        first.update(o[:30], y[:30])
        ours.load_state_dict(first.state_dict())
        for X, t in zip(o[30:].split(45), y[30:].split(45), strict=True):
            other = metric()
            other.update(X, t)
            ours.merge(other)
        expected = theirs(y, o > 0, average="macro", zero_division=0)
        assert ours.compute() == pytest.approx(float(expected), rel=1e-12)

    def test_the_area_under_the_curve_is_scikit_learn_s(self, labelled):
        o, y = labelled
        metric = AUROC()
        for X, t in zip(o.split(40), y.split(40), strict=True):
            metric.update(X, t)
        expected = sk.roc_auc_score(y, o.sigmoid(), average="macro")
        assert metric.compute() == pytest.approx(float(expected), rel=1e-12)
        two = AUROC()  # two labels are not two classes
        two.update(o[:, :2], y[:, :2])
        assert two.compute() == pytest.approx(float(sk.roc_auc_score(y[:, :2], o[:, :2])), rel=1e-12)

    def test_a_loss_of_one_s_own(self, labelled):
        o, y = labelled
        weights = torch.tensor([1.0, 2.0, 3.0, 4.0]).double()
        loss = nn.BCEWithLogitsLoss(pos_weight=weights)
        module = Classifier(nn.Identity(), loss=loss)
        expected = F.binary_cross_entropy_with_logits(o, y.double(), pos_weight=weights)
        torch.testing.assert_close(module.training_step((o, y))["loss"], expected)
        assert torch.equal(module.read(o), o.sigmoid())

        class Labelling(Classifier):
            multilabel = True

        own = Labelling(nn.Identity(), loss=lambda p, t: (p.sigmoid() - t).square().mean())
        torch.testing.assert_close(own.training_step((o, y))["loss"], (o.sigmoid() - y).square().mean())
        assert torch.equal(own.read(o), o.sigmoid())

    def test_class_weights_are_refused_and_smoothing_is_that_of_each(self, labelled):
        o, y = labelled
        for weights in ([1.0, 2.0], [1.0] * 4):
            with pytest.raises(UsageError, match=r"two classes of one output.*BCEWithLogitsLoss\(pos_weight=…\)"):
                BalancedLoss("bce_with_logits", weights)(o, y)
        expected = F.binary_cross_entropy_with_logits(o, 0.9 * y.double() + 0.05)
        torch.testing.assert_close(make_loss("bce_with_logits", label_smoothing=0.1)(o, y), expected)
        with pytest.raises(UsageError, match="f1 is of two classes, not of 4 labels"):
            F1("binary").update(o, y)


class TestWhatDoesNotFit:
    @pytest.mark.parametrize(
        ("outputs", "target"),
        [((6, 1), (6, 2)), ((6, 1), (5,)), ((6, 3), (6, 2)), ((6, 3), (6,)), ((6, 3), (6, 1)), ((6,), (6, 6))],
    )
    def test_is_refused_by_a_log_loss(self, outputs, target):
        for loss in ("bce_with_logits", nn.BCEWithLogitsLoss()):
            with pytest.raises(UsageError, match=r"outputs of shape .* not targets of shape"):
                Classifier(nn.Identity(), loss=loss).training_step((torch.zeros(outputs), torch.zeros(target)))

    @pytest.mark.parametrize("target", [(6, 1), (1, 6), (6, 2), (5,), ()])
    def test_is_refused_by_a_loss_of_classes(self, target):
        for name in ("cross_entropy", "multi_margin"):
            with pytest.raises(UsageError, match=rf"{name} compares predictions of shape \(6, 3\) with classes of"):
                make_loss(name)(torch.zeros(6, 3), torch.zeros(target).long())
        with pytest.raises(UsageError, match=r"need classes of shape \(6,\)"):
            Classifier(nn.Identity(), loss=lambda p, y: p.sum()).training_step((torch.zeros(6, 3), torch.zeros(target)))

    def test_labels_for_classes_are_named(self):
        labels = torch.zeros(6, 3).long()
        with pytest.raises(UsageError, match="a 0 or 1 for each label needs bce_with_logits"):
            make_loss("cross_entropy")(torch.zeros(6, 3), labels)
        with pytest.raises(UsageError, match=r"loss=\"bce_with_logits\", or multilabel = True"):
            true_labels(torch.zeros(6, 3), labels)

    def test_probabilities_as_targets_decide_by_the_largest(self):
        o, q = drawn(20, 3), drawn(20, 3, seed=1).softmax(1)
        step = Classifier(nn.Identity()).training_step((o, q))
        torch.testing.assert_close(step["loss"], F.cross_entropy(o, q))
        assert step["accuracy"] == (o.argmax(1) == q.argmax(1)).float().mean()

    @pytest.mark.parametrize("shapes", [((6, 1), (6,)), ((6,), (6, 1)), ((6, 2), (2, 6))])
    def test_a_regression_compares_no_number_with_every_other(self, shapes):
        prediction, target = map(torch.zeros, shapes)
        for loss in ("squared", nn.MSELoss(), lambda p, y: (p - y).square().mean()):
            with pytest.raises(UsageError, match=r"outputs of shape .* need targets of that shape, not targets"):
                Regressor(nn.Identity(), loss=loss).training_step((prediction, target))

    def test_a_regression_with_more_outputs_than_targets_has_its_own_loss(self):
        def likelihood(prediction, target):
            return F.gaussian_nll_loss(prediction[:, :1], target, prediction[:, 1:].exp())

        o, y = drawn(6, 2), drawn(6, 1, seed=1)
        step = Regressor(nn.Identity(), loss=likelihood).training_step((o, y))
        assert torch.equal(step["loss"], likelihood(o, y))
