"""The chapter on optimisation, a program a section; its names are the same in all editions."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from fathom.d2l.v0 import torch as d2l


def test_optimisation_and_deep_learning():
    """Curves with arrows, and a saddle in three dimensions."""
    x = d2l.arange(0.5, 1.5, 0.01)
    d2l.set_figsize((4.5, 2.5))
    d2l.plot(x, [x * d2l.cos(np.pi * x), x], "x", "risk")
    d2l.annotate("min of\nempirical risk", (1.0, -1.2), (0.5, -1.1))
    note = d2l.plt.gca().texts[0]
    assert (note.xy, note.xyann) == ((1.0, -1.2), (0.5, -1.1))
    x, y = d2l.meshgrid(d2l.linspace(-1.0, 1.0, 11), d2l.linspace(-1.0, 1.0, 11))
    axes = d2l.plt.figure().add_subplot(111, projection="3d")
    axes.plot_wireframe(d2l.numpy(x), d2l.numpy(y), d2l.numpy(x**2 - y**2))
    d2l.plt.xticks([-1, 0, 1])
    d2l.plt.xlabel("x")


def test_convexity():
    x, segment = d2l.arange(-2, 2, 0.01), d2l.tensor([-1.5, 1])
    d2l.use_svg_display()
    _, axes = d2l.plt.subplots(1, 3, figsize=(9, 3))
    functions = (lambda x: 0.5 * x**2, lambda x: d2l.cos(np.pi * x), lambda x: d2l.exp(0.5 * x))
    for ax, f in zip(axes, functions, strict=True):
        d2l.plot([x, segment], [f(x), f(segment)], axes=ax)
        assert [len(line.get_xdata()) for line in ax.lines] == [400, 2]


def f_2d(x1, x2):
    return x1**2 + 2 * x2**2


def gradient_descent(x1, x2, s1, s2, f_grad=None, eta=0.1):
    g1, g2 = (2 * x1, 4 * x2) if f_grad is None else f_grad(x1, x2)
    return x1 - eta * g1, x2 - eta * g2, 0, 0


def test_descent_in_two_dimensions(capsys):
    """Gradient descent has a closed form here: (−5 · 0.8ᵏ, −2 · 0.6ᵏ)."""
    results = d2l.train_2d(gradient_descent)
    assert len(results) == 21
    assert np.array(results) == pytest.approx(np.array([(-5 * 0.8**k, -2 * 0.6**k) for k in range(21)]))
    assert capsys.readouterr().out == f"epoch 20, x1: {-5 * 0.8**20:f}, x2: {-2 * 0.6**20:f}\n"
    with_gradient = d2l.train_2d(gradient_descent, steps=5, f_grad=lambda x1, x2: (2 * x1, 4 * x2))
    assert np.array(with_gradient) == pytest.approx(np.array(results[:6]))
    d2l.show_trace_2d(f_2d, results)
    axes = d2l.plt.gca()
    assert axes.lines[0].get_xydata() == pytest.approx(np.array(results))
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("x1", "x2")
    assert len(axes.collections) == 1  # the contour lines


def test_trace_of_tensors():
    """Adagrad, RMSProp and momentum as the book writes them may make tensors of the coordinates."""

    def momentum(x1, x2, v1, v2):
        v1, v2 = 0.5 * v1 + d2l.tensor(0.2) * x1, 0.5 * v2 + 4 * x2
        return x1 - 0.4 * v1, x2 - 0.4 * v2, v1, v2

    d2l.show_trace_2d(lambda a, b: 0.1 * a**2 + 2 * b**2, d2l.train_2d(momentum, steps=10))


def sgd(params, states, hyperparams):
    for p in params:
        p.data.sub_(hyperparams["lr"] * p.grad)
        p.grad.data.zero_()


def test_minibatch_descent(shared_data, capsys):
    """The airfoil data, and both trainers; their loss approaches the least-squares one."""
    data_iter, feature_dim = d2l.get_data_ch11(batch_size=20, n=1000)
    assert feature_dim == 5
    assert len(data_iter) == 50
    X, y = (torch.cat(parts) for parts in zip(*data_iter, strict=True))
    whole, _ = d2l.get_data_ch11(1503, 1503)
    everything = next(iter(whole))[0]
    assert torch.allclose(everything.mean(0), torch.zeros(5), atol=1e-4)
    assert torch.allclose(everything.std(0, correction=0), torch.ones(5), atol=1e-4)
    ones = torch.cat([X, torch.ones(1000, 1)], dim=1)
    fit = ones @ torch.linalg.lstsq(ones, y[:, None]).solution
    best = ((fit - y[:, None]) ** 2).mean().item() / 2

    seconds, losses = d2l.train_ch11(sgd, None, {"lr": 0.05}, data_iter, feature_dim, num_epochs=4)
    assert len(seconds) == len(losses) == 20
    assert seconds == sorted(seconds)
    assert losses[0] > losses[-1]
    assert losses[-1] == pytest.approx(best, rel=0.03)
    printed = capsys.readouterr().out
    assert printed.startswith(f"loss: {losses[-1]:.3f}, ")
    assert printed.endswith(" sec/epoch\n")
    d2l.set_figsize([6, 3])
    d2l.plot(*map(list, zip((seconds, losses), strict=True)), "time (sec)", "loss", xlim=[1e-2, 10], legend=["sgd"])
    d2l.plt.gca().set_xscale("log")

    d2l.train_concise_ch11(torch.optim.SGD, {"lr": 0.05}, data_iter)
    assert float(capsys.readouterr().out.split()[1].rstrip(",")) == pytest.approx(best, rel=0.03)


def test_optimiser_with_states(shared_data, capsys):
    """Momentum from scratch moves as torch's: the same losses, point by point."""

    def momentum(params, states, hyperparams):
        for p, v in zip(params, states, strict=True):
            with torch.no_grad():
                v[:] = 0.5 * v + p.grad
                p[:] -= hyperparams["lr"] * v
            p.grad.data.zero_()

    data_iter, dim = d2l.get_data_ch11(batch_size=50, n=500)
    torch.manual_seed(0)
    states = (d2l.zeros((dim, 1)), d2l.zeros(1))
    _, ours = d2l.train_ch11(momentum, states, {"lr": 0.02}, data_iter, dim, num_epochs=2)
    torch.manual_seed(0)
    optimizer = None

    def torch_s(params, states, hyperparams):
        nonlocal optimizer
        optimizer = optimizer or torch.optim.SGD(params, lr=0.02, momentum=0.5)
        optimizer.step()
        optimizer.zero_grad()

    _, theirs = d2l.train_ch11(torch_s, None, {}, data_iter, dim, num_epochs=2)
    assert ours == pytest.approx(theirs, rel=1e-5)
    assert states[0].abs().sum() > 0


def test_learning_rate_schedules(clothes):
    """Training with a schedule of one's own, from the parts of the helper package."""
    train_iter, test_iter = d2l.load_data_fashion_mnist(batch_size=50)
    device = d2l.try_gpu()
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 10)).to(device)
    trainer = torch.optim.SGD(net.parameters(), lr=0.3)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(trainer, milestones=[1, 2], gamma=0.5)
    animator = d2l.Animator(xlabel="epoch", xlim=[0, 3], legend=["train loss", "train acc", "test acc"])
    for epoch in range(3):
        metric = d2l.Accumulator(3)
        for X, y in train_iter:
            net.train()
            trainer.zero_grad()
            X, y = X.to(device), y.to(device)
            y_hat = net(X)
            loss = F.cross_entropy(y_hat, y)
            loss.backward()
            trainer.step()
            with torch.no_grad():
                metric.add(loss * X.shape[0], d2l.accuracy(y_hat, y), X.shape[0])
        animator.add(epoch + 1, (metric[0] / metric[2], metric[1] / metric[2], None))
        test_acc = d2l.evaluate_accuracy_gpu(net, test_iter)
        animator.add(epoch + 1, (None, None, test_acc))
        scheduler.step()
    assert test_acc > 0.9
    assert trainer.param_groups[0]["lr"] == pytest.approx(0.075)
    d2l.plot(d2l.arange(30), [0.1 * (1 + np.cos(np.pi * t / 30)) for t in range(30)])
    assert len(d2l.plt.gca().lines[0].get_xdata()) == 30
