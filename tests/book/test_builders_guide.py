"""The builders' guide, a program a section."""

import torch
from torch import nn

from fathom.d2l import torch as d2l
from fathom.d2l.frame import devices


def test_layers_of_one_s_own():
    """Custom Layers."""

    class Centred(nn.Module):
        def forward(self, X):
            return X - X.mean()

    class Dense(nn.Module):
        def __init__(self, in_units, units):
            super().__init__()
            self.weight = nn.Parameter(torch.randn(in_units, units))
            self.bias = nn.Parameter(torch.randn(units))

        def forward(self, X):
            return torch.relu(torch.matmul(X, self.weight.data) + self.bias.data)

    assert Centred()(d2l.tensor([1.0, 2, 3, 4, 5])).tolist() == [-2, -1, 0, 1, 2]
    net = nn.Sequential(nn.LazyLinear(128), Centred())
    assert abs(float(net(d2l.rand(4, 8)).mean().detach())) < 1e-6
    assert nn.Sequential(Dense(64, 8), Dense(8, 1))(d2l.rand(2, 64)).shape == (2, 1)


def test_layers_learn_their_shapes_and_are_initialised():
    """Lazy Initialization."""

    class Net(d2l.Module):
        def __init__(self):
            super().__init__()
            self.net = nn.Sequential(nn.LazyLinear(256), nn.ReLU(), nn.LazyLinear(10))

    def to_one(module):
        if type(module) is nn.Linear:
            nn.init.constant_(module.weight, 1)

    net = Net()
    net.apply_init([d2l.rand(2, 20)], to_one)
    assert net.net[0].weight.shape == (256, 20)
    assert bool((net.net[2].weight == 1).all())


def test_devices(monkeypatch):
    """GPUs: names of devices, and what a trainer does with them."""
    assert d2l.cpu() == torch.device("cpu")
    assert d2l.try_gpu(10) == d2l.cpu()
    assert len(d2l.try_all_gpus()) >= 1
    assert d2l.Trainer(max_epochs=1, num_gpus=0).gpus == []

    # one GPU is played by the device "meta", which computes shapes and nothing else
    monkeypatch.setattr(devices, "num_gpus", lambda: 1)
    monkeypatch.setattr(devices, "gpu", lambda i=0: torch.device("meta", i))
    trainer = d2l.Trainer(max_epochs=1, num_gpus=2)
    assert trainer.gpus == [torch.device("meta", 0)]
    model = d2l.LinearRegression(lr=0.1)
    model(torch.zeros(1, 2))
    trainer.prepare_model(model)
    assert model.net.weight.device.type == "meta"
    assert model.trainer is trainer
    data = d2l.SyntheticRegressionData([2, -3.4], 4.2, num_train=64)
    X, y = trainer.prepare_batch(next(iter(data.train_dataloader())))
    assert X.device.type == y.device.type == "meta"
    trainer.prepare_data(data)
    assert next(iter(trainer.train_dataloader))[0].device.type == "meta"  # the data lie where they are computed on
    assert trainer.num_train_batches == 2
    assert data.X.device.type == "cpu"
