"""Early stopping, averaged weights, checkpoints beside the loop."""

import errno
import math

import pytest
import torch
from torch import nn

from fathom.errors import FathomError, UsageError
from fathom.module import Classifier, Regressor
from fathom.training.averaging import WeightAverage
from fathom.training.callbacks import AverageWeights, Callback, Checkpointing, EarlyStopping
from fathom.training.checkpoint import load_checkpoint
from fathom.training.trainer import Trainer


def sgd(module):
    return torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9)


class Scripted(Regressor):
    """Reports the validation losses it is told to."""

    def __init__(self, losses):
        super().__init__(nn.Linear(3, 1))
        self.losses = iter(losses)

    def validation_step(self, batch):
        return {"loss": torch.tensor(next(self.losses))}


class Judged:
    """Training data of ``lines``, and one validation batch."""

    def __init__(self, data):
        self.train_dataloader, self.batch = data.train_dataloader, (data.X, data.y)

    def val_dataloader(self):
        return [self.batch]


class Spy(Callback):
    """Calls a function at one hook."""

    def __init__(self, **hooks):
        for name, function in hooks.items():
            setattr(self, f"_{name}", function)

    def on_step_end(self, trainer):
        getattr(self, "_step_end", lambda _: None)(trainer)

    def on_epoch_end(self, trainer, record):
        getattr(self, "_epoch_end", lambda *_: None)(trainer, record)


# Early stopping ------------------------------------------------------------------------------------------------------


def test_early_stopping_waits_for_patience_epochs_without_gain(lines, cpu):
    losses = [3.0, 2.0, 2.5, 1.9, 1.95, 1.9, 5.0, 0.0]
    trainer = Trainer(8, optimizer=sgd, execution=cpu, callbacks=[EarlyStopping(3)])
    records = trainer.fit(Scripted(losses), Judged(lines()))
    assert [r["val_loss"] for r in records] == pytest.approx(losses[:7])
    assert trainer.should_stop == "no improvement for 3 epochs"


def test_early_stopping_wants_min_delta_and_counts_nan_as_bad(lines, cpu):
    trainer = Trainer(9, optimizer=sgd, execution=cpu, callbacks=[EarlyStopping(2, min_delta=0.5)])
    assert len(trainer.fit(Scripted([3.0, 2.4, 2.3, 2.2, 0.0]), Judged(lines()))) == 4
    assert len(trainer.fit(Scripted([3.0, math.nan, math.nan, 0.0]), Judged(lines()))) == 3
    with pytest.raises(UsageError, match="patience 0"):
        EarlyStopping(0)


def test_early_stopping_begins_anew_with_each_fit(lines, cpu):
    trainer = Trainer(5, optimizer=sgd, execution=cpu, callbacks=[EarlyStopping(2)])
    assert len(trainer.fit(Scripted([1.0, 2.0, 3.0]), Judged(lines()))) == 3
    assert len(trainer.fit(Scripted([9.0, 8.0, 7.0, 6.0, 5.0]), Judged(lines()))) == 5
    assert trainer.should_stop is None


def test_without_validation_the_training_loss_decides(lines, cpu):
    class Worse(Regressor):
        calls = 0.0

        def training_step(self, batch):
            self.calls += 1
            return {"loss": super().training_step(batch)["loss"] * 0 + self.calls}

    trainer = Trainer(9, optimizer=sgd, execution=cpu, callbacks=[EarlyStopping(1)])
    assert len(trainer.fit(Worse(nn.Linear(3, 1)), lines())) == 2


class Marked(Scripted):
    """Reports a number of its own for each validation."""

    def __init__(self, losses, marks):
        super().__init__(losses)
        self.marks = iter(marks)

    def validation_step(self, batch):
        return super().validation_step(batch) | {"mark": torch.tensor(next(self.marks))}


def test_what_is_monitored_decides_when_to_stop_and_what_is_best(lines, cpu, tmp_path):
    marks = [0.1, 0.3, 0.2, 0.25, 9.0]
    callbacks = [EarlyStopping(2, monitor="val_mark:max"), Checkpointing(tmp_path, monitor="val_mark:max")]
    trainer = Trainer(5, optimizer=sgd, execution=cpu, callbacks=callbacks)
    records = trainer.fit(Marked([5.0, 4.0, 3.0, 2.0, 1.0], marks), Judged(lines()))
    assert [record["val_mark"] for record in records] == pytest.approx(marks[:4])
    best = load_checkpoint(tmp_path / "best")
    assert (best["metric"], best["epoch"], best["value"]) == ("val_mark", 2, pytest.approx(0.3))


def test_what_is_not_recorded_cannot_be_monitored(lines, cpu, tmp_path):
    for callback in (EarlyStopping(1, monitor="val_loss"), Checkpointing(tmp_path / "a", monitor="val_loss")):
        with pytest.raises(UsageError, match="there is no val_loss to monitor without a validation split"):
            Trainer(1, optimizer=sgd, execution=cpu, callbacks=[callback]).fit(Regressor(nn.Linear(3, 1)), lines())
    trainer = Trainer(1, optimizer=sgd, execution=cpu, callbacks=[EarlyStopping(1, monitor="train_f1")])
    with pytest.raises(UsageError, match="there is no train_f1 to monitor: the module's metrics are none"):
        trainer.fit(Regressor(nn.Linear(3, 1)), lines())
    trainer = Trainer(1, optimizer=sgd, execution=cpu, callbacks=[EarlyStopping(1, monitor="train_mark:min")])
    with pytest.raises(FathomError, match="there is no train_mark to monitor: the epoch's record holds train_loss"):
        trainer.fit(Regressor(nn.Linear(3, 1)), lines())
    assert not (tmp_path / "a").exists()


# Averaged weights ----------------------------------------------------------------------------------------------------


def test_validation_and_best_use_the_average_training_does_not(images, make_classifier, same_weights, cpu, tmp_path):
    data = images()
    module, plain = (make_classifier(batch_norm=True) for _ in range(2))
    expected, evaluated = [], []

    class Watched(Classifier):
        def validation_step(self, batch):
            evaluated.append({name: value.clone() for name, value in self.state_dict().items()})
            return super().validation_step(batch)

    module.__class__ = Watched
    shadow = None

    def follow(trainer):
        nonlocal shadow
        if shadow is None:
            shadow = WeightAverage(start, 0.9)
        for ours, theirs in zip(start.state_dict().values(), trainer.module.state_dict().values(), strict=True):
            ours.copy_(theirs)
        shadow.update()

    start = make_classifier(batch_norm=True)

    def keep(trainer, record):
        expected.append({name: value.clone() for name, value in shadow.state_dict()["average"].items()})

    callbacks = [AverageWeights(0.9), Spy(step_end=follow, epoch_end=keep)]
    trainer = Trainer(3, optimizer=sgd, execution=cpu, callbacks=callbacks, out=tmp_path)
    records = trainer.fit(module, data)
    Trainer(3, optimizer=sgd, execution=cpu).fit(plain, data)
    assert same_weights(module, plain)

    assert len(evaluated) == len(expected) == 3
    for ours, theirs in zip(evaluated, expected, strict=True):
        assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
        assert "net.1.num_batches_tracked" in theirs
    assert not torch.equal(evaluated[-1]["net.0.weight"], module.net[0].weight)

    best = max(range(3), key=lambda i: (records[i]["val_accuracy"], -records[i]["val_loss"]))
    kept = load_checkpoint(tmp_path / "checkpoints" / "best")
    assert (kept["metric"], kept["epoch"], kept["value"]) == ("val_accuracy", best + 1, records[best]["val_accuracy"])
    assert all(torch.equal(kept["module"][name], expected[best][name]) for name in expected[best])
    last = load_checkpoint(tmp_path / "checkpoints" / "last")
    assert torch.equal(last["module"]["net.0.weight"], module.net[0].weight)

    with trainer.evaluation_weights():
        assert torch.equal(module.net[0].weight, expected[-1]["net.0.weight"])


# Checkpoints ---------------------------------------------------------------------------------------------------------


def test_best_is_the_best_epoch_and_a_non_finite_one_never_stays(lines, cpu, tmp_path):
    def best_of(losses):
        callback = Checkpointing(tmp_path / "c")
        trainer = Trainer(len(losses), optimizer=sgd, execution=cpu, callbacks=[callback])
        trainer.fit(Scripted(losses), Judged(lines()))
        assert load_checkpoint(tmp_path / "c" / "best")["epoch"] == callback.best["epoch"]
        return callback.best["epoch"]

    assert best_of([3.0, 1.0, 2.0, 1.0]) == 2
    assert best_of([math.nan, 4.0, 3.0, math.inf]) == 3
    assert best_of([5.0, math.nan]) == 1
    assert best_of([math.nan, math.nan]) == 1


def test_last_is_written_every_epoch_and_after_some_seconds_within_one(lines, cpu, tmp_path, monkeypatch):
    saved = []

    class Noting(Checkpointing):
        def save(self, trainer):
            super().save(trainer)
            saved.append((trainer.epoch, trainer.step))

    Trainer(2, optimizer=sgd, execution=cpu, callbacks=[Noting(tmp_path / "a")]).fit(
        Regressor(nn.Linear(3, 1)), lines()
    )
    assert saved == [(1, 5), (2, 10)]
    saved.clear()
    Trainer(1, optimizer=sgd, execution=cpu, callbacks=[Noting(tmp_path / "b", every_s=0.0)]).fit(
        Regressor(nn.Linear(3, 1)), lines()
    )
    assert saved == [(0, 1), (0, 2), (0, 3), (0, 4), (0, 5), (1, 5)]
    assert {path.name for path in (tmp_path / "b").iterdir()} == {"best", "last", "previous"}


def test_checkpoints_come_after_every_other_callback(lines, cpu, tmp_path):
    order = []

    class Late(Checkpointing):
        def on_epoch_end(self, trainer, record):
            order.append("checkpoint")
            super().on_epoch_end(trainer, record)

    spy = Spy(epoch_end=lambda *_: order.append("other"))
    trainer = Trainer(1, optimizer=sgd, execution=cpu, callbacks=[Late(tmp_path / "c"), spy, EarlyStopping(1)])
    trainer.fit(Regressor(nn.Linear(3, 1)), lines())
    assert order == ["other", "checkpoint"]
    assert isinstance(trainer.callbacks[-1], Checkpointing)


def test_two_callbacks_of_a_kind_keep_their_states_apart(lines, cpu, tmp_path):
    impatient, patient = EarlyStopping(50, min_delta=1e9), EarlyStopping(50)
    trainer = Trainer(3, optimizer=sgd, execution=cpu, callbacks=[impatient, patient], out=tmp_path)
    trainer.fit(Scripted([3.0, 2.0, 1.0]), Judged(lines()))
    state = load_checkpoint(tmp_path / "checkpoints" / "last")
    assert state["callbacks"]["EarlyStopping"]["num_bad"] == 2
    assert state["callbacks"]["EarlyStopping-2"]["num_bad"] == 0


def test_a_folder_that_cannot_be_written_is_an_error_before_the_first_step(lines, cpu, tmp_path):
    (tmp_path / "run").write_text("a file in the way")
    trainer = Trainer(1, optimizer=sgd, execution=cpu, out=tmp_path / "run")
    with pytest.raises(FathomError, match=r"cannot make .*run/checkpoints"):
        trainer.fit(Regressor(nn.Linear(3, 1)), lines())
    assert trainer.step == 0


def test_a_full_disk_ends_the_run_with_one_line_and_the_old_checkpoint(lines, cpu, tmp_path, monkeypatch):
    def fill(trainer, record):
        if record["epoch"] == 2:
            monkeypatch.setattr("fathom.files.os.fsync", full)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    trainer = Trainer(3, optimizer=sgd, execution=cpu, out=tmp_path, callbacks=[Spy(epoch_end=fill)])
    with pytest.raises(FathomError, match="no space left on device"):
        trainer.fit(Regressor(nn.Linear(3, 1)), lines())
    monkeypatch.undo()
    assert load_checkpoint(tmp_path / "checkpoints" / "last")["place"]["epoch"] == 1
    assert {path.name for path in (tmp_path / "checkpoints").iterdir()} == {"best", "last"}


def test_what_a_killed_process_left_is_swept_away(lines, cpu, tmp_path):
    rubbish = tmp_path / "checkpoints" / ".fathom.tmp-0123456789ab"
    rubbish.mkdir(parents=True)
    (rubbish / "state.json").write_text("{")
    Trainer(1, optimizer=sgd, execution=cpu, out=tmp_path).fit(Regressor(nn.Linear(3, 1)), lines())
    assert {path.name for path in (tmp_path / "checkpoints").iterdir()} == {"best", "last"}
