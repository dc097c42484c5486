"""The chapter on multilayer perceptrons, a program a section."""

import pytest
import torch
from torch import nn

from fathom.d2l import torch as d2l


def test_activations_and_their_gradients_are_drawn():
    """Multilayer Perceptrons."""
    x = torch.arange(-8.0, 8.0, 0.1, requires_grad=True)
    for name, function, derivative in (
        ("relu", torch.relu, lambda x: (x > 0).float()),
        ("sigmoid", torch.sigmoid, lambda x: torch.sigmoid(x) * (1 - torch.sigmoid(x))),
        ("tanh", torch.tanh, lambda x: 1 - torch.tanh(x) ** 2),
    ):
        y = function(x)
        d2l.plot(x.detach(), y.detach(), "x", f"{name}(x)", figsize=(5, 2.5))
        x.grad = None
        y.backward(torch.ones_like(x), retain_graph=True)
        d2l.plot(x.detach(), x.grad, "x", f"grad of {name}", figsize=(5, 2.5))
        drawn = torch.as_tensor(d2l.plt.gca().lines[0].get_ydata())
        assert torch.allclose(drawn, derivative(x.detach()), atol=1e-6)
    assert len(d2l.plt.get_fignums()) == 6  # outside a notebook every plot has a figure of its own


def test_perceptron_from_scratch_and_concisely(clothes):
    """Implementation of Multilayer Perceptrons: one trainer, two models."""

    class Scratch(d2l.Classifier):
        def __init__(self, num_inputs, num_outputs, num_hiddens, lr, sigma=0.01):
            super().__init__()
            self.save_hyperparameters()
            self.W1 = nn.Parameter(torch.randn(num_inputs, num_hiddens) * sigma)
            self.b1 = nn.Parameter(torch.zeros(num_hiddens))
            self.W2 = nn.Parameter(torch.randn(num_hiddens, num_outputs) * sigma)
            self.b2 = nn.Parameter(torch.zeros(num_outputs))

    @d2l.add_to_class(Scratch)
    def forward(self, X):
        X = d2l.reshape(X, (-1, self.num_inputs))
        H = torch.max(d2l.matmul(X, self.W1) + self.b1, torch.zeros(1))
        return d2l.matmul(H, self.W2) + self.b2

    class Concise(d2l.Classifier):
        def __init__(self, num_outputs, num_hiddens, lr):
            super().__init__()
            self.save_hyperparameters()
            self.net = nn.Sequential(nn.Flatten(), nn.LazyLinear(num_hiddens), nn.ReLU(), nn.LazyLinear(num_outputs))

    data = d2l.FashionMNIST(batch_size=50)
    trainer = d2l.Trainer(max_epochs=10)
    for model in (Scratch(784, 10, 64, lr=0.5), Concise(10, 64, lr=0.2)):
        trainer.fit(model, data)
        assert model.board.data["val_acc"][-1].y > 0.95
        assert [point.x for point in model.board.data["val_loss"]] == list(range(1, 11))


def test_gradients_vanish_and_explode(capsys):
    """Numerical Stability and Initialization."""
    x = torch.arange(-8.0, 8.0, 0.1, requires_grad=True)
    y = torch.sigmoid(x)
    y.backward(torch.ones_like(x))
    d2l.plot(
        x.detach().numpy(),
        [y.detach().numpy(), x.grad.numpy()],
        legend=["sigmoid", "gradient"],
        figsize=(4.5, 2.5),
    )
    _, gradient = d2l.plt.gca().lines
    assert gradient.get_ydata().max() == pytest.approx(0.25, abs=1e-3)
    M = d2l.normal(0, 1, size=(4, 4))
    for _ in range(100):
        M = d2l.matmul(M, d2l.normal(0, 1, size=(4, 4)))
    assert float(M.abs().max()) > 1e10


def test_dropout(clothes):
    """Dropout: from scratch and concisely."""

    def dropout_layer(X, dropout):
        if dropout == 1:
            return torch.zeros_like(X)
        mask = (torch.rand(X.shape) > dropout).float()
        return mask * X / (1.0 - dropout)

    X = torch.ones(1000)
    assert float(dropout_layer(X, 0.5).mean()) == pytest.approx(1, abs=0.1)

    class Scratch(d2l.Classifier):
        def __init__(self, num_outputs, num_hiddens_1, num_hiddens_2, dropout_1, dropout_2, lr):
            super().__init__()
            self.save_hyperparameters()
            self.lin1, self.lin2 = nn.LazyLinear(num_hiddens_1), nn.LazyLinear(num_hiddens_2)
            self.lin3, self.relu = nn.LazyLinear(num_outputs), nn.ReLU()

        def forward(self, X):
            H = self.relu(self.lin1(X.reshape((X.shape[0], -1))))
            if self.training:
                H = dropout_layer(H, self.dropout_1)
            H = self.relu(self.lin2(H))
            return self.lin3(dropout_layer(H, self.dropout_2) if self.training else H)

    class Concise(d2l.Classifier):
        def __init__(self, num_outputs, num_hiddens_1, num_hiddens_2, dropout_1, dropout_2, lr):
            super().__init__()
            self.save_hyperparameters()
            self.net = nn.Sequential(
                nn.Flatten(),
                *(nn.LazyLinear(num_hiddens_1), nn.ReLU(), nn.Dropout(dropout_1)),
                *(nn.LazyLinear(num_hiddens_2), nn.ReLU(), nn.Dropout(dropout_2)),
                nn.LazyLinear(num_outputs),
            )

    data = d2l.FashionMNIST(batch_size=50)
    arguments = {"num_outputs": 10, "num_hiddens_1": 64, "num_hiddens_2": 64, "dropout_1": 0.5, "dropout_2": 0.5}
    trainer = d2l.Trainer(max_epochs=8)
    for kind in (Scratch, Concise):
        model = kind(**arguments, lr=0.3)
        assert model.hparams == {**arguments, "lr": 0.3}
        trainer.fit(model, data)
        assert model.board.data["val_acc"][-1].y > 0.9
        assert model.board.data["train_loss"][-1].y > model.board.data["val_loss"][-1].y  # dropout in training only


def test_house_prices(shared_data):
    """Predicting House Prices on Kaggle: tables with text and gaps, five folds, one figure."""
    pd = pytest.importorskip("pandas")

    class House(d2l.DataModule):
        def __init__(self, batch_size, train=None, val=None):
            super().__init__()
            self.save_hyperparameters()
            if self.train is None:
                self.raw_train, self.raw_val = (
                    pd.read_csv(d2l.download(f"{d2l.DATA_URL}kaggle_house_pred_{part}.csv", self.root, sha1_hash=sha1))
                    for part, sha1 in (
                        ("train", "585e9cc93e70b39160e7921475f9bcd7d31219ce"),
                        ("test", "fa19780a7b011d9b009e8bff8e99922a8ee2eb90"),
                    )
                )

    data = House(batch_size=64)
    assert data.raw_train.shape == (1460, 81)
    assert data.raw_val.shape == (1459, 80)

    @d2l.add_to_class(House)
    def preprocess(self):
        label = "SalePrice"
        features = pd.concat((self.raw_train.drop(columns=["Id", label]), self.raw_val.drop(columns=["Id"])))
        numeric = features.dtypes[features.dtypes != "object"].index
        features[numeric] = features[numeric].apply(lambda x: (x - x.mean()) / x.std())
        features[numeric] = features[numeric].fillna(0)
        features = pd.get_dummies(features, dummy_na=True)
        self.train = features[: self.raw_train.shape[0]].copy()
        self.train[label] = self.raw_train[label]
        self.val = features[self.raw_train.shape[0] :].copy()

    data.preprocess()
    assert data.train.shape == (1460, 331)

    @d2l.add_to_class(House)
    def get_dataloader(self, train):
        label = "SalePrice"
        table = self.train if train else self.val
        if label not in table:
            return None
        to_tensor = lambda x: d2l.tensor(x.values.astype(float), dtype=d2l.float32)  # noqa: E731
        prices = d2l.reshape(d2l.log(to_tensor(table[label])), (-1, 1))
        return self.get_tensorloader((to_tensor(table.drop(columns=[label])), prices), train)

    trainer, size, losses, models = d2l.Trainer(max_epochs=5), 1460 // 5, [], []
    for fold in range(5):
        held_out = range(fold * size, (fold + 1) * size)
        model = d2l.LinearRegression(0.01)
        model.board.yscale = "log"
        if fold:
            model.board.display = False
        trainer.fit(model, House(64, data.train.drop(index=held_out), data.train.loc[held_out]))
        losses.append(float(model.board.data["val_loss"][-1].y))
        models.append(model)
    assert max(losses) < 1
    assert len(d2l.plt.get_fignums()) == 1

    inputs = d2l.tensor(data.val.values.astype(float), dtype=d2l.float32)
    predictions = [model(inputs) for model in models]
    prices = d2l.reduce_mean(d2l.exp(d2l.concat(predictions, 1)), 1)
    table = pd.DataFrame({"Id": data.raw_val.Id, "SalePrice": d2l.numpy(prices)})
    assert len(table) == 1459
    assert 100_000 < table.SalePrice.median() < 250_000

    trainer.fit(d2l.LinearRegression(0.01), data)  # a data module without validation data
    assert trainer.val_dataloader is None
    assert trainer.num_val_batches == 0
