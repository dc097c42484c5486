"""Every loss against torch's and against its formula written out by hand."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from fathom.errors import UsageError
from fathom.losses import LOSSES, make_loss

seeds = st.integers(0, 2**31 - 1)


def normal(seed, *shape):
    return 3.0 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def classes(seed, num, num_classes):
    return torch.randint(num_classes, (num,), generator=torch.Generator().manual_seed(seed))


@settings(max_examples=30, deadline=None)
@given(seeds, st.integers(1, 9), st.integers(1, 3), st.floats(0.1, 3.0))
def test_regression_losses(seed, num, width, kink):
    prediction, target = normal(seed, num, width), normal(seed + 1, num, width)
    error = [float(e) for e in (prediction - target).flatten()]

    def by_hand(f):
        return sum(map(f, error)) / len(error)

    expected = {
        ("squared",): (by_hand(lambda e: e**2), nn.MSELoss()),
        ("half_squared",): (by_hand(lambda e: e**2 / 2), lambda p, t: nn.MSELoss()(p, t) / 2),
        ("l1",): (by_hand(abs), nn.L1Loss()),
        ("huber", "delta"): (
            by_hand(lambda e: e**2 / 2 if abs(e) <= kink else kink * (abs(e) - kink / 2)),
            nn.HuberLoss(delta=kink),
        ),
        ("smooth_l1", "beta"): (
            by_hand(lambda e: e**2 / 2 / kink if abs(e) < kink else abs(e) - kink / 2),
            nn.SmoothL1Loss(beta=kink),
        ),
    }
    for (name, *option), (value, twin) in expected.items():
        loss = make_loss(name, **dict.fromkeys(option, kink))(prediction, target)
        assert loss.shape == ()
        assert float(loss) == pytest.approx(value)
        assert torch.equal(loss, twin(prediction, target))


@settings(max_examples=30, deadline=None)
@given(seeds, st.integers(1, 9), st.integers(2, 5), st.floats(0.0, 1.0), st.floats(0.0, 3.0))
def test_classification_losses(seed, num, num_classes, smoothing, margin):
    logits, target = normal(seed, num, num_classes), classes(seed, num, num_classes)
    entropy, violation = 0.0, 0.0
    for o, y in zip(logits.tolist(), target.tolist(), strict=True):
        log_total = math.log(sum(map(math.exp, o)))
        for i, o_i in enumerate(o):
            q = smoothing / num_classes + (1 - smoothing) * (i == y)
            entropy -= q * (o_i - log_total)
            violation += max(0.0, margin - (o[y] - o_i)) / num_classes if i != y else 0.0
    loss = make_loss("cross_entropy", label_smoothing=smoothing)(logits, target)
    assert float(loss) == pytest.approx(entropy / num)
    assert torch.equal(loss, nn.CrossEntropyLoss(label_smoothing=smoothing)(logits, target))
    loss = make_loss("multi_margin", margin=margin)(logits, target)
    assert float(loss) == pytest.approx(violation / num)
    assert torch.equal(loss, nn.MultiMarginLoss(margin=margin)(logits, target))


@settings(max_examples=20, deadline=None)
@given(seeds, st.integers(1, 9))
def test_bce_with_logits(seed, num):
    logits, target = normal(seed, num, 1), classes(seed, num, 2).reshape(num, 1).double()
    sigmoid = [1 / (1 + math.exp(-o)) for o in logits.flatten().tolist()]
    by_hand = sum(-math.log(p if y else 1 - p) for p, y in zip(sigmoid, target.flatten().tolist(), strict=True)) / num
    loss = make_loss("bce_with_logits")(logits, target)
    assert float(loss) == pytest.approx(by_hand)
    assert torch.equal(loss, nn.BCEWithLogitsLoss()(logits, target))


@pytest.mark.parametrize("name", ["cross_entropy", "bce_with_logits"])
def test_large_logits_stay_finite(name):
    logits = torch.tensor([[1e4, -1e4]], requires_grad=True)
    target = torch.tensor([[0.0, 1.0]])
    loss = make_loss(name)(logits, target)
    loss.backward()
    assert float(loss.detach()) in (2e4, 1e4)
    assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("name", ["squared", "half_squared", "l1", "huber", "smooth_l1", "bce_with_logits"])
class TestTarget:
    def test_of_another_shape_is_refused(self, name):
        with pytest.raises(
            UsageError, match=r"shape \(4, 1\) with targets of shape \(4,\); write target.reshape\(4, 1\)"
        ):
            make_loss(name)(torch.zeros(4, 1), torch.zeros(4))
        with pytest.raises(UsageError, match=r"\(4, 2\) with targets of shape \(4, 1\)$"):
            make_loss(name)(torch.zeros(4, 2), torch.zeros(4, 1))

    def test_of_integers_is_taken_as_numbers(self, name):
        prediction = normal(0, 6, 1).requires_grad_()
        target = classes(0, 6, 2).reshape(6, 1)
        loss = make_loss(name)(prediction, target)
        assert torch.equal(loss, make_loss(name)(prediction, target.double()))
        loss.backward()


def test_half_squared_has_the_books_gradient():
    prediction, target = normal(3, 5, 1).requires_grad_(), normal(4, 5, 1)
    make_loss("half_squared")(prediction, target).backward()
    torch.testing.assert_close(prediction.grad, (prediction.detach() - target) / 5)


def test_cross_entropy_takes_probabilities_and_positions():
    logits = normal(0, 2, 4, 3)
    target = torch.softmax(normal(1, 2, 4, 3), 1)
    assert torch.equal(make_loss("cross_entropy")(logits, target), F.cross_entropy(logits, target))
    positions = classes(0, 6, 4).reshape(2, 3)
    assert torch.equal(make_loss("cross_entropy")(logits, positions), F.cross_entropy(logits, positions))


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("cross_entrpy", {}, "did you mean 'cross_entropy'"),
        ("huber", {"detla": 1.0}, "did you mean 'delta'"),
        ("squared", {"delta": 1.0}, "has no options"),
        ("huber", {"delta": 0.0}, "above 0"),
        ("smooth_l1", {"beta": -1.0}, "at least 0"),
        ("cross_entropy", {"label_smoothing": 1.5}, "from 0 to 1"),
        ("cross_entropy", {"label_smoothing": "0.1"}, "must be a number"),
        ("multi_margin", {"margin": math.nan}, "at least 0"),
    ],
)
def test_mistakes(name, options, said):
    with pytest.raises(UsageError, match=said):
        make_loss(name, **options)


def test_without_options_the_function_itself_is_given():
    for name, function in LOSSES.items():
        assert make_loss(name) is function
