"""Bad input gives one line that names the argument, its shape or value, and what was expected."""

import numpy as np
import pytest

import fathom.scratch as s
from fathom.scratch import Tensor

rng = np.random.default_rng(0)


def T(*shape):
    return Tensor(rng.standard_normal(shape))


IMAGE, KERNEL, LABELS = T(2, 3, 5, 5), T(4, 3, 3, 3), Tensor([0, 1])

BAD = [
    # shapes
    (lambda: T(2, 3) + T(2, 4), ValueError, r"add of shapes \(2, 3\) and \(2, 4\)"),
    (lambda: T(2, 3) @ T(2, 3), ValueError, r"matmul of shapes \(2, 3\) and \(2, 3\).* 3, must equal .* 2"),
    (lambda: Tensor(2.0) @ T(2), ValueError, r"at least one axis on each side; got shapes \(\) and \(2,\)"),
    (lambda: T(2, 3).reshape(4), ValueError, r"reshape: 6 entries of shape \(2, 3\) do not fit shape \(4,\)"),
    (lambda: T(2, 3).broadcast_to(3, 3), ValueError, r"broadcast_to of shapes \(2, 3\) and \(3, 3\)"),
    (lambda: s.cat([T(2, 3), T(3, 2)]), ValueError, r"cat along axis 0: shape \(3, 2\) does not agree with \(2, 3\)"),
    (lambda: s.cat([]), ValueError, "at least one tensor"),
    (lambda: s.dot(T(2, 2), T(2)), ValueError, r"dot needs operands with 1 axis, 1 axis; got shapes \(2, 2\), \(2,\)"),
    (lambda: s.bmm(T(2, 2, 2), T(3, 2, 2)), ValueError, "as many matrices"),
    (lambda: s.zeros(2, -1), ValueError, r"at least 0; got \(2, -1\)"),
    (lambda: T(2, 3).permute(0), ValueError, r"each of the 2 axes of shape \(2, 3\) once"),
    (lambda: Tensor([[1, 2], [3]]), ValueError, "lists of equal length"),
    (lambda: Tensor([T(2), T(2)]), TypeError, r"stack\(\) or cat\(\)"),
    (lambda: T(2, 3).__setitem__(0, T(2)), ValueError, r"write of shape \(2,\) into a part of shape \(2, 3\)"),
    (lambda: T(2, 3)[5], IndexError, r"index into shape \(2, 3\): index 5 is out of bounds"),
    (lambda: T(2, 3)[1.0], IndexError, "whole numbers, slices or masks"),
    (lambda: T(2).__iadd__(T(3, 2)), ValueError, r"shape \(2,\) cannot become \(3, 2\)"),
    (lambda: T(2).item(), ValueError, r"not one of shape \(2,\)"),
    (lambda: len(Tensor(1.0)), TypeError, "no axes"),
    # axes
    (lambda: T(2, 3).sum(2), ValueError, "sum: axis 2 is not among the 2 axes"),
    (lambda: T(2, 3).mean((0, 0)), ValueError, "names an axis twice"),
    (lambda: T(2, 3).max("0"), TypeError, "axis must be a whole number"),
    (lambda: s.softmax(T(2, 3), axis=-3), ValueError, "softmax: axis -3"),
    (lambda: T(0, 3).mean(), ValueError, r"mean over no entries: the tensor has shape \(0, 3\)"),
    (lambda: T(0, 3).max(), ValueError, "max over no entries"),
    (lambda: T(1).var(), ValueError, "more than 1 entries, not 1"),
    # types
    (lambda: Tensor("abc"), TypeError, "data must be numbers"),
    (lambda: Tensor([1, 2], requires_grad=True), TypeError, "only floating-point tensors.*int64"),
    (lambda: Tensor([1.0], dtype="complex64"), TypeError, "not complex64"),
    (lambda: Tensor([1.0], dtype="flaot"), TypeError, "not 'flaot'"),
    (lambda: Tensor([1, 2]).mean(), TypeError, r"mean needs floating-point.*float\(\) first"),
    (lambda: Tensor([1, 2]).__iadd__(0.5), TypeError, "int64 cannot hold the float32"),
    (lambda: s.linear(Tensor([[1, 2]]), T(3, 2)), TypeError, "X has dtype int64, expected a floating-point one"),
    (lambda: s.conv2d(np.ones((1, 1, 3, 3)), KERNEL), TypeError, "X must be a Tensor, not ndarray"),
    (lambda: s.conv2d(IMAGE.float(), KERNEL), TypeError, "W has dtype float64, expected that of X, float32"),
    (lambda: s.where(T(2), T(2), T(2)), TypeError, "condition must be of dtype bool"),
    # layers
    (lambda: s.linear(T(2, 3), T(4, 5)), ValueError, r"X has shape \(2, 3\), expected \(…, n\) with W .*\(4, 5\)"),
    (lambda: s.linear(T(2, 3), T(4, 3), T(3)), ValueError, r"b has shape \(3,\), expected \(4,\)"),
    (lambda: s.conv2d(T(3, 5, 5), KERNEL), ValueError, r"X has shape \(3, 5, 5\), expected \(N, C, H, W\)"),
    (lambda: s.conv2d(T(2, 1, 5, 5), KERNEL), ValueError, "has 1 channels, expected 3"),
    (lambda: s.conv2d(IMAGE, KERNEL, stride=-1), ValueError, "stride must be .* at least 1, not -1"),
    (lambda: s.conv2d(IMAGE, KERNEL, stride=0), ValueError, "stride must be"),
    (lambda: s.conv2d(IMAGE, KERNEL, stride=1.5), (ValueError, TypeError), "stride must be"),
    (lambda: s.conv2d(IMAGE, KERNEL, padding=-1), ValueError, "padding must be .* at least 0"),
    (lambda: s.conv2d(IMAGE, KERNEL, padding=(1, 1, 1)), ValueError, "one number or 2 of them"),
    (lambda: s.conv2d(IMAGE, T(4, 3, 6, 6)), ValueError, r"\(4, 3, 6, 6\): its kernel is larger than the padded input"),
    (lambda: s.conv2d(IMAGE, KERNEL, T(3)), ValueError, r"b has shape \(3,\), expected \(4,\)"),
    (lambda: s.conv2d(T(0, 3, 5, 5), KERNEL), ValueError, r"X has shape \(0, 3, 5, 5\), expected at least one sample"),
    (lambda: s.conv2d(IMAGE, KERNEL, stride=2, padding="same"), ValueError, '"same" needs stride 1'),
    (lambda: s.conv2d(IMAGE, KERNEL, padding="half"), ValueError, "not 'half'"),
    (lambda: s.Conv2d(3, 4, 0), ValueError, "kernel_size must be"),
    (lambda: s.corr2d(T(2, 2), T(3, 3)), ValueError, r"K has shape \(3, 3\), expected at most that of X, \(2, 2\)"),
    (lambda: s.conv_transpose2d(IMAGE, T(2, 3, 3, 3)), ValueError, "has 3 channels, expected 2"),
    (lambda: s.conv_transpose2d(T(1, 1, 1, 1), T(1, 1, 2, 2), padding=1), ValueError, "leaves nothing"),
    (lambda: s.max_pool2d(IMAGE, 6), ValueError, r"kernel \(6, 6\) is larger than the padded input; X has shape"),
    (lambda: s.max_pool2d(IMAGE, 2, stride=-2), ValueError, "stride must be"),
    (lambda: s.avg_pool2d(IMAGE, 2, padding=2), ValueError, r"padding \(2, 2\) is more than half of the kernel"),
    (lambda: s.max_pool2d(T(3, 5), 2), ValueError, r"X has shape \(3, 5\), expected \(N, C, H, W\)"),
    (
        lambda: s.batch_norm(IMAGE, T(2), T(3), np.zeros(3), np.ones(3), True),
        ValueError,
        r"gamma has shape \(2,\), exp",
    ),
    (lambda: s.BatchNorm(3)(T(1, 3).float()), ValueError, r"shape \(1, 3\), expected more than one value for each ch"),
    (lambda: s.dropout(T(2), 1.0), ValueError, "p must be from 0, included, to 1, excluded; got 1.0"),
    (lambda: s.Dropout(-0.1), ValueError, "got -0.1"),
    (lambda: s.GRUCell(3, 4)(s.zeros(2, 5)), ValueError, r"GRUCell: x has shape \(2, 5\), expected \(N, 3\)"),
    (lambda: s.RNNCell(3, 4)(s.zeros(2, 3), s.zeros(2, 3)), ValueError, r"state has shape \(2, 3\), expected \(2, 4\)"),
    (lambda: s.Recurrent(s.RNNCell(3, 4))(s.zeros(0, 2, 3)), ValueError, r"\(0, 2, 3\), expected \(steps, N, 3\)"),
    (lambda: s.prelu(IMAGE, T(2)), ValueError, r"slope has shape \(2,\), expected \(1,\) or \(3,\)"),
    # losses
    (
        lambda: s.squared(T(3), T(3, 1)),
        ValueError,
        r"target has shape \(3, 1\), expected that of the prediction, \(3,\)",
    ),
    (lambda: s.squared(T(0), T(0)), ValueError, "at least one sample"),
    (lambda: s.cross_entropy(T(2, 3), Tensor([0, 3])), ValueError, "labels must be from 0 to 2, but one of them is 3"),
    (lambda: s.cross_entropy(T(2, 3), Tensor([0, -1])), ValueError, "one of them is -1"),
    (lambda: s.cross_entropy(T(2, 3), Tensor([0, 1, 2])), ValueError, r"\(2, 3\) and labels \(3,\), expected \(N, C\)"),
    (lambda: s.cross_entropy(T(0, 3), Tensor(np.zeros(0, int))), ValueError, "at least one sample"),
    (lambda: s.cross_entropy(T(2, 3), LABELS, label_smoothing=2.0), ValueError, "from 0 to 1, not 2.0"),
    (lambda: s.nll(T(2, 3), LABELS, "avg"), ValueError, '"mean", "sum" or "none", not \'avg\''),
    (lambda: s.bce(T(3) * 9, T(3)), ValueError, "probability must be from 0 to 1"),
    (lambda: s.huber(T(2), T(2), delta=0.0), ValueError, "delta must be a number above 0"),
    (lambda: s.one_hot(Tensor([5]), 5), ValueError, "from 0 to 4, but one of them is 5"),
    # learning
    (lambda: s.SGD([], 0.1), ValueError, "parameters is empty"),
    (lambda: s.SGD([T(2)], -0.1), ValueError, "lr must be a number of at least 0, not -0.1"),
    (lambda: s.SGD([T(2)], float("nan")), ValueError, "lr must be"),
    (lambda: s.SGD([T(2)], 0.1, nesterov=True), ValueError, "nesterov needs a momentum"),
    (lambda: s.Adam([T(2)], betas=(0.9, 1.0)), ValueError, "betas must be"),
    (lambda: s.piecewise(0, [1, 2], [1.0]), ValueError, "2 milestones need 3 values, not 1"),
    (lambda: s.clip_by_norm([], -1.0), ValueError, "max_norm"),
    (lambda: s.least_squares(T(2, 3), T(3)), ValueError, r"y has shape \(3,\), expected \(2,\)"),
    (lambda: s.least_squares(s.cat([T(5, 1)] * 2, 1), T(5)), ValueError, "columns depend on each other"),
    (lambda: s.xavier_uniform_(T(3)), ValueError, r"at least two axes.*\(3,\)"),
    (lambda: s.jacobian(lambda x: x, Tensor([1, 2])), TypeError, "x has dtype int64"),
    (lambda: s.graph(T(2)), ValueError, "there is no graph"),
    (lambda: s.Sequential(3), TypeError, "0 must be a Module, not int"),
    (lambda: s.Module()(), NotImplementedError, r"Module defines no forward\(\)"),
    # schedules, and what a reader found afterwards
    (lambda: s.cosine(1, total=0), ValueError, "cosine: total must be a number of at least 1, not 0"),
    (lambda: s.polynomial(1, total=-4), ValueError, "polynomial: total must be .* not -4"),
    (lambda: s.warm_up(1, num_steps=0), ValueError, "warm_up: num_steps must be .* not 0"),
    (lambda: s.step_decay(1, every=0), ValueError, "step_decay: every must be .* not 0"),
    (lambda: s.noam(0, warmup=0, model_size=8), ValueError, "noam: warmup must be .* not 0"),
    (lambda: s.one_cycle(0, total=1), ValueError, "one_cycle: total must be .* at least 2, not 1"),
    (lambda: s.bce(Tensor([0.5]), Tensor([2.0])), ValueError, "bce: target must be from 0 to 1"),
    (lambda: s.layer_norm(T(2, 3), T(2), T(3)), ValueError, r"layer_norm: gamma has shape \(2,\), expected \(3,\)"),
    (
        lambda: s.scaled_dot_product(T(2, 3), T(4, 2), T(4, 2)),
        ValueError,
        r"Q \(2, 3\), K \(4, 2\) and V \(4, 2\) do not fit",
    ),
    (
        lambda: s.scaled_dot_product(T(3), T(4, 3), T(4, 2)),
        ValueError,
        r"Q has shape \(3,\), expected \(…, positions, width",
    ),
    (lambda: s.MultiHeadAttention(6, 4), ValueError, "width 6 is not a multiple of the 4 heads"),
    (lambda: s.causal_mask(0), ValueError, "causal_mask: size must be made of whole numbers of at least 1"),
    (lambda: s.BatchNorm(0), ValueError, "BatchNorm: num_features must be made of whole numbers of at least 1"),
    (lambda: s.LSTMCell(3, 4)(T(2, 3).float(), T(2, 4)), TypeError, r"state must be a tuple \(h, c\) of Tensors"),
]


@pytest.mark.parametrize(("call", "kind", "message"), BAD, ids=[message for _, _, message in BAD])
def test_one_line_says_what_is_wrong(call, kind, message):
    with pytest.raises(kind, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_lists_beside_tensors_are_tensors():
    assert (Tensor([1.0, 2.0]) + [1.0, 2.0]).tolist() == [2.0, 4.0]
    assert (np.ones(2) * Tensor([1.0, 2.0])).tolist() == [1.0, 2.0]
    assert s.arange(6).reshape(1, 2, 3).sum(axis=[0, 2]).tolist() == [3, 12]
