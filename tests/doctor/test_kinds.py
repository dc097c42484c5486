"""Kinds of faults that leave the loss looking usual, each beside a twin without it."""

import random

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tests.doctor import programs as p
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

import fathom
from fathom.doctor.observer.loaders import seeds_alike
from fathom.doctor.observer.networks.evaluations import are_near, redrawn

SEED = 7


def loud(train, *, least="warning"):
    with fathom.watch(show=False) as doctor:
        train()
    assert not [each for each in doctor.findings.not_checked if "failed" in each.reason]
    return {f.code for f in doctor.findings.findings if least == "note" or f.severity != "note"}


def descend(network, x, y, *, steps=12, lr=0.1, size=None):
    optimizer = torch.optim.SGD(network.parameters(), lr=lr)
    for step in range(steps):
        rows = slice(None) if size is None else slice(step * size % len(x), step * size % len(x) + size)
        optimizer.zero_grad()
        F.cross_entropy(network(x[rows]), y[rows]).backward()
        optimizer.step()


class Sequences(nn.Module):
    def __init__(self, batch_first):
        super().__init__()
        self.rnn, self.out = nn.GRU(5, 8, batch_first=batch_first), nn.Linear(8, 2)

    def forward(self, x):
        return self.out(self.rnn(x)[0][:, -1])


@pytest.mark.parametrize("batch_first", [False, True])
def test_a_recurrent_layer_that_takes_samples_for_steps(batch_first):
    torch.manual_seed(0)
    x = torch.randn(60, 7, 5)  # (N, T, D)
    found = loud(lambda: descend(Sequences(batch_first), x, (x.sum((1, 2)) > 0).long(), size=20))
    assert ("model.samples_mixed" in found) is not batch_first


def test_steps_before_samples_as_declared_are_right():
    """Targets of each step, (T, N), have as many rows as there are steps."""
    torch.manual_seed(0)
    x = torch.randn(7, 20, 5)  # (T, N, D)
    rnn, out = nn.GRU(5, 8), nn.Linear(8, 2)
    optimizer = torch.optim.SGD([*rnn.parameters(), *out.parameters()], lr=0.1)

    def train():
        for _ in range(8):
            optimizer.zero_grad()
            F.cross_entropy(out(rnn(x)[0]).permute(0, 2, 1), (x[..., 0] > 0).long()).backward()
            optimizer.step()

    assert "model.samples_mixed" not in loud(train)


@pytest.mark.parametrize("repeats", [True, False])
def test_a_layer_that_stands_several_times_in_its_list(repeats):
    torch.manual_seed(0)
    layer = nn.Linear(8, 8)
    hidden = [layer] * 3 if repeats else [nn.Linear(8, 8) for _ in range(3)]
    network = nn.Sequential(nn.Linear(6, 8), *hidden, nn.Linear(8, 3))
    assert ("model.layer_unused" in loud(lambda: descend(network, *p.classes()))) is repeats


@pytest.mark.parametrize("dim", [0, 1])
def test_a_written_out_softmax_over_the_samples(dim):
    x, y = p.classes()
    weight = torch.zeros(6, 3, requires_grad=True)
    optimizer = torch.optim.SGD([weight], lr=0.5)

    def train():
        for _ in range(8):
            odds = (x @ weight).exp()
            loss = -(odds / odds.sum(dim, keepdim=True))[torch.arange(len(y)), y].log().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    assert ("model.samples_mixed" in loud(train)) is (dim == 0)


def test_gradients_that_no_step_uses():
    x, y = p.classes()
    network = p.network()

    def train(by_hand):
        optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
        for _ in range(5):
            (F.cross_entropy(network(x), y) / 16).backward()  # of 16 that never come together
            if by_hand:
                with torch.no_grad():
                    for parameter in network.parameters():
                        parameter -= 0.1 * parameter.grad
                        parameter.grad = None
        return optimizer

    assert "step.parameters_not_updated" in loud(lambda: train(False))
    assert "step.parameters_not_updated" not in loud(lambda: train(True))


def test_a_later_evaluation_at_another_scale():
    x, y = p.classes()
    network = p.network()

    def train(factor):
        for _ in range(3):
            network.train()
            descend(network, x, y, steps=4)
            network.eval()
            with torch.no_grad():
                network(x[:32])
        with torch.no_grad():
            network(x[32:] * factor)  # the test set, at the very end

    assert "data.other_statistics_at_prediction" in loud(lambda: train(255.0))
    assert "data.other_statistics_at_prediction" not in loud(lambda: train(1.0))


class Noisy(Dataset):
    def __init__(self, x, y, noise):
        self.x, self.y, self.noise = x, y, noise

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i] + self.noise * torch.randn(6), self.y[i]


@pytest.mark.parametrize("noise", [0.05, 0.0])
def test_noise_on_a_validation_that_is_shuffled(noise):
    torch.manual_seed(0)
    x, y = p.classes()
    network = p.network()
    val = DataLoader(Noisy(x[:48], y[:48], noise), 48, shuffle=True)

    def train():
        for _ in range(3):
            network.train()
            descend(network, x, y, steps=4)
            network.eval()
            with torch.no_grad():
                for inputs, labels in val:
                    F.cross_entropy(network(inputs), labels)

    assert ("data.augmented_validation" in loud(train)) is (noise > 0)


def test_altered_rows_are_told_from_other_rows():
    generator = torch.Generator().manual_seed(0)
    rows, others = torch.rand(2, 32, 144, generator=generator)
    mirrored = rows.view(32, 12, 12).flip(2).flatten(1)
    noisy = rows + 0.05 * torch.randn(32, 144, generator=generator)
    assert redrawn(rows, noisy)
    assert redrawn(rows, mirrored)
    assert not redrawn(rows, others)
    assert not redrawn(rows, rows.clone())
    assert not redrawn(rows, rows.flip(0))
    assert are_near(rows, noisy.flip(0))
    assert not are_near(rows, others)


def test_workers_that_are_seeded_alike():
    def by_the_worker(worker):
        np.random.seed(SEED + worker)

    def by_its_own(worker):
        seed = torch.initial_seed() % 2**32
        random.seed(seed)
        np.random.seed(seed)

    before = np.random.get_state()[1].tolist(), random.getstate(), torch.get_rng_state().tolist()
    assert seeds_alike(lambda _: np.random.seed(3))
    assert seeds_alike(lambda _: (random.seed(SEED), np.random.seed(SEED)))
    assert not seeds_alike(by_the_worker)
    assert not seeds_alike(by_its_own)
    assert not seeds_alike(None)
    assert before == (np.random.get_state()[1].tolist(), random.getstate(), torch.get_rng_state().tolist())


def test_outputs_that_are_the_same_for_all():
    x, _ = p.classes()

    def train(network):
        optimizer = torch.optim.SGD(network.parameters(), lr=0.05)
        for _ in range(70):
            optimizer.zero_grad()
            F.mse_loss(network(x), 3 + x[:, :1]).backward()
            optimizer.step()

    torch.manual_seed(0)
    dead = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 1))
    nn.init.constant_(dead[0].bias, -50.0)
    found = loud(lambda: train(dead), least="note")  # a note, for the dead units explain it
    assert found >= {"model.dead_units", "model.collapse"}
    assert "model.collapse" not in loud(lambda: train(nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 1))))


@pytest.mark.parametrize("passes", [1, 5])
def test_dropout_that_stays_on_for_the_mean_of_several_passes(passes):
    torch.manual_seed(0)
    x, y = p.classes()
    network = p.network(dropout=0.5)
    network[1] = nn.Identity()

    def train():
        val = DataLoader(TensorDataset(x[:48], y[:48]), 16)
        for _ in range(3):
            descend(network, x, y, steps=4)
            with torch.no_grad():
                for _ in range(passes):
                    for inputs, _ in val:
                        network(inputs)

    assert ("model.wrong_mode" in loud(train)) is (passes == 1)
