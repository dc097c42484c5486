import csv
import errno
import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime

import pytest
import yaml

from fathom import files
from fathom.errors import FathomError
from fathom.runs.folder.reader import RunReader
from fathom.runs.folder.writer import RunWriter


def noon():
    return datetime(2025, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)


@pytest.fixture
def writer(tmp_path):
    return RunWriter.create(tmp_path / "runs", "lenet", "mnist", clock=noon)


def log(writer, step, event="step", **metrics):
    writer.log_metrics({"event": event, "step": step, "epoch": step / 10, **metrics})


def read_csv(writer):
    with (writer.path / "metrics.csv").open(newline="") as file:
        return list(csv.reader(file))


def test_the_folder_says_when_and_what(writer):
    assert writer.path.name == "20250301-120000-lenet-mnist"
    run = json.loads((writer.path / "run.json").read_text())
    assert run == {"schema": 1, "status": "running", "created": "2025-03-01T12:00:00.250+00:00"}


def test_the_time_is_the_local_time_of_now(tmp_path):
    before = datetime.now().astimezone()
    path = RunWriter.create(tmp_path, "a", "b").path
    assert re.fullmatch(r"\d{8}-\d{6}-a-b", path.name)
    created = datetime.fromisoformat(json.loads((path / "run.json").read_text())["created"])
    assert abs((created - before).total_seconds()) < 60


def test_a_clash_gets_a_number(tmp_path):
    names = [RunWriter.create(tmp_path, "lenet", "mnist", clock=noon).path.name for _ in range(3)]
    base = "20250301-120000-lenet-mnist"
    assert names == [base, f"{base}-2", f"{base}-3"]


def test_processes_that_start_together_get_folders_of_their_own(tmp_path):
    code = """
import sys
from datetime import datetime
from fathom.runs.folder.writer import RunWriter
for _ in range(20):
    print(RunWriter.create(sys.argv[1], "m", "d", clock=lambda: datetime(2025, 1, 1)).path)
"""
    processes = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    names = [line for process in processes for line in process.communicate()[0].split()]
    assert len(names) == len(set(names)) == 40


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("folder:/my images/x", "folder-my-images-x"),
        ("../..", "unnamed"),
        ("a.b_c+d", "a.b_c+d"),
        ("图片", "图片"),
    ],
)
def test_names_are_made_safe(tmp_path, name, slug):
    path = RunWriter.create(tmp_path, "m", name, clock=noon).path
    assert path.parent == tmp_path
    assert path.name == f"20250301-120000-m-{slug}"


def test_a_root_that_cannot_be_made_is_one_line(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    with pytest.raises(FathomError, match=r"cannot make a run folder in .*file/runs"):
        RunWriter.create(tmp_path / "file" / "runs", "m", "d")


def test_config_is_yaml_in_its_order(writer):
    writer.write_config({"model": {"name": "lenet"}, "data": {"name": "mnist"}, "seed": 1, "lr": 1e-5})
    text = (writer.path / "config.yaml").read_text()
    assert yaml.safe_load(text) == {
        "schema": 1, "model": {"name": "lenet"}, "data": {"name": "mnist"}, "seed": 1, "lr": 1e-5,
    }  # fmt: skip
    assert text.index("model") < text.index("data") < text.index("seed")


def test_updates_of_run_json_add_up(writer):
    writer.update_run(seed=3, versions={"torch": "2"})
    writer.update_run(status="done")
    run = RunReader(writer.path).run
    assert (run["seed"], run["status"], run["versions"]) == (3, "done", {"torch": "2"})


def test_records_are_there_at_once_and_strict(writer):
    log(writer, 10, train_loss=0.5, lr=float("nan"))
    text = (writer.path / "metrics.jsonl").read_text()
    assert text == '{"event": "step", "step": 10, "epoch": 1.0, "train_loss": 0.5, "lr": null}\n'


def test_the_table_holds_epochs_and_grows_columns(writer):
    log(writer, 5, train_loss=9.0)
    log(writer, 10, "epoch", train_loss=0.5, extra=1)
    log(writer, 20, "epoch", train_loss=0.4, extra=2)
    assert read_csv(writer) == [
        ["epoch", "step", "train_loss", "extra"], ["1.0", "10", "0.5", "1"], ["2.0", "20", "0.4", "2"],
    ]  # fmt: skip
    log(writer, 30, "epoch", train_loss=None, val_loss=0.7)
    assert read_csv(writer) == [
        ["epoch", "step", "train_loss", "val_loss", "extra"], ["1.0", "10", "0.5", "", "1"],
        ["2.0", "20", "0.4", "", "2"], ["3.0", "30", "", "0.7", ""],
    ]  # fmt: skip
    log(writer, 40, "epoch", train_loss=0.2)
    assert read_csv(writer)[-1] == ["4.0", "40", "0.2", "", ""]


def test_the_log_has_times(writer):
    writer.log_text("seed 0\n")
    writer.log_text("two\nlines")
    stamp = "2025-03-01T12:00:00+00:00"
    assert (writer.path / "log.txt").read_text() == f"{stamp}  seed 0\n{stamp}  two\n    lines\n"


COLUMNS = ["index", "label", "predicted", "probability"]


def test_predictions_stream_into_a_table(writer):
    writer.write_predictions(COLUMNS, iter([(0, "a,b", 'c"d', 0.5), (1, "é", "e", 1.0)]))
    with (writer.path / "predictions.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows == [COLUMNS, ["0", "a,b", 'c"d', "0.5"], ["1", "é", "e", "1.0"]]


def test_predictions_that_fail_in_the_middle_keep_the_old_ones(writer):
    writer.write_predictions(COLUMNS, [(0, "a", "a", 1.0)])
    before = (writer.path / "predictions.csv").read_bytes()

    def rows():
        yield (0, "b", "b", 1.0)
        raise RuntimeError("the model broke")

    with pytest.raises(RuntimeError):
        writer.write_predictions(COLUMNS, rows())
    assert (writer.path / "predictions.csv").read_bytes() == before


def test_resuming_cuts_off_what_comes_again(writer):
    for step in range(5, 31, 5):
        log(writer, step, train_loss=1 / step)
        if step % 10 == 0:
            log(writer, step, "epoch", train_loss=1 / step)
    again = RunWriter.open(writer.path, resume_step=20)
    reader = RunReader(writer.path)
    assert [record["step"] for record in reader.steps()] == [5, 10, 15, 20]
    assert [record["step"] for record in reader.epochs()] == [10, 20]
    assert len(read_csv(writer)) == 3
    log(again, 30, "epoch", train_loss=0.1, val_loss=0.2)
    assert read_csv(writer)[0] == ["epoch", "step", "train_loss", "val_loss"]
    assert len(read_csv(writer)) == 4


def test_resuming_at_the_start_leaves_nothing(writer):
    log(writer, 10, "epoch", train_loss=1.0)
    RunWriter.open(writer.path, resume_step=0)
    assert RunReader(writer.path).metrics == []
    assert not (writer.path / "metrics.csv").exists()


def test_opening_without_a_step_keeps_everything(writer):
    log(writer, 10, "epoch", train_loss=1.0)
    RunWriter.open(writer.path).update_run(status="done")
    assert len(RunReader(writer.path).metrics) == 1
    assert RunReader(writer.path).status == "done"


def test_a_kill_at_any_byte_of_the_last_record_can_be_resumed(writer):
    path = writer.path / "metrics.jsonl"
    for step in (1, 2, 3):
        log(writer, step, train_loss=0.5)
    whole = path.read_bytes()
    second = whole.rindex(b"\n", 0, len(whole) - 1) + 1
    for cut in range(second, len(whole) + 1):
        path.write_bytes(whole[:cut])
        expected = [1, 2] if cut < len(whole) - 1 else [1, 2, 3]
        assert [record["step"] for record in RunReader(writer.path).metrics] == expected
        again = RunWriter.open(writer.path, resume_step=3)
        log(again, 4)
        assert [record["step"] for record in RunReader(writer.path).metrics] == [*expected, 4]


def test_opening_sweeps_up_after_a_kill(writer):
    (writer.path / "checkpoints").mkdir()
    (writer.path / "checkpoints" / ".fathom.tmp-00").mkdir()
    (writer.path / ".fathom.tmp-11").touch()
    RunWriter.open(writer.path)
    assert sorted(p.name for p in writer.path.rglob("*")) == ["checkpoints", "run.json"]


def test_a_newer_schema_is_refused(writer):
    writer.update_run(schema=2)
    message = r"run\.json was written by a newer Fathom \(schema 2, this one reads 1\); upgrade fathom"
    with pytest.raises(FathomError, match=message):
        RunWriter.open(writer.path)


def test_a_record_without_step_is_named_on_resume(writer):
    (writer.path / "metrics.jsonl").write_text('{"event": "step"}\n')
    with pytest.raises(FathomError, match=r"metrics\.jsonl is damaged: a record has no step"):
        RunWriter.open(writer.path, resume_step=3)


def test_a_full_disk_is_one_line(writer, monkeypatch):
    def full(*args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files.os, "write", full)
    with pytest.raises(FathomError, match=r"cannot write .*metrics\.jsonl: no space left on device"):
        log(writer, 1)
