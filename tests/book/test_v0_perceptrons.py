"""The earlier editions' chapter on multilayer perceptrons, a program a section."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from fathom.d2l.v0 import torch as d2l

pandas = pytest.importorskip("pandas")


def test_activations_are_plotted_with_their_gradients():
    x = torch.arange(-8.0, 8.0, 0.1, requires_grad=True)
    y = torch.sigmoid(x)
    y.backward(torch.ones_like(x), retain_graph=True)
    d2l.plot(x.detach(), x.grad, "x", "grad of sigmoid", figsize=(5, 2.5))
    line = d2l.plt.gca().lines[0]
    assert line.get_ydata().max() == pytest.approx(0.25, abs=1e-4)
    assert d2l.plt.gca().get_ylabel() == "grad of sigmoid"
    d2l.plot(x.detach().numpy(), [y.detach().numpy(), x.grad.numpy()], legend=["sigmoid", "gradient"])
    assert len(d2l.plt.gca().lines) == 2


@pytest.mark.parametrize("form", ["scratch", "concise", "dropout"])
def test_perceptron(clothes, form):
    """From parameters, from layers, and with dropout: each learns and is shown."""
    train_iter, test_iter = d2l.load_data_fashion_mnist(32)
    loss = nn.CrossEntropyLoss(reduction="none")
    if form == "scratch":
        W1, W2 = (nn.Parameter(torch.randn(*shape) * 0.05) for shape in ((784, 64), (64, 10)))
        b1, b2 = (nn.Parameter(torch.zeros(width)) for width in (64, 10))
        params = [W1, b1, W2, b2]

        def net(X):
            return torch.relu(d2l.reshape(X, (-1, 784)) @ W1 + b1) @ W2 + b2

    else:
        hidden = [nn.Dropout(0.2)] if form == "dropout" else []
        net = nn.Sequential(nn.Flatten(), nn.Linear(784, 64), nn.ReLU(), *hidden, nn.Linear(64, 10))
        params = net.parameters()
    d2l.train_ch3(net, train_iter, test_iter, loss, 4, torch.optim.SGD(params, lr=0.1))
    assert d2l.evaluate_accuracy(net, test_iter) > 0.8
    d2l.predict_ch3(net, test_iter, n=4)
    assert len(d2l.plt.gcf().axes) == 4


@pytest.mark.slow
def test_polynomials_are_fitted_and_overfitted():
    """Underfitting and overfitting: four terms find the law, two cannot."""
    true_w = np.array([5, 1.2, -3.4, 5.6])
    features = np.random.normal(size=(120, 1))
    powers = np.power(features, np.arange(4)) / [math.gamma(i + 1) for i in range(4)]
    labels = powers @ true_w + np.random.normal(scale=0.1, size=120)
    powers, labels = (d2l.tensor(x, dtype=d2l.float32) for x in (powers, labels))

    def train(columns):
        loss = nn.MSELoss(reduction="none")
        net = nn.Sequential(nn.Linear(columns, 1, bias=False))
        train_iter = d2l.load_array((powers[:100, :columns], labels[:100].reshape(-1, 1)), 10)
        test_iter = d2l.load_array((powers[100:, :columns], labels[100:].reshape(-1, 1)), 10, is_train=False)
        trainer = torch.optim.SGD(net.parameters(), lr=0.03)
        animator = d2l.Animator(xlabel="epoch", ylabel="loss", yscale="log", xlim=[1, 120], ylim=[1e-3, 1e2])
        for epoch in range(120):
            d2l.train_epoch_ch3(net, train_iter, loss, trainer)
            if (epoch + 1) % 40 == 0:
                animator.add(
                    epoch + 1, (d2l.evaluate_loss(net, train_iter, loss), d2l.evaluate_loss(net, test_iter, loss))
                )
        animator.fig.canvas.draw()
        assert animator.axes[0].get_yscale() == "log"
        return net[0].weight.detach(), animator.Y[1][-1]

    weight, test_loss = train(4)
    assert torch.allclose(weight, torch.tensor(true_w, dtype=torch.float32), atol=0.3)
    assert test_loss < 0.05 < train(2)[1]


def test_loss_of_a_data_set():
    """In one piece where that is the same, by batches where the loss or the network depends on them."""
    X, y = torch.randn(10, 3), torch.randn(10)
    net = nn.Linear(3, 1)
    loader = d2l.load_array((X, y), 4, is_train=False)
    by_hand = (net(X).flatten() - y).square()
    assert d2l.evaluate_loss(net, loader, nn.MSELoss(reduction="none")) == pytest.approx(by_hand.mean().item())
    means = [part.mean().item() for part in by_hand.split(4)]
    assert d2l.evaluate_loss(net, loader, nn.MSELoss()) == pytest.approx(sum(means) / 3)
    normed = nn.Sequential(nn.BatchNorm1d(3), net)
    parts = [(normed(X_).flatten() - y_).square() for X_, y_ in zip(X.split(4), y.split(4), strict=True)]
    expected = torch.cat(parts).mean().item()
    assert d2l.evaluate_loss(normed, loader, nn.MSELoss(reduction="none")) == pytest.approx(expected)


@pytest.mark.parametrize("is_train", [True, False])
def test_loss_in_one_piece_leaves_the_generator_as_a_pass_does(is_train):
    loader, net = d2l.load_array((torch.randn(10, 3), torch.randn(10)), 4, is_train), nn.Linear(3, 1)
    torch.manual_seed(5)
    for _ in loader:
        pass
    after = torch.rand(1)
    torch.manual_seed(5)
    d2l.evaluate_loss(net, loader, d2l.squared_loss)
    assert torch.equal(after, torch.rand(1))


def test_weight_decay_shrinks_the_weights():
    num_inputs, batch_size = 50, 5
    true_w, true_b = d2l.ones((num_inputs, 1)) * 0.01, 0.05
    train_iter = d2l.load_array(d2l.synthetic_data(true_w, true_b, 20), batch_size)
    test_iter = d2l.load_array(d2l.synthetic_data(true_w, true_b, 40), batch_size, is_train=False)

    def train(lambd):
        torch.manual_seed(1)
        w = torch.normal(0, 1, size=(num_inputs, 1), requires_grad=True)
        b = torch.zeros(1, requires_grad=True)
        net, loss = lambda X: d2l.linreg(X, w, b), d2l.squared_loss
        animator = d2l.Animator(xlabel="epochs", ylabel="loss", yscale="log", legend=["train", "test"])
        for epoch in range(40):
            for X, y in train_iter:
                (loss(net(X), y) + lambd * w.pow(2).sum() / 2).sum().backward()
                d2l.sgd([w, b], 0.01, batch_size)
            if (epoch + 1) % 10 == 0:
                animator.add(
                    epoch + 1, (d2l.evaluate_loss(net, train_iter, loss), d2l.evaluate_loss(net, test_iter, loss))
                )
        return torch.norm(w).item(), animator.Y[1][-1]

    free_norm, free_loss = train(0)
    decayed_norm, decayed_loss = train(3)
    assert decayed_norm < 0.2 * free_norm
    assert decayed_loss < free_loss


@pytest.mark.slow
def test_house_prices(shared_data):
    """Read, standardise, encode, validate five-fold and predict: the whole section on the real tables."""
    train_data = pandas.read_csv(d2l.download("kaggle_house_train"))
    test_data = pandas.read_csv(d2l.download("kaggle_house_test"))
    assert train_data.shape == (1460, 81)
    assert test_data.shape == (1459, 80)
    features = pandas.concat((train_data.iloc[:, 1:-1], test_data.iloc[:, 1:]))
    numeric = features.select_dtypes("number").columns
    features[numeric] = features[numeric].apply(lambda x: (x - x.mean()) / x.std()).fillna(0)
    features = pandas.get_dummies(features, dummy_na=True, dtype=float)
    assert features.shape[1] == 330
    X = d2l.tensor(features[:1460].values, dtype=d2l.float32)
    y = d2l.tensor(train_data.SalePrice.values.reshape(-1, 1), dtype=d2l.float32)
    fold = len(X) // 5
    train_iter = d2l.load_array((d2l.concat([X[fold:]], 0), y[fold:]), 64)
    net, loss = nn.Linear(X.shape[1], 1), nn.MSELoss()

    def log_rmse(rows):
        with torch.no_grad():
            return loss(net(X[rows]).clamp(min=1).log(), y[rows].log()).sqrt().item()

    optimizer = torch.optim.Adam(net.parameters(), lr=5)
    errors = []
    for _ in range(80):
        for X_, y_ in train_iter:
            optimizer.zero_grad()
            loss(net(X_), y_).backward()
            optimizer.step()
        errors.append((log_rmse(slice(fold, None)), log_rmse(slice(0, fold))))
    d2l.plot(list(range(1, 81)), list(zip(*errors, strict=True)), xlabel="epoch", xlim=[1, 80], yscale="log")
    assert errors[-1][1] < 0.3 < errors[0][1]
    assert d2l.numpy(net(X[:3])).shape == (3, 1)
