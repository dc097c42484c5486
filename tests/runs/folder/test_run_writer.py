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
    assert run == {"schema": 2, "status": "running", "created": "2025-03-01T12:00:00.250+00:00"}


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
        "schema": 2, "model": {"name": "lenet"}, "data": {"name": "mnist"}, "seed": 1, "lr": 1e-5,
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
    again = RunWriter.resume(writer.path, 20, 2)
    log(again, 25, train_loss=0.1)
    reader = RunReader(writer.path)
    assert [record["step"] for record in reader.steps()] == [5, 10, 15, 20, 25]
    assert [record["step"] for record in reader.epochs()] == [10, 20]
    assert len(read_csv(writer)) == 3
    log(again, 30, "epoch", train_loss=0.1, val_loss=0.2)
    assert read_csv(writer)[0] == ["epoch", "step", "train_loss", "val_loss"]
    assert len(read_csv(writer)) == 4


def test_resuming_at_the_start_leaves_nothing(writer):
    log(writer, 10, "epoch", train_loss=1.0)
    again = RunWriter.resume(writer.path, 0, 0)
    assert len(RunReader(writer.path).metrics) == 1  # no step was taken yet
    log(again, 1, train_loss=2.0)
    assert [record["step"] for record in RunReader(writer.path).metrics] == [1]
    assert not (writer.path / "metrics.csv").exists()


def test_an_epoch_whose_last_step_alone_was_saved_comes_again(writer):
    log(writer, 10, train_loss=1.0)
    log(writer, 10, "epoch", train_loss=1.0)
    log(RunWriter.resume(writer.path, 10, 0), 10, "epoch", train_loss=2.0)
    assert [record["event"] for record in RunReader(writer.path).metrics] == ["step", "epoch"]
    assert read_csv(writer) == [["epoch", "step", "train_loss"], ["1.0", "10", "2.0"]]


def test_metrics_only_grow_over_two_resumes(writer):
    path, seen = writer.path / "metrics.jsonl", b""

    def follow():
        """Read on by byte offset, as a follower does; what was read before must be unchanged."""
        nonlocal seen
        content = path.read_bytes()
        assert content.startswith(seen)
        seen = content

    for step in range(1, 7):
        log(writer, step, train_loss=step)
        follow()
    for step, end in ((4, 8), (2, 9)):
        again = RunWriter.resume(writer.path, step, 0)
        follow()
        for later in range(step + 1, end):
            log(again, later, train_loss=10 * step + later)
            follow()
    records = RunReader(writer.path).metrics
    assert [record["step"] for record in records] == list(range(1, 9))
    assert [record["train_loss"] for record in records] == [1, 2, *range(23, 29)]
    lines = [json.loads(line) for line in seen.splitlines()]
    resumes = [line for line in lines if line["event"] == "resume"]
    assert resumes == [{"event": "resume", "step": step, "epoch": 0} for step in (4, 2)]
    assert len(lines) == 6 + 1 + 3 + 1 + 6


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
        again = RunWriter.resume(writer.path, 3, 3)
        assert path.read_bytes().startswith(whole[:cut])
        log(again, 4)
        assert [record["step"] for record in RunReader(writer.path).metrics] == [*expected, 4]
        path.write_bytes(path.read_bytes()[:-4])  # killed again
        log(RunWriter.resume(writer.path, 3, 3), 5)
        assert [record["step"] for record in RunReader(writer.path).metrics] == [*expected, 5]


def test_opening_sweeps_up_after_a_kill(writer):
    (writer.path / "checkpoints").mkdir()
    (writer.path / "checkpoints" / ".fathom.tmp-00").mkdir()
    (writer.path / ".fathom.tmp-11").touch()
    RunWriter.resume(writer.path, 0, 0)
    assert sorted(p.name for p in writer.path.rglob("*")) == ["checkpoints", "run.json"]


def test_a_newer_schema_is_refused(writer):
    writer.update_run(schema=3)
    message = r"run\.json was written by a newer Fathom \(schema 3, this one reads 2\); upgrade fathom"
    with pytest.raises(FathomError, match=message):
        RunWriter.resume(writer.path, 0, 0)


def test_a_record_without_step_is_named_on_resume(writer):
    (writer.path / "metrics.jsonl").write_text('{"event": "step"}\n')
    with pytest.raises(FathomError, match=r"metrics\.jsonl is damaged: record 1 lacks a number for step or epoch"):
        RunWriter.resume(writer.path, 3, 0)


def test_a_full_disk_is_one_line(writer, monkeypatch):
    def full(*args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files.os, "write", full)
    with pytest.raises(FathomError, match=r"cannot write .*metrics\.jsonl: no space left on device"):
        log(writer, 1)
