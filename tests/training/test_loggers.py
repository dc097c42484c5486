"""Loggers: what other tools read is what the loop recorded; a library that is missing or fails costs one line."""

import csv
import sys
import types

import pytest
import torch
from torch import nn

from fathom.errors import FathomError, UsageError
from fathom.module import Regressor
from fathom.training.callbacks import Callback
from fathom.training.checkpoint import load_latest
from fathom.training.loggers.files import CSVLogger, TensorBoardLogger
from fathom.training.loggers.logger import flat
from fathom.training.loggers.named import check_loggers, make_loggers
from fathom.training.loggers.services import MLflowLogger, WandbLogger
from fathom.training.trainer import Trainer


class Failing(Callback):
    """Stops a fit in the middle of an epoch."""

    def __init__(self, step=3):
        self.step = step

    def on_step_start(self, trainer):
        if trainer.step == self.step:
            raise RuntimeError("the power failed")


def fit(logger, cpu, *, epochs=2, out=None, state=None, callbacks=()):
    torch.manual_seed(0)
    X = torch.randn(8, 3)
    batches = [(X[i : i + 2], X[i : i + 2].sum(1, keepdim=True)) for i in range(0, 8, 2)]
    trainer = Trainer(epochs, execution=cpu, callbacks=[logger, *callbacks], log_every=2, out=out, progress=False)
    trainer.fit(Regressor(nn.Linear(3, 1), lr=0.01), batches, batches, state=state)
    return trainer


def rows_of(folder):
    with (folder / "log.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_csv_holds_every_record(tmp_path, cpu):
    trainer = fit(CSVLogger(tmp_path), cpu)
    rows = rows_of(tmp_path)
    assert [(row["event"], row["step"]) for row in rows] == [
        (event, str(step))
        for step, event in ((2, "step"), (4, "step"), (4, "epoch"), (6, "step"), (8, "step"), (8, "epoch"))
    ]
    epochs = [row for row in rows if row["event"] == "epoch"]
    assert [float(row["val_loss"]) for row in epochs] == [record["val_loss"] for record in trainer.records]
    assert rows[0]["val_loss"] == ""  # nothing was validated there


def test_a_resumed_run_goes_on_behind_its_checkpoint(tmp_path, cpu):
    with pytest.raises(RuntimeError, match="power"):
        fit(CSVLogger(tmp_path), cpu, out=tmp_path, callbacks=[Failing(7)])
    assert [row["step"] for row in rows_of(tmp_path)] == ["2", "4", "4", "6"]
    state, _, _ = load_latest(tmp_path / "checkpoints")  # of step 4
    fit(CSVLogger(tmp_path), cpu, out=tmp_path, state=state)
    assert [row["step"] for row in rows_of(tmp_path)] == ["2", "4", "4", "6", "8", "8"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of protobuf, inside tensorboard
def test_tensorboard_reads_the_curves(tmp_path, cpu):
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    trainer = fit(TensorBoardLogger(tmp_path, settings={"training": {"lr": 0.01}}), cpu)
    read = events.EventAccumulator(str(tmp_path))
    read.Reload()
    points = read.Scalars("val_loss")
    assert [point.step for point in points] == [4, 8]
    assert [point.value for point in points] == pytest.approx([record["val_loss"] for record in trainer.records])
    assert [point.step for point in read.Scalars("step/train_loss")] == [2, 4, 6, 8]
    assert "settings/text_summary" in read.Tags()["tensors"]


class Service:
    """Stands in for wandb and mlflow: notes what is called."""

    def __init__(self, fails=False):
        self.calls, self.fails = [], fails
        self.info = types.SimpleNamespace(run_id="r7")

    def __getattr__(self, name):
        def call(*arguments, **named):
            if self.fails and name in ("log", "log_metrics"):
                raise ConnectionError("no route to host\nmore")
            self.calls.append((name, arguments, named))
            return self

        return call

    def named(self, name):
        return [(arguments, named) for called, arguments, named in self.calls if called == name]


def stand_in(monkeypatch, name, **options):
    service, module = Service(**options), types.ModuleType(name)
    for function in ("init", "start_run", "log_params", "log_metrics", "end_run"):
        setattr(module, function, getattr(service, function))
    monkeypatch.setitem(sys.modules, name, module)
    return service


def test_wandb_gets_settings_records_and_the_end(tmp_path, cpu, monkeypatch):
    service = stand_in(monkeypatch, "wandb")
    logger = WandbLogger(tmp_path, settings={"seed": 3}, name="mine")
    trainer = fit(logger, cpu)
    ((_, opened),) = service.named("init")
    assert opened["name"] == "mine"
    assert opened["config"] == {"seed": 3}
    assert [named["step"] for _, named in service.named("log")] == [2, 4, 4, 6, 8, 8]
    assert service.named("log")[-1][0][0]["val_loss"] == trainer.records[-1]["val_loss"]
    assert service.named("finish") == [((), {"exit_code": 0})]
    resumed = WandbLogger(tmp_path)
    resumed.load_state_dict(logger.state_dict())
    assert resumed.id == logger.id  # the same run there


def test_mlflow_gets_parameters_by_dotted_name_and_says_when_a_run_was_stopped(tmp_path, cpu, monkeypatch):
    service = stand_in(monkeypatch, "mlflow")
    logger = MLflowLogger(tmp_path, settings={"training": {"lr": 0.01, "loss": None}}, name="mine")
    with pytest.raises(RuntimeError, match="power"):
        fit(logger, cpu, callbacks=[Failing()])
    assert service.named("start_run") == [((), {"run_name": "mine"})]
    assert service.named("log_params") == [(({"training.lr": "0.01"},), {})]
    assert service.named("end_run") == [(("KILLED",), {})]
    resumed = MLflowLogger(tmp_path)
    resumed.load_state_dict(logger.state_dict())
    fit(resumed, cpu)
    assert service.named("start_run")[-1] == ((), {"run_id": "r7"})


def test_a_service_that_is_gone_costs_one_line_and_not_the_run(tmp_path, cpu, monkeypatch, capsys):
    stand_in(monkeypatch, "wandb", fails=True)
    trainer = fit(WandbLogger(tmp_path), cpu)
    assert trainer.epoch == 2
    assert capsys.readouterr().err == "WandbLogger: no route to host; this run is logged no further\n"


def test_names_are_checked_and_libraries_imported_when_they_are_named(monkeypatch, tmp_path):
    with pytest.raises(UsageError, match="did you mean 'tensorboard'"):
        check_loggers("csv,tensorbord")
    with pytest.raises(UsageError, match="csv is named twice"):
        check_loggers(["csv", "csv"])
    monkeypatch.setitem(sys.modules, "wandb", None)  # as if it were not installed
    with pytest.raises(FathomError, match="log wandb needs wandb: pip install wandb"):
        make_loggers("wandb", tmp_path)


def test_settings_by_dotted_name():
    assert flat({"seed": 0, "data": {"name": "digits", "val": None, "options": {"a": 1}}}) == {
        "seed": 0,
        "data.name": "digits",
        "data.options.a": 1,
    }
