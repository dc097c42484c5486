"""The earlier editions' chapter on linear networks, a program a section."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torchvision import transforms

from fathom.d2l.v0 import torch as d2l


def test_vectorised_sums_are_timed():
    """Linear regression: a timer, and the densities of three normal laws in one plot."""
    a, b = d2l.ones([1000]), d2l.ones([1000])
    timer = d2l.Timer()
    c = a + b
    assert timer.stop() >= 0
    timer.start()
    assert float(d2l.reduce_sum(c)) == 2000
    timer.stop()
    assert len(timer.times) == 2
    assert timer.sum() == pytest.approx(2 * timer.avg()) == pytest.approx(timer.cumsum()[-1])
    x = np.arange(-7, 7, 0.01)
    laws = [(0, 1), (0, 2), (3, 1)]
    densities = [np.exp(-0.5 * ((x - mu) / s) ** 2) / (s * math.sqrt(2 * math.pi)) for mu, s in laws]
    d2l.plot(x, densities, xlabel="x", ylabel="p(x)", figsize=(4.5, 2.5), legend=[str(law) for law in laws])
    axes = d2l.plt.gca()
    assert len(axes.lines) == 3
    assert axes.lines[0].get_ydata().max() == pytest.approx(1 / math.sqrt(2 * math.pi), rel=1e-4)


def test_linear_regression_from_scratch():
    true_w, true_b = d2l.tensor([2, -3.4]), 4.2
    features, labels = d2l.synthetic_data(true_w, true_b, 1000)
    assert features.shape == (1000, 2)
    assert labels.shape == (1000, 1)
    noise = labels - (d2l.matmul(features, true_w) + true_b).reshape(-1, 1)
    assert float(noise.std()) == pytest.approx(0.01, rel=0.1)
    d2l.set_figsize()
    d2l.plt.scatter(d2l.numpy(features[:, 1]), d2l.numpy(labels), 1)

    w = torch.normal(0, 0.01, size=(2, 1), requires_grad=True)
    b = torch.zeros(1, requires_grad=True)
    for _ in range(3):
        for X, y in d2l.load_array((features, labels), 10):
            d2l.squared_loss(d2l.linreg(X, w, b), y).sum().backward()
            d2l.sgd([w, b], 0.03, 10)
    ones = torch.cat([features, d2l.ones((1000, 1))], dim=1)
    best = torch.linalg.lstsq(ones, labels).solution.flatten()  # the closed form
    found = torch.cat([d2l.reshape(w, (-1,)), b]).detach()
    assert torch.allclose(found, best, atol=5e-3)
    assert not w.grad.any()  # sgd zeroes what it used


def test_loss_and_step_are_the_book_s():
    y_hat, y = d2l.tensor([[1.0], [3.0]]), d2l.tensor([2.0, 1.0])
    assert d2l.squared_loss(y_hat, y).tolist() == [[0.5], [2.0]]  # half of torch's, and the shapes are made equal
    w = torch.tensor([1.0, 2.0], requires_grad=True)
    (w**2).sum().backward()
    d2l.sgd([w], lr=0.5, batch_size=2)
    assert w.tolist() == [0.5, 1.0]


def test_linear_regression_concise():
    true_w, true_b = d2l.tensor([2, -3.4]), 4.2
    features, labels = d2l.synthetic_data(true_w, true_b, 500)
    data_iter = d2l.load_array((features, labels), 10)
    first = next(iter(data_iter))
    assert isinstance(first, list)
    assert [part.shape for part in first] == [(10, 2), (10, 1)]
    net = nn.Sequential(nn.Linear(2, 1))
    net[0].weight.data.normal_(0, 0.01)
    net[0].bias.data.fill_(0)
    loss, trainer = nn.MSELoss(), torch.optim.SGD(net.parameters(), lr=0.03)
    for _ in range(3):
        for X, y in data_iter:
            trainer.zero_grad()
            loss(net(X), y).backward()
            trainer.step()
    assert torch.allclose(true_w, d2l.reshape(net[0].weight.data, true_w.shape), atol=0.01)
    assert abs(true_b - net[0].bias.item()) < 0.01


def test_batches_are_those_of_a_plain_loader():
    """Under one seed the fast loader gives what torch's gives, shuffled or not, and leaves the generator as it does."""
    X, y = torch.arange(40.0).reshape(20, 2), torch.arange(20)
    for is_train in (True, False):
        torch.manual_seed(3)
        ours = [part for _ in range(2) for batch in d2l.load_array((X, y), 6, is_train) for part in batch]
        after = torch.rand(1)
        torch.manual_seed(3)
        plain = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(X, y), 6, shuffle=is_train)
        theirs = [part for _ in range(2) for batch in plain for part in batch]
        assert len(ours) == len(theirs)
        assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))
        assert torch.equal(after, torch.rand(1))


def test_image_classification_dataset(shared_data):
    """Fashion-MNIST itself: shapes, types, labels, and stretching equal to torchvision's to the bit."""
    train_iter, test_iter = d2l.load_data_fashion_mnist(32, resize=64)
    assert (len(train_iter), len(test_iter)) == (1875, 313)
    X, y = next(iter(train_iter))
    assert (X.shape, X.dtype, y.shape, y.dtype) == ((32, 1, 64, 64), torch.float32, (32,), torch.int64)
    X, y = next(iter(test_iter))
    assert d2l.get_fashion_mnist_labels(y[:4]) == ["ankle boot", "pullover", "trouser", "trouser"]
    plain = next(iter(d2l.load_data_fashion_mnist(32)[1]))[0]
    change = transforms.Compose([transforms.ToPILImage(), transforms.Resize(64), transforms.ToTensor()])
    assert torch.equal(X, torch.stack([change(image) for image in plain]))
    image, label = test_iter.dataset[0]
    assert torch.equal(image, X[0])
    assert label == 9
    assert X.max() <= 1 < 255 * X.max()
    axes = d2l.show_images(plain[:18].reshape(18, 28, 28), 2, 9, titles=d2l.get_fashion_mnist_labels(y[:18]))
    assert [ax.get_title() for ax in axes[:2]] == ["ankle boot", "pullover"]
    assert 0 <= d2l.get_dataloader_workers() <= 4
    d2l.use_svg_display()


def test_softmax_regression_from_scratch(clothes):
    """A network made of functions, trained by a function."""
    train_iter, test_iter = d2l.load_data_fashion_mnist(32)
    W = torch.normal(0, 0.01, size=(784, 10), requires_grad=True)
    b = torch.zeros(10, requires_grad=True)

    def softmax(X):
        X_exp = d2l.exp(X)
        return X_exp / d2l.reduce_sum(X_exp, 1, keepdim=True)

    def net(X):
        return softmax(d2l.matmul(d2l.reshape(X, (-1, W.shape[0])), W) + b)

    def cross_entropy(y_hat, y):
        return -d2l.log(y_hat[range(len(y_hat)), y])

    def updater(batch_size):
        return d2l.sgd([W, b], 0.1, batch_size)

    y_hat, y = d2l.tensor([[0.1, 0.3, 0.6], [0.3, 0.2, 0.5]]), d2l.tensor([0, 2])
    assert d2l.accuracy(y_hat, y) / len(y) == 0.5
    before = d2l.evaluate_accuracy(net, test_iter)
    first_loss, first_accuracy = d2l.train_epoch_ch3(net, train_iter, cross_entropy, updater)
    assert 0 < first_accuracy <= 1
    assert first_loss < math.log(10)
    d2l.train_ch3(net, train_iter, test_iter, cross_entropy, 2, updater)
    assert d2l.evaluate_accuracy(net, test_iter) > max(0.9, before)
    d2l.predict_ch3(net, test_iter)
    titles = [ax.get_title() for ax in d2l.plt.gcf().axes]
    assert len(titles) == 6
    assert all(true == guess for true, guess in (title.split("\n") for title in titles))


def test_metric_of_an_epoch_is_exact():
    """Loss and accuracy of an epoch against sums by hand, with an optimiser that does not move."""
    X, y = torch.randn(20, 4), torch.randint(3, (20,))
    net, loss = nn.Linear(4, 3), nn.CrossEntropyLoss(reduction="none")
    stand_still = torch.optim.SGD(net.parameters(), lr=0.0)
    mean, share = d2l.train_epoch_ch3(net, d2l.load_array((X, y), 6), loss, stand_still)
    assert mean == pytest.approx(loss(net(X), y).mean().item(), rel=1e-5)
    assert share == pytest.approx(float((net(X).argmax(1) == y).float().mean()))
    assert net.training
    assert d2l.evaluate_accuracy(net, d2l.load_array((X, y), 6)) == pytest.approx(share)
    assert not net.training


def test_accumulator():
    metric = d2l.Accumulator(3)
    metric.add(1, torch.tensor(2.0, requires_grad=True), 3)
    metric.add(torch.tensor([4]), 0.5, True)
    assert (metric[0], metric[1], metric[2]) == (5.0, 2.5, 4.0)
    assert metric.data == metric[:] == [5.0, 2.5, 4.0]
    metric.reset()
    assert metric.data == [0.0, 0.0, 0.0]


def test_animator_draws_when_it_is_looked_at():
    animator = d2l.Animator(xlabel="epoch", xlim=[1, 3], ylim=[0, 1], legend=["loss", "accuracy"])
    animator.add(1, (0.9, None))
    animator.add(2, [torch.tensor(0.5), torch.tensor(0.25)])
    animator.add([3, 2.5], (0.4, 0.3))
    assert animator.Y == [[0.9, 0.5, 0.4], [0.25, 0.3]]
    assert animator.X == [[1, 2, 3], [2, 2.5]]
    assert not animator.axes[0].lines  # nothing is drawn for nobody
    animator.fig.canvas.draw()
    assert [list(line.get_ydata()) for line in animator.axes[0].lines] == animator.Y
    assert animator.axes[0].get_xlim() == (1, 3)
    assert [text.get_text() for text in animator.axes[0].get_legend().get_texts()] == ["loss", "accuracy"]
    many = d2l.Animator(xlim=[1, 1])  # one epoch
    many.add(0, range(6))  # more lines than formats
    many.fig.canvas.draw()
    assert len(many.axes[0].lines) == 6


def test_softmax_regression_concise(clothes):
    train_iter, test_iter = d2l.load_data_fashion_mnist(32)
    net = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    nn.init.normal_(net[1].weight, std=0.01)
    loss = nn.CrossEntropyLoss(reduction="none")
    d2l.train_ch3(net, train_iter, test_iter, loss, 3, torch.optim.SGD(net.parameters(), lr=0.1))
    assert d2l.evaluate_accuracy(net, test_iter) > 0.9
    d2l.plt.gcf().canvas.draw()
    loss_line, train_line, test_line = (line.get_ydata() for line in d2l.plt.gcf().axes[0].lines)
    assert loss_line[0] > loss_line[-1]
    assert len(train_line) == len(test_line) == 3
