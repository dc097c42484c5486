"""The two chapters on convolutional networks, a program a section; the networks are narrow, their data few."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from fathom.d2l import torch as d2l
from fathom.models.pooling import AvgPool2d


def fit(model, batch_size=50, resize=(28, 28), epochs=1, num_gpus=1, init=True):
    """Train as the sections do, on 300 images; give the trainer."""
    trainer = d2l.Trainer(max_epochs=epochs, num_gpus=num_gpus)
    data = d2l.FashionMNIST(batch_size=batch_size, resize=resize)
    if init:
        model.apply_init([next(iter(data.get_dataloader(True)))[0]], d2l.init_cnn)
    trainer.fit(model, data)
    return trainer


def losses(model, part="train"):
    return [point.y for point in model.board.data[f"{part}_loss"]]


def test_a_kernel_is_learned():
    """Convolutions for Images."""
    X = d2l.tensor([[0.0, 1.0, 2.0], [3.0, 4.0, 5.0], [6.0, 7.0, 8.0]])
    K = d2l.tensor([[0.0, 1.0], [2.0, 3.0]])
    assert d2l.corr2d(X, K).tolist() == [[19, 25], [37, 43]]
    assert d2l.corr2d(X.int(), K.int()).dtype == torch.float32

    class Conv2D(nn.Module):
        def __init__(self, kernel_size):
            super().__init__()
            self.weight = nn.Parameter(torch.rand(kernel_size))
            self.bias = nn.Parameter(torch.zeros(1))

        def forward(self, x):
            return d2l.corr2d(x, self.weight) + self.bias

    layer = Conv2D((2, 2))
    layer(X).sum().backward()
    assert torch.equal(layer.weight.grad, d2l.corr2d(X, torch.ones(2, 2)))  # of a sum: what each weight has seen

    X = d2l.ones((6, 8))
    X[:, 2:6] = 0
    Y = d2l.corr2d(X, d2l.tensor([[1.0, -1.0]]))
    assert Y.unique().tolist() == [-1, 0, 1]
    assert not d2l.corr2d(d2l.transpose(X), d2l.tensor([[1.0, -1.0]])).any()
    conv = nn.LazyConv2d(1, kernel_size=(1, 2), bias=False)
    for _ in range(30):
        loss = (conv(X.reshape(1, 1, 6, 8)) - Y.reshape(1, 1, 6, 7)).pow(2).sum()
        conv.zero_grad()
        loss.backward()
        conv.weight.data[:] -= 3e-2 * conv.weight.grad
    assert torch.allclose(d2l.reshape(conv.weight.data, (1, 2)), d2l.tensor([[1.0, -1.0]]), atol=0.05)


def test_several_channels():
    """Multiple Input and Multiple Output Channels."""
    X, K = d2l.normal(0, 1, (2, 5, 6)), d2l.normal(0, 1, (3, 2, 2, 3))
    by_hand = d2l.stack([sum(d2l.corr2d(x, k) for x, k in zip(X, kernel, strict=True)) for kernel in K], 0)
    assert torch.allclose(by_hand, F.conv2d(X[None], K)[0], atol=1e-5)


def test_pooling():
    """Pooling: the reader's loops against torch's layers."""

    def pool2d(X, size, mode="max"):
        Y = d2l.zeros((X.shape[0] - size[0] + 1, X.shape[1] - size[1] + 1))
        for i in range(Y.shape[0]):
            for j in range(Y.shape[1]):
                window = X[i : i + size[0], j : j + size[1]]
                Y[i, j] = window.max() if mode == "max" else window.mean()
        return Y

    X = d2l.reshape(d2l.arange(16, dtype=d2l.float32), (1, 1, 4, 4))
    assert torch.equal(pool2d(X[0, 0], (2, 3)), nn.MaxPool2d((2, 3), stride=1)(X)[0, 0])
    assert torch.allclose(pool2d(X[0, 0], (2, 2), "avg"), nn.AvgPool2d(2, stride=1)(X)[0, 0])
    X = d2l.concat((X, X + 1), 1)
    assert nn.MaxPool2d(3, padding=1, stride=2)(X).shape == (1, 2, 2, 2)


def test_lenet(clothes, capsys):
    """LeNet: every layer's shape, then training."""
    model = d2l.LeNet()
    assert model.layer_summary((1, 1, 28, 28)) is None
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(model.net) == 12
    assert lines[0] == "Conv2d output shape:\t torch.Size([1, 6, 28, 28])"
    assert lines[-1].endswith("torch.Size([1, 10])")
    assert sum(p.numel() for p in model.parameters()) == 61_706  # the published count

    model = d2l.LeNet(lr=0.9)
    trainer = fit(model, batch_size=25, epochs=12)
    assert trainer.train_batch_idx == 12 * 12
    assert losses(model)[-1] < 0.8 * losses(model)[0]
    assert isinstance(model.net[2], (nn.AvgPool2d, AvgPool2d))


def test_init_cnn_touches_plain_layers_only():
    torch.manual_seed(1)
    linear, conv, norm = nn.Linear(30, 20), nn.Conv2d(4, 6, 3), nn.BatchNorm2d(4)
    for layer in (linear, conv, norm):
        d2l.init_cnn(layer)
    bound = (6 / (30 + 20)) ** 0.5
    assert 0.9 * bound < float(linear.weight.detach().abs().max()) <= bound
    assert float(conv.weight.detach().abs().max()) <= (6 / (9 * 4 + 9 * 6)) ** 0.5
    assert bool((norm.weight == 1).all())


class Narrow(d2l.Classifier):
    """A network made by the test, initialised when it is made, before its layers know their shapes."""

    def __init__(self, *layers, lr=0.05, num_classes=10):
        super().__init__()
        self.save_hyperparameters(ignore=["layers"])
        self.net = nn.Sequential(*layers)
        self.net.apply(d2l.init_cnn)


def test_alexnet(clothes, capsys):
    """AlexNet: lazy layers that meet their data in training, stretched images, dropout."""

    def layers():
        return (
            *(nn.LazyConv2d(8, kernel_size=11, stride=4, padding=1), nn.ReLU(), nn.MaxPool2d(3, stride=2)),
            *(nn.LazyConv2d(16, kernel_size=3, padding=1), nn.ReLU(), nn.MaxPool2d(3, stride=2)),
            *(nn.Flatten(), nn.LazyLinear(64), nn.ReLU(), nn.Dropout(p=0.5), nn.LazyLinear(10)),
        )

    Narrow(*layers()).layer_summary((1, 1, 64, 64))
    assert "MaxPool2d output shape:\t torch.Size([1, 16, 2, 2])" in capsys.readouterr().out
    model = Narrow(*layers(), lr=0.1)
    fit(model, resize=(64, 64), epochs=6, init=False)
    assert losses(model)[-1] < losses(model)[0]
    assert model.net[0].weight.is_contiguous(memory_format=torch.channels_last)


def test_vgg(clothes):
    """VGG: blocks in a loop."""

    def block(num_convs, out_channels):
        convs = [layer for _ in range(num_convs) for layer in (nn.LazyConv2d(out_channels, 3, padding=1), nn.ReLU())]
        return nn.Sequential(*convs, nn.MaxPool2d(kernel_size=2, stride=2))

    model = Narrow(
        block(1, 4), block(1, 8), block(2, 16), nn.Flatten(), nn.LazyLinear(32), nn.ReLU(), nn.LazyLinear(10)
    )
    fit(model, resize=(32, 32), epochs=3)
    assert losses(model)[-1] < losses(model)[0]


def test_network_in_network(clothes):
    """NiN: 1×1 convolutions, average pooling over the whole image."""

    def block(out_channels, kernel_size, strides, padding):
        return nn.Sequential(
            *(nn.LazyConv2d(out_channels, kernel_size, strides, padding), nn.ReLU()),
            *(nn.LazyConv2d(out_channels, kernel_size=1), nn.ReLU()),
        )

    model = Narrow(
        *(block(16, 5, 2, 2), nn.MaxPool2d(3, stride=2), nn.Dropout(0.1), block(10, 3, 1, 1)),
        *(nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten()),
    )
    fit(model, epochs=2)
    X = torch.rand(3, 1, 28, 28)
    assert model(X).shape == (3, 10)
    assert all(bool(p.isfinite().all()) for p in model.parameters())


def test_googlenet(clothes, capsys):
    """GoogLeNet: methods and at last ``__init__`` are added to the class, which calls ``super`` by name."""

    class Inception(nn.Module):
        def __init__(self, c1, c2, c3, **kwargs):
            super().__init__(**kwargs)
            self.b1 = nn.LazyConv2d(c1, kernel_size=1)
            self.b2 = nn.Sequential(nn.LazyConv2d(c2[0], kernel_size=1), nn.LazyConv2d(c2[1], 3, padding=1))
            self.b3 = nn.Sequential(nn.MaxPool2d(3, stride=1, padding=1), nn.LazyConv2d(c3, kernel_size=1))

        def forward(self, x):
            return torch.cat([F.relu(branch(x)) for branch in (self.b1, self.b2, self.b3)], dim=1)

    class GoogleNet(d2l.Classifier):
        def b1(self):
            return nn.Sequential(nn.LazyConv2d(8, 7, stride=2, padding=3), nn.ReLU(), nn.MaxPool2d(3, 2, padding=1))

    @d2l.add_to_class(GoogleNet)
    def b2(self):
        return nn.Sequential(Inception(4, (4, 8), 4), nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten())

    @d2l.add_to_class(GoogleNet)
    def __init__(self, lr=0.1, num_classes=10):
        super(GoogleNet, self).__init__()
        self.save_hyperparameters()
        self.net = nn.Sequential(self.b1(), self.b2(), nn.LazyLinear(num_classes))
        self.net.apply(d2l.init_cnn)

    GoogleNet().layer_summary((1, 1, 32, 32))
    assert "Sequential output shape:\t torch.Size([1, 16])" in capsys.readouterr().out
    model = GoogleNet(lr=0.1)
    assert model.hparams == {"lr": 0.1, "num_classes": 10}
    fit(model, epochs=8)
    assert losses(model)[-1] < losses(model)[0]


def test_batch_normalisation_from_scratch(clothes):
    """Batch Normalization: a layer that asks whether gradients are wanted, and looks at its statistics afterwards."""

    class BatchNorm(nn.Module):
        def __init__(self, num_features, num_dims):
            super().__init__()
            shape = (1, num_features) if num_dims == 2 else (1, num_features, 1, 1)
            self.gamma, self.beta = nn.Parameter(torch.ones(shape)), nn.Parameter(torch.zeros(shape))
            self.moving_mean, self.moving_var = torch.zeros(shape), torch.ones(shape)

        def forward(self, X):
            if not torch.is_grad_enabled():
                mean, var = self.moving_mean, self.moving_var
            else:
                axes = (0,) if X.ndim == 2 else (0, 2, 3)
                mean, var = X.mean(axes, keepdim=True), X.var(axes, keepdim=True, unbiased=False)
                self.moving_mean = 0.9 * self.moving_mean + 0.1 * mean.detach()
                self.moving_var = 0.9 * self.moving_var + 0.1 * var.detach()
            return self.gamma * (X - mean) / torch.sqrt(var + 1e-5) + self.beta

    def layers(norm4, norm2):
        return (
            *(nn.LazyConv2d(6, kernel_size=5), norm4, nn.Sigmoid(), nn.AvgPool2d(2, stride=2)),
            *(nn.Flatten(), nn.LazyLinear(30), norm2, nn.Sigmoid(), nn.LazyLinear(10)),
        )

    for norms in ((BatchNorm(6, 4), BatchNorm(30, 2)), (nn.LazyBatchNorm2d(), nn.LazyBatchNorm1d())):
        model = Narrow(*layers(*norms), lr=0.3)
        fit(model, epochs=6)
        assert losses(model)[-1] < 0.8 * losses(model)[0]
        assert model.board.data["val_acc"][-1].y > 0.3
    scratch = BatchNorm(6, 4)
    X = torch.randn(50, 6, 4, 4)
    assert torch.allclose(scratch(X), nn.BatchNorm2d(6)(X), atol=1e-5)


def test_residual_networks(clothes):
    """ResNet and ResNeXt."""
    X = d2l.randn(4, 3, 6, 6)
    assert d2l.Residual(3)(X).shape == (4, 3, 6, 6)
    block = d2l.Residual(6, use_1x1conv=True, strides=2)
    Y = block(X)
    assert Y.shape == (4, 6, 3, 3)
    bn1, bn2 = nn.BatchNorm2d(6), nn.BatchNorm2d(6)
    by_hand = F.relu(bn2(block.conv2(F.relu(bn1(block.conv1(X))))) + block.conv3(X))
    assert torch.allclose(Y, by_hand, atol=1e-6)
    assert d2l.Residual(3).conv3 is None
    with pytest.raises(RuntimeError):
        d2l.Residual(6)(X)  # without a 1×1 convolution the channels must be the same

    class ResNet(d2l.Classifier):
        def block(self, num_residuals, num_channels, first_block=False):
            first = d2l.Residual(num_channels) if first_block else d2l.Residual(num_channels, True, 2)
            return nn.Sequential(first, *(d2l.Residual(num_channels) for _ in range(num_residuals - 1)))

        def __init__(self, arch, lr=0.1, num_classes=10):
            super().__init__()
            self.save_hyperparameters()
            self.net = nn.Sequential(nn.Sequential(nn.LazyConv2d(8, 5, 2, 2), nn.LazyBatchNorm2d(), nn.ReLU()))
            for i, b in enumerate(arch):
                self.net.add_module(f"b{i + 2}", self.block(*b, first_block=(i == 0)))
            self.net.add_module(
                "last", nn.Sequential(nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(), nn.LazyLinear(num_classes))
            )
            self.net.apply(d2l.init_cnn)

    model = ResNet(((1, 8), (2, 16)), lr=0.1)
    fit(model, epochs=5)
    assert losses(model)[-1] < 0.7 * losses(model)[0]


def test_grouped_residual_blocks():
    """ResNeXt's block, and what it is made of."""
    block = d2l.ResNeXtBlock(32, 16, 1)
    X = d2l.randn(4, 32, 12, 12)
    assert block(X).shape == X.shape
    assert block.conv2.groups == 2  # the book's "groups" are the channels of one
    assert block.conv4 is None
    wide = d2l.ResNeXtBlock(64, 8, 0.5, use_1x1conv=True, strides=2)
    Y = wide(X)
    assert Y.shape == (4, 64, 6, 6)
    assert wide.conv2.weight.shape == (32, 8, 3, 3)
    around = wide.bn4(wide.conv4(X))
    through = wide.bn3(wide.conv3(F.relu(wide.bn2(wide.conv2(F.relu(wide.bn1(wide.conv1(X))))))))
    assert torch.allclose(Y, F.relu(through + around), atol=1e-5)


def test_densely_connected_networks(clothes):
    """DenseNet: channels add up."""

    def conv_block(num_channels):
        return nn.Sequential(nn.LazyBatchNorm2d(), nn.ReLU(), nn.LazyConv2d(num_channels, kernel_size=3, padding=1))

    class Dense(nn.Module):
        def __init__(self, num_convs, num_channels):
            super().__init__()
            self.net = nn.Sequential(*(conv_block(num_channels) for _ in range(num_convs)))

        def forward(self, X):
            for block in self.net:
                X = torch.cat((X, block(X)), dim=1)
            return X

    assert Dense(2, 10)(torch.randn(4, 3, 8, 8)).shape == (4, 23, 8, 8)
    model = Narrow(
        *(nn.LazyConv2d(8, 7, stride=2, padding=3), Dense(2, 8), nn.LazyBatchNorm2d(), nn.ReLU()),
        *(nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(), nn.LazyLinear(10)),
        lr=0.1,
    )
    fit(model, epochs=3)
    assert losses(model)[-1] < losses(model)[0]


def test_designed_networks(clothes):
    """Designing Convolution Network Architectures: stages of ResNeXt blocks."""

    class AnyNet(d2l.Classifier):
        def stem(self, num_channels):
            return nn.Sequential(nn.LazyConv2d(num_channels, 3, 2, padding=1), nn.LazyBatchNorm2d(), nn.ReLU())

    @d2l.add_to_class(AnyNet)
    def stage(self, depth, num_channels, groups, bot_mul):
        first = d2l.ResNeXtBlock(num_channels, groups, bot_mul, use_1x1conv=True, strides=2)
        return nn.Sequential(first, *(d2l.ResNeXtBlock(num_channels, groups, bot_mul) for _ in range(depth - 1)))

    @d2l.add_to_class(AnyNet)
    def __init__(self, arch, stem_channels, lr=0.1, num_classes=10):
        super(AnyNet, self).__init__()
        self.save_hyperparameters()
        self.net = nn.Sequential(self.stem(stem_channels))
        for i, s in enumerate(arch):
            self.net.add_module(f"stage{i + 1}", self.stage(*s))
        head = nn.Sequential(nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(), nn.LazyLinear(num_classes))
        self.net.add_module("head", head)
        self.net.apply(d2l.init_cnn)

    class Small(AnyNet):
        def __init__(self, lr=0.1, num_classes=10):
            super().__init__(((1, 16, 8, 1), (2, 32, 8, 1)), 8, lr, num_classes)

    Small().layer_summary((1, 1, 32, 32))
    model = Small(lr=0.1)
    fit(model, init=False, epochs=4)
    assert losses(model)[-1] < losses(model)[0]


def test_a_network_that_looks_at_memory_order_stays_as_it_is(clothes):
    class Flat(nn.Module):
        def forward(self, X):
            return X.view(X.shape[0], -1)

    torch.manual_seed(3)
    flat = Narrow(nn.LazyConv2d(4, 3), Flat(), nn.LazyLinear(10))
    fit(flat, init=False)
    torch.manual_seed(3)
    flattened = Narrow(nn.LazyConv2d(4, 3), nn.Flatten(), nn.LazyLinear(10))
    fit(flattened, init=False)
    assert flat.net[0].weight.is_contiguous()
    assert flattened.net[0].weight.is_contiguous(memory_format=torch.channels_last)
    assert losses(flat) == pytest.approx(losses(flattened), rel=1e-4)
