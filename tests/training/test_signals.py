"""SIGINT and SIGTERM ask for an end; a second Ctrl-C does not ask."""

import os
import signal
import subprocess
import sys
import threading

import pytest
import torch
from torch import nn

from fathom.module import Regressor
from fathom.training.callbacks import Callback
from fathom.training.signals import Interrupted, catch_signals
from fathom.training.trainer import Trainer


@pytest.fixture(autouse=True)
def python_handlers():
    """Start from Python's own handlers, whatever started the tests."""
    old = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    for number, handler in old.items():
        signal.signal(number, handler)


class Send(Callback):
    """Sends signals to this process at the start of a step."""

    def __init__(self, *signals, at=2):
        self.signals, self.at, self.calls = signals, at, []

    def on_step_start(self, trainer):
        if trainer.step == self.at:
            for number in self.signals:
                os.kill(os.getpid(), number)

    def on_step_end(self, trainer):
        self.calls.append(("step_end", trainer.step))

    def on_stop(self, trainer):
        self.calls.append(("stop", trainer.step))

    def on_fit_end(self, trainer):
        self.calls.append(("fit_end", trainer.step))


def fit(lines, cpu, callback):
    trainer = Trainer(
        2, optimizer=lambda m: torch.optim.SGD(m.parameters(), lr=0.01), execution=cpu, callbacks=[callback]
    )
    return trainer, trainer.fit(Regressor(nn.Linear(3, 1)), lines())


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_step_is_finished_then_the_run_ends_with_the_signals_exit_code(lines, cpu, number, code):
    send = Send(number)
    with pytest.raises(Interrupted, match="stopped in epoch 1, step 3; nothing was saved: the trainer") as caught:
        fit(lines, cpu, send)
    assert caught.value.exit_code == code
    assert send.calls == [("step_end", 1), ("step_end", 2), ("step_end", 3), ("stop", 3), ("fit_end", 3)]
    assert Interrupted.exit_code == 1


def test_a_second_interrupt_aborts_at_once(lines, cpu):
    send = Send(signal.SIGINT, signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        fit(lines, cpu, send)
    assert send.calls == [("step_end", 1), ("step_end", 2), ("fit_end", 2)]


def test_termination_is_asked_for_as_often_as_one_likes(lines, cpu):
    send = Send(signal.SIGTERM, signal.SIGTERM, signal.SIGTERM)
    with pytest.raises(Interrupted):
        fit(lines, cpu, send)
    with pytest.raises(KeyboardInterrupt):
        fit(lines, cpu, Send(signal.SIGTERM, signal.SIGINT))


@pytest.mark.parametrize("how", ["done", "stopped", "failed"])
def test_handlers_are_restored(lines, cpu, how):
    class Fail(Callback):
        def on_step_end(self, trainer):
            raise ValueError

    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    callback = {"done": Callback(), "stopped": Send(signal.SIGTERM), "failed": Fail()}[how]
    try:
        fit(lines, cpu, callback)
    except (Interrupted, ValueError):
        assert how != "done"
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)


def test_a_handler_set_outside_of_python_does_not_break_the_end(monkeypatch):
    restored = []
    monkeypatch.setattr(signal, "signal", lambda number, handler: restored.append(handler))
    with catch_signals():
        pass
    half = len(restored) // 2  # as many handlers set as given back
    assert restored[half:] == [signal.SIG_DFL] * half


def test_a_stopped_trainer_judges_and_trains_again(lines, cpu):
    class Data:
        def __init__(self):
            self.data = lines()

        def train_dataloader(self):
            return self.data.train_dataloader()

        def val_dataloader(self):
            return None

        def test_dataloader(self):
            return [(self.data.X, self.data.y)]

    send = Send(signal.SIGTERM)
    trainer = Trainer(2, optimizer=lambda m: torch.optim.SGD(m.parameters(), lr=0.01), execution=cpu, callbacks=[send])
    module = Regressor(nn.Linear(3, 1))
    with pytest.raises(Interrupted):
        trainer.fit(module, Data())
    assert trainer.test(Data())["test_loss"] > 0
    send.signals = ()
    assert len(trainer.fit(module, Data())) == 2


def test_outside_the_main_thread_training_works_and_handlers_stay(lines, cpu):
    before, results = signal.getsignal(signal.SIGINT), []

    def work():
        results.append(len(fit(lines, cpu, Callback())[1]))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert results == [2]
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.slow
def test_a_real_process_ends_with_the_code_a_shell_expects(tmp_path):
    code = f"""
import os, signal, sys
from fathom import Callback, Classifier, Digits, Trainer
from fathom.errors import FathomError
from torch import nn
class Stop(Callback):
    def on_step_end(self, trainer):
        if trainer.step == 3:
            os.kill(os.getpid(), signal.SIGTERM)
trainer = Trainer(1, callbacks=[Stop()], out={str(tmp_path)!r})
try:
    trainer.fit(Classifier(nn.Sequential(nn.Flatten(), nn.Linear(64, 10))), Digits())
except FathomError as error:
    print(error)
    sys.exit(error.exit_code)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 143, done.stderr
    assert done.stdout == "stopped in epoch 1, step 3; a checkpoint is saved\n"
    assert (tmp_path / "checkpoints" / "last" / "manifest.json").is_file()
