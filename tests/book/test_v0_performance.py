"""The chapter on computational performance, a program a section, on CPU stand-ins where it asks for GPUs."""

import itertools

import pytest
import torch
from torch import nn

from fathom.d2l.frame import devices
from fathom.d2l.v0 import torch as d2l


def test_benchmarks(capsys):
    """Asynchronous computation and compilers: blocks that are timed."""
    with d2l.Benchmark("torch"):
        torch.randn(10, 10) @ torch.randn(10, 10)
    with d2l.Benchmark() as benchmark:
        pass
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("torch: ")
    assert second.startswith("Done: ")
    assert second.endswith(" sec")
    assert benchmark.description == "Done"
    assert float(second.split()[1]) == pytest.approx(benchmark.timer.times[0], abs=1e-4)


def test_devices_of_this_machine():
    assert d2l.cpu() == torch.device("cpu")
    assert len(d2l.try_all_gpus()) == max(1, d2l.num_gpus())
    assert d2l.try_gpu(d2l.num_gpus()) == d2l.cpu()


@pytest.mark.parametrize(("kind", "number"), [("cuda", 2), ("mps", 1), ("xpu", 3)])
def test_devices_of_other_machines(monkeypatch, kind, number):
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda check_available=False: torch.device(kind))
    monkeypatch.setattr(torch.accelerator, "device_count", lambda: number)
    assert devices.num_gpus() == number
    assert devices.try_all_gpus() == [torch.device(kind, i) for i in range(number)]
    assert devices.try_gpu() == devices.gpu() == torch.device(kind, 0)
    assert devices.try_gpu(number) == torch.device("cpu")


def test_no_device(monkeypatch):
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda check_available=False: None)
    assert devices.num_gpus() == 0
    assert devices.try_all_gpus() == [devices.try_gpu()] == [torch.device("cpu")]
    assert devices.gpu(1) == torch.device("cuda", 1)  # the name, as the book prints it


def test_batches_are_split():
    two = [torch.device("cpu")] * 2
    X, y = torch.arange(20).reshape(4, 5), torch.arange(4)
    X_parts, y_parts = d2l.split_batch(X, y, two)
    assert torch.equal(torch.cat(X_parts), X)
    assert [part.tolist() for part in y_parts] == [[0, 1], [2, 3]]
    with pytest.raises(ValueError, match="4 samples but 3 labels"):
        d2l.split_batch(X, y[:3], two)


def test_training_on_several_devices(clothes):
    """Multiple GPUs from scratch: two copies of the parameters, gradients summed, equal to one device."""
    train_iter, test_iter = d2l.load_data_fashion_mnist(50)
    loss = nn.CrossEntropyLoss(reduction="none")
    W = torch.randn(784, 10) * 0.01
    ends = []
    for num_devices in (1, 2):
        copies = [W.clone().requires_grad_() for _ in range(num_devices)]
        torch.manual_seed(0)
        animator, timer = d2l.Animator("epoch", "test acc", xlim=[1, 2]), d2l.Timer()
        for epoch in range(2):
            timer.start()
            for X, y in train_iter:
                X_parts, y_parts = d2l.split_batch(X, y, [torch.device("cpu")] * num_devices)
                for part, labels, copy in zip(X_parts, y_parts, copies, strict=True):
                    loss(part.flatten(1) @ copy, labels).sum().backward()
                total = sum(copy.grad for copy in copies)
                for copy in copies:
                    copy.grad = total.clone()
                    d2l.sgd([copy], 0.1, X.shape[0])
            timer.stop()
            accuracy = d2l.evaluate_accuracy_gpu(lambda X: X.flatten(1) @ copies[0], test_iter, d2l.try_gpu(0))  # noqa: B023
            animator.add(epoch + 1, (accuracy,))
        assert timer.avg() > 0
        assert animator.Y[0][-1] > 0.9
        ends.append(copies[0].detach())
    assert torch.allclose(*ends, atol=1e-5)


def test_concise_training_on_several_devices(clothes):
    """The network of the section, trained where there is a device."""
    net, found = d2l.resnet18(10), d2l.try_all_gpus()
    assert net(torch.rand(2, 1, 12, 12)).shape == (2, 10)
    train_iter, test_iter = d2l.load_data_fashion_mnist(50, resize=8)
    trainer, loss = torch.optim.SGD(net.parameters(), 0.05), nn.CrossEntropyLoss()
    net = net.to(found[0])
    losses = []
    net.train()
    for X, y in itertools.islice(itertools.cycle(train_iter), 3):
        X, y = X.to(found[0]), y.to(found[0])
        trainer.zero_grad()
        value = loss(net(X), y)
        value.backward()
        trainer.step()
        losses.append(value.item())
    assert losses[-1] < losses[0]
    assert 0 <= d2l.evaluate_accuracy_gpu(net, test_iter) <= 1
