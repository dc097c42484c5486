"""`fathom eject`: the file that a run becomes needs no Fathom, and its losses are the run's to the bit."""

import json
import re
import runpy
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import fathom
from fathom.cli.main import main
from fathom.eject.eject import eject
from fathom.eject.source import Collected
from fathom.errors import FathomError
from fathom.models import registry


def recorded(run):
    lines = (run.path / "metrics.jsonl").read_text().splitlines()
    epochs = [record for record in map(json.loads, lines) if record["event"] == "epoch"]
    return [(record["train_loss"], record["val_loss"]) for record in epochs]


def repeated(run, capsys):
    """Eject a run and train from the file; return the losses."""
    path = eject(run.path)
    assert not re.search(r"^\s*(from|import) fathom", path.read_text(), re.MULTILINE)
    return [(record["train_loss"], record["val_loss"]) for record in runpy.run_path(str(path))["train"]()]


def train(tmp_path, model, data, **settings):
    return fathom.train(model, data, out=tmp_path / "runs", progress=False, **{"epochs": 2} | settings)


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """A folder of images, a file of labels beside it, a table, a text."""
    root = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    for brightness, name in enumerate(("healthy", "sick")):
        for number in range(24):
            path = root / "leaves" / name / f"{number:04}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            size = (20 + number, 24)  # of different sizes, so that they are resized
            Image.fromarray((rng.integers(0, 100, (*size, 3)) + 120 * brightness).astype(np.uint8)).save(path)
    names = sorted(path.relative_to(root / "leaves").as_posix() for path in root.rglob("*.jpg"))
    labels = rng.integers(0, 2, (len(names), 2))
    pd.DataFrame({"file": names, "red": labels[:, 0], "big": labels[:, 1]}).to_csv(root / "labels.csv", index=False)
    n = 150
    frame = pd.DataFrame({"age": rng.integers(18, 80, n), "income": rng.normal(3e4, 9e3, n).round(1)})
    frame["town"], frame["street"] = rng.choice(["a", "b"], n), rng.choice([f"s{i}" for i in range(30)], n)
    frame["member"] = rng.choice(["yes", "no"], n)
    frame["since"] = pd.date_range("2020-01-01", periods=n).strftime("%Y-%m-%d")
    frame.loc[::9, "income"] = np.nan
    frame.loc[::11, "town"] = np.nan
    frame["bought"] = np.where(frame["age"] > 45, "yes", "no")
    frame["price"] = (frame["age"] * 7 + rng.normal(0, 9, n)).round(2)
    frame.to_csv(root / "table.csv", index=False)
    verse = "the traveller had more than a touch of whim among his elements, and we distrusted him.\n"
    (root / "book.txt").write_text(verse * 30)
    return root


@pytest.mark.parametrize(
    "settings",
    [
        {"model": "mlp"},
        pytest.param(
            {"model": "lenet", "schedule": "cosine", "warmup": 5, "optimizer": "sgd", "init": "xavier_normal"},
            marks=pytest.mark.slow,
        ),
    ],
)
def test_named_arrays(settings, tmp_path, capsys):
    run = train(tmp_path, settings.pop("model"), "digits", **settings)
    assert repeated(run, capsys) == recorded(run)


def test_arrays_of_a_user_with_dropout_and_two_targets(tmp_path, capsys):
    X = np.random.default_rng(0).normal(size=(120, 5)).astype(np.float32)
    run = train(tmp_path, "mlp", (X, X[:, :2] * 2 + 1), model_options={"dropout": 0.3})
    assert repeated(run, capsys) == recorded(run)


def test_a_folder_of_images_in_half_precision(places, tmp_path, capsys):
    run = train(
        tmp_path, "resnet9", places / "leaves", model_options={"width": 4}, precision="bf16", augment="flip,rotate"
    )
    assert repeated(run, capsys) == recorded(run)


def test_labels_of_images(places, tmp_path, capsys):
    options = {"images": str(places / "leaves"), "label_column": ["red", "big"]}
    run = train(tmp_path, "compact", places / "labels.csv", **options, resize=16)
    assert repeated(run, capsys) == recorded(run)


@pytest.mark.parametrize(
    "settings",
    [
        {"target": "price"},
        {"target": "bought", "loss": "bce_with_logits", "clip_norm": 1.0, "momentum": 0.9, "optimizer": "sgd"},
    ],
)
def test_tables_of_numbers_dates_truths_and_categories(settings, places, tmp_path, capsys):
    run = train(tmp_path, None, places / "table.csv", **settings)
    assert repeated(run, capsys) == recorded(run)


@pytest.mark.parametrize(
    "settings",
    [
        {"model": "lstm", "level": "char"},
        {"model": "gpt", "level": "word", "model_options": {"width": 16, "layers": 1, "heads": 2}},
    ],
)
def test_texts(settings, places, tmp_path, capsys):
    run = train(tmp_path, settings.pop("model"), places / "book.txt", **settings)
    assert repeated(run, capsys) == recorded(run)


@pytest.mark.slow
def test_the_command_and_the_file_in_a_process_without_fathom(places, tmp_path, capsys):
    run = train(tmp_path, "softmax", "digits", epochs=1)
    out = tmp_path / "plain.py"
    assert main(["eject", str(run.path), "--out", str(out)]) == 0
    assert f"python {out}" in capsys.readouterr().out
    code = "import sys; sys.modules['fathom'] = None; import runpy; runpy.run_path(sys.argv[1], run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", code, str(out)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert f"train_loss {recorded(run)[0][0]:.6g}" in done.stdout


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"ema": 0.9}, "training.ema=0.9"),
        ({"balance": "weights"}, "data.balance=weights"),
        ({"schedule": "plateau"}, "the schedule plateau"),
        ({"l1": 0.1, "accumulate": 2}, "training.accumulate=2; training.l1=0.1"),
    ],
)
def test_what_cannot_be_ejected_is_said_and_nothing_written(settings, said, tmp_path):
    run = train(tmp_path, "softmax", "digits", epochs=1, **settings)
    with pytest.raises(FathomError, match=re.escape(f"cannot be ejected: {said}")):
        eject(run.path)
    assert not (run.path / "train.py").exists()


def test_a_run_of_several_processes_is_not_repeated_by_one(tmp_path):
    run = train(tmp_path, "softmax", "digits", epochs=1)
    record = json.loads((run.path / "run.json").read_text())
    record["choices"]["processes"] = "2, ddp"
    (run.path / "run.json").write_text(json.dumps(record))
    with pytest.raises(FathomError, match="cannot be ejected: 2 processes trained it"):
        eject(run.path)


def test_the_network_of_several_members_is_refused_by_name(places, tmp_path):
    run = train(tmp_path, "tabular", places / "table.csv", target="price", epochs=1)
    with pytest.raises(FathomError, match="cannot be ejected: the network tabular"):
        eject(run.path)


def test_names_stay_names(tmp_path):
    """A column, a value, a class and a run whose names are code become no code of the file."""
    attack = f"x\n__import__('pathlib').Path({str(tmp_path / 'ran')!r}).touch()\n#"
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({attack: rng.choice([attack, "b", 'c"""'], 90), "number" + attack: rng.normal(size=90)})
    frame["label"] = np.where(rng.normal(size=90) > 0, attack, "no")
    frame.to_csv(tmp_path / "t.csv", index=False)
    run = train(tmp_path, "mlp", str(tmp_path / "t.csv"), target="label", epochs=1, name='r"""\nimport os')
    text = eject(run.path).read_text()
    assert not [line for line in text.splitlines() if line.startswith(("__import__", "import os"))]
    assert not (tmp_path / "ran").exists()


def test_data_that_have_changed_are_not_taken_for_the_run_s(places, tmp_path):
    table = tmp_path / "table.csv"
    table.write_text((places / "table.csv").read_text())
    run = train(tmp_path, None, table, target="price", epochs=1)
    units = [f"{line.split(',')[0]} kg" + line[line.index(",") :] for line in table.read_text().splitlines()[1:]]
    table.write_text("\n".join([table.read_text().splitlines()[0], *units]))
    with pytest.raises(FathomError, match="would not be the run's"):
        eject(run.path)


@pytest.mark.parametrize("name", registry.builtin_names())
def test_the_source_of_every_network_stands_alone(name):
    _, builder = registry.builder_of(name)
    collected = Collected()
    collected.add(builder.__module__, builder.__name__)
    source = "\n".join(
        ["from __future__ import annotations", *sorted(collected.imports), *collected.definitions.values()]
    )
    assert "fathom" not in source.replace("fathom.losses", "").split("import ")[1:]
    found: dict = {"__name__": "plain"}
    exec(compile(source, name, "exec"), found)
    assert callable(found[builder.__name__])
