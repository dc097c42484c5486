"""A module with several optimisers takes its steps itself; a GAN in forty lines, its resume exact."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.optim import lr_scheduler

from fathom.errors import FathomError, UsageError
from fathom.module import Module
from fathom.training.callbacks import Callback, ClipValue
from fathom.training.checkpoint import CheckpointError, load_latest
from fathom.training.trainer import Trainer

torch.manual_seed(0)
REAL = torch.randn(32, 2) * 0.5 + 2
LOADER = [REAL[i : i + 8] for i in range(0, 32, 8)]


def update(g, d, g_step, d_step, real):
    """One step of both players; the independent truth calls it too, without a trainer."""
    fake = g(torch.randn(len(real), 2))  # (N, 2)
    d_loss = F.softplus(-d(real)).mean() + F.softplus(d(fake.detach())).mean()
    d_step(d_loss)
    g_loss = F.softplus(-d(fake)).mean()
    g_step(g_loss)
    return {"d": d_loss, "g": g_loss}


def steps(optimizer):
    def step(loss):
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


class GAN(Module):
    def __init__(self, as_list=False):
        super().__init__()
        torch.manual_seed(1)
        self.g = nn.Sequential(nn.Linear(2, 8), nn.Dropout(0.2), nn.ReLU(), nn.Linear(8, 2))
        self.d = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1))
        self.as_list = as_list

    def configure_optimizers(self):
        made = {"g": torch.optim.Adam(self.g.parameters(), 1e-2), "d": torch.optim.SGD(self.d.parameters(), 1e-1)}
        return list(made.values()) if self.as_list else made

    def training_step(self, batch, optimizers):
        g, d = optimizers if self.as_list else (optimizers["g"], optimizers["d"])
        return update(self.g, self.d, steps(g), steps(d), batch)


def flat(module):
    return torch.cat([p.detach().flatten() for p in module.parameters()])


@pytest.mark.parametrize("as_list", [False, True])
def test_a_gan_learns_as_in_a_plain_loop(as_list):
    module, twin = GAN(as_list), GAN()
    trainer = Trainer(2, seed=5)
    records = trainer.fit(module, LOADER)
    torch.manual_seed(5)
    optimizers, losses = twin.configure_optimizers(), []
    for _ in range(2):
        for real in LOADER:
            found = update(twin.g, twin.d, steps(optimizers["g"]), steps(optimizers["d"]), real)
            losses += [found["g"].item()]
    assert torch.equal(flat(module), flat(twin))
    assert records[1]["train_g"] == pytest.approx(sum(losses[4:]) / 4)
    assert trainer.step == 8


class Stop(Callback):
    def on_step_end(self, trainer):
        if trainer.step == 3:
            trainer.call("on_stop")
            raise InterruptedError


def test_its_state_is_in_the_checkpoint_and_the_resumed_run_exact(tmp_path):
    whole, stopped, resumed = GAN(), GAN(), GAN()
    Trainer(3, schedule="cosine").fit(whole, LOADER)
    with pytest.raises(InterruptedError):
        Trainer(3, schedule="cosine", callbacks=[Stop()], out=tmp_path).fit(stopped, LOADER)
    state, _, _ = load_latest(tmp_path / "checkpoints")
    Trainer(3, schedule="cosine", out=tmp_path).fit(resumed, LOADER, state=state)
    assert torch.equal(flat(whole), flat(resumed))
    assert (tmp_path / "checkpoints" / "best").is_dir()  # nothing to monitor: the newest
    with pytest.raises(CheckpointError, match="made with 2 optimisers, not one"):
        Trainer(3, optimizer="sgd").fit(GAN(), LOADER, state=state)
    state["optimizer"][0]["state"][0]["exp_avg"] = torch.zeros(3)
    with pytest.raises(CheckpointError, match=r"'exp_avg' of 'g.0.weight' is \(3,\)"):
        Trainer(3, schedule="cosine").fit(GAN(), LOADER, state=state)


def test_each_may_have_a_scheduler_of_torch():
    rates = []

    class Rates(Callback):
        def on_epoch_start(self, trainer):
            rates.append([optimizer.param_groups[0]["lr"] for optimizer in trainer.optimizers])

    def make(optimizers):
        return [lr_scheduler.StepLR(optimizers["g"], 1, 0.5), lr_scheduler.StepLR(optimizers["d"], 1, 0.1)]

    Trainer(2, schedule=make, callbacks=[Rates()]).fit(GAN(), LOADER)
    torch.testing.assert_close(rates, [[1e-2, 1e-1], [5e-3, 1e-2]])


@pytest.mark.parametrize("options", [{"accumulate": 2}, {"clip_norm": 1.0}, {"callbacks": [ClipValue(1)]}])
def test_what_the_trainer_cannot_do_for_it_is_refused(options):
    with pytest.raises(UsageError, match="takes the steps itself"):
        Trainer(1, **options).fit(GAN(), LOADER)


def test_a_loss_that_is_not_finite_is_named():
    class Broken(GAN):
        def training_step(self, batch, optimizers):
            return super().training_step(batch, optimizers) | {"g": torch.tensor(float("nan"))}

    with pytest.raises(FathomError, match=r"g is not finite at step 1 \(epoch 1, batch 1\)"):
        Trainer(1).fit(Broken(), LOADER)
