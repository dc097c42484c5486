"""Each fault is found, under its code; its right twin is not."""

import math
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from tests.doctor import programs as p
from torch import nn

import fathom


def diagnose(train, *objects):
    with fathom.watch(*objects, show=False) as doctor:
        train()
    return doctor.findings


def codes(train, *, above_note=True):
    return {f.code for f in diagnose(train).findings if not above_note or f.severity != "note"}


def one(train, code):
    (finding,) = [f for f in diagnose(train).findings if f.code == code]
    return finding


def regression(shape):
    x, _ = p.classes()
    return x, x[:, :1].reshape(shape) * 2


def test_softmax_before_cross_entropy_is_named_with_its_floor_and_line():
    def train():
        model = p.network(nn.Softmax(1))
        p.learn(model, p.sgd(model))

    finding = one(train, "loss.softmax_before_cross_entropy")
    assert finding.severity == "error"
    assert finding.evidence["lowest_loss"] == pytest.approx(math.log(1 + 2 / math.e))
    assert "programs.py:" in finding.place


def test_log_softmax_before_cross_entropy_is_idempotent_and_right():
    def train():
        model = p.network(nn.LogSoftmax(1))
        p.learn(model, p.sgd(model))

    assert codes(train) == set()


def make(model_of, loss="cross_entropy", data=None, **options):
    def train():
        model = model_of()
        p.learn(model, p.sgd(model), loss, data() if data else None, **options)

    return train


def multi_label():
    x, y = p.classes()
    return x, F.one_hot(y, 3).float()


FAULTS = {
    "loss.sigmoid_before_bce_with_logits": make(
        lambda: p.network(nn.Sigmoid()), "binary_cross_entropy_with_logits", multi_label
    ),
    "model.relu_on_logits": make(lambda: p.network(nn.ReLU())),
    "loss.target_broadcast": make(
        lambda: p.network(k=1), lambda a, b: ((a - b) ** 2).mean(), lambda: regression((-1,))
    ),
    "loss.wrong_sign": make(p.network, lambda a, b: -F.cross_entropy(a, b), epochs=1),
    "step.gradients_not_cleared": make(p.network, clear=False),
    "model.wrong_mode": make(p.network, mode=False),
    "loss.wrong_kind": make(p.network, "nll_loss", epochs=1),
}
TWINS = {
    "loss.sigmoid_before_bce_with_logits": make(p.network, "binary_cross_entropy_with_logits", multi_label),
    "loss.target_broadcast": make(
        lambda: p.network(k=1), lambda a, b: ((a - b) ** 2).mean(), lambda: regression((-1, 1))
    ),
    "loss.wrong_sign": make(p.network, lambda a, b: -F.log_softmax(a, 1).gather(1, b[:, None]).mean()),
    "step.gradients_not_cleared": make(p.network, accumulate=3),
    "loss.wrong_kind": make(lambda: p.network(nn.LogSoftmax(1)), "nll_loss"),
}


@pytest.mark.parametrize("code", FAULTS)
def test_fault(code):
    assert code in codes(FAULTS[code])


@pytest.mark.parametrize("code", TWINS)
def test_right_twin(code):
    assert codes(TWINS[code]) == set()


def test_evaluation_in_training_mode_is_found_and_the_right_loop_is_not():
    def wrong():
        model = p.network(dropout=0.2)
        p.epochs(model, p.sgd(model), *p.loaders(), evaluate=False)

    def right():
        model = p.network(dropout=0.2)
        p.epochs(model, p.sgd(model), *p.loaders())

    assert codes(wrong) == {"model.wrong_mode"}
    assert codes(right) == set()


class Own(nn.Module):
    """A network with one fault, or none."""

    def __init__(self, *, unused=False, hidden=False, detach=False, mix=False):
        super().__init__()
        self.first, self.last = nn.Linear(6, 16), nn.Linear(16, 3)
        self.spare = nn.Linear(2, 2) if unused else None
        self.more = [nn.Linear(16, 16)] if hidden else []
        self.detach, self.mix = detach, mix

    def forward(self, x):
        x = torch.relu(self.first(x))
        x = x.detach() if self.detach else x
        for layer in self.more:
            x = layer(x)
        x = x - x.mean(0) if self.mix else x
        return self.last(x)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"unused": True}, "model.layer_unused"),
        ({"hidden": True}, "step.parameters_not_updated"),
        ({"detach": True}, "model.detached_graph"),
        ({"mix": True}, "model.samples_mixed"),
        ({}, None),
    ],
)
def test_structure(options, code):
    def train():
        torch.manual_seed(0)
        model = Own(**options)
        p.epochs(model, p.sgd(model), *p.loaders())

    assert codes(train) == ({code} if code else set())


def test_an_optimiser_of_another_network_is_found():
    def train():
        optimizer = p.sgd(p.network())
        p.learn(p.network(), optimizer)

    assert "step.parameters_not_updated" in codes(train)


def test_equal_initial_weights_are_found_and_a_zero_branch_is_not():
    def constant():
        model = p.network()
        for layer in model:
            if isinstance(layer, nn.Linear):
                nn.init.constant_(layer.weight, 0.1)
        p.learn(model, p.sgd(model))

    def zero_last():
        model = p.network()
        nn.init.zeros_(model[-1].weight)
        p.learn(model, p.sgd(model))

    assert "init.symmetric" in codes(constant)
    assert codes(zero_last) == set()


def test_a_loss_imported_before_the_watch_is_seen_in_the_graph():
    early = F.cross_entropy

    def train():
        model = p.network(nn.Softmax(1))
        p.learn(model, p.sgd(model), early)

    assert codes(train) == {"loss.softmax_before_cross_entropy"}


def test_labels_out_of_range_are_explained_when_the_loss_raises():
    def train():
        model = p.network()
        x, y = p.classes()
        with pytest.raises(IndexError):
            p.learn(model, p.sgd(model), data=(x, y + 1))

    finding = one(train, "data.labels_out_of_range")
    assert (finding.evidence["min"], finding.evidence["max"], finding.evidence["outputs"]) == (1, 3, 3)
    assert "y - 1" in finding.remedy


@pytest.mark.parametrize(("bad", "where"), [("batch", "batch"), ("parameter", "parameter"), ("loss", "loss")])
def test_the_first_value_that_is_not_finite_is_located(bad, where):
    def train():
        model = p.network()
        x, y = p.classes()
        if bad == "batch":
            x[40] = math.nan  # in the second batch
        if bad == "parameter":
            model[0].weight.data[0, 0] = math.inf
        loss = (lambda a, b: F.cross_entropy(a, b) + torch.log(-a.square().sum())) if bad == "loss" else "cross_entropy"
        p.learn(model, p.sgd(model), loss, (x, y))

    finding = one(train, "loss.not_finite")
    assert finding.evidence["where"] == where
    assert finding.evidence["step"] == (1 if bad == "batch" else 0)


def test_a_cosine_stepped_each_batch_and_planned_in_epochs_is_found():
    def train(each_batch):
        model = p.network()
        optimizer = p.sgd(model)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=4)
        for _ in range(4):
            for x, y in p.loaders()[0]:
                optimizer.zero_grad()
                F.cross_entropy(model(x), y).backward()
                optimizer.step()
                if each_batch:
                    schedule.step()
            if not each_batch:
                schedule.step()

    assert "lr.schedule_rhythm" in codes(lambda: train(True))
    assert codes(lambda: train(False)) == set()


class Uses(nn.Module):
    """A network whose forward pass is given."""

    def __init__(self, forward):
        super().__init__()
        torch.manual_seed(0)
        self.layer, self.run = nn.Linear(6, 3), forward

    def forward(self, x):
        return self.run(self, x)


def trained(forward, *, scale=1.0, **options):
    def train():
        model = Uses(forward)
        x, y = p.classes()
        p.learn(model, p.sgd(model, lr=0.01), data=(x * scale, y), **options)

    return train


def test_a_network_that_scales_its_input_is_right_and_one_that_does_not_is_found():
    assert "data.not_scaled" in codes(trained(lambda m, x: m.layer(x), scale=100.0))
    assert codes(trained(lambda m, x: m.layer(x / 100), scale=100.0)) == set()


def test_a_functional_dropout_that_knows_no_mode_is_found():
    assert "model.wrong_mode" in codes(trained(lambda m, x: F.dropout(m.layer(x), 0.3)))
    assert codes(trained(lambda m, x: F.dropout(m.layer(x), 0.3, training=m.training))) == set()


def test_targets_that_the_last_activation_cannot_give_are_found():
    x, _ = p.classes()

    def train(last, targets):
        model = p.network(last, k=1)
        p.learn(model, p.sgd(model), "mse_loss", (x, targets))

    assert codes(lambda: train(nn.ReLU(), x[:, :1])) == {"model.relu_on_logits"}
    assert codes(lambda: train(nn.ReLU(), x[:, :1].abs())) == set()
    assert codes(lambda: train(nn.Sigmoid(), x[:, :1])) == {"loss.wrong_kind"}
    assert codes(lambda: train(nn.Sigmoid(), (x[:, :1] > 0).float())) == set()


def test_small_batches_of_batch_normalisation_are_found():
    def train(size):
        model = p.network()
        x, y = p.classes()
        optimizer = p.sgd(model)
        for xb, yb in zip(x.split(size), y.split(size), strict=True):
            optimizer.zero_grad()
            F.cross_entropy(model(xb), yb).backward()
            optimizer.step()

    assert codes(lambda: train(2)) == {"model.batch_norm_small_batch"}
    assert codes(lambda: train(16)) == set()


def test_a_log_likelihood_without_its_minus_is_found():
    def train(sign):
        model = p.network()
        optimizer = p.sgd(model)
        for x, y in [p.classes()] * 4:
            optimizer.zero_grad()
            (sign * torch.distributions.Categorical(logits=model(x)).log_prob(y).mean()).backward()
            optimizer.step()

    assert "loss.wrong_sign" in codes(lambda: train(1))
    assert codes(lambda: train(-1)) == set()


def test_accumulated_means_of_uneven_batches_are_found_unless_they_are_weighed():
    def train(weighed):
        model = p.network()
        optimizer = p.sgd(model)
        x, y = p.classes()
        for _ in range(5):
            optimizer.zero_grad()
            for rows in torch.arange(96).split([60, 30, 6]):
                loss = F.cross_entropy(model(x[rows]), y[rows])
                (loss * (len(rows) / 96 if weighed else 1 / 3)).backward()
            optimizer.step()

    assert "step.uneven_accumulation" in codes(lambda: train(False))
    assert codes(lambda: train(True)) == set()


def test_wrong_initial_weights_are_placed_where_they_are_set():
    def train():
        model = p.network()
        nn.init.normal_(model[0].weight, std=30.0)  # the line that is to be named
        p.learn(model, p.sgd(model))

    finding = one(train, "init.scale")
    here = Path(__file__)
    line = next(i for i, text in enumerate(here.read_text().splitlines(), 1) if "the line that is to be named" in text)
    assert f"{here.name}:{line}" in finding.place
    assert finding.evidence["he_std"] == pytest.approx(math.sqrt(2 / 6))
