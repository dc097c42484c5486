"""Commands that one process does are refused under torchrun, and nothing is written; so is half an environment."""

from __future__ import annotations

import os

import pytest

import fathom
from fathom.errors import UsageError

LINE = "WORLD_SIZE is 2: this command runs in one process; start it without torchrun, or unset WORLD_SIZE"


@pytest.mark.parametrize(
    "arguments",
    [
        ("tune", "lenet", "--space", "lr=0.1,0.2"),
    ],
)
def test_several_processes_are_refused(arguments, fathom, monkeypatch, tmp_path):
    monkeypatch.setenv("WORLD_SIZE", "2")
    result = fathom(*arguments)
    assert (result.code, result.out, result.error) == (2, "", LINE)
    assert os.listdir(tmp_path) == []


def test_an_environment_without_addresses_is_refused(fathom, monkeypatch, tmp_path):
    monkeypatch.setenv("WORLD_SIZE", "2")
    result = fathom("train", "softmax", "--data", "digits", "--epochs", 1)
    assert (result.code, result.out) == (2, "")
    assert result.error.startswith("WORLD_SIZE is 2 and RANK, MASTER_ADDR, MASTER_PORT not set")
    assert os.listdir(tmp_path) == []


def test_another_number_than_torchrun_started_is_refused(fathom, monkeypatch):
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    result = fathom("train", "--devices", 3)
    assert (result.code, result.error) == (2, "--devices 3: torchrun started 2 here; leave the option out")


def test_fit_is_refused_and_one_process_is_not(monkeypatch):
    data = fathom.SyntheticRegression(n=40)
    trainer = fathom.Trainer(max_epochs=1)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UsageError, match="WORLD_SIZE is 2 and RANK, MASTER_ADDR, MASTER_PORT not set"):
        trainer.fit(fathom.Regressor(fathom.create_model("linear", input_shape=(2,), num_classes=1)), data)
    monkeypatch.setenv("WORLD_SIZE", "1")
    trainer.fit(fathom.Regressor(fathom.create_model("linear", input_shape=(2,), num_classes=1)), data)
    assert len(trainer.records) == 1
