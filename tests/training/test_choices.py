"""Optimisers, schedules, loaders and devices in the forms in which an engineer has them at hand."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from fathom.errors import FathomError, UsageError
from fathom.module import Classifier, Module, Regressor
from fathom.training.callbacks import Callback, Checkpointing, EarlyStopping
from fathom.training.checkpoint import load_checkpoint
from fathom.training.schedules.torch_schedule import TorchSchedule
from fathom.training.trainer import Trainer

X = torch.linspace(-1, 1, 24).reshape(12, 2)
Y = X @ torch.tensor([[1.0], [2.0]])
LOADER = [(X[i : i + 6], Y[i : i + 6]) for i in (0, 6)]


def net():
    torch.manual_seed(3)
    return nn.Linear(2, 1)


def by_hand(make, scheduler=None, *, every="epoch", epochs=3):
    """The plain loop in torch: the weights at its end, and the rate of every step."""
    module, rates = net(), []
    optimizer = make(module.parameters())
    schedule = scheduler(optimizer) if scheduler else None
    for _ in range(epochs):
        for x, y in LOADER:
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.zero_grad()
            loss = (module(x) - y).square().mean()
            loss.backward()
            optimizer.step()
            if schedule and every == "step":
                schedule.step()
        if schedule and every == "epoch":
            with torch.no_grad():
                loss = (module(X) - Y).square().mean()
            schedule.step(*((loss,) if isinstance(schedule, lr_scheduler.ReduceLROnPlateau) else ()))
    return module.weight.detach(), rates


class Rates(Callback):
    def __init__(self):
        self.seen = []

    def on_step_end(self, trainer):
        self.seen.append(trainer.lr)


OPTIMIZERS = {
    "name": (lambda m: "adam", partial(torch.optim.Adam, lr=1e-3)),
    "name with options": (lambda m: "sgd:lr=0.05,momentum=0.9", partial(torch.optim.SGD, lr=0.05, momentum=0.9)),
    "object": (lambda m: torch.optim.Adam(m.parameters(), lr=0.02), partial(torch.optim.Adam, lr=0.02)),
    "class": (lambda m: torch.optim.AdamW, torch.optim.AdamW),
    "partial": (lambda m: partial(torch.optim.SGD, lr=0.2), partial(torch.optim.SGD, lr=0.2)),
    "of the module": (
        lambda m: lambda module: torch.optim.SGD(module.net.parameters(), lr=0.2),
        partial(torch.optim.SGD, lr=0.2),
    ),
}


@pytest.mark.parametrize("form", OPTIMIZERS)
def test_an_optimizer_in_any_form_takes_the_steps_of_torch(form):
    choose, make = OPTIMIZERS[form]
    module = Regressor(net())
    Trainer(3, optimizer=choose(module)).fit(module, LOADER)
    assert torch.equal(module.net.weight.detach(), by_hand(make)[0])


def test_a_named_optimizer_takes_the_rate_of_the_module_if_it_was_given_one():
    rates = []
    for module in (Regressor(net()), Regressor(net(), lr=0.3)):
        trainer = Trainer(1, optimizer="adam")
        trainer.fit(module, LOADER)
        rates.append(trainer.lr)
    assert rates == [1e-3, 0.3]


@pytest.mark.parametrize(
    ("optimizer", "words"),
    [
        ("adm", "unknown optimizer 'adm'; did you mean 'adam'"),
        ("adam:0.1", r"optimizer adam: cannot read '0.1'; write option=value"),
        ("sgd:momentum=much", "optimizer sgd: momentum must be a number"),
        (3, "optimizer: a int is none; give a name"),
        (lambda module: 3, r"optimizer: int is no torch.optim.Optimizer"),
        (torch.optim.SGD(nn.Linear(2, 1).parameters(), lr=1), r"2 of the parameters of this SGD are not the module's"),
    ],
)
def test_what_is_no_optimizer_is_one_line(optimizer, words):
    with pytest.raises(UsageError, match=words):
        Trainer(1, optimizer=optimizer).fit(Regressor(net()), LOADER)


SCHEDULES = {
    "step": (lambda o: lr_scheduler.StepLR(o, 1, gamma=0.5), "epoch"),
    "one cycle": (lambda o: lr_scheduler.OneCycleLR(o, 0.1, total_steps=6), "step"),
    "plateau": (lambda o: lr_scheduler.ReduceLROnPlateau(o, factor=0.1, patience=0, threshold=0.9), "epoch"),
    "milestones": (lambda o: lr_scheduler.MultiStepLR(o, [1, 2]), "epoch"),
}


@pytest.mark.parametrize("form", ["function", "object"])
@pytest.mark.parametrize("name", SCHEDULES)
def test_a_scheduler_of_torch_gives_the_rates_it_gives_in_a_plain_loop(name, form):
    make, every = SCHEDULES[name]
    module, rates = Regressor(net()), Rates()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    schedule = make(optimizer) if form == "object" else lambda optimizer: make(optimizer)
    Trainer(3, optimizer=optimizer, schedule=schedule, callbacks=[rates]).fit(module, LOADER, [(X, Y)])
    weight, expected = by_hand(partial(torch.optim.SGD, lr=0.1), make, every=every)
    assert rates.seen == expected
    assert torch.equal(module.net.weight.detach(), weight)


def test_a_scheduler_moves_every_step_if_told_and_may_ask_for_their_number():
    rates = Rates()
    schedule = TorchSchedule(lambda optimizer, total: lr_scheduler.LinearLR(optimizer, 1.0, 0.0, total), every="step")
    Trainer(2, schedule=schedule, callbacks=[rates]).fit(Regressor(net(), lr=1.0), LOADER)
    torch.testing.assert_close(rates.seen, [1.0, 0.75, 0.5, 0.25])


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_resumed_scheduler_goes_on_to_the_bit(name, tmp_path):
    class Stop(Callback):
        def on_step_end(self, trainer):
            if trainer.step == 3:
                raise InterruptedError

        def on_fit_end(self, trainer):
            trainer.state = trainer.state_dict()

    def fit(callbacks=(), state=None):
        module = Regressor(net(), lr=0.1)
        trainer = Trainer(3, schedule=lambda optimizer: SCHEDULES[name][0](optimizer), callbacks=callbacks)
        try:
            trainer.fit(module, LOADER, [(X, Y)], state=state)
        except InterruptedError:
            return trainer.state
        return module.net.weight.detach()

    assert torch.equal(fit(state=fit([Stop()])), fit())


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        (lambda steps: lr_scheduler.StepLR, "gave a type, not a Schedule; for torch's schedulers name its argument"),
        (lambda optimizer: 3, "a int is no scheduler of torch"),
        (lr_scheduler.StepLR(torch.optim.SGD(net().parameters(), lr=1), 1), "belongs to another optimiser"),
    ],
)
def test_what_is_no_schedule_is_one_line(schedule, words):
    with pytest.raises(UsageError, match=words):
        Trainer(1, schedule=schedule).fit(Regressor(net()), LOADER)


def test_two_loaders_train_and_validate():
    module = Regressor(net())
    trainer = Trainer(2)
    (*_, last) = trainer.fit(module, DataLoader(TensorDataset(X, Y), 4), DataLoader(TensorDataset(X, Y), 12))
    loss = (module.net(X) - Y).square().mean().item()
    assert last["val_loss"] == pytest.approx(loss, rel=1e-6)
    assert trainer.test([(X, Y)])["test_loss"] == pytest.approx(loss, rel=1e-6)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (TensorDataset(X, Y), "a TensorDataset gives samples, not batches; wrap it: DataLoader"),
        ((X, Y), "a tuple gives no batches; wrap it"),
        (X.numpy(), "a ndarray gives no batches"),
        (3, "a int has no train_dataloader and gives no batches"),
    ],
)
def test_what_gives_no_batches_is_one_line(data, words):
    with pytest.raises(UsageError, match=words):
        Trainer(1).fit(Regressor(net()), data)


class Stream(IterableDataset):
    """Sixteen rows in an order drawn anew in each pass."""

    def __init__(self, rows=16):
        self.rows = rows

    def __iter__(self):
        for i in torch.randperm(self.rows).tolist():
            yield torch.tensor([i / 16, 1.0]), torch.tensor([float(i)])


def test_a_stream_runs_to_its_end_and_the_progress_says_so(capsys):
    trainer = Trainer(2, progress=True)
    records = trainer.fit(Regressor(net(), lr=1e-3), DataLoader(Stream(), batch_size=4))
    assert (trainer.step, trainer.total_steps, records[-1]["step"]) == (8, None, 8)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "the training loader has no length: each epoch runs to its end; steps_per_epoch sets another"
    assert [line.split(" ·")[0] for line in lines[1:]] == ["epoch 1/2", "epoch 2/2"]
    with pytest.raises(UsageError, match="no length, which the schedule needs; give steps_per_epoch"):
        Trainer(1, schedule="cosine").fit(Regressor(net()), DataLoader(Stream(), batch_size=4))


class Seen(Callback):
    """The rows of each batch; stops after a step."""

    def __init__(self, stop=None):
        self.rows, self.stop = [], stop

    def on_batch_end(self, trainer, batch, outputs):
        self.rows.append(batch[1].flatten().int().tolist())

    def on_step_end(self, trainer):
        if trainer.step == self.stop:
            self.state = trainer.state_dict()
            raise InterruptedError


@pytest.mark.parametrize("stop", [2, 4, 5, 7])
def test_steps_per_epoch_cuts_passes_that_follow_each_other_and_resumes_within_them(stop):
    def fit(seen, state=None):
        module = Regressor(net(), lr=1e-3)
        trainer = Trainer(3, steps_per_epoch=3, callbacks=[seen])
        trainer.fit(module, DataLoader(Stream(), batch_size=4), state=state)
        return module.net.weight.detach()

    whole, first, rest = Seen(), Seen(stop), Seen()
    weight = fit(whole)
    assert len(whole.rows) == 9  # two passes of four batches and one batch of a third
    for a_pass in (whole.rows[:4], whole.rows[4:8]):
        assert sorted(row for rows in a_pass for row in rows) == list(range(16))
    with pytest.raises(InterruptedError):
        fit(first)
    assert torch.equal(fit(rest, first.state), weight)
    assert first.rows + rest.rows == whole.rows


def test_a_stream_that_ends_for_good_is_one_line():
    with pytest.raises(FathomError, match=r"ended after 0 of 2 batches and cannot be iterated again; lower steps"):
        Trainer(2, steps_per_epoch=2).fit(Regressor(net()), iter(LOADER))


def test_numbers_are_reported_beside_tensors():
    class Floats(Regressor):
        def training_step(self, batch):
            return super().training_step(batch) | {"share": len(batch[0]) / 12, "rows": len(batch[0])}

    (record,) = Trainer(1).fit(Floats(net()), [(X[:8], Y[:8]), (X[8:], Y[8:])])
    assert record["train_share"] == pytest.approx((8 * 8 + 4 * 4) / 12 / 12)  # a mean over samples
    assert record["train_rows"] == pytest.approx((8 * 8 + 4 * 4) / 12)


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        (lambda loss: {"loss": loss.item()}, "the 'loss' of training_step is a float: there is nothing to descend"),
        (lambda loss: {"loss": loss.detach()}, "a tensor without a gradient"),
        (lambda loss: {"loss": loss[None].expand(2)}, r"has the shape \(2,\); return one number"),
        (lambda loss: {"loss": loss, "what": "word"}, "a step returned 'what', a str"),
        (lambda loss: loss, "training_step returned a Tensor; it must return a dictionary with 'loss'"),
    ],
)
def test_what_a_step_must_not_return_is_one_line(returned, words):
    class Odd(Regressor):
        def training_step(self, batch):
            return returned(super().training_step(batch)["loss"])

    with pytest.raises(FathomError, match=words):
        Trainer(1).fit(Odd(net()), LOADER)


def test_device_and_precision_by_name():
    trainer = Trainer(1, device="cpu", precision="bf16")
    trainer.fit(Regressor(net()), LOADER)
    assert (trainer.execution.precision, trainer.device.type) == ("bf16", "cpu")
    for options, words in (
        ({"device": "gpu"}, "unknown device 'gpu'; did you mean 'cuda'"),
        ({"precision": "bf61"}, "unknown precision 'bf61'; did you mean 'bf16'"),
        ({"execution": trainer.execution, "device": "cpu"}, "leave device= and precision= out"),
        ({"steps_per_epoch": 0}, "steps_per_epoch=0: it must be at least 1"),
    ):
        with pytest.raises(UsageError, match=words):
            Trainer(1, **options).fit(Regressor(net()), LOADER)


class Told(Module):
    """Reports what it is told as a metric, epoch by epoch."""

    def __init__(self, values):
        super().__init__()
        self.w, self.values, self.epoch = nn.Parameter(torch.zeros(())), values, -1

    def training_step(self, batch):
        self.epoch += 1
        return {"loss": self.w.square()}

    def validation_step(self, batch):
        return {"loss": 1.0, "worth": self.values[self.epoch]}


def test_monitor_says_what_is_best_when_to_stop_and_what_is_a_plateau(tmp_path):
    trainer = Trainer(
        9,
        monitor="val_worth:max",
        schedule="plateau:patience=0,gamma=0.5",
        callbacks=[EarlyStopping(3), Checkpointing(tmp_path)],
    )
    rates = [record["lr"] for record in trainer.fit(Told([1, 5, 4, 6, 2, 3, 1, 9, 9]), [(X, Y)], [(X, Y)])]
    assert load_checkpoint(tmp_path / "best")["epoch"] == 4
    assert trainer.epoch == 7  # three epochs after the best
    assert rates == pytest.approx([0.1, 0.1, 0.1, 0.05, 0.05, 0.025, 0.0125])
    with pytest.raises(FathomError, match="there is no val_f1 to monitor"):
        Trainer(1, monitor="val_f1", callbacks=[Checkpointing(tmp_path)]).fit(Told([1]), [(X, Y)], [(X, Y)])


class TwoInputs(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 3)

    def forward(self, a, b):
        return self.layer(a + b)


class Named(nn.Linear):
    def forward(self, x):
        return {"logits": super().forward(x), "hidden": x}


@pytest.mark.parametrize(
    ("module", "batch", "words"),
    [
        (
            lambda: Classifier(TwoInputs()),
            (X, Y),
            r"TwoInputs.forward\(a, b\) is called with the inputs of a batch",
        ),
        (lambda: Regressor(Named(2, 1)), (X, Y), "the network returned a dict of logits, hidden, not a tensor"),
        (
            lambda: Regressor(nn.Linear(2, 1)),
            (X, X, Y),
            r"a batch is a tuple of 3, and Regressor takes \(inputs, tar",
        ),
        (lambda: Regressor(nn.Linear(2, 1)), {"x": X, "y": Y}, "a batch is a dict of 2"),
        (lambda: Regressor(nn.Flatten()), (X, Y), "no parameter to train"),
    ],
)
def test_networks_and_batches_that_do_not_fit_are_one_line(module, batch, words):
    with pytest.raises(FathomError, match=words):
        Trainer(1).fit(module(), [batch])


class Faulty(Dataset):
    def __init__(self, sample):
        self.sample = sample

    def __len__(self):
        return 12

    def __getitem__(self, index):
        return self.sample(index)


def raises(index):
    if index == 7:
        raise ValueError("no such file")
    return X[index], Y[index]


@pytest.mark.parametrize(
    ("sample", "words"),
    [
        (raises, r"sample 7 of the data set cannot be read \(ValueError: no such file\)"),
        (
            lambda i: (X[i], Y[i])[: 1 + (i != 5)],
            r"sample 5 of the data set is a tuple of 1 \(Tensor \(2,\)\), and others are",
        ),
        (lambda i: (X[i][: 1 + (i != 4)], Y[i]), r"sample 4 of the data set is a tuple of 2 .*and others are a tuple"),
    ],
)
def test_a_sample_that_cannot_be_read_is_named(sample, words):
    with pytest.raises(FathomError, match=words):
        Trainer(1).fit(Regressor(net()), DataLoader(Faulty(sample), batch_size=3, shuffle=True))


def test_a_rate_of_a_given_object_is_not_scaled_twice():
    module = Regressor(net())
    trainer = Trainer(1, optimizer=torch.optim.SGD(module.parameters(), lr=0.1), schedule="step:every=1,gamma=0.1")
    first = [trainer.fit(module, LOADER)[0]["lr"] for _ in range(2)]
    assert first == pytest.approx([0.01, 0.01])
    assert math.isclose(trainer.base_lrs[0], 0.1)
