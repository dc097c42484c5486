"""Runs that appear, vanish, are half-written or of another version; records followed by byte offset."""

import json
import os
import shutil
import subprocess
import sys
import time

import pytest

pytest.importorskip("starlette")
from fathom.board.index.discovery import Finder
from fathom.board.index.following import follow_lines
from fathom.board.index.history import History, thin
from fathom.board.index.kept import KeptRows
from fathom.board.index.marks import read_marks, write_marks
from fathom.board.index.runs import RunIndex
from fathom.board.index.sources import FathomRuns
from fathom.board.web.stream import read_position
from fathom.errors import UsageError
from fathom.runs.folder.metrics import read_metrics


def names(index):
    index.refresh(force=True)
    return {row["name"]: row["condition"] for row in index.rows()[0]}


def test_runs_are_found_and_told_apart(runs_folder):
    assert names(RunIndex([runs_folder])) == {
        "20250301-141500-lenet-fashion_mnist": "done",
        "20250302-090000-lenet-fashion_mnist": "interrupted",
    }


def test_folders_appear_vanish_and_are_half_written(runs_folder, make_run):
    index = RunIndex([runs_folder])
    index.refresh(force=True)
    version = index.version
    assert index.rows(version) == ([], [])
    (runs_folder / "20250303-half").mkdir()  # no run.json yet: not a run
    make_run(runs_folder, "20250304-new")
    (runs_folder / "20250304-new" / "config.yaml").unlink()
    shutil.rmtree(runs_folder / "20250301-141500-lenet-fashion_mnist")
    index.refresh(force=True)
    rows, gone = index.rows(version)
    assert [(row["name"], row["condition"]) for row in rows] == [("20250304-new", "damaged")]
    assert len(gone) == 1
    (runs_folder / "20250303-half" / "run.json").write_text("{")
    (runs_folder / "20250304-new" / "run.json").write_text('{"schema": 99}')
    found = names(index)
    assert found["20250303-half"] == found["20250304-new"] == "damaged"


def test_runs_of_series_are_found_and_hidden_folders_are_not(runs_folder, make_run):
    make_run(runs_folder / "20250305-crossval" / "mlp", "fold-1")
    make_run(runs_folder / ".trash", "20250301-gone")
    (runs_folder / "loop").symlink_to(runs_folder)
    labels = {place.label for place in Finder([runs_folder]).find()}
    assert "20250305-crossval/mlp/fold-1" in labels
    assert len(labels) == 3


def test_a_search_has_a_line_of_its_own(runs_folder):
    study = runs_folder / "20250306-tune-mlp-digits"
    study.mkdir()
    base = {"model": {"name": "mlp"}, "data": {"name": "/data/digits"}}
    (study / "study.json").write_text(json.dumps({"schema": 2, "base": base, "best_run": "runs/x"}))
    index = RunIndex([runs_folder])
    index.refresh(force=True)
    [row] = [row for row in index.rows()[0] if row["source"] == "search"]
    assert (row["model"], row["data"], row["condition"]) == ("mlp", "digits", "done")
    (study / "study.json").write_text("{")
    index.refresh(force=True)
    assert {row["condition"] for row in index.rows()[0] if row["source"] == "search"} <= {"done", "damaged"}


def test_a_second_look_opens_nothing_that_did_not_change(runs_folder, monkeypatch):
    index = RunIndex([runs_folder])
    index.refresh(force=True)
    monkeypatch.setattr(FathomRuns, "describe", lambda self, place: pytest.fail("read again"))
    index.refresh(force=True)


def test_settings_that_differ_are_columns(runs_folder):
    index = RunIndex([runs_folder])
    index.refresh(force=True)
    assert set(index.differing()) == {"training.lr", "seed"}


def test_lines_are_followed_by_offset(tmp_path):
    path = tmp_path / "metrics.jsonl"
    assert follow_lines(path, 0).offset == 0
    path.write_bytes(b'{"a": 1}\n{"a": 2}\n{"a"')
    first = follow_lines(path, 0)
    assert (first.records, first.offset) == ([{"a": 1}, {"a": 2}], 18)  # the torn line waits
    with path.open("ab") as file:
        file.write(b': 3}\nnot json\n{"a": 4}\n')
    assert follow_lines(path, first.offset).records == [{"a": 3}, {"a": 4}]
    path.write_bytes(b'{"a": 9}\n')
    anew = follow_lines(path, first.offset)
    assert anew.is_new_file
    assert anew.records == [{"a": 9}]


def test_a_history_drops_what_a_resume_cut_off(runs_folder):
    run = runs_folder / "20250302-090000-lenet-fashion_mnist"
    index = RunIndex([runs_folder])
    index.refresh(force=True)
    history = History(index.find(run).place, FathomRuns())
    history.update()
    with (run / "metrics.jsonl").open("a") as file:
        file.write(json.dumps({"event": "resume", "step": 150, "epoch": 0}) + "\n")
        file.write(json.dumps({"event": "step", "step": 200, "epoch": 0.9, "train_loss": 7.0}) + "\n")
    history.update()
    # by the other reader of these files
    assert history.records == read_metrics(run / "metrics.jsonl")
    assert history.to_dict()["series"]["step/train_loss"]["value"][-1] == 7.0
    assert "epoch/val_loss" not in history.to_dict()["series"]


def test_thinning_keeps_every_peak():
    values = [float(i % 7) for i in range(5000)]
    values[1234], values[4000], values[77] = 1e9, -1e9, None
    kept = thin(values, 300)
    assert len(kept) <= 300
    assert {0, 77, 1234, 4000, 4999} <= set(kept)
    assert thin(values[:300], 300) == list(range(300))


def test_notes_and_tags(tmp_path):
    write_marks(tmp_path, " good one ", ["a", "b", "a"])
    assert read_marks(tmp_path).note == "good one"
    assert read_marks(tmp_path).tags == ("a", "b")
    for note, tags in (("x" * 4001, []), (3, []), ("", "text"), ("", [3]), ("", ["x" * 41]), ("", ["a"] * 21)):
        with pytest.raises(UsageError):
            write_marks(tmp_path, note, tags)
    (tmp_path / "marks.json").write_text('{"note": 3, "tags": {"a": 1}}')
    assert read_marks(tmp_path).tags == ()


def test_a_position_that_is_nonsense_is_no_position():
    for text in ("", ",", "x-y,z", "a-1,../../etc:5", "a-" + "9" * 50, "a-1,0123456789abcdef:-5"):
        assert read_position(text).offsets == {}


def test_the_server_loads_no_torch():
    code = "import sys; import fathom.board.server, fathom.board.web.app; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_lines_of_ended_runs_are_kept_until_their_folder_changes(runs_folder, tmp_path, monkeypatch):
    long_ago = time.time() - 60
    for run in runs_folder.iterdir():
        os.utime(run, (long_ago, long_ago))
    first = RunIndex([runs_folder], kept=KeptRows.of([runs_folder], tmp_path / "cache"))
    first.refresh()
    rows = {row["name"]: row for row in first.rows()[0]}
    done = "20250301-141500-lenet-fashion_mnist"

    second = RunIndex([runs_folder], kept=KeptRows.of([runs_folder], tmp_path / "cache"))
    second.refresh(most=0)  # nothing is read, and all is known of the one that ended
    found = {row["name"]: row for row in second.rows()[0]}
    assert found[done] == rows[done]
    assert found["20250302-090000-lenet-fashion_mnist"]["condition"] == "unread"  # it may go on

    write_marks(runs_folder / done, "a note", [])
    third = RunIndex([runs_folder], kept=KeptRows.of([runs_folder], tmp_path / "cache"))
    third.refresh()
    assert {row["name"]: row["note"] for row in third.rows()[0]}[done] == "a note"


@pytest.mark.parametrize("content", ["{", "[]", '{"rows": 3}', '{"made_by": "another", "rows": {"x": [1, {}]}}'])
def test_a_damaged_file_of_lines_is_as_none(tmp_path, content):
    file = KeptRows.of([tmp_path], tmp_path).file
    file.write_text(content)
    assert KeptRows.of([tmp_path], tmp_path).rows == {}
