"""A run that becomes non-finite stops and says where, what is to blame and what to try."""

import itertools
import math
import pickle
import re

import pytest
import torch
from torch import nn

from fathom.module import Classifier, Regressor
from fathom.training.callbacks import Callback
from fathom.training.checkpoint import load_latest
from fathom.training.device import Execution
from fathom.training.divergence import Diverged, locate_divergence, not_finite
from fathom.training.trainer import Trainer


def sgd(lr):
    return lambda module: torch.optim.SGD(module.parameters(), lr=lr)


class NeverRead(Callback):
    """Makes the trainer treat the CPU as a device whose scalars cost a wait."""

    def on_fit_start(self, trainer):
        trainer.reading_is_free = False


class Batches:
    def __init__(self, batches):
        self.batches = batches

    def train_dataloader(self):
        return self.batches

    def val_dataloader(self):
        return None


def ones(n, features, times=1):
    return Batches([(torch.ones(n, features), torch.ones(n, 1))] * times)


@pytest.mark.parametrize("reads", [True, False])
def test_an_exploding_rate_stops_with_step_batch_layer_and_advice(lines, cpu, reads):
    module = Regressor(nn.Sequential(nn.Linear(3, 8), nn.Linear(8, 1)))
    trainer = Trainer(
        50, optimizer=sgd(30.0), execution=cpu, callbacks=[] if reads else [NeverRead()], log_every=7, accumulate=2
    )
    with pytest.raises(Diverged) as caught:
        trainer.fit(module, lines())
    text = str(caught.value)
    assert "\n" not in text
    step, epoch, batch = map(int, re.search(r"at step (\d+) \(epoch (\d+), batch (\d+)\)", text).groups())
    assert step == (epoch - 1) * 3 + (batch - 1) // 2 + 1
    assert 1 <= batch <= 5
    assert re.search(r"(layer|parameter) 'net\.\d", text)
    assert "try a lower learning rate (now 30)" in text
    assert "clip_norm" in text
    if reads:
        assert step == trainer.step + 1  # the weights are still those that gave the loss


def test_the_error_carries_a_finding_that_survives_a_pickle(lines, cpu):
    with pytest.raises(Diverged) as caught:
        Trainer(50, optimizer=sgd(30.0), execution=cpu).fit(Regressor(nn.Linear(3, 1)), lines())
    finding = caught.value.finding
    assert (finding.code, finding.severity) == ("loss.not_finite", "error")
    place = f"step {finding.evidence['step']} (epoch {finding.evidence['epoch']}, batch {finding.evidence['batch']})"
    assert finding.place == place
    assert str(caught.value) == f"loss is not finite at {place}: {finding.cause}; {finding.remedy}"
    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - made here
    assert (again.finding, str(again)) == (finding, str(caught.value))
    later = not_finite("val_loss", place="after epoch 3")
    assert str(later) == "val_loss is not finite after epoch 3"


def test_both_ways_of_looking_name_the_same_place(lines, cpu):
    def where(callbacks):
        torch.manual_seed(0)
        with pytest.raises(Diverged) as caught:
            Trainer(50, optimizer=sgd(30.0), execution=cpu, callbacks=callbacks, log_every=3).fit(
                Regressor(nn.Linear(3, 1)), lines()
            )
        return str(caught.value).split(":")[0]

    assert where([]) == where([NeverRead()])


@pytest.mark.parametrize("reads", [True, False])
def test_a_nan_in_the_batch_is_named_and_the_rate_is_not_blamed(cpu, reads):
    batches = [(torch.ones(4, 3), torch.ones(4, 1)) for _ in range(6)]
    batches[4][0][2, 1] = math.nan
    trainer = Trainer(2, optimizer=sgd(0.01), execution=cpu, callbacks=[] if reads else [NeverRead()], log_every=4)
    with pytest.raises(Diverged) as caught:
        trainer.fit(Regressor(nn.Linear(3, 1)), Batches(batches))
    text = str(caught.value)
    assert "at step 5 (epoch 1, batch 5): the batch itself holds NaN or infinite values" in text
    assert "missing values" in text
    assert "learning rate" not in text


class Logarithm(nn.Module):
    def forward(self, X):
        return X.log()


def test_the_layer_in_the_middle_is_named(cpu):
    net = nn.Sequential(nn.Linear(3, 4), nn.Sequential(nn.Identity(), Logarithm()), nn.Linear(4, 1))
    with torch.no_grad():
        net[0].bias.fill_(-100)
    trainer = Trainer(1, optimizer=sgd(0.01), execution=cpu)
    with pytest.raises(Diverged, match=r"layer 'net\.1\.1' \(Logarithm\) is the first to give a non-finite output"):
        trainer.fit(Regressor(net), ones(4, 3))
    assert trainer.step == 0


def test_arithmetic_between_layers_belongs_to_the_layer_around_it():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Linear(3, 3)

        def forward(self, X):
            return self.inner(X) / 0

    module = Regressor(nn.Sequential(Block(), nn.Linear(3, 1)))
    batch = torch.ones(2, 3), torch.ones(2, 1)
    cause, advice = locate_divergence(module, batch)
    assert cause == "layer 'net.0' (Block) is the first to give a non-finite output"
    assert "lower learning rate" in advice


def test_layers_that_give_several_tensors_are_looked_into():
    module = Regressor(nn.LSTM(2, 2))
    module.forward = lambda X: module.net(X)[0]
    batch = torch.full((1, 1, 2), 1.0), torch.ones(1, 1, 2)
    module.net.register_forward_hook(lambda *_: (torch.zeros(1, 1, 2), (torch.full((1,), math.nan), None)))
    assert "layer 'net' (LSTM)" in locate_divergence(module, batch)[0]


def test_weights_that_an_update_spoilt_are_named(cpu):
    class Spoil(Callback):
        def on_gradients(self, trainer):
            if trainer.step == 2:
                trainer.module.net[1].bias.grad.fill_(math.nan)

    module = Regressor(nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1)))
    trainer = Trainer(1, optimizer=sgd(0.01), execution=cpu, callbacks=[Spoil()])
    with pytest.raises(Diverged, match=r"at step 4 .*: parameter 'net\.1\.bias' is not finite since an update"):
        trainer.fit(module, ones(4, 3, times=6))


def test_a_loss_that_overflows_by_itself_and_one_that_does_not_recur(cpu):
    def fit(module, batches):
        Trainer(1, optimizer=sgd(0.01), execution=cpu).fit(module, Batches(batches))

    overflows = "the loss overflows though every output is finite; the largest value, "
    with pytest.raises(Diverged, match=re.escape(f"{overflows}1e+30, is in the batch")):
        fit(Regressor(nn.Linear(3, 1)), [(torch.ones(4, 3), torch.full((4, 1), 1e30))])
    large = nn.Linear(3, 1)
    nn.init.constant_(large.weight, 1e25)
    with pytest.raises(Diverged, match=re.escape(f"{overflows}3e+25, is in layer 'net' (Linear)")):
        fit(Regressor(large), [(torch.ones(4, 3), torch.ones(4, 1))])

    class Once(Regressor):
        calls = 0

        def training_step(self, batch):
            self.calls += 1
            outputs = super().training_step(batch)
            return {"loss": outputs["loss"] * (math.nan if self.calls == 1 else 1)}

    with pytest.raises(Diverged, match="the same batch gives a finite loss when repeated"):
        Trainer(1, optimizer=sgd(0.01), execution=cpu).fit(
            Once(nn.Linear(3, 1)), Batches([(torch.ones(1, 3), torch.ones(1, 1))])
        )


def test_the_search_runs_in_the_precision_that_overflowed():
    """65,536 is infinite in float16 and harmless in float32."""
    net = nn.Sequential(nn.Linear(1, 1, bias=False), nn.Linear(1, 1))
    with torch.no_grad():
        net[0].weight.fill_(70000.0)
        net[1].weight.fill_(1e-6)
    execution = Execution(torch.device("cpu"), precision="fp16")
    with pytest.raises(Diverged, match=r"layer 'net\.0' \(Linear\)"):
        Trainer(1, optimizer=sgd(0.01), execution=execution).fit(
            Regressor(net), Batches([(torch.ones(2, 1), torch.ones(2, 1))])
        )


def test_a_run_that_diverged_is_not_saved(lines, cpu, tmp_path):
    """Where reading waits, losses are looked at when a checkpoint is due, not only when a record is."""
    trainer = Trainer(50, optimizer=sgd(30.0), execution=cpu, callbacks=[NeverRead()], log_every=10**6, out=tmp_path)
    trainer.callbacks[-1].every_s = 0.0
    with pytest.raises(Diverged):
        trainer.fit(Regressor(nn.Linear(3, 1)), lines())
    state, _, _ = load_latest(tmp_path / "checkpoints")
    assert all(math.isfinite(v) for v in state["meter"]["epoch"]["sums"].values())


def test_an_infinite_metric_that_is_not_the_loss_is_allowed(lines, cpu):
    class Odd(Regressor):
        def batch_means(self, prediction, target):
            return {"ratio": torch.tensor(math.inf)}

    records = Trainer(1, optimizer=sgd(0.01), execution=cpu).fit(Odd(nn.Linear(3, 1)), lines())
    assert records[0]["train_ratio"] == math.inf


# Reading from the device ---------------------------------------------------------------------------------------------


def test_where_reading_waits_nothing_is_read_but_once_an_interval(images, cpu, monkeypatch):
    """No ``item``, ``tolist``, ``bool`` or ``float`` of a tensor between two records."""
    reads = []
    for name in ("item", "tolist", "__bool__", "__float__", "__int__", "numpy", "__index__"):
        original = getattr(torch.Tensor, name)
        monkeypatch.setattr(torch.Tensor, name, lambda self, *a, f=original, n=name: (reads.append(n), f(self, *a))[1])
    per_step = []

    class Spy(NeverRead):
        def on_step_start(self, trainer):
            per_step.append(len(reads))

        def on_fit_end(self, trainer):
            per_step.append(len(reads))

    module = Classifier(nn.Sequential(nn.Flatten(), nn.Linear(64, 3)))
    trainer = Trainer(
        1, optimizer=sgd(0.01), execution=cpu, callbacks=[Spy()], log_every=5, clip_norm=1.0, schedule="cosine"
    )
    trainer.fit(module, images(4, n=80, val=0.0))
    counts = [b - a for a, b in itertools.pairwise(per_step)]
    assert trainer.step == 20
    assert counts == [0, 0, 0, 0, 1] * 4
