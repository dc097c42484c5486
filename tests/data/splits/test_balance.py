"""Unequal classes: weights as scikit-learn has them, and a draw that is even, seeded and goes on anywhere."""

import itertools

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight

from fathom.data.array_data import ArrayData
from fathom.data.arrays import Arrays
from fathom.data.splits.balance import class_weights, describe_balance, draw_balanced
from fathom.errors import UsageError
from fathom.losses import BalancedLoss, make_loss

LABELS = torch.tensor([0] * 700 + [2] * 250 + [3] * 47 + [4] * 3)


def make_data(balance, **options):
    X = np.arange(1000, dtype=np.uint8 if False else np.int64).astype(np.uint8).reshape(1000, 1, 1, 1)
    names = ("a", "b", "c", "d", "e")
    return ArrayData(Arrays(X, LABELS.numpy(), None, None, names), 64, val=0, balance=balance, **options)


def test_weights_are_scikit_learn_s():
    expected = compute_class_weight("balanced", classes=np.array([0, 2, 3, 4]), y=LABELS.numpy())
    weights = make_data("weights").class_weights()
    assert weights == pytest.approx([expected[0], 0, *expected[1:]])
    assert sum(weights[label] for label in LABELS) == pytest.approx(1000)
    assert make_data("sampler").class_weights() is None
    assert class_weights([5, 5]) == [1, 1]


def test_every_class_and_within_it_every_example_is_drawn_equally_often():
    drawn = draw_balanced(LABELS, torch.Generator().manual_seed(0))
    assert len(drawn) == 1000
    assert LABELS[drawn].bincount().tolist() == [250, 0, 250, 250, 250]
    times = drawn.bincount(minlength=1000)
    for label in (0, 2, 3, 4):
        of_class = times[label == LABELS]
        assert of_class.max() - of_class.min() <= 1
    assert LABELS[drawn][:100].bincount().min() >= 0
    assert LABELS[drawn[:200]].bincount()[[0, 2, 3, 4]].min() > 25  # shuffled, not class by class


def test_where_the_classes_do_not_divide_the_total_each_gets_one_more_in_turn():
    labels = torch.tensor([0] * 9 + [1] * 2)
    counts = {
        tuple(labels[draw_balanced(labels, torch.Generator().manual_seed(i))].bincount().tolist()) for i in range(9)
    }
    assert counts == {(5, 6), (6, 5)}


def test_the_draw_is_a_function_of_seed_and_epoch_from_any_batch_on():
    data = make_data("sampler", seed=3)
    whole = [list(data.train_dataloader())]
    loader = data.train_dataloader()
    whole = [list(loader), list(loader)]
    assert not torch.equal(whole[0][0][1], whole[1][0][1])
    again = make_data("sampler", seed=3).train_dataloader()
    again.seek(1, 5)
    for (X, y), (X2, y2) in itertools.zip_longest(whole[1][5:], again):
        assert torch.equal(X, X2)
        assert torch.equal(y, y2)


@pytest.mark.parametrize(("name", "options"), [("cross_entropy", {"label_smoothing": 0.1}), ("multi_margin", {})])
def test_the_loss_is_the_weighted_mean_over_examples(name, options):
    torch.manual_seed(0)
    logits, target = torch.randn(20, 3, requires_grad=True), torch.randint(0, 3, (20,))
    weights = [0.5, 2.0, 1.5]
    loss, plain = BalancedLoss(name, weights, **options), make_loss(name, **options)
    expected = sum(weights[y] * plain(row[None], y[None]) for row, y in zip(logits, target, strict=True)) / 20
    assert loss(logits, target).item() == pytest.approx(expected.item(), rel=1e-6)
    assert not loss.state_dict()
    with pytest.raises(UsageError, match="loss squared has no classes"):
        BalancedLoss("squared", weights)


def test_what_is_said():
    assert describe_balance([500, 400], ["a", "b"]) == ""
    assert describe_balance([500, 100, 0], ["a", "b", "c"]).startswith("classes: 500 training samples of a, 100 of b; ")
    assert "are drawn equally often" in describe_balance([5, 4], ["a", "b"], "sampler")
    with pytest.raises(UsageError, match="--balance is for classification"):
        ArrayData(
            Arrays(np.zeros((9, 2), np.float32), np.zeros((9, 1), np.float32), None, None, ()), 3, balance="weights"
        )
