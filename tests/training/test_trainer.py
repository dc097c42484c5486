"""The loop against loops written by hand, and everything a user may ask of it."""

from __future__ import annotations

import copy
import json
import math
import random
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from fathom.data.module import DataModule
from fathom.errors import FathomError, UsageError
from fathom.module import Classifier, Module, Regressor
from fathom.training.callbacks import Callback, ClipValue, L1Penalty
from fathom.training.device import Execution
from fathom.training.optimizers import make_optimizer
from fathom.training.rehearsal import Rehearsal
from fathom.training.schedules.schedule import make_schedule
from fathom.training.trainer import Trainer


class Served(DataModule):
    """A data module around loaders made elsewhere."""

    def __init__(self, train: Any, val: Any = None, test: Any = None) -> None:
        self.loaders = train, val, test

    def train_dataloader(self) -> Any:
        return self.loaders[0]

    def val_dataloader(self) -> Any:
        return self.loaders[1]

    def test_dataloader(self) -> Any:
        return self.loaders[2]


def sgd(lr: float = 0.1, **options: Any):
    return lambda module: torch.optim.SGD(module.parameters(), lr=lr, **options)


def train_by_hand(module, data, optimizer, epochs, *, schedule=None, seed=0, before_step=lambda: None):
    """The loop as one would write it, over the same batches."""
    torch.manual_seed(seed)
    base = [group["lr"] for group in optimizer.param_groups]
    loader, step = data.train_dataloader(), 0
    module.train()
    for epoch in range(epochs):
        loader.seek(epoch)
        for X, y in loader:
            if schedule is not None:
                for group, lr in zip(optimizer.param_groups, base, strict=True):
                    group["lr"] = lr * schedule.factor(step)
            optimizer.zero_grad()
            loss = module.train_loss(module.net(module.preprocess(X)), y)
            loss.backward()
            before_step()
            optimizer.step()
            step += 1


# Trajectories --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("sgd", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 1e-3}),
        ("adamw", {"lr": 1e-2, "amsgrad": True}),
    ],
)
@pytest.mark.parametrize("schedule", [None, "one_cycle", "cosine:warmup=0.3"])
def test_trajectory_is_that_of_a_loop_written_by_hand(
    images, make_classifier, same_weights, cpu, name, options, schedule
):
    data = images()
    fitted, hand = (make_classifier(dropout=0.3, batch_norm=True) for _ in range(2))
    trainer = Trainer(
        3, optimizer=lambda m: make_optimizer(name, m, **options), schedule=schedule, execution=cpu, seed=5
    )
    trainer.fit(fitted, data)
    steps = 3 * len(data.train_dataloader())
    curve = make_schedule(schedule, steps) if schedule else None
    train_by_hand(hand, data, make_optimizer(name, hand, **options), 3, schedule=curve, seed=5)
    assert trainer.step == trainer.total_steps == steps
    assert same_weights(fitted, hand)


@pytest.mark.parametrize("bound", ["clip_norm", "clip_value"])
def test_clipping_is_torchs(images, make_classifier, same_weights, cpu, bound):
    data, limit = images(), 0.05
    fitted, hand = make_classifier(), make_classifier()
    options = {"clip_norm": limit} if bound == "clip_norm" else {"callbacks": [ClipValue(limit)]}
    Trainer(2, optimizer=sgd(0.5), execution=cpu, **options).fit(fitted, data)
    clip = nn.utils.clip_grad_norm_ if bound == "clip_norm" else nn.utils.clip_grad_value_
    train_by_hand(hand, data, sgd(0.5)(hand), 2, before_step=lambda: clip(hand.parameters(), limit))
    assert same_weights(fitted, hand)
    free = make_classifier()
    Trainer(2, optimizer=sgd(0.5), execution=cpu).fit(free, data)
    assert not same_weights(fitted, free)  # the bound was felt


def test_l1_penalty_is_the_gradient_of_the_penalised_loss(lines, cpu):
    data = lines(dtype=np.float64)
    fitted, hand = Regressor(nn.Linear(3, 1)).double(), None
    hand = copy.deepcopy(fitted)
    Trainer(3, optimizer=sgd(0.05), execution=cpu, callbacks=[L1Penalty(0.1)]).fit(fitted, data)
    optimizer, loader = sgd(0.05)(hand), data.train_dataloader()
    for epoch in range(3):
        loader.seek(epoch)
        for X, y in loader:
            optimizer.zero_grad()
            (F.mse_loss(hand.net(X), y) + 0.1 * sum(p.abs().sum() for p in hand.parameters())).backward()
            optimizer.step()
    for ours, theirs in zip(fitted.parameters(), hand.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
    with pytest.raises(UsageError, match="cannot be negative"):
        L1Penalty(-1)


@pytest.mark.parametrize("has_batch_size", [True, False])
def test_accumulation_with_an_uneven_last_batch_equals_one_big_batch(lines, cpu, has_batch_size):
    """50 samples in batches of 16, 16, 16, 2, two at a time: steps of 32 and 18; in double precision."""
    data = lines(16)
    X, y = data.X.double(), data.y.double()
    small = list(zip(X.split(16), y.split(16), strict=True))
    large = list(zip(X.split(32), y.split(32), strict=True))
    accumulated = Regressor(nn.Linear(3, 1)).double()
    whole = copy.deepcopy(accumulated)
    loader = DataLoader(TensorDataset(X, y), batch_size=16) if has_batch_size else small
    options = {"optimizer": sgd(0.1, momentum=0.9), "execution": cpu}
    trainer = Trainer(4, accumulate=2, clip_norm=1.0, callbacks=[L1Penalty(0.01)], **options)
    records = trainer.fit(accumulated, Served(loader))
    expected = Trainer(4, clip_norm=1.0, callbacks=[L1Penalty(0.01)], **options).fit(whole, Served(large))
    assert trainer.step == 8
    for ours, theirs in zip(accumulated.parameters(), whole.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
    assert [r["train_loss"] for r in records] == pytest.approx([r["train_loss"] for r in expected], rel=1e-6)


def test_gradients_left_from_before_are_forgotten(lines, make_classifier, same_weights, images, cpu):
    clean, used = make_classifier(), make_classifier()
    data = images()
    used.training_step(next(iter(data.train_dataloader())))["loss"].backward()
    for module in (clean, used):
        Trainer(1, optimizer=sgd(), execution=cpu).fit(module, data)
    assert same_weights(clean, used)


def test_the_same_seed_gives_the_same_run_and_another_does_not(images, make_classifier, same_weights, cpu):
    def run(seed):
        torch.manual_seed(seed + 100)  # what was drawn before does not matter
        module = make_classifier(dropout=0.5)
        Trainer(1, optimizer=sgd(), execution=cpu, seed=seed).fit(module, images())
        return module

    assert same_weights(run(3), run(3))
    assert not same_weights(run(3), run(4))


# Validation and records ----------------------------------------------------------------------------------------------


def test_validation_leaves_random_state_and_weights_alone(images, make_classifier, same_weights, cpu):
    class Noisy(Classifier):
        def validation_step(self, batch):
            torch.rand(7), random.random(), np.random.rand()
            return super().validation_step(batch)

    def fit(kind, data):
        module = make_classifier(dropout=0.5, batch_norm=True)
        module.__class__ = kind
        Trainer(3, optimizer=sgd(), execution=cpu).fit(module, data)
        return module, (torch.get_rng_state().tolist(), random.getstate(), np.random.get_state()[1].tolist())

    data = images()
    evaluated, state = fit(Noisy, data)
    unjudged, expected = fit(Classifier, Served(data.train_dataloader()))
    assert same_weights(evaluated, unjudged)
    assert state == expected


def test_metrics_are_means_over_samples_not_over_batches(images, make_classifier, cpu):
    data = images(25)  # 54 training images: 25, 25, 4
    module = make_classifier()
    losses, counts, hits = [], [], []
    original = module.training_step

    def training_step(batch):
        outputs = original(batch)
        losses.append(outputs["loss"].item())
        hits.append(outputs["accuracy"].item())
        counts.append(len(batch[1]))
        return outputs

    module.training_step = training_step
    (record,) = Trainer(1, optimizer=sgd(), execution=cpu).fit(module, data)
    assert counts == [25, 25, 4]
    assert record["train_loss"] == pytest.approx(sum(a * n for a, n in zip(losses, counts, strict=True)) / 54, rel=1e-6)
    assert record["train_accuracy"] == pytest.approx(sum(a * n for a, n in zip(hits, counts, strict=True)) / 54)

    module.eval()
    X, y = data.X[data.val_index], data.y[data.val_index]
    logits = module(X)
    assert record["val_loss"] == pytest.approx(F.cross_entropy(logits, y).item(), rel=1e-5)
    assert record["val_accuracy"] == pytest.approx((logits.argmax(1) == y).float().mean().item())


def test_validation_in_uneven_batches_is_a_mean_over_samples(lines, cpu):
    data = lines(10)
    uneven = [(data.X[:7], data.y[:7]), (data.X[7:8], data.y[7:8]), (data.X[8:], data.y[8:])]
    module = Regressor(nn.Linear(3, 1))
    (record,) = Trainer(1, optimizer=sgd(0.01), execution=cpu).fit(module, Served(data.train_dataloader(), uneven))
    assert record["val_loss"] == pytest.approx(F.mse_loss(module(data.X), data.y).item(), rel=1e-5)


def test_records_are_complete_and_plain(images, make_classifier, cpu):
    seen = []

    class Spy(Callback):
        def on_log(self, trainer, record):
            seen.append(record)

    trainer = Trainer(2, optimizer=sgd(), schedule="cosine", execution=cpu, callbacks=[Spy()], log_every=2)
    records = trainer.fit(make_classifier(), images())
    keys = ["event", "step", "epoch", "train_loss", "train_accuracy", "val_loss", "val_accuracy", "lr"]
    assert records == trainer.records
    for number, record in enumerate(records, 1):
        assert list(record) == [*keys, "samples_per_s", "elapsed_s"]
        assert (record["event"], record["epoch"], record["step"]) == ("epoch", number, 4 * number)
    assert json.loads(json.dumps(seen)) == seen
    steps = [record for record in seen if record["event"] == "step"]
    assert [record["step"] for record in steps] == [2, 4, 6, 8]
    assert [record["epoch"] for record in steps] == [0.5, 1.0, 1.5, 2.0]
    assert not any("val_loss" in record for record in steps)
    assert [r["event"] for r in seen] == ["step", "step", "epoch"] * 2
    curve = make_schedule("cosine", 8)
    assert [record["lr"] for record in steps] == [0.1 * curve.factor(i) for i in (1, 3, 5, 7)]
    times = [record["elapsed_s"] for record in seen]
    assert times == sorted(times)
    assert all(record["samples_per_s"] > 0 for record in seen)


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_every_batch_ends_with_what_its_step_returned(images, make_classifier, precision):
    seen, steps = [], []

    class Spied(Classifier):
        def training_step(self, batch):
            outputs = super().training_step(batch)
            steps.append((batch, outputs))
            return outputs

    class Spy(Callback):
        def on_batch_end(self, trainer, batch, outputs):
            assert all(p.grad is not None for p in trainer.module.parameters())  # after backward
            assert trainer.batch == len(seen) % len(trainer.feed) + 1
            assert trainer.step == sum(begun for begun in seen_steps)
            seen.append((batch, outputs))

        def on_step_end(self, trainer):
            seen_steps.append(1)

    seen_steps: list[int] = []
    module = Spied(make_classifier().net)
    execution = Execution(torch.device("cpu"), precision=precision)
    Trainer(2, optimizer=sgd(), execution=execution, accumulate=2, callbacks=[Spy()]).fit(module, images(16))
    assert len(seen) == len(steps) == 8
    for (batch, outputs), (given, returned) in zip(seen, steps, strict=True):
        assert batch is given
        assert outputs is returned


def test_an_interval_holds_its_own_steps_alone(lines, cpu):
    losses, seen = [], []

    class Spied(Regressor):
        def training_step(self, batch):
            outputs = super().training_step(batch)
            losses.append(outputs["loss"].item())
            return outputs

    class Spy(Callback):
        def on_log(self, trainer, record):
            seen.append(record)

    Trainer(2, optimizer=sgd(0.01), execution=cpu, callbacks=[Spy()], log_every=3).fit(Spied(nn.Linear(3, 1)), lines())
    # five steps an epoch: records at 3 and, in the second epoch, at 6 and 9; an epoch begins a new interval
    means = [sum(losses[a:b]) / (b - a) for a, b in ((0, 3), (5, 6), (6, 9))]
    assert [r["train_loss"] for r in seen if r["event"] == "step"] == pytest.approx(means, rel=1e-6)


def test_plateau_observes_the_validation_loss(images, make_classifier, cpu):
    class Stuck(Classifier):
        def validation_step(self, batch):
            return {"loss": torch.tensor(1.0)}

    module = make_classifier()
    module.__class__ = Stuck
    trainer = Trainer(5, optimizer=sgd(0.1), schedule="plateau:patience=1,gamma=0.5", execution=cpu)
    records = trainer.fit(module, images())
    assert [record["lr"] for record in records] == [0.1, 0.1, 0.1, 0.05, 0.05]


def test_plateau_falls_back_to_the_training_loss(lines, cpu):
    class Flat(Regressor):
        def training_step(self, batch):
            return {"loss": super().training_step(batch)["loss"] * 0 + 1}

    trainer = Trainer(4, optimizer=sgd(0.1), schedule="plateau:patience=0,gamma=0.1", execution=cpu)
    records = trainer.fit(Flat(nn.Linear(3, 1)), lines())
    assert [record["lr"] for record in records] == pytest.approx([0.1, 0.1, 0.01, 0.001])


def test_test_judges_the_official_test_part(images, make_classifier, cpu):
    data = images()
    module, trainer = make_classifier(), Trainer(2, optimizer=sgd(), execution=cpu)
    trainer.fit(module, data)
    X, y = data.splits["test"].X, data.splits["test"].y
    result = trainer.test(data)
    assert set(result) == {"test_loss", "test_accuracy"}
    assert result["test_loss"] == pytest.approx(F.cross_entropy(module.eval()(X), y).item(), rel=1e-5)
    with pytest.raises(FathomError, match="no test split"):
        trainer.test(Served([]))


# The schedule and the rate ------------------------------------------------------------------------------------------


def test_schedule_is_applied_before_each_step(lines, cpu):
    rates = []

    class Spy(Callback):
        def on_step_start(self, trainer):
            rates.append(trainer.lr)

        def on_gradients(self, trainer):
            assert trainer.optimizer.param_groups[0]["lr"] == rates[-1]

    groups = lambda m: torch.optim.SGD([{"params": [m.net.weight]}, {"params": [m.net.bias], "lr": 0.01}], lr=0.2)  # noqa: E731
    trainer = Trainer(2, optimizer=groups, schedule="one_cycle", execution=cpu, callbacks=[Spy()])
    trainer.fit(Regressor(nn.Linear(3, 1)), lines())
    curve = make_schedule("one_cycle", 10)
    assert rates == [0.2 * curve.factor(i) for i in range(10)]
    assert trainer.optimizer.param_groups[1]["lr"] == 0.01 * curve.factor(9)
    assert trainer.lr == rates[-1]


def test_a_schedule_may_be_a_function_of_the_number_of_steps(lines, cpu):
    asked = []

    def make(total_steps):
        asked.append(total_steps)
        return make_schedule("polynomial", total_steps)

    Trainer(3, optimizer=sgd(), schedule=make, execution=cpu, accumulate=2).fit(Regressor(nn.Linear(3, 1)), lines())
    assert asked == [9]  # five batches, two at a time


def test_without_an_optimiser_the_module_is_asked(lines, cpu):
    module = Regressor(nn.Linear(3, 1), lr=0.07)
    trainer = Trainer(1, execution=cpu)
    trainer.fit(module, lines())
    assert (type(trainer.optimizer), trainer.lr) == (torch.optim.SGD, 0.07)


# Hooks ---------------------------------------------------------------------------------------------------------------


class Recorder(Callback):
    """Notes every hook with the step it is called at."""

    def __init__(self):
        self.calls = []

    def _note(self, hook, trainer, *record):
        self.calls.append((hook, trainer.epoch, trainer.step, *(r["event"] for r in record)))


for _hook in ("fit_start", "epoch_start", "step_start", "gradients", "step_end", "log", "epoch_end", "stop", "fit_end"):
    setattr(
        Recorder,
        f"on_{_hook}",
        lambda self, trainer, *record, _hook=_hook: self._note(_hook, trainer, *record),
    )


def test_hooks_come_in_the_documented_order(lines, cpu):
    recorder = Recorder()
    Trainer(2, optimizer=sgd(0.01), execution=cpu, accumulate=2, log_every=2, callbacks=[recorder]).fit(
        Regressor(nn.Linear(3, 1)), lines(20)
    )
    one_epoch = lambda epoch, step: [  # noqa: E731
        ("epoch_start", epoch, step),
        ("step_start", epoch, step),
        ("gradients", epoch, step),
        ("step_end", epoch, step + 1),
        ("step_start", epoch, step + 1),
        ("gradients", epoch, step + 1),
        ("log", epoch, step + 2, "step"),
        ("step_end", epoch, step + 2),
        ("log", epoch + 1, step + 2, "epoch"),
        ("epoch_end", epoch + 1, step + 2, "epoch"),
    ]
    assert recorder.calls == [("fit_start", 0, 0), *one_epoch(0, 0), *one_epoch(1, 2), ("fit_end", 2, 4)]


def test_fit_end_is_called_after_an_error_too_and_a_second_fit_begins_anew(lines, cpu):
    recorder = Recorder()

    class Failing(Callback):
        failed = False

        def on_gradients(self, trainer):
            if trainer.step == 3 and not self.failed:
                self.failed = True
                raise RuntimeError("callback broke")

    trainer = Trainer(1, optimizer=sgd(0.01), execution=cpu, callbacks=[recorder, Failing()])
    module = Regressor(nn.Linear(3, 1))
    with pytest.raises(RuntimeError, match="callback broke"):
        trainer.fit(module, lines())
    assert recorder.calls[-1] == ("fit_end", 0, 3)
    assert len(trainer.fit(module, lines())) == 1
    assert trainer.step == 5


def test_gradients_hook_sees_the_mean_gradient_whatever_the_accumulation(lines, cpu):
    def gradient(accumulate, batch_size):
        seen = []

        class Spy(Callback):
            def on_gradients(self, trainer):
                seen.append(trainer.module.net.weight.grad.clone())

        torch.manual_seed(0)
        module = Regressor(nn.Linear(3, 1))
        data = lines(batch_size)
        parts = list(zip(data.X.split(batch_size), data.y.split(batch_size), strict=True))
        Trainer(1, optimizer=sgd(), execution=cpu, accumulate=accumulate, callbacks=[Spy()]).fit(module, Served(parts))
        return seen[0]

    torch.testing.assert_close(gradient(5, 10), gradient(1, 50))


# Loaders of every kind ---------------------------------------------------------------------------------------------


def test_any_iterable_of_batches_is_a_loader(lines, cpu):
    data = lines()
    batches = [list(pair) for pair in zip(data.X.split(10), data.y.split(10), strict=True)]
    fitted = Regressor(nn.Linear(3, 1))
    hand = copy.deepcopy(fitted)
    Trainer(2, optimizer=sgd(), execution=cpu).fit(fitted, Served(batches, batches[:1]))
    optimizer = sgd()(hand)
    for _ in range(2):
        for X, y in batches:
            optimizer.zero_grad()
            F.mse_loss(hand(X), y).backward()
            optimizer.step()
    assert torch.equal(fitted.net.weight, hand.net.weight)


@pytest.mark.parametrize("execution", ["given", "chosen"])
@pytest.mark.parametrize("own_generator", [False, True])
def test_a_dataloader_gives_the_batches_it_gives_by_hand(lines, cpu, execution, own_generator):
    """Also when the trainer looks at a sample first, and with the loader's own generator."""
    data = lines()

    def make_loader():
        generator = torch.Generator().manual_seed(4) if own_generator else None
        return DataLoader(TensorDataset(data.X, data.y), batch_size=8, shuffle=True, generator=generator)

    def make_module():
        torch.manual_seed(0)
        return Regressor(nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.2), nn.Linear(8, 1)))

    fitted, hand = make_module(), make_module()
    trainer = Trainer(3, optimizer=sgd(0.01), execution=cpu if execution == "given" else None, seed=9)
    trainer.fit(fitted, Served(make_loader()))
    torch.manual_seed(9)
    optimizer, loader = sgd(0.01)(hand), make_loader()
    for _ in range(3):
        for X, y in loader:
            optimizer.zero_grad()
            F.mse_loss(hand(X), y).backward()
            optimizer.step()
    assert all(torch.equal(a, b) for a, b in zip(fitted.parameters(), hand.parameters(), strict=True))


def test_batches_need_not_be_pairs(cpu):
    class Sum(Module):
        def __init__(self):
            super().__init__()
            self.net = nn.Linear(2, 1)

        def training_step(self, batch):
            return {"loss": self.net(batch["a"]).square().mean() + len(batch["names"]) * 0}

    batches = [{"names": ["x", "y"], "a": torch.ones(2, 2)}, {"names": ["z"], "a": torch.zeros(1, 2)}]
    trainer = Trainer(2, optimizer=sgd(), execution=cpu)
    records = trainer.fit(Sum(), Served(batches))
    assert trainer.num_samples == 6
    assert records[1]["train_loss"] < records[0]["train_loss"]


def test_loaders_without_batches_are_refused(lines, cpu):
    data, module = lines(), Regressor(nn.Linear(3, 1))
    trainer = Trainer(2, optimizer=sgd(), execution=cpu)
    with pytest.raises(FathomError, match="the training loader gave no batch in epoch 2"):
        trainer.fit(module, Served(iter([(data.X, data.y)])))
    with pytest.raises(FathomError, match="the training loader has no batch"):
        trainer.fit(module, Served([]))
    short = DataLoader(TensorDataset(data.X[:3], data.y[:3]), batch_size=8, drop_last=True)
    with pytest.raises(FathomError, match="the training loader has no batch"):
        trainer.fit(module, Served(short))
    with pytest.raises(FathomError, match="the loader to evaluate by gave no batch"):
        trainer.fit(module, Served([(data.X, data.y)], []))
    with pytest.raises(FathomError, match="the loader to evaluate by gave no batch"):
        trainer.fit(module, Served([(data.X, data.y)], iter([(data.X, data.y)])))

    class Once:
        def __init__(self):
            self.batches = iter([(data.X, data.y)])

        def __len__(self):
            return 1

        def __iter__(self):
            return self.batches

    with pytest.raises(FathomError, match="the training loader gave no batch in epoch 2"):
        trainer.fit(module, Served(Once()))


# Modes ---------------------------------------------------------------------------------------------------------------


def test_fast_dev_run_touches_everything_once_and_saves_nothing(images, make_classifier, cpu, tmp_path):
    recorder = Recorder()
    rehearsal, options = Rehearsal(fast_dev_run=True), {"out": tmp_path / "run", "callbacks": [recorder]}
    trainer = Trainer(50, optimizer=sgd(), execution=cpu, rehearsal=rehearsal, log_every=1, **options)
    (record,) = trainer.fit(make_classifier(), images())
    assert (trainer.step, trainer.num_samples) == (1, 16)
    assert {"train_loss", "val_loss"} <= set(record)
    assert {call[0] for call in recorder.calls} >= {"gradients", "log", "epoch_end", "fit_end"}
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("kind", ["memory", "dataloader"])
def test_overfit_batches_learns_the_first_batches_by_heart(images, cpu, kind):
    data = images(16, augment=lambda X, g: X.float() / 255 + 0.1 * torch.randn(X.shape, generator=g))
    data.y.random_(0, 3, generator=torch.Generator().manual_seed(0))  # nothing but noise to learn
    loader = data.train_dataloader()
    if kind == "dataloader":
        loader = DataLoader(TensorDataset(data.X, data.y), batch_size=16, shuffle=True)
    seen = []

    class Spied(Classifier):
        def training_step(self, batch):
            seen.append(batch)
            return super().training_step(batch)

    torch.manual_seed(0)
    module = Spied(nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 3)))
    rehearsal = Rehearsal(overfit_batches=2)
    trainer = Trainer(60, optimizer=lambda m: make_optimizer("adam", m, 0.01), execution=cpu, rehearsal=rehearsal)
    records = trainer.fit(module, Served(loader, data.val_dataloader()))
    assert trainer.step == 120
    assert all(torch.equal(seen[i][0], seen[i + 2][0]) and torch.equal(seen[i][1], seen[i + 2][1]) for i in range(118))
    assert not torch.equal(seen[0][0], seen[1][0])
    assert records[-1]["train_accuracy"] == 1.0
    assert "val_loss" not in records[-1]


def test_lazy_layers_get_their_shapes_from_the_first_example(images, cpu):
    def run(execution):
        torch.manual_seed(0)
        net = nn.Sequential(nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d(), nn.Flatten(), nn.Dropout(), nn.LazyLinear(3))
        net.append(nn.LazyBatchNorm1d(affine=False))  # in training mode a batch of one would be refused
        module = Classifier(net)
        records = Trainer(8, optimizer=sgd(0.05), execution=execution).fit(module, images())
        assert module.net[4].weight.shape == (3, 144)
        assert int(module.net[1].num_batches_tracked) == 32  # the look at the sample left no trace
        return records

    assert run(cpu)[-1]["train_loss"] < 0.8
    assert run(None)[-1]["train_loss"] < 0.8


def test_frozen_and_unused_parameters_stay(lines, cpu):
    class Partly(Regressor):
        def __init__(self):
            super().__init__(nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1)))
            self.unused = nn.Linear(5, 5)
            self.net[0].requires_grad_(False)

    module = Partly()
    before = copy.deepcopy(module.state_dict())
    trainer = Trainer(
        2,
        optimizer=lambda m: make_optimizer("adamw", m, 0.05, weight_decay=0.1),
        execution=cpu,
        clip_norm=1.0,
        accumulate=2,
        callbacks=[L1Penalty(0.1), ClipValue(0.5)],
    )
    trainer.fit(module, lines())
    after = module.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"net.2.weight", "net.2.bias"}


def test_a_layer_thawed_while_training_is_clipped_too(lines, cpu):
    norms = []

    class Thaw(Callback):
        def on_epoch_start(self, trainer):
            trainer.module.net[0].requires_grad_(trainer.epoch >= 1)

        def on_step_start(self, trainer):
            self.before = [p.detach().clone() for p in trainer.module.parameters()]

        def on_step_end(self, trainer):
            moved = [p.detach() - b for p, b in zip(trainer.module.parameters(), self.before, strict=True)]
            norms.append(math.sqrt(sum(float(m.square().sum()) for m in moved)))

    module = Regressor(nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 1)))
    module.net[0].requires_grad_(False)
    Trainer(2, optimizer=sgd(1.0), execution=cpu, clip_norm=0.01, callbacks=[Thaw()]).fit(module, lines())
    assert max(norms) < 0.0101


@pytest.mark.parametrize("frozen", [True, False])
def test_nothing_to_train_is_an_error(lines, cpu, frozen):
    module = Regressor(nn.Linear(3, 1).requires_grad_(False) if frozen else nn.Identity())
    with pytest.raises(UsageError, match="no parameter to train"):
        Trainer(1, optimizer=sgd(), execution=cpu).fit(module, lines())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_epochs": 0}, "max_epochs=0"),
        ({"accumulate": 0}, "accumulate=0"),
        ({"log_every": 0}, "log_every=0"),
        ({"clip_norm": 0.0}, "clip_norm=0.0: it must be above 0"),
        ({"clip_norm": float("nan")}, "clip_norm=nan"),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(UsageError, match=message):
        Trainer(**options)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ClipValue(-1.0), "clip_value=-1.0: it must be above 0"),
        (lambda: Rehearsal(overfit_batches=-1), "overfit_batches=-1"),
        (lambda: Rehearsal(fast_dev_run=True, overfit_batches=2), "exclude each other"),
    ],
)
def test_wrong_values_are_refused_where_they_are_given(make, message):
    with pytest.raises(UsageError, match=message):
        make()


def test_what_cannot_be_fitted_is_named(lines, cpu):
    trainer, data, module = Trainer(1, execution=cpu), lines(), Regressor(nn.Linear(3, 1))
    with pytest.raises(UsageError, match=r"there is nothing to test yet; call fit first"):
        trainer.test(data)
    with pytest.raises(
        UsageError, match=r"a Linear has no training_step; wrap it: Classifier\(net\) or Regressor\(net\)"
    ):
        trainer.fit(module.net, data)
    with pytest.raises(UsageError, match=r"a Linear has no train_dataloader and gives no batches"):
        trainer.fit(module, module.net)


def test_what_a_step_returns_is_checked(lines, cpu):
    class Wrong(Regressor):
        answer = staticmethod(lambda loss: loss)

        def training_step(self, batch):
            return self.answer(super().training_step(batch)["loss"])

    def fit(answer):
        module = Wrong(nn.Linear(3, 1))
        module.answer = answer
        Trainer(1, optimizer=sgd(0.01), execution=cpu).fit(module, lines())

    with pytest.raises(FathomError, match="training_step returned a Tensor; it must return a dictionary with 'loss'"):
        fit(lambda loss: loss)
    with pytest.raises(FathomError, match="training_step returned a dictionary of l; it must"):
        fit(lambda loss: {"l": loss})
    with pytest.raises(FathomError, match="training_step returned a NoneType"):
        fit(lambda loss: None)
    with pytest.raises(FathomError, match=r"a step returned 'y' of shape \(2,\); it must be a scalar"):
        fit(lambda loss: {"loss": loss, "y": torch.zeros(2)})
    with pytest.raises(UsageError, match="unknown schedule 'cosin'; did you mean 'cosine'"):
        Trainer(1, schedule="cosin", execution=cpu).fit(Regressor(nn.Linear(3, 1)), lines())


def test_execution_is_chosen_where_none_is_given(images, make_classifier):
    module = make_classifier()
    data = images()
    for _ in range(2):  # also with a module that has been prepared before
        trainer = Trainer(2)
        records = trainer.fit(module, data)
    assert len(records) == 2
    assert trainer.device.type in ("cpu", "cuda", "mps", "xpu")


def test_a_fitted_module_is_not_tied_to_the_trainer(lines, cpu):
    module = Regressor(nn.Linear(3, 1))
    Trainer(30, optimizer=sgd(0.1), execution=cpu).fit(module, lines())
    again = copy.deepcopy(module)
    torch.testing.assert_close(again.net.weight, torch.tensor([[1.0, -2.0, 0.5]]), rtol=1e-3, atol=1e-3)
    assert again.net.bias.item() == pytest.approx(0.3, abs=1e-3)
