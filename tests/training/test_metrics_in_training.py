"""Metrics that are no means, in the loop: over whole splits, across a resume, seen or refused."""

import copy

import pytest
import torch
from sklearn.metrics import f1_score, roc_auc_score
from torch import nn

from fathom.errors import FathomError
from fathom.metrics import AUROC
from fathom.module import Classifier
from fathom.training.callbacks import Callback
from fathom.training.checkpoint import load_checkpoint, save_checkpoint
from fathom.training.evaluation import evaluate_batches
from fathom.training.trainer import Trainer


class Uneven:
    """Batches of uneven size, the same every time; three classes, noisy."""

    def __init__(self, sizes=(32, 5, 64, 1, 17), val_sizes=(3, 40, 11), seed=0):
        generator = torch.Generator().manual_seed(seed)

        def make(sizes):
            y = torch.randint(0, 3, (sum(sizes),), generator=generator)
            X = torch.randn(len(y), 4, generator=generator)
            X[torch.arange(len(y)), y] += 1
            return list(zip(X.split(sizes), y.split(sizes), strict=True))

        self.train, self.val = make(sizes), make(val_sizes)

    def train_dataloader(self):
        return self.train

    def val_dataloader(self):
        return self.val


def make_module(metrics=("f1", "auroc")):
    torch.manual_seed(3)
    return Classifier(nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3)), metrics=metrics)


def sgd(module):
    return torch.optim.SGD(module.parameters(), lr=0.1)


def test_metrics_of_an_epoch_are_those_of_the_whole_split(cpu):
    module, data, seen = make_module(), Uneven(), []

    class Noting(Callback):
        def on_step_start(self, trainer):
            seen.append(copy.deepcopy(trainer.module.net))

    (record,) = Trainer(1, optimizer=sgd, execution=cpu, callbacks=[Noting()], log_every=2).fit(module, data)
    with torch.no_grad():
        val = torch.cat([module.net(X) for X, _ in data.val])
        train = torch.cat([net(X) for net, (X, _) in zip(seen, data.train, strict=True)])
    for part, logits, batches in (("train", train, data.train), ("val", val, data.val)):
        y = torch.cat([y for _, y in batches])
        assert record[f"{part}_f1"] == pytest.approx(f1_score(y, logits.argmax(1), average="macro"), rel=1e-12)
        area = roc_auc_score(y, logits.double().softmax(1), multi_class="ovr")
        assert record[f"{part}_auroc"] == pytest.approx(area, rel=1e-9)


def test_metrics_change_nothing_else(cpu):
    plain, measured = make_module(()), make_module()
    records = [Trainer(2, optimizer=sgd, execution=cpu).fit(module, Uneven()) for module in (plain, measured)]
    for ours, theirs in zip(*records, strict=True):
        assert ours["val_loss"] == theirs["val_loss"]
    assert all(torch.equal(a, b) for a, b in zip(plain.parameters(), measured.parameters(), strict=True))
    assert plain.state_dict().keys() == measured.state_dict().keys()


def test_a_resume_in_the_middle_of_an_epoch_keeps_what_metrics_took_in(cpu, tmp_path):
    class Saving(Callback):
        def on_step_end(self, trainer):
            if trainer.step == 8:
                save_checkpoint(tmp_path / "state", trainer.state_dict())

    def fit(state=None, callbacks=()):
        return Trainer(3, optimizer=sgd, execution=cpu, callbacks=callbacks).fit(make_module(), Uneven(), state=state)

    whole = fit(callbacks=[Saving()])
    resumed = fit(load_checkpoint(tmp_path / "state"))
    names = [name for name in whole[0] if name.startswith(("train_", "val_"))]
    assert {"train_f1", "train_auroc", "val_f1", "val_auroc"} <= set(names)
    assert [[r[name] for name in names] for r in whole] == [[r[name] for name in names] for r in resumed]


def test_a_module_s_own_metric_stays_as_it_was(cpu):
    metric = AUROC()
    module = make_module([metric])
    found = evaluate_batches(module, Uneven().val, cpu)
    Trainer(1, optimizer=sgd, execution=cpu).fit(module, Uneven())
    assert metric.scores == []
    assert 0 < found.metrics["auroc"] < 1


def test_a_step_that_shows_no_prediction_is_told_how(cpu):
    class Silent(Classifier):
        def training_step(self, batch):
            return {"loss": super().training_step(batch)["loss"]}

    module = Silent(nn.Linear(4, 3), metrics=["f1"])
    with pytest.raises(FathomError, match=r"metric f1 reads predictions, but a step returned loss; let it return"):
        Trainer(1, optimizer=sgd, execution=cpu).fit(module, Uneven())


def test_steps_return_predictions_in_training_only_where_something_reads_them():
    batch = Uneven().train[0]
    assert set(make_module(()).training_step(batch)) == {"loss", "accuracy"}
    outputs = make_module().training_step(batch)
    assert set(outputs) == {"loss", "accuracy", "prediction", "target"}
    assert not outputs["prediction"].requires_grad
    assert set(make_module(()).eval().validation_step(batch)) == set(outputs)
