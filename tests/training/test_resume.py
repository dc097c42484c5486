"""A run that was stopped anywhere and resumed is, to the bit, the run that was never stopped."""

from __future__ import annotations

import copy
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from fathom.data.images.augment.augmentation_spec import make_augmentation
from fathom.data.module import DataModule
from fathom.module import Classifier
from fathom.training.callbacks import AverageWeights, Callback, ClipValue, EarlyStopping
from fathom.training.checkpoint import CheckpointError, load_checkpoint, load_latest, save_checkpoint
from fathom.training.device import Execution
from fathom.training.optimizers import make_optimizer
from fathom.training.rehearsal import Rehearsal
from fathom.training.signals import Interrupted
from fathom.training.trainer import Trainer

CPU = torch.device("cpu")
EPOCHS = 3


class Log(Callback):
    """Keeps every record without its times."""

    def __init__(self):
        self.records = []

    def on_log(self, trainer, record):
        self.records.append(timeless(record))


class Keep(Callback):
    """Takes the whole state after some steps, through a checkpoint on disk."""

    def __init__(self, folder, steps):
        self.folder, self.steps = folder, steps

    def on_step_end(self, trainer):
        if trainer.step in self.steps:
            save_checkpoint(self.folder / str(trainer.step), trainer.state_dict())


class Stop(Callback):
    """Sends this process a signal during a step."""

    def __init__(self, step, signum=signal.SIGTERM, hook="on_step_start"):
        self.step, self.signum, self.hook = step, signum, hook

    def on_step_start(self, trainer):
        if self.hook == "on_step_start" and trainer.step == self.step:
            os.kill(os.getpid(), self.signum)

    def on_epoch_end(self, trainer, record):
        if self.hook == "on_epoch_end" and trainer.step == self.step:
            os.kill(os.getpid(), self.signum)


class Shuffled(DataModule):
    """The same images through a DataLoader, which cannot seek, with augmentation drawn from NumPy as people do it."""

    def __init__(self, data, workers=0):
        self.data, self.workers = data, workers

    def train_dataloader(self):
        images = TensorDataset(self.data.X[self.data.train_index], self.data.y[self.data.train_index])

        def collate(items):
            X, y = (torch.stack(part) for part in zip(*items, strict=True))
            return X.roll(int(np.random.randint(3)), 3), y

        return DataLoader(images, 16, shuffle=True, collate_fn=collate)

    def val_dataloader(self):
        return self.data.val_dataloader()


def timeless(record):
    return {name: value for name, value in record.items() if name not in ("elapsed_s", "samples_per_s")}


class Setting:
    """One way of training; makes its parts afresh for every run."""

    def __init__(self, optimizer, *, precision="fp32", channels_last=False, callbacks=(), served=None, **options):
        self.optimizer, self.served, self.options = optimizer, served, options
        self.execution = Execution(CPU, precision=precision, channels_last=channels_last)
        self.callbacks = callbacks

    def run(self, make_classifier, images, *, state=None, extra=(), **options):
        module = make_classifier(dropout=0.3, batch_norm=True)
        data = images(16, n=90, augment=make_augmentation("noise:std=0.1"), seed=4)
        log = Log()
        trainer = Trainer(
            EPOCHS,
            optimizer=lambda m: make_optimizer(m and self.optimizer[0], m, **self.optimizer[1]),
            execution=self.execution,
            callbacks=[log, *(make() for make in self.callbacks), *extra],
            seed=11,
            log_every=2,
            **self.options | options,
        )
        if state is not None:  # whatever this process did before must not matter
            torch.manual_seed(1234)
            np.random.seed(99)
        trainer.fit(module, self.served(data) if self.served else data, state=state)
        return trainer, log.records


EVERYTHING = {
    "callbacks": (lambda: AverageWeights(0.9),),
    "schedule": "one_cycle",
    "accumulate": 2,
    "channels_last": True,
}
ADAMW = ("adamw", {"lr": 0.02, "amsgrad": True, "weight_decay": 0.1})
SETTINGS = {
    "everything": Setting(ADAMW, **EVERYTHING),
    "everything in bf16": Setting(ADAMW, precision="bf16", **EVERYTHING),
    "everything in fp16": Setting(ADAMW, precision="fp16", **EVERYTHING),
    "everything through a DataLoader": Setting(ADAMW, served=Shuffled, **EVERYTHING),
    "plateau and momentum": Setting(
        ("sgd", {"lr": 0.3, "momentum": 0.9, "nesterov": True}),
        schedule="plateau:patience=0,gamma=0.5,threshold=0.5",
        callbacks=(lambda: EarlyStopping(2),),
    ),
    "warm-up to the base rate": Setting(("sgd", {"lr": 0.1}), schedule="constant:warmup=3", clip_norm=0.5),
    "RMSprop": Setting(
        ("rmsprop", {"lr": 0.01, "momentum": 0.5, "centered": True}), callbacks=(lambda: ClipValue(0.1),)
    ),
    "overfitting two batches of a DataLoader": Setting(
        ADAMW, served=Shuffled, rehearsal=Rehearsal(overfit_batches=2), callbacks=()
    ),
}


def not_yet_logged(log, step):
    """What of a log follows the checkpoint taken at the end of ``step``."""
    return [r for r in log if r["step"] > step or (r["step"] == step and r["event"] == "epoch")]


def check_same(resumed, whole):
    """Weights, optimiser, averages, records: the same bits."""
    ours, theirs = (trainer.state_dict() for trainer in (resumed, whole))
    for state in (ours, theirs):
        del state["place"]["elapsed_s"]
        state["callbacks"] = {n: kept for n, kept in state["callbacks"].items() if kept and n != "Checkpointing"}
        state["records"] = [timeless(record) for record in state["records"]]
    assert_equal(ours, theirs, "state")


def assert_equal(a, b, path):
    if isinstance(a, torch.Tensor):
        assert a.dtype == b.dtype, path
        assert torch.equal(a, b), path
    elif isinstance(a, dict):
        assert a.keys() == b.keys(), path
        for key in a:
            assert_equal(a[key], b[key], f"{path}/{key}")
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b), path
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            assert_equal(x, y, f"{path}/{i}")
    else:
        assert a == b, path


@pytest.mark.parametrize("name", SETTINGS)
def test_resumed_from_any_step(name, make_classifier, images, tmp_path):
    setting = SETTINGS[name]
    steps = range(1, 100)
    whole, log = setting.run(make_classifier, images, extra=[Keep(tmp_path, steps)])
    assert whole.step == whole.total_steps or whole.should_stop
    assert whole.step >= 6
    for step in range(1, whole.step + 1):
        resumed, later = setting.run(make_classifier, images, state=load_checkpoint(tmp_path / str(step)))
        check_same(resumed, whole)
        assert later == not_yet_logged(log, step)


@pytest.mark.parametrize("name", ["everything", "plateau and momentum"])
@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_stopped_by_a_signal_in_the_middle_of_an_epoch(name, signum, make_classifier, images, tmp_path):
    setting = SETTINGS[name]
    whole, log = setting.run(make_classifier, images, out=tmp_path / "whole")
    for step in (0, 1):
        with pytest.raises(Interrupted, match=f"stopped in epoch 1, step {step + 1}; a checkpoint is saved") as caught:
            setting.run(make_classifier, images, extra=[Stop(step, signum)], out=tmp_path / f"{step}")
        assert caught.value.exit_code == 128 + signum
        state, folder, refused = load_latest(tmp_path / f"{step}" / "checkpoints")
        assert (folder.name, refused, state["place"]["step"]) == ("last", [], step + 1)
        resumed, later = setting.run(make_classifier, images, state=state, out=tmp_path / f"{step}")
        check_same(resumed, whole)
        assert later == not_yet_logged(log, step + 1)
        ours, theirs = (load_checkpoint(tmp_path / run / "checkpoints" / "best") for run in (f"{step}", "whole"))
        assert_equal(ours, theirs, "best")


def test_stopped_again_and_again(make_classifier, images, tmp_path):
    setting = SETTINGS["everything"]
    whole, _ = setting.run(make_classifier, images, out=tmp_path / "whole")
    state, stops = None, 0
    while True:
        at = state["place"]["step"] + 1 if state else 0
        try:
            resumed, _ = setting.run(make_classifier, images, state=state, extra=[Stop(at)], out=tmp_path / "pieces")
            break
        except Interrupted:
            stops += 1
            state, _, _ = load_latest(tmp_path / "pieces" / "checkpoints")
    assert stops >= 4
    check_same(resumed, whole)


def test_a_signal_during_validation_leaves_it_and_resumes_with_it(make_classifier, images, tmp_path):
    evaluated = []

    class Slow(Classifier):
        def validation_step(self, batch):
            evaluated.append(len(batch[1]))
            if len(evaluated) == 2:
                os.kill(os.getpid(), signal.SIGTERM)
            return super().validation_step(batch)

    def make(*arguments, **options):
        module = make_classifier(*arguments, **options)
        module.__class__ = Slow
        return module

    def small_batches(*arguments, **options):
        data = images(*arguments, **options)
        X, y = data.X[data.val_index], data.y[data.val_index]
        data.val_dataloader = lambda: list(zip(X.split(2), y.split(2), strict=True))
        return data

    setting = SETTINGS["everything"]
    whole, log = setting.run(make_classifier, small_batches)
    with pytest.raises(Interrupted, match="stopped in epoch 1, step 3"):
        setting.run(make, small_batches, out=tmp_path)
    assert len(evaluated) == 2
    state, _, _ = load_latest(tmp_path / "checkpoints")
    assert (state["place"]["epoch"], state["records"]) == (0, [])
    resumed, later = setting.run(make_classifier, small_batches, state=state)
    check_same(resumed, whole)
    assert later == log[[r["event"] for r in log].index("epoch") :]


def test_a_signal_at_the_end_of_an_epoch_and_of_the_run(make_classifier, images, tmp_path):
    setting = SETTINGS["plateau and momentum"]
    whole, log = setting.run(make_classifier, images)
    per_epoch = whole.step // len(whole.records)
    for epoch in (1, len(whole.records)):
        folder = tmp_path / str(epoch)
        stop = Stop(epoch * per_epoch, hook="on_epoch_end")
        with pytest.raises(Interrupted, match=f"stopped after epoch {epoch}, step {epoch * per_epoch}; a checkpoint"):
            setting.run(make_classifier, images, extra=[stop], out=folder)
        state, _, _ = load_latest(folder / "checkpoints")
        resumed, later = setting.run(make_classifier, images, state=state)
        check_same(resumed, whole)
        assert later == [r for r in log if r["step"] > epoch * per_epoch]


def test_a_run_that_stopped_early_stays_stopped(make_classifier, images, tmp_path):
    setting = Setting(("sgd", {"lr": 0.1}), callbacks=(lambda: EarlyStopping(1, min_delta=1e9),))
    whole, _ = setting.run(make_classifier, images, out=tmp_path)
    assert len(whole.records) == 2
    assert whole.should_stop
    state, _, _ = load_latest(tmp_path / "checkpoints")
    resumed, later = setting.run(make_classifier, images, state=state)
    assert later == []
    check_same(resumed, whole)


def test_draws_of_callbacks_do_not_disturb_a_resumed_run(make_classifier, images, tmp_path):
    class Draws(Callback):
        def on_fit_start(self, trainer):
            torch.rand(5), np.random.rand(3)

    setting = Setting(("sgd", {"lr": 0.1}), callbacks=(Draws,))
    whole, _ = setting.run(make_classifier, images, extra=[Keep(tmp_path, [3])])
    resumed, _ = setting.run(make_classifier, images, state=load_checkpoint(tmp_path / "3"))
    check_same(resumed, whole)


def test_the_state_given_is_left_as_it_was(make_classifier, images, tmp_path):
    setting = SETTINGS["everything"]
    setting.run(make_classifier, images, extra=[Keep(tmp_path, [4])])
    state = load_checkpoint(tmp_path / "4")
    before = copy.deepcopy(state)
    first, _ = setting.run(make_classifier, images, state=state)
    assert_equal(state, before, "given")
    second, _ = setting.run(make_classifier, images, state=state)
    check_same(first, second)


# What does not fit ---------------------------------------------------------------------------------------------------


def test_a_checkpoint_of_something_else_is_refused(make_classifier, images, tmp_path):
    setting = SETTINGS["plateau and momentum"]
    setting.run(make_classifier, images, extra=[Keep(tmp_path, [2])])

    def resume(setting=setting, change=lambda state: state, **options):
        setting.run(make_classifier, images, state=change(load_checkpoint(tmp_path / "2")), **options)

    def without(*names):
        def change(state):
            for name in names:
                del state[name]
            return state

        return change

    other = Setting(("adamw", {"lr": 0.1}))
    with pytest.raises(CheckpointError, match="made with the optimiser SGD, not AdamW"):
        resume(other)
    with pytest.raises(CheckpointError, match="made with another optimiser"):
        resume(Setting(("sgd", {"lr": 0.1, "decay_norm_and_bias": False, "weight_decay": 0.1}), schedule="plateau"))
    with pytest.raises(CheckpointError, match=r"its run takes 18 steps, this one 9; resume with the same data"):
        resume(accumulate=2)
    for name in ("place", "module", "optimizer", "callbacks", "random", "meter", "records", "feed"):
        with pytest.raises(CheckpointError, match="not one of a training run"):
            resume(change=without(name))
    with pytest.raises(CheckpointError, match="not one of a training run"):
        resume(change=lambda state: state | {"random": {"torch": torch.zeros(3, dtype=torch.uint8), "python": ()}})

    def make_other(**options):
        module = make_classifier(**options)
        module.net.append(nn.Linear(3, 3))
        return module

    with pytest.raises(CheckpointError, match="made for another architecture: it has no"):
        setting.run(make_other, images, state=load_checkpoint(tmp_path / "2"))


def entry(state):
    return state["optimizer"]["state"][0]


ALTERED = {
    "a moment of one value": (lambda s: entry(s).update(exp_avg=torch.zeros(1)), "'exp_avg' of 'net.* float32 here"),
    "a moment turned": (lambda s: entry(s).update(exp_avg=entry(s)["exp_avg"].flatten()[:-1]), "'exp_avg' of 'net"),
    "a moment in double": (lambda s: entry(s).update(exp_avg_sq=entry(s)["exp_avg_sq"].double()), "float64 there"),
    "a moment that is a number": (lambda s: entry(s).update(exp_avg_sq=1.0), "'exp_avg_sq' of .* is a float there"),
    "a moment missing": (lambda s: entry(s).pop("max_exp_avg_sq"), "'max_exp_avg_sq' of 'net.* is missing"),
    "a moment too many": (lambda s: entry(s).update(extra=torch.zeros(2)), "'extra' .* is not one of this optimiser"),
    "steps per value": (lambda s: entry(s).update(step=torch.zeros(3)), "'step' of"),
    "a state missing": (lambda s: s["optimizer"]["state"].pop(1), "states for other parameters"),
    "a state too many": (lambda s: s["optimizer"]["state"].update({99: entry(s)}), "states for other parameters"),
    "a parameter twice": (
        lambda s: s["optimizer"]["param_groups"][0]["params"].__setitem__(1, 0), "states for other parameters"
    ),
    "a learning rate in words": (lambda s: s["optimizer"]["param_groups"][0].update(lr="high"), "'lr' of the optim"),
    "a weight in half": (
        lambda s: s["module"].update({n: w.half() for n, w in s["module"].items() if w.is_floating_point()}),
        "is torch.float16 there, torch.float32 here",
    ),
    "an average of another shape": (
        lambda s: s["callbacks"]["AverageWeights"]["average"].update(
            {n: w[:1] for n, w in s["callbacks"]["AverageWeights"]["average"].items() if w.dim() > 1}
        ),
        "the saved weight average does not fit",
    ),
    "an average in double": (
        lambda s: s["callbacks"]["AverageWeights"]["average"].update(
            {n: w.double() for n, w in s["callbacks"]["AverageWeights"]["average"].items()}
        ),
        "the saved weight average does not fit",
    ),
    "a count below 0": (lambda s: s["place"].update(step=-1), "a count in place is not one"),
}  # fmt: skip


@pytest.mark.parametrize("name", ALTERED)
def test_an_altered_state_is_refused_before_anything_is_loaded(name, make_classifier, images, tmp_path):
    change, words = ALTERED[name]
    setting = SETTINGS["everything"]
    setting.run(make_classifier, images, extra=[Keep(tmp_path, [2])])
    state = load_checkpoint(tmp_path / "2")
    change(state)
    save_checkpoint(tmp_path / "altered", state)  # with digests that agree
    with pytest.raises(CheckpointError, match=words):
        setting.run(make_classifier, images, state=load_checkpoint(tmp_path / "altered"))


# Killed --------------------------------------------------------------------------------------------------------------

SCRIPT = """
import sys, time
from pathlib import Path
import numpy as np, torch
from torch import nn
from fathom.data.arrays import Arrays
from fathom.data.array_data import ArrayData
from fathom.module import Classifier
from fathom.training.callbacks import AverageWeights, Callback, Checkpointing
from fathom.training.checkpoint import load_latest, save_checkpoint
from fathom.training.device import Execution
from fathom.training.optimizers import make_optimizer
from fathom.training.trainer import Trainer

folder, pause, resumes = Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3] == "resume"
rng = np.random.default_rng(0)
arrays = Arrays(rng.integers(0, 256, (64, 1, 8, 8), dtype=np.uint8), np.arange(64) % 4, None, None, tuple("abcd"))
torch.manual_seed(0)
module = Classifier(nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Dropout(0.3), nn.Linear(32, 4)))

class Pause(Callback):
    def on_step_end(self, trainer):
        print("step", trainer.step, flush=True)
        time.sleep(pause)

callbacks = [AverageWeights(0.9), Pause(), Checkpointing(folder / "checkpoints", every_s=0.0)]
trainer = Trainer(4, optimizer=lambda m: make_optimizer("adamw", m, 0.01), schedule="one_cycle", callbacks=callbacks,
                  execution=Execution(torch.device("cpu")), seed=3)
state = load_latest(folder / "checkpoints")[0] if resumes else None
print("from", state["place"]["step"] if state else 0, flush=True)
trainer.fit(module, ArrayData(arrays, 8, val=0.25), state=state)
save_checkpoint(folder / "final", {"module": module.state_dict(), "ema": trainer.callbacks[0].state_dict()})
"""


@pytest.mark.slow
def test_killed_without_warning_and_resumed_in_another_process(tmp_path):
    script = tmp_path / "train.py"
    script.write_text(SCRIPT)

    def start(folder, pause, mode):
        command = [sys.executable, str(script), str(tmp_path / folder), str(pause), mode]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})

    def next_number(process):
        return int(process.stdout.readline().split()[1])

    with start("whole", 0, "new") as whole:
        whole.communicate(timeout=120)
    mode, resumed_from = "new", []
    for kill_at in (5, 14):
        with start("killed", 0.02, mode) as process:
            resumed_from.append(next_number(process))
            while next_number(process) < kill_at:
                pass
            time.sleep(0.005)  # somewhere in a step or in the middle of saving
            process.kill()
        mode = "resume"
    with start("killed", 0, mode) as last:
        resumed_from.append(next_number(last))
        last.communicate(timeout=120)
    assert (whole.returncode, process.returncode, last.returncode) == (0, -signal.SIGKILL, 0)
    assert resumed_from[0] == 0
    assert 4 <= resumed_from[1] <= 6
    assert 13 <= resumed_from[2] <= 15
    assert_equal(load_checkpoint(tmp_path / "killed" / "final"), load_checkpoint(tmp_path / "whole" / "final"), "final")
    left = {path.name for path in Path(tmp_path / "killed" / "checkpoints").iterdir()}
    assert left == {"best", "last", "previous"}
