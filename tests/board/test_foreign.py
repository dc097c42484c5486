"""Logs of other programs, as their own writers wrote them, or by the documented format."""

import struct
from pathlib import Path

import pytest

from fathom.board.foreign.csv_logs import CsvLog
from fathom.board.foreign.event_files import crc32c, read_records
from fathom.board.foreign.rows import metric_name
from fathom.board.index.history import History
from fathom.board.index.runs import RunIndex

LOGS = {
    "Lightning": ("metrics.csv", "epoch,step,train_loss,val_loss\n0,49,0.9,\n0,99,,0.7\n1,149,0.5,\n1,199,,nan\n"),
    "Keras": ("training.csv", "epoch,accuracy,loss,val_accuracy,val_loss\n0,0.8,0.6,0.81,0.5\n1,0.9,0.3,0.85,0.4\n"),
    "timm": ("summary.csv", "epoch,train_loss,eval_loss,eval_top1,lr\n0,2.1,1.9,40.2,0.1\n1,1.5,1.4,55.0,0.05\n"),
    "Ultralytics": (
        "results.csv",
        "                  epoch,      time,  train/box_loss,   metrics/mAP50(B),   val/box_loss\n"
        "                      1,      12.5,          1.2345,            0.31000,        1.10000\n"
        "                      2,      25.0,          1.0345,            0.41000,        1.00000\n",
    ),
}


def index_of(folder: Path) -> RunIndex:
    index = RunIndex([folder])
    index.refresh(force=True)
    return index


@pytest.mark.parametrize("program", LOGS)
def test_csv_logs_are_runs(tmp_path, program):
    name, text = LOGS[program]
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / name).write_text(text)
    index = index_of(tmp_path)
    [row] = index.rows()[0]
    assert row["source"] == program
    [entry] = index.entries()
    history = History(entry.place, entry.source)
    history.update()
    series = history.to_dict()["series"]
    found = {key.split("/", 1)[1]: column["value"] for key, column in series.items()}
    assert (
        found
        == {
            "Lightning": {"train_loss": [0.9, 0.5], "val_loss": [0.7, None]},
            "Keras": {"accuracy": [0.8, 0.9], "loss": [0.6, 0.3], "val_accuracy": [0.81, 0.85], "val_loss": [0.5, 0.4]},
            "timm": {"train_loss": [2.1, 1.5], "val_loss": [1.9, 1.4], "val_top1": [40.2, 55.0], "lr": [0.1, 0.05]},
            "Ultralytics": {
                "train_box_loss": [1.2345, 1.0345],
                "metrics_map50(b)": [0.31, 0.41],
                "val_box_loss": [1.1, 1.0],
            },
        }[program]
    )


def test_a_csv_log_is_followed_and_a_table_is_none(tmp_path):
    path = tmp_path / "metrics.csv"
    path.write_text("epoch,step,train_loss\n0,1,0.9\n0,2,0.")
    place = index_of(tmp_path).entries()[0].place
    log = CsvLog("Lightning", "metrics.csv")
    first = log.follow(place, 0)
    assert [record["step"] for record in first.records] == [1.0]
    with path.open("a") as file:
        file.write("8\n0,3,0.7\n")
    assert [record["train_loss"] for record in log.follow(place, first.offset).records] == [0.8, 0.7]
    path.write_text("name,price\nhouse,3\n")
    assert index_of(tmp_path).entries() == []


def test_event_files_are_read_as_tensorboard_wrote_them(tmp_path):
    tensorboard = pytest.importorskip("torch.utils.tensorboard")
    with tensorboard.SummaryWriter(str(tmp_path / "run")) as writer:
        for step in range(20):
            writer.add_scalar("Loss/train", 1 / (step + 1), step)
            writer.add_scalar("val/accuracy", step / 20, step)
        writer.add_text("note", "<script>alert(1)</script>", 1)
    index = index_of(tmp_path)
    [row] = index.rows()[0]
    assert (row["source"], row["val_metric"], row["val"]) == ("TensorBoard", "val_accuracy", pytest.approx(0.95))
    [entry] = index.entries()
    history = History(entry.place, entry.source)
    history.update()
    series = history.to_dict()["series"]
    assert series["step/train_loss"]["value"] == pytest.approx([1 / (step + 1) for step in range(20)])
    assert series["step/val_accuracy"]["step"] == list(range(20))
    assert history.source.follow(entry.place, history.offset).records == []


def record(data: bytes) -> bytes:
    def mask(value):
        return ((value >> 15 | value << 17) + 0xA282EAD8) & 0xFFFFFFFF

    length = struct.pack("<Q", len(data))
    return length + struct.pack("<I", mask(crc32c(length))) + data + struct.pack("<I", mask(crc32c(data)))


def test_damaged_event_files_are_read_as_far_as_they_are_whole():
    # Event: wall_time 1.0, step 3, summary {value {tag "a", simple_value 0.5}}
    value = b"\x0a\x01a\x15" + struct.pack("<f", 0.5)
    summary = b"\x0a" + bytes([len(value)]) + value
    event = b"\x09" + struct.pack("<d", 1.0) + b"\x10\x03\x2a" + bytes([len(summary)]) + summary
    whole = record(event)
    assert read_records(whole) == (len(whole), [(3, 1.0, "a", 0.5)])
    assert read_records(whole + whole[:20])[0] == len(whole)  # the second is still being written
    flipped = whole[:-6] + bytes([whole[-6] ^ 1]) + whole[-5:]
    assert read_records(flipped + whole)[1] == [(3, 1.0, "a", 0.5)]  # the damaged one is passed over
    assert read_records(b"\xff" * 100) == (0, [])
    for junk in (b"\xff" * 30, b"\x0a\xff\xff\xff\xff\x7f", b"\x09\x00", b"\x2a\x03\x0a\x7fa"):
        assert read_records(record(junk)) == (len(record(junk)), [])


def test_names_of_metrics_put_the_split_first():
    assert metric_name("Accuracy/validation") == "val_accuracy"
    assert metric_name("train_loss_epoch") == "train_loss_epoch"
    assert metric_name("lr/pg0") == "lr_pg0"
