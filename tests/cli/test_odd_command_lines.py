"""Command lines that nobody means: each is one clear line and code 2, at once."""

import csv
import io
import os
import signal
import time
from pathlib import Path

import pytest
from PIL import Image

LONG = "a" * 100_000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([""], "unknown command ''; there are: "),
        (["train", "lenet", ""], "data: is empty; see fathom train --help"),
        (["train", ""], "model: is empty; see fathom train --help"),
        (["predict", "last", ""], "FILE|FOLDER: is empty; see fathom predict --help"),
        (["eval", " "], "RUN|FILE.onnx: is empty; see fathom eval --help"),
        (["report", "m.onnx", "--runs=--"], "--runs: expected one argument; see fathom report --help"),
        (["report", "last", "--runs", ""], "--runs: is empty; see fathom report --help"),
        (["train", "--set", "seed=2001-99-99"], "--set 'seed=2001-99-99': '2001-99-99' is not a YAML value"),
        (["train", "--set", "seed=!!int ''"], "--set \"seed=!!int ''\": \"!!int ''\" is not a YAML value"),
        (["train", "--set", "seed=!!timestamp x"], "--set 'seed=!!timestamp x': '!!timestamp x' is not a YAML value"),
        (["train", "--set", "seed=!!binary x"], "--set 'seed=!!binary x': '!!binary x' is not a YAML value"),
        (["train", "--set", "seed=&a [*a]"], "--set 'seed=&a [*a]': '&a [*a]' is not a YAML value"),
        (["train", "--set", f"seed={'[' * 5000}"], "--set 'seed=[[["),
        (["train", "--config", "cycle.yaml"], "cycle.yaml: not valid YAML at line 1"),
        (["train", "--config", "deep.yaml"], "deep.yaml: not valid YAML"),
        (["train", "--out", "a\0b"], "an argument holds a NUL character"),
        (["train", "--config", "a\0b"], "an argument holds a NUL character"),
        (["train", "--data", "~nouser"], "~nouser: there is no home folder of that user"),
        (["train", "--init-from", "~nouser/w"], "~nouser/w: there is no home folder of that user"),
        (["train", "--augment", LONG], f"unknown augmentation '{LONG[:100]}…'; there are: "),
        (["train", "--model", LONG], f"unknown model '{LONG[:100]}…'; there are: "),
        ([LONG], f"unknown command '{LONG[:100]}…'; there are: "),
    ],
    ids=lambda value: str(value)[:40],
)
def test_it_is_one_clear_line(arguments, message, fathom, tmp_path):
    (tmp_path / "cycle.yaml").write_text("model: &x {name: *x}\n")
    (tmp_path / "deep.yaml").write_text("[" * 100_000)
    began = time.process_time()
    result = fathom(*arguments)
    assert (result.code, result.error[: len(message)]) == (2, message)
    assert time.process_time() - began < 10  # a hundred times what it takes


@pytest.mark.parametrize("model", ["mlp", "resnet9"])
def test_a_network_beyond_all_memory_is_one_line(model, fathom):
    option = {"mlp": "hidden", "resnet9": "width"}[model]
    result = fathom("train", model, "--set", f"model.options.{option}=99999999999")
    assert result.code == 1
    assert result.error == "out of memory; try a smaller --batch-size, a smaller network or smaller images"


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="no such signal here")
@pytest.mark.parametrize("name", ["SIGHUP", pytest.param("SIGTERM", marks=pytest.mark.slow)])
def test_a_closed_terminal_stops_a_run_as_sigterm_does(name, start_fathom, fathom, tmp_path):
    process = start_fathom("train", "softmax", "--epochs", 4000)
    for _ in range(3):
        process.stdout.readline()
    process.send_signal(getattr(signal, name))
    _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + getattr(signal, name)
    assert err.startswith("fathom: stopped ")
    assert "a checkpoint is saved; resume with: fathom train --resume runs/" in err
    (run,) = (tmp_path / "runs").iterdir()
    assert '"status": "stopped"' in (run / "run.json").read_text()


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="no such signal here")
def test_nohup_keeps_a_run_alive(start_fathom):
    process = start_fathom(
        "train", "softmax", "--epochs", 30, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)
    )
    process.stdout.readline()
    process.send_signal(signal.SIGHUP)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")


def test_a_reader_that_leaves_stops_a_run_with_a_checkpoint(start_fathom, tmp_path):
    process = start_fathom("train", "softmax", "--epochs", 4000)
    process.stdout.readline()
    process.stdout.close()
    err = process.stderr.read()
    assert process.wait(60) == 141
    assert err.startswith("fathom: stopped ")
    (run,) = (tmp_path / "runs").iterdir()
    assert '"status": "stopped"' in (run / "run.json").read_text()
    assert list((run / "checkpoints").iterdir())


@pytest.mark.skipif(os.name == "nt", reason="such names are not allowed there")
def test_control_characters_of_names_do_not_reach_the_terminal(fathom, trained, tmp_path):
    name = "a\x1b[2J\x07\u202egnp.png"
    (tmp_path / name).write_bytes(b"no image")
    result = fathom("predict", trained.path, tmp_path / name, "--out", tmp_path / "out.csv")
    assert result.code == 1
    result = fathom("report", name)
    shown = "a\\u001b[2J\\u0007\\u202egnp.png"
    assert result.error == f"{shown} is a file; give the run's folder"
    # a pipe gets what it asked for, to the letter
    rows = fathom("predict", trained.path, tmp_path / name)
    assert name in rows.out
    assert not set(rows.err) & set("\x1b\x07\u202e")


@pytest.mark.skipif(os.name == "nt", reason="needs the kinds of file that Unix has")
def test_pipes_and_devices_among_images_are_left_out(fathom, trained, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.new("L", (8, 8)).save(folder / "a.png")
    os.mkfifo(folder / "b.png")
    for name, device in (("c.png", "/dev/zero"), ("d.jpg", "/dev/random")):
        (folder / name).symlink_to(device)
    result = fathom("predict", trained.path, folder)
    assert (result.code, len(result.out.splitlines())) == (0, 2), result.out
    named = fathom("predict", trained.path, folder / "b.png", folder / "c.png")
    assert named.code == 1
    assert f"cannot read {folder / 'b.png'}: it is a pipe or device, not a file" in named.out
    assert f"cannot read {folder / 'c.png'}: it is a device, not a file" in named.out


def test_a_table_for_excel_holds_no_formula(fathom, trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = ["=cmd|calc.png", "+1+1.png", "-x.png", "@SUM(A1).png", "größe.png"]
    for name in names:
        Image.new("L", (8, 8)).save(name)
    assert fathom("predict", trained.path, *(f"./{name}" for name in names), "--out", "plain.csv").code == 0
    assert not Path("plain.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    out = fathom("predict", "--format", "excel", "--out", "for_excel.csv", trained.path, "--", *names)
    assert out.code == 0, out.err
    content = Path("for_excel.csv").read_bytes()
    assert content.startswith(b"\xef\xbb\xbffile,label,")
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))
    assert [row["file"] for row in rows] == [f"'{name}" for name in names[:4]] + ["größe.png"]
