"""Compiled training is the ordinary training, faster. Compiling takes seconds: most of these are slow."""

from __future__ import annotations

import copy
import os
import signal
import subprocess
import sys

import pytest
import torch
from torch import nn

from fathom.errors import FathomError, UsageError
from fathom.module import Regressor
from fathom.training import device as device_module
from fathom.training.callbacks import AverageWeights, Callback, ClipValue, L1Penalty
from fathom.training.checkpoint import load_latest
from fathom.training.device import Execution
from fathom.training.optimizers import make_optimizer
from fathom.training.signals import Interrupted
from fathom.training.trainer import Trainer

CPU = torch.device("cpu")


def execution(compile="off", **options):
    return Execution(CPU, compile=compile, **options)


@pytest.fixture(autouse=True)
def fresh_compiler():
    yield
    if "torch._dynamo" in sys.modules:
        torch._dynamo.reset()


class Partly(Regressor):
    """Has a frozen layer and one that the loss does not depend on."""

    def __init__(self):
        super().__init__(nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1)))
        self.unused = nn.Linear(2, 2)
        self.net[0].bias.requires_grad_(False)


OPTIMIZERS = {
    "plain SGD": ("sgd", {"lr": 0.05}),
    "SGD, momentum, Nesterov, decay": ("sgd", {"lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    "SGD, momentum, decay of weights alone": (
        "sgd",
        {"lr": 0.05, "momentum": 0.8, "weight_decay": 0.1, "decay_norm_and_bias": False},
    ),
    "Adam with decay": ("adam", {"lr": 0.02, "weight_decay": 0.05}),
    "AdamW": ("adamw", {"lr": 0.02, "weight_decay": 0.1, "betas": (0.8, 0.95)}),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_whole_step_in_one_graph_equals_the_ordinary_loop(lines, name):
    kind, options = OPTIMIZERS[name]
    torch.manual_seed(0)
    start = Partly()

    def fit(compile):
        module = copy.deepcopy(start)
        trainer = Trainer(
            3,
            optimizer=lambda m: make_optimizer(kind, m, **options),
            schedule="one_cycle",
            execution=execution(compile),
            callbacks=[AverageWeights(0.9)],
        )
        records = trainer.fit(module, lines(8))  # 50 samples: the last batch of each epoch holds two
        return module, trainer, records

    plain, ordinary, expected = fit("off")
    compiled, trainer, records = fit("step")
    assert trainer.whole_step is not None
    for ours, theirs in zip(compiled.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)
    assert torch.equal(compiled.unused.weight, start.unused.weight)
    assert torch.equal(compiled.net[0].bias, start.net[0].bias)
    assert [r["train_loss"] for r in records] == pytest.approx([r["train_loss"] for r in expected], rel=1e-5)
    ours, theirs = (t.callbacks[0].state_dict()["average"]["net.0.weight"] for t in (trainer, ordinary))
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)
    # the optimiser's state goes by the same names, so that either kind of run can take it up
    used = [p for p in compiled.net.parameters() if p.requires_grad]
    reference = [p for p in plain.net.parameters() if p.requires_grad]
    for p, q in zip(used, reference, strict=True):
        assert trainer.optimizer.state[p].keys() == ordinary.optimizer.state[q].keys()
        for key, value in ordinary.optimizer.state[q].items():
            torch.testing.assert_close(trainer.optimizer.state[p][key], value, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_whole_step_of_a_convolutional_classifier_in_bf16(images, make_classifier):
    def fit(compile, precision):
        # SGD: the bias before batch-norm has a gradient of mere rounding, which AdamW would blow up to its rate
        module = make_classifier(batch_norm=True)
        chosen = execution(compile, precision=precision)
        trainer = Trainer(4, optimizer=lambda m: make_optimizer("sgd", m, 0.1, momentum=0.9), execution=chosen)
        return module, trainer.fit(module, images())

    plain, expected = fit("off", "fp32")
    single, records = fit("step", "fp32")
    for name, value in plain.state_dict().items():
        torch.testing.assert_close(single.state_dict()[name], value, rtol=1e-3, atol=1e-4)
    assert records[-1]["val_loss"] == pytest.approx(expected[-1]["val_loss"], rel=1e-3)
    _, half = fit("step", "bf16")
    assert half[-1]["train_loss"] == pytest.approx(expected[-1]["train_loss"], rel=0.2, abs=0.05)


@pytest.mark.slow
def test_a_run_may_change_between_ordinary_and_whole_steps_when_it_is_resumed(lines, tmp_path):
    torch.manual_seed(0)
    start = Partly()

    class Stop(Callback):
        def on_step_start(self, trainer):
            if trainer.step == 8:
                os.kill(os.getpid(), signal.SIGTERM)

    def fit(compile, state=None, stop=False):
        module = copy.deepcopy(start)
        trainer = Trainer(
            3,
            optimizer=lambda m: make_optimizer("adamw", m, 0.02),
            schedule="cosine",
            execution=execution(compile),
            callbacks=[Stop()] if stop else [],
            out=tmp_path if stop else None,
        )
        if stop:
            with pytest.raises(Interrupted):
                trainer.fit(module, lines(10))
            return load_latest(tmp_path / "checkpoints")[0]
        trainer.fit(module, lines(10), state=state)
        return module

    whole = fit("off")
    for first, second in (("step", "off"), ("off", "step"), ("step", "step")):
        resumed = fit(second, state=fit(first, stop=True))
        for ours, theirs in zip(resumed.parameters(), whole.parameters(), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_whole_step_divergence_names_the_batch(lines):
    data = lines()
    data.X[7, 1] = float("nan")
    trainer = Trainer(1, optimizer=lambda m: make_optimizer("sgd", m, 0.01), execution=execution("step"))
    with pytest.raises(FathomError, match=r"loss is not finite at step \d .*: the batch itself holds NaN"):
        trainer.fit(Regressor(nn.Linear(3, 1)), data)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_compiled_forward_equals_eager(images, make_classifier, precision):
    data = images(16, n=90)  # 81 for training: five batches and one image left over

    def fit(compile):
        module = make_classifier(batch_norm=False)
        trainer = Trainer(
            3,
            optimizer=lambda m: make_optimizer("sgd", m, 0.1, momentum=0.9),
            execution=execution(compile, precision=precision, channels_last=True),
            clip_norm=1.0,
            accumulate=2,
            callbacks=[L1Penalty(1e-3)],
        )
        return module, trainer.fit(module, data)

    plain, expected = fit("off")
    compiled, records = fit("forward")
    tolerance = 1e-4 if precision == "fp32" else 0.05
    for name, value in plain.state_dict().items():
        torch.testing.assert_close(compiled.state_dict()[name], value, rtol=tolerance, atol=tolerance)
    for ours, theirs in zip(records, expected, strict=True):
        assert ours["val_loss"] == pytest.approx(theirs["val_loss"], rel=tolerance)
        assert ours["train_loss"] == pytest.approx(theirs["train_loss"], rel=tolerance)


@pytest.mark.slow
def test_compiled_forward_really_compiles_full_batches_alone_and_is_undone(images, make_classifier):
    from torch._dynamo.utils import counters

    module = make_classifier()
    seen = []

    class Spy(Callback):
        def on_step_start(self, trainer):
            seen.append(sum(counters["stats"].values()))
            assert module.net._compiled_call_impl is not None

    counters.clear()
    trainer = Trainer(
        3, optimizer=lambda m: make_optimizer("sgd", m, 0.1), execution=execution("forward"), callbacks=[Spy()]
    )
    trainer.fit(module, images(16, n=90))
    assert seen[1] > 0
    assert len(set(seen[1:])) == 1  # neither the short batch nor validation compiled anything
    assert module.net._compiled_call_impl is None
    assert list(module.state_dict()) == list(make_classifier().state_dict())


@pytest.mark.slow
def test_compiled_forward_resumes_to_the_bit(images, make_classifier, same_weights, tmp_path):
    class Stop(Callback):
        def on_step_start(self, trainer):
            if trainer.step == 8:
                os.kill(os.getpid(), signal.SIGTERM)

    def fit(state=None, stop=False):
        module = make_classifier(dropout=0.3, batch_norm=True)
        trainer = Trainer(
            3,
            optimizer=lambda m: make_optimizer("adamw", m, 0.01),
            schedule="one_cycle",
            execution=execution("forward"),
            callbacks=[Stop()] if stop else [],
            out=tmp_path if stop else None,
        )
        if stop:
            with pytest.raises(Interrupted):
                trainer.fit(module, images(16, n=90))
            return None
        trainer.fit(module, images(16, n=90), state=state)
        return module

    whole = fit()
    fit(stop=True)
    assert same_weights(fit(state=load_latest(tmp_path / "checkpoints")[0]), whole)


@pytest.mark.slow
def test_a_loader_that_does_not_say_its_batch_size_is_compiled_for_that_of_its_first(lines):
    data = lines(8)

    class Listed:
        def train_dataloader(self):
            return list(zip(data.X.split(8), data.y.split(8), strict=True))

        def val_dataloader(self):
            return None

    trainer = Trainer(1, optimizer=lambda m: make_optimizer("sgd", m, 0.01), execution=execution("step"))
    calls = []

    class Spy(Callback):
        def on_fit_start(self, trainer):
            original = trainer.whole_step
            trainer.whole_step = lambda batch: (calls.append(len(batch[0])), original(batch))[1]

    trainer.callbacks.append(Spy())
    trainer.fit(Regressor(nn.Linear(3, 1)), Listed())
    assert calls == [8] * 6


@pytest.mark.slow
def test_metrics_see_what_one_graph_predicts(lines):
    def fit(compile):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))
        module, seen = Regressor(net, metrics=[Largest()]), lines()
        return Trainer(2, optimizer=plain_sgd, execution=execution(compile)).fit(module, seen)

    for record, expected in zip(fit("step"), fit("off"), strict=True):
        assert record["train_largest"] == pytest.approx(expected["train_largest"], rel=1e-4)


class Largest:
    """The largest prediction."""

    def __init__(self):
        self.largest = torch.tensor(-torch.inf)

    def update(self, preds, target):
        self.largest = torch.maximum(self.largest, preds.max())

    def compute(self):
        return self.largest

    reset = __init__


def plain_sgd(module):
    return make_optimizer("sgd", module, 0.05)


# What is refused, before anything is compiled ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"accumulate": 2},
        {"clip_norm": 1.0},
        {"callbacks": [ClipValue(1.0)]},
        {"callbacks": [L1Penalty(0.1)]},
        {"execution": execution("step", precision="fp16")},
    ],
)
def test_what_one_graph_cannot_do_is_refused(lines, options):
    trainer = Trainer(1, **{"execution": execution("step")} | options)
    with pytest.raises(UsageError, match="it excludes accumulation, clipping, L1 penalty and fp16; use"):
        trainer.fit(Regressor(nn.Linear(3, 1)), lines())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda m: make_optimizer("adamw", m, 0.01, amsgrad=True), "does not know the option amsgrad"),
        (lambda m: make_optimizer("sgd", m, 0.01, momentum=0.9, dampening=0.5), "does not know the option dampening"),
        (lambda m: torch.optim.SGD(m.parameters(), lr=0.1, maximize=True), "does not know the option maximize"),
        (lambda m: make_optimizer("rmsprop", m, 0.01), "compile=step knows sgd, adam and adamw only"),
    ],
)
def test_update_rules_that_are_not_written_out_are_refused(lines, make, message):
    trainer = Trainer(1, optimizer=make, execution=execution("step"))
    with pytest.raises(UsageError, match=message):
        trainer.fit(Regressor(nn.Linear(3, 1)), lines())


@pytest.mark.parametrize("mode", ["forward", "step"])
def test_without_a_compiler_there_is_one_clear_line(lines, monkeypatch, mode):
    monkeypatch.setattr(device_module.shutil, "which", lambda name: None)
    monkeypatch.delenv("CXX", raising=False)
    trainer = Trainer(1, optimizer=lambda m: make_optimizer("sgd", m, 0.1), execution=execution(mode))
    with pytest.raises(FathomError, match=r"compiling needs a C\+\+ compiler and none was found: install g\+\+, or"):
        trainer.fit(Regressor(nn.Linear(3, 1)), lines())


def test_ordinary_training_never_loads_the_compiler(images):
    """Importing it takes more than a second."""
    code = """
import sys, torch
from torch import nn
from fathom import Classifier, Digits, Trainer
from fathom.training.device import Execution
from fathom.training.optimizers import make_optimizer
trainer = Trainer(1, optimizer=lambda m: make_optimizer("adamw", m, 0.01), clip_norm=1.0,
                  execution=Execution(torch.device("cpu"), precision="bf16"))
trainer.fit(Classifier(nn.Sequential(nn.Flatten(), nn.Linear(64, 10))), Digits())
assert "torch._dynamo" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
