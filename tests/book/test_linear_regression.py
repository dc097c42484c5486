"""The chapter on linear regression, a program a section."""

import math
import random

import numpy as np
import pytest
import torch
from torch import nn

from fathom.d2l import torch as d2l


def least_squares(data):
    """The closed form of what a regression on the training part should find, (w, b)."""
    X, y = data.X[: data.num_train], data.y[: data.num_train]
    solution = torch.linalg.lstsq(torch.cat([X, torch.ones(len(X), 1)], 1), y).solution.flatten()
    return solution[:-1], solution[-1]


def test_vectors_add_in_one_go_and_normal_densities_are_drawn():
    """Linear Regression."""
    assert torch.equal(d2l.ones(100) + d2l.ones(100), 2 * d2l.ones(100))
    x = np.arange(-7, 7, 0.01)
    laws = [(0, 1), (0, 2), (3, 1)]
    curves = [np.exp(-0.5 * ((x - m) / s) ** 2) / (s * math.sqrt(2 * math.pi)) for m, s in laws]
    d2l.plot(x, curves, xlabel="x", ylabel="p(x)", figsize=(4.5, 2.5), legend=[f"mean {m}, std {s}" for m, s in laws])
    heights = [line.get_ydata().max() for line in d2l.plt.gca().lines]
    assert heights == pytest.approx([1 / (s * math.sqrt(2 * math.pi)) for _, s in laws], rel=1e-4)


def test_classes_grow_in_several_cells(capsys):
    """Object-Oriented Design: methods are added, arguments saved, points averaged."""

    class Counter:
        def __init__(self):
            self.count = 1

    early = Counter()

    @d2l.add_to_class(Counter)
    def double(self):
        return 2 * self.count

    assert early.double() == Counter().double() == 2
    assert double(early) == 2  # the name still means the function

    class Thing(d2l.HyperParameters):
        def __init__(self, a, b, c):
            self.save_hyperparameters(ignore=["c"])

    thing = Thing(a=1, b=2, c=3)
    assert (thing.a, thing.b, hasattr(thing, "c")) == (1, 2, False)
    assert thing.hparams == {"a": 1, "b": 2}

    board = d2l.ProgressBoard("x")
    x = np.arange(0, 10, 0.1)
    for value in x:
        board.draw(value, np.sin(value), "sin", every_n=2)
        board.draw(value, np.cos(value), "cos", every_n=10)
    assert [point.y for point in board.data["sin"]] == pytest.approx(np.sin(x).reshape(-1, 2).mean(1).tolist())
    assert [point.x for point in board.data["cos"]] == pytest.approx(x.reshape(-1, 10).mean(1).tolist())
    board.fig.canvas.draw()
    assert [len(line.get_xdata()) for line in board.fig.gca().lines] == [50, 10]


def test_synthetic_data_and_two_loaders():
    """Synthetic Regression Data: the reader's loader, then the package's."""
    w, b = d2l.tensor([2, -3.4]), 4.2
    data = d2l.SyntheticRegressionData(w, b, noise=0.01)
    noise = data.y - d2l.matmul(data.X, d2l.reshape(w, (-1, 1))) - b
    assert data.X.shape == (2000, 2)
    assert float(noise.std()) == pytest.approx(0.01, rel=0.1)

    def check(num_batches=None):
        batches = list(data.train_dataloader())
        assert [tuple(part.shape) for part in batches[0]] == [(32, 2), (32, 1)]
        seen = torch.cat([y for _, y in batches]).flatten()
        assert not torch.equal(seen, data.y[:1000].flatten())  # shuffled
        assert torch.equal(seen.sort().values, data.y[:1000].flatten().sort().values)  # each once
        assert torch.equal(torch.cat([y for _, y in data.val_dataloader()]), data.y[1000:])

    check()
    assert len(data.train_dataloader()) == math.ceil(1000 / 32)

    @d2l.add_to_class(d2l.SyntheticRegressionData)
    def get_dataloader(self, train):
        order = list(range(self.num_train)) if train else list(range(self.num_train, self.num_train + self.num_val))
        if train:
            random.shuffle(order)
        for start in range(0, len(order), self.batch_size):
            rows = torch.tensor(order[start : start + self.batch_size])
            yield self.X[rows], self.y[rows]

    check()


def test_regression_from_scratch_with_the_reader_s_own_loop():
    """Linear Regression Implementation from Scratch: optimiser and loop are replaced, the package's classes used."""
    calls = []
    package_fit_epoch = d2l.Trainer.fit_epoch

    class SGD(d2l.HyperParameters):
        def __init__(self, params, lr):
            self.save_hyperparameters()

        def step(self):
            for param in self.params:
                param -= self.lr * param.grad

        def zero_grad(self):
            for param in self.params:
                if param.grad is not None:
                    param.grad.zero_()

    class Model(d2l.LinearRegressionScratch):
        def configure_optimizers(self):
            return SGD([self.w, self.b], self.lr)

    @d2l.add_to_class(d2l.Trainer)
    def prepare_batch(self, batch):
        calls.append(self.train_batch_idx)
        return batch

    @d2l.add_to_class(d2l.Trainer)
    def fit_epoch(self):
        self.model.train()
        for batch in self.train_dataloader:
            loss = self.model.training_step(self.prepare_batch(batch))
            self.optim.zero_grad()
            with torch.no_grad():
                loss.backward()
                if self.gradient_clip_val > 0:
                    self.clip_gradients(self.gradient_clip_val, self.model)
                self.optim.step()
            self.train_batch_idx += 1
        self.model.eval()
        for batch in self.val_dataloader:
            with torch.no_grad():
                self.model.validation_step(self.prepare_batch(batch))
            self.val_batch_idx += 1

    data = d2l.SyntheticRegressionData(w=d2l.tensor([2, -3.4]), b=4.2)
    model = Model(2, lr=0.03)
    trainer = d2l.Trainer(max_epochs=3)
    trainer.fit(model, data)
    best_w, best_b = least_squares(data)
    with torch.no_grad():
        start = float(best_w.norm())
        assert float((d2l.reshape(model.w, data.w.shape) - best_w).norm()) < 0.1 * start
        assert abs(float(model.b - best_b)) < 0.5
    assert (trainer.train_batch_idx, trainer.val_batch_idx, len(calls)) == (96, 96, 192)
    assert len(model.board.data["train_loss"]) == 6
    losses = [point.y for point in model.board.data["val_loss"]]
    assert losses == sorted(losses, reverse=True)

    class Plain(d2l.Trainer):
        fit_epoch = package_fit_epoch

    weights = []
    for kind, trainer in ((Model, d2l.Trainer(1)), (d2l.LinearRegressionScratch, Plain(1))):
        torch.manual_seed(5)
        model = kind(2, lr=0.03)
        trainer.fit(model, data)
        weights.append(model.w)
    assert torch.equal(*weights)  # the package's loop and optimiser take the same steps


def test_regression_with_torch_s_layers():
    """Concise Implementation: the reader's class in pieces, then the package's."""

    class Model(d2l.Module):
        def __init__(self, lr):
            super().__init__()
            self.save_hyperparameters()
            self.net = nn.LazyLinear(1)

    @d2l.add_to_class(Model)
    def forward(self, X):
        return self.net(X)

    @d2l.add_to_class(Model)
    def loss(self, y_hat, y):
        return nn.MSELoss()(y_hat, y)

    @d2l.add_to_class(Model)
    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), self.lr)

    data = d2l.SyntheticRegressionData(w=d2l.tensor([2, -3.4]), b=4.2)
    best_w, best_b = least_squares(data)
    for kind in (Model, d2l.LinearRegression):
        model = kind(lr=0.03)
        d2l.Trainer(max_epochs=3).fit(model, data)
        assert torch.allclose(model.net.weight.data[0], best_w, atol=0.05)
        assert float(model.net.bias.detach()) == pytest.approx(float(best_b), abs=0.05)
    w, b = model.get_w_b()
    assert w.shape == (1, 2)
    assert torch.equal(b, model.net.bias.data)


def test_weight_decay_keeps_weights_small():
    """Weight Decay: 200 inputs, 20 examples, a penalty in the loss and one in the optimiser; one trainer for all."""

    class Data(d2l.DataModule):
        def __init__(self, num_train, num_val, num_inputs, batch_size):
            self.save_hyperparameters()
            n = num_train + num_val
            self.X = d2l.randn(n, num_inputs)
            w, b = d2l.ones((num_inputs, 1)) * 0.01, 0.05
            self.y = d2l.matmul(self.X, w) + b + d2l.randn(n, 1) * 0.01

        def get_dataloader(self, train):
            rows = slice(0, self.num_train) if train else slice(self.num_train, None)
            return self.get_tensorloader([self.X, self.y], train, rows)

    def penalty(w):
        return d2l.reduce_sum(w**2) / 2

    class Scratch(d2l.LinearRegressionScratch):
        def __init__(self, num_inputs, lambd, lr, sigma=0.01):
            super().__init__(num_inputs, lr, sigma)
            self.save_hyperparameters()

        def loss(self, y_hat, y):
            return super().loss(y_hat, y) + self.lambd * penalty(self.w)

    class Concise(d2l.LinearRegression):
        def __init__(self, wd, lr):
            super().__init__(lr)
            self.save_hyperparameters()

        def configure_optimizers(self):
            groups = [{"params": self.net.weight, "weight_decay": self.wd}, {"params": self.net.bias}]
            return torch.optim.SGD(groups, lr=self.lr)

    data = Data(num_train=20, num_val=100, num_inputs=200, batch_size=5)
    trainer = d2l.Trainer(max_epochs=10)
    sizes = {}
    for lambd in (0, 3):
        model = Scratch(200, lambd=lambd, lr=0.01)
        model.board.yscale = "log"
        trainer.fit(model, data)
        sizes[lambd] = float(penalty(model.w.detach()))
        train, val = (model.board.data[f"{part}_loss"] for part in ("train", "val"))
        if lambd == 0:
            assert train[-1].y < 0.1 * val[-1].y  # learned by heart
            unpenalised = val[-1].y
            model.board.fig.canvas.draw()
            assert model.board.fig.gca().get_yscale() == "log"
        else:
            assert val[-1].y < unpenalised
    assert sizes[3] < 0.5 * sizes[0]

    concise = {}
    for wd in (0, 3):
        model = Concise(wd=wd, lr=0.01)
        trainer.fit(model, data)
        concise[wd] = float(penalty(model.get_w_b()[0]))
    assert concise[3] < 0.3 * concise[0]
