"""The earlier editions' chapters on convolutional networks, a program a section."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from fathom.d2l.v0 import torch as d2l


def test_cross_correlation():
    """Images to convolutions: the operation, an edge detector, and a kernel that is learned."""
    X = d2l.tensor([[0.0, 1.0, 2.0], [3.0, 4.0, 5.0], [6.0, 7.0, 8.0]])
    K = d2l.tensor([[0.0, 1.0], [2.0, 3.0]])
    assert d2l.corr2d(X, K).tolist() == [[19.0, 25.0], [37.0, 43.0]]
    X = d2l.ones((6, 8))
    X[:, 2:6] = 0
    K = d2l.tensor([[1.0, -1.0]])
    Y = d2l.corr2d(X, K)
    assert Y[0].tolist() == [0, 1, 0, 0, 0, -1, 0]
    assert not d2l.corr2d(d2l.transpose(X), K).any()
    conv2d = nn.Conv2d(1, 1, kernel_size=(1, 2), bias=False)
    X, Y = d2l.reshape(X, (1, 1, 6, 8)), d2l.reshape(Y, (1, 1, 6, 7))
    for _ in range(20):
        conv2d.zero_grad()
        ((conv2d(X) - Y) ** 2).sum().backward()
        conv2d.weight.data -= 3e-2 * conv2d.weight.grad
    assert torch.allclose(d2l.reshape(conv2d.weight.data, (1, 2)), K, atol=0.1)


def test_channels():
    """Several channels in and out, and 1×1 as a matrix product."""
    X, K = d2l.normal(0, 1, (3, 5, 5)), d2l.normal(0, 1, (2, 3, 2, 2))
    ours = d2l.stack([sum(d2l.corr2d(x, k) for x, k in zip(X, kernel, strict=True)) for kernel in K], 0)
    assert torch.allclose(ours, F.conv2d(X[None], K)[0], atol=1e-5)
    K = d2l.normal(0, 1, (2, 3, 1, 1))
    Y1 = d2l.reshape(d2l.matmul(d2l.reshape(K, (2, 3)), d2l.reshape(X, (3, 25))), (2, 5, 5))
    Y2 = d2l.stack([sum(d2l.corr2d(x, k) for x, k in zip(X, kernel, strict=True)) for kernel in K], 0)
    assert float(d2l.reduce_sum(d2l.abs(Y1 - Y2))) < 1e-4


def test_pooling():
    X = d2l.reshape(d2l.arange(16, dtype=d2l.float32), (1, 1, 4, 4))
    assert nn.MaxPool2d(3)(X).item() == 10
    assert nn.MaxPool2d(3, padding=1, stride=2)(d2l.concat((X, X + 1), 1)).shape == (1, 2, 2, 2)


def lenet():
    return nn.Sequential(
        *(nn.Conv2d(1, 6, kernel_size=5, padding=2), nn.Sigmoid(), nn.AvgPool2d(kernel_size=2, stride=2)),
        *(nn.Conv2d(6, 16, kernel_size=5), nn.Sigmoid(), nn.AvgPool2d(kernel_size=2, stride=2), nn.Flatten()),
        *(nn.Linear(400, 120), nn.Sigmoid(), nn.Linear(120, 84), nn.Sigmoid(), nn.Linear(84, 10)),
    )


def test_lenet_trains(clothes, capsys):
    train_iter, test_iter = d2l.load_data_fashion_mnist(batch_size=20)
    net = lenet()
    d2l.train_ch6(net, train_iter, test_iter, 2, 0.9, d2l.try_gpu())
    device, losses, speed = capsys.readouterr().out.splitlines()
    assert device == f"training on {d2l.try_gpu()}"
    loss, train_acc, test_acc = (float(part.split()[-1]) for part in losses.split(","))
    assert 0 < loss < 3
    assert test_acc == pytest.approx(d2l.evaluate_accuracy_gpu(net, test_iter), abs=5e-4)
    assert speed.endswith(f"examples/sec on {d2l.try_gpu()}")
    assert 0 <= train_acc <= 1
    d2l.plt.gcf().canvas.draw()
    curves = d2l.plt.gcf().axes[0].lines
    assert [len(curve.get_xdata()) for curve in curves] == [10, 10, 2]  # five times an epoch, and once


def test_small_network_learns_with_a_view(clothes):
    """A network that asks for a memory order, with ``view``, is left in it."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.linear = nn.Conv2d(1, 8, 3, stride=2), nn.Linear(8 * 13 * 13, 10)

        def forward(self, X):
            Y = torch.relu(self.conv(X))
            return self.linear(Y.view(len(Y), -1))

    train_iter, test_iter = d2l.load_data_fashion_mnist(20)
    net = Net()
    d2l.train_ch6(net, train_iter, test_iter, 3, 0.1, torch.device("cpu"))
    assert d2l.evaluate_accuracy_gpu(net, test_iter) > 0.8


def test_accuracy_of_functions_and_lists():
    """A network may be a function, on a device that is named, and its input a list."""
    X, y = torch.eye(4), torch.tensor([0, 1, 2, 0])
    batches = [((X, X), y)]
    assert d2l.evaluate_accuracy_gpu(lambda pair: pair[0] + pair[1], batches, torch.device("cpu")) == 0.75
    assert d2l.evaluate_accuracy_gpu(nn.Identity(), [(X, y)]) == 0.75  # a module without parameters


def test_modern_networks_take_resized_images(clothes):
    """AlexNet, VGG, NiN, GoogLeNet, DenseNet: what their sections ask of the helper package, on a small network."""
    train_iter, test_iter = d2l.load_data_fashion_mnist(50, resize=96)
    assert next(iter(train_iter))[0].shape == (50, 1, 96, 96)
    net = nn.Sequential(
        nn.Conv2d(1, 8, 11, stride=4), nn.ReLU(), nn.AdaptiveAvgPool2d((4, 4)), nn.Flatten(), nn.Linear(128, 10)
    )
    d2l.train_ch6(net, train_iter, test_iter, 4, 0.3, d2l.try_gpu())
    assert d2l.evaluate_accuracy_gpu(net, test_iter) > 0.3


def test_batch_normalisation_trains(clothes):
    train_iter, test_iter = d2l.load_data_fashion_mnist(50)
    net = nn.Sequential(nn.Conv2d(1, 6, 5), nn.BatchNorm2d(6), nn.Sigmoid(), nn.AvgPool2d(4), nn.Flatten())
    net.append(nn.Linear(216, 10))
    d2l.train_ch6(net, train_iter, test_iter, 4, 1.0, d2l.try_gpu())
    assert net[1].running_mean.abs().sum() > 0
    assert d2l.evaluate_accuracy_gpu(net, train_iter) > 0.3


def test_residual_block():
    """With the input's channels, as here, and without them, as in edition 1.0."""
    X = torch.rand(4, 3, 6, 6)
    assert d2l.Residual(3, 3)(X).shape == (4, 3, 6, 6)
    block = d2l.Residual(3, 6, use_1x1conv=True, strides=2)
    assert block(X).shape == (4, 6, 3, 3)
    assert type(block.conv1) is nn.Conv2d  # its parameters are there before the first input
    block.eval()
    Y = block.bn2(block.conv2(F.relu(block.bn1(block.conv1(X)))))
    assert torch.equal(block(X), F.relu(Y + block.conv3(X)))
    assert d2l.Residual(6, True, 2)(X).shape == (4, 6, 3, 3)


def test_resnet_18():
    """The form for small images; its convolutions have biases, as the book's have."""
    net = d2l.resnet18(10, 3)
    count = 64 * 27 + 64 + 128  # stem and its normalisation
    width = 64
    for stage, out in enumerate((64, 128, 256, 512)):
        for first, channels in ((True, width), (False, out)):
            count += 9 * channels * out + out + 9 * out * out + out + 4 * out
            count += channels * out + out if first and stage else 0
        width = out
    assert sum(p.numel() for p in net.parameters()) == count + 5130
    assert [name for name, _ in net.named_children()][3:] == [
        *("resnet_block1", "resnet_block2", "resnet_block3", "resnet_block4"),
        *("global_avg_pool", "fc"),
    ]
    assert net(torch.rand(2, 3, 16, 16)).shape == (2, 10)
