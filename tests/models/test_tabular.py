"""Members of the network for tables: each is a perceptron of its own, and kept from its part of the rows."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from fathom.answers import IN_NO_PART
from fathom.models.tabular import tabular

MEMBERS = 3


def make(num_classes=4, **options):
    torch.manual_seed(0)
    options = {"hidden": [7, 6], "members": MEMBERS, "embedding": 0, "dropout": 0.0} | options
    return tabular((5,), num_classes, **options).double()


def one_member(net, member):
    """The same perceptron of PyTorch's own layers."""
    layers = []
    for layer in [*net.layers, net.head]:
        copy = nn.Linear(*layer.weight.shape[1:]).double()
        copy.weight.data, copy.bias.data = layer.weight[member].T.clone(), layer.bias[member, 0].clone()
        layers += [copy, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def clipped(X):
    return X / torch.sqrt(1 + (X / 3) ** 2)


@pytest.mark.parametrize("num_classes", [1, 4])
def test_the_answer_is_the_mean_of_separate_perceptrons(num_classes):
    net, X = make(num_classes).eval(), torch.randn(6, 5).double()
    answers = torch.stack([one_member(net, m)(clipped(X)) for m in range(MEMBERS)])  # (M, N, C)
    expected = answers.mean(0) if num_classes == 1 else answers.softmax(-1).mean(0)
    output = net(X)
    torch.testing.assert_close(output if num_classes == 1 else output.softmax(-1), expected)


def test_cosines_stand_beside_the_numbers():
    net, X = make(embedding=2, numbers=2), torch.randn(6, 5).double()
    embedding = net.embedding
    expected = torch.stack(
        [
            sum(
                torch.cos(X[:, i] * embedding.frequency[i, k] + embedding.bias_phase[i, k]) * embedding.weight[i, k, j]
                for k in range(8)
            )
            for i in range(2)
            for j in range(2)
        ],
        1,
    )
    torch.testing.assert_close(embedding(X[:, :2]), expected)
    assert net.layers[0].weight.shape == (MEMBERS, 5 + 2 * 2, 7)


def test_a_member_learns_nothing_of_the_rows_it_is_kept_from():
    net = make(learning="held_out", num_classes=2)
    net.train()
    X, y = torch.randn(9, 4).double(), torch.randint(2, (9,))
    part = torch.tensor([0.0, 1, 2] * 3).double()
    answers = net(torch.cat([X, part[:, None]], 1))
    assert answers.shape == (9, MEMBERS, 2)
    F.cross_entropy(answers.flatten(0, 1), y.repeat_interleave(MEMBERS)).backward()
    for member in range(MEMBERS):
        alone, kept = one_member(net, member), part != member
        (F.cross_entropy(alone(clipped(X[kept])), y[kept], reduction="sum") / (9 * MEMBERS)).backward()
        torch.testing.assert_close(net.layers[0].weight.grad[member], alone[0].weight.grad.T)


def test_a_row_is_answered_by_the_member_that_never_saw_it():
    net = make(learning="held_out").eval()
    X = torch.randn(4, 4).double()
    part = torch.tensor([0.0, 2.0, IN_NO_PART, IN_NO_PART]).double()
    output = net(torch.cat([X, part[:, None]], 1))
    torch.testing.assert_close(output[0], one_member(net, 0)(clipped(X))[0])
    torch.testing.assert_close(output[1], one_member(net, 2)(clipped(X))[1])
    probabilities = torch.stack([one_member(net, m)(clipped(X)).softmax(-1) for m in range(MEMBERS)]).mean(0)
    torch.testing.assert_close(output[2:].softmax(-1), probabilities[2:])
    assert math.isclose(float(output[2:].exp().sum().detach()), 2, rel_tol=1e-9)  # logarithms of probabilities
