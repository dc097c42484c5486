"""Metrics against scikit-learn, over batches of uneven size."""

import math

import numpy as np
import pytest
import torch
from sklearn import metrics as sk
from torch import nn

from fathom.errors import FathomError, UsageError
from fathom.metrics import AUROC, F1, Perplexity, Precision, Recall, apply_metrics, fresh, make_metrics, names

SIZES = (1, 17, 64, 5, 40)  # of batches


def random_logits(num_classes: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits that are right more often than by chance, labels of unequal frequency."""
    generator = torch.Generator().manual_seed(seed)
    weights = torch.arange(1.0, num_classes + 1)
    labels = torch.multinomial(weights, sum(SIZES), replacement=True, generator=generator)
    logits = torch.randn(sum(SIZES), num_classes, generator=generator)
    logits[torch.arange(len(labels)), labels] += 0.7
    return logits, labels


def fed(metric, logits, labels):
    for X, y in zip(logits.split(SIZES), labels.split(SIZES), strict=True):
        metric.update(X, y)
    return metric


COUNTED = [(F1, sk.f1_score), (Precision, sk.precision_score), (Recall, sk.recall_score)]


@pytest.mark.parametrize(("ours", "theirs"), COUNTED)
@pytest.mark.parametrize("num_classes", [2, 3, 10])
def test_counts_give_scikit_learn_s_numbers(ours, theirs, num_classes):
    logits, labels = random_logits(num_classes)
    predicted = logits.argmax(1)
    expected = theirs(labels, predicted, average="macro", zero_division=0)
    assert fed(ours(), logits, labels).compute() == pytest.approx(expected, rel=1e-12)
    batches = [
        theirs(y, X.argmax(1), average="macro", zero_division=0)
        for X, y in zip(logits.split(SIZES), labels.split(SIZES), strict=True)
    ]
    assert abs(float(np.average(batches, weights=SIZES)) - expected) > 1e-4  # the mean over batches is another number
    if num_classes == 2:
        assert fed(ours("binary"), logits, labels).compute() == pytest.approx(theirs(labels, predicted), rel=1e-12)


def test_classes_that_occur_nowhere_do_not_count():
    logits, labels = random_logits(4)
    logits, labels = logits[labels < 2], labels[labels < 2]
    logits[:, 3] = -9  # never said
    metric = F1()
    metric.update(logits, labels)
    expected = sk.f1_score(labels, logits.argmax(1), average="macro", zero_division=0)
    assert metric.compute() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("num_classes", [2, 3, 10])
def test_the_area_under_the_curve_is_scikit_learn_s(num_classes):
    logits, labels = random_logits(num_classes)
    shares = logits.double().softmax(1).numpy()
    if num_classes == 2:
        expected = sk.roc_auc_score(labels, shares[:, 1])
    else:
        expected = sk.roc_auc_score(labels, shares, multi_class="ovr", average="macro")
    assert fed(AUROC(), logits, labels).compute() == pytest.approx(expected, rel=1e-9)


def test_the_area_of_classes_without_samples_is_left_out():
    logits, labels = random_logits(3)
    logits, labels = logits[labels > 0], labels[labels > 0]
    metric = AUROC()
    assert math.isnan(metric.compute())
    metric.update(logits, labels)
    shares = logits.double().softmax(1).numpy()
    expected = np.mean([sk.roc_auc_score(labels == k, shares[:, k]) for k in (1, 2)])
    assert metric.compute() == pytest.approx(float(expected), rel=1e-9)
    metric.reset()
    metric.update(logits[labels == 1], labels[labels == 1])
    assert math.isnan(metric.compute())


@pytest.mark.parametrize("name", ["f1", "precision_binary", "auroc"])
def test_parts_merge_and_survive_a_checkpoint(name):
    logits, labels = random_logits(2)
    (metric,) = make_metrics([name], "classifier").values()
    whole = fed(fresh(metric), logits, labels).compute()
    first, second, empty = fresh(metric), fresh(metric), fresh(metric)
    first.update(logits[:30], labels[:30])
    second.update(logits[30:], labels[30:])
    restored = fresh(metric)
    restored.load_state_dict(second.state_dict())
    first.merge(empty)
    empty.merge(first)
    empty.merge(restored)
    assert empty.compute() == whole
    blank = fresh(metric)
    blank.load_state_dict(fresh(metric).state_dict())
    assert math.isnan(blank.compute())


def test_pixels_count_as_samples():
    logits, labels = torch.randn(4, 3, 5, 6), torch.randint(0, 3, (4, 5, 6))
    expected = sk.f1_score(labels.flatten(), logits.argmax(1).flatten(), average="macro")
    assert apply_metrics(make_metrics(["f1"], "classifier"), logits, labels)["f1"] == pytest.approx(expected)


def test_perplexity_is_e_to_the_mean_loss():
    assert Perplexity().derive({"loss": math.log(7)}) == pytest.approx(7)
    assert Perplexity().derive({}) is None
    assert math.isfinite(Perplexity().derive({"loss": 1e9}))


class Hits:
    """What torchmetrics' metrics have, and no more."""

    def __init__(self) -> None:
        self.hits, self.count, self.function = torch.zeros(()), 0, max

    def update(self, preds, target):
        self.hits = self.hits + (preds.argmax(1) == target).sum()
        self.count += len(target)

    def compute(self):
        return self.hits / self.count

    def reset(self):
        self.hits, self.count = torch.zeros(()), 0


def test_an_object_of_the_right_form_is_a_metric():
    logits, labels = random_logits(3)
    metrics = make_metrics([Hits(), F1()], "classifier") | make_metrics({"share": Hits()}, "regressor")
    assert list(metrics) == ["hits", "f1", "share"]
    metric = fed(fresh(metrics["hits"]), logits, labels)
    assert metric.compute() == pytest.approx(float((logits.argmax(1) == labels).double().mean()))
    restored = fresh(metric)
    restored.load_state_dict(metric.state_dict())
    assert restored.compute() == metric.compute()
    with pytest.raises(FathomError, match="metric hits has no merge; it can be computed in one process only"):
        metric.merge(restored)


def test_torchmetrics_fit():
    torchmetrics = pytest.importorskip("torchmetrics")
    logits, labels = random_logits(3)
    theirs = torchmetrics.classification.MulticlassF1Score(3, average="macro")
    metrics = make_metrics([theirs], "classifier")
    assert list(metrics) == ["multiclass_f1_score"]
    first, second = fresh(metrics["multiclass_f1_score"]), fresh(metrics["multiclass_f1_score"])
    first.update(logits[:30], labels[:30])
    second.load_state_dict(first.state_dict())
    second.update(logits[30:], labels[30:])
    assert second.compute() == pytest.approx(fed(F1(), logits, labels).compute(), rel=1e-6)


@pytest.mark.parametrize(
    ("specs", "kind", "words"),
    [
        (["f2"], "classifier", "unknown metric 'f2'; did you mean 'f1'"),
        (["f1"], "regressor", "metric f1 is not for a regressor"),
        (["f1"], "language_model", "metric f1 is not for a language model; choose from perplexity"),
        ([nn.Linear(1, 1)], "classifier", "give a name .*, or an object with update, compute and reset"),
        ([F1], "classifier", "or an object with update"),
    ],
)
def test_what_is_no_metric_is_refused(specs, kind, words):
    with pytest.raises(UsageError, match=words):
        make_metrics(specs, kind)


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(UsageError, match=r"f1_binary is of two classes, not of 3; take f1"):
        make_metrics("f1_binary", "classifier")["f1_binary"].update(*random_logits(3))
    with pytest.raises(UsageError, match=r"outputs of shape \(4, 3\) need classes of shape \(4,\), not"):
        F1().update(torch.zeros(4, 3), torch.zeros(4, 1))
    with pytest.raises(UsageError, match="unknown average 'micro'"):
        F1("micro")

    class PerClass(Hits):
        def compute(self):
            return torch.zeros(3)

    (metric,) = make_metrics([PerClass()], "classifier").values()
    with pytest.raises(UsageError, match=r"per_class gave values of shape \(3,\); it must give one number"):
        metric.compute()


def test_names_are_those_of_a_kind():
    assert names("classifier") == [
        "f1", "f1_binary", "precision", "precision_binary", "recall", "recall_binary", "auroc",
    ]  # fmt: skip
    assert names("language_model") == ["perplexity"]
    assert names("regressor") == []


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("name", ["f1", "auroc", "recall_binary"])
def test_updates_do_not_wait_for_the_device(name):
    logits, labels = (tensor.cuda() for tensor in random_logits(2))
    (metric,) = make_metrics([name], "classifier").values()
    metric.update(logits, labels)  # what is made once may wait
    torch.cuda.set_sync_debug_mode("error")
    try:
        metric.update(logits, labels)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert 0 < metric.compute() < 1
