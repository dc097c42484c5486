"""``fathom train`` on a folder of images: workers change nothing but the time, and every trouble is one line."""

import csv
import io
import json
import multiprocessing
import os
import re
import shutil
import signal
import time

import numpy as np
import pytest
import yaml
from PIL import Image

from fathom.cli import progress
from fathom.runs.folder.metrics import read_metrics
from fathom.settings.reading import read_config
from fathom.training.callbacks import Callback

TIMES = {"samples_per_s", "elapsed_s"}


@pytest.fixture
def images(tmp_path):
    """Two classes that differ in brightness, 40 images each."""
    rng = np.random.default_rng(0)
    for label, base in (("dark", 0), ("light", 128)):
        folder = tmp_path / "images" / label
        folder.mkdir(parents=True)
        for i in range(40):
            pixels = rng.integers(base, base + 128, (28, 28, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{i:02d}.png")
    return tmp_path / "images"


@pytest.fixture(autouse=True)
def no_worker_survives():
    yield
    assert multiprocessing.active_children() == []


def read_records(run):
    return [{k: v for k, v in record.items() if k not in TIMES} for record in read_metrics(run / "metrics.jsonl")]


def runs(root):
    return sorted((root / "runs").iterdir())


def assert_equal_runs(run, other):
    for name in ("model.safetensors", "evaluation.json", "predictions.csv"):
        assert (run / name).read_bytes() == (other / name).read_bytes(), name
    assert read_records(run) == read_records(other)


@pytest.mark.slow
def test_real_images_and_any_number_of_workers(shared_data, fathom, tmp_path):
    folder = shared_data / "folders" / "cifar10_small"
    for workers in (0, 2):
        result = fathom("train", "lenet", "--data", folder, "--epochs", 1, "--augment", "flip", "--workers", workers)
        assert result.code == 0, result.err
        assert re.search(
            r"(?m)^lenet on cifar10_small: [\d,]+ parameters, 1,800 training samples, 1 epoch, ", result.out
        )
    run, other = runs(tmp_path)
    assert run.name.endswith("-lenet-cifar10_small")
    assert_equal_runs(run, other)

    evaluated = json.loads(fathom("eval", run, "--json").out)
    expected = json.loads((run / "evaluation.json").read_text())
    assert evaluated == {k: v for k, v in expected.items() if k != "mistakes"}
    assert evaluated["num_samples"] == 500

    labelled = fathom("predict", run, folder / "test")
    rows = list(csv.DictReader(io.StringIO(labelled.out)))
    assert len(rows) == 500
    hits = sum(os.path.basename(os.path.dirname(row["file"])) == row["label"] for row in rows)
    assert hits / 500 == expected["accuracy"]
    own = list(csv.DictReader(io.StringIO((run / "predictions.csv").read_text())))
    assert [row["label"] for row in rows] == [row["predicted"] for row in own]
    assert [row["file"] for row in own] == [os.path.relpath(row["file"], folder) for row in rows]
    worst = expected["mistakes"][0]
    assert worst["file"] == own[worst["index"]]["file"]
    assert worst["file"] in (run / "report.html").read_text()
    assert [float(r["probability"]) for r in rows] == pytest.approx([float(r["probability"]) for r in own], abs=2e-6)


def test_batch_size_and_place_are_recorded_and_serve_from_anywhere(images, fathom, tmp_path, monkeypatch):
    result = fathom("train", "--data", "images", "--epochs", 2, "--workers", 0)
    assert result.code == 0, result.err
    (run,) = runs(tmp_path)
    config = yaml.safe_load((run / "config.yaml").read_text())
    assert config["data"]["name"] == str(images)
    assert config["data"]["batch_size"] == 9
    assert config["data"]["options"] == {"channels": 3, "values": "uint8", "convert": False, "size": [28, 28]}
    (tmp_path / "old").mkdir()  # a run from before deep images were kept: what it read was brought to 8 bits
    old = {"channels": 3, "size": [28, 28]}
    (tmp_path / "old" / "config.yaml").write_text(yaml.safe_dump(config | {"data": config["data"] | {"options": old}}))
    assert read_config(tmp_path / "old").data.options == old | {"values": "uint8", "convert": True}
    monkeypatch.chdir("/")
    assert fathom("eval", run).code == 0
    again = fathom("train", "--config", run / "config.yaml", "--out", tmp_path / "again" / "runs")
    assert again.code == 0
    assert_equal_runs(run, runs(tmp_path / "again")[0])


def test_the_numbers_are_those_without_a_cache(images, fathom, tmp_path):
    options = ["--data", images, "--epochs", 2, "--augment", "flip,crop:padding=2", "--balance", "sampler"]
    for cache in ("memory", "none"):
        result = fathom("train", *options, "--cache", cache, "--workers", 2)
        assert result.code == 0, result.err
        assert ("decoded into memory" in result.out) == (cache == "memory")
    assert_equal_runs(*runs(tmp_path))


def test_broken_files_duplicates_and_unequal_classes_are_told(images, fathom, tmp_path):
    for i in range(5, 40):
        (images / "light" / f"{i:02d}.png").unlink()
    (images / "dark" / "00.png").write_bytes(b"")
    for i in range(6):
        shutil.copy(images / "dark" / f"{i + 1:02d}.png", images / "dark" / f"copy{i}.png")
    result = fathom("train", "--data", images, "--epochs", 1, "--max-broken", "5%", "--balance", "weights")
    assert result.code == 0, result.err
    (run,) = runs(tmp_path)
    lines = result.out.splitlines()
    assert lines[0] == f"left out: 1 file that cannot be read: {images}/dark/00.png is empty"
    assert re.match(r"duplicates: \d training images repeat another one; no copy is on another side of", lines[1])
    assert re.match(r"classes: \d+ training samples of dark, \d of light; the loss of each class is weighted", lines[2])
    log = (run / "log.txt").read_text()
    assert all(line in log for line in lines[:4])
    assert f"left out: {images}/dark/00.png is empty" in log
    data = json.loads((run / "data.json").read_text())
    assert data["broken"] == [{"file": f"{images}/dark/00.png", "reason": "is empty"}]
    assert set(data["duplicates"]["shared"].values()) <= {0}
    assert sum(map(sum, data["counts"].values())) == 50
    page = (run / "report.html").read_text()
    assert "Files that cannot be read" in page
    assert "copy is on another side" in page


def test_a_file_of_labels_serves_like_class_folders(images, fathom, tmp_path):
    rows = [(path.relative_to(images).as_posix(), path.parent.name) for path in sorted(images.rglob("*.png"))]
    with open("labels.csv", "w", newline="") as file:
        csv.writer(file).writerows([("image", "kind"), *rows])
    first = fathom("train", "--data", images, "--epochs", 1)
    result = fathom("train", "--data", "labels.csv", "--images", images, "--epochs", 1)
    assert result.code == 0, result.err
    assert_equal_runs(*runs(tmp_path))
    (run,) = (tmp_path / "runs").glob("*-labels.csv")
    config = yaml.safe_load((run / "config.yaml").read_text())["data"]
    form = {"channels": 3, "values": "uint8", "convert": False, "size": [28, 28]}
    assert config["options"] == {"images": str(images), **form}
    assert fathom("eval", run, "--json").out == fathom("eval", next((tmp_path / "runs").glob("*-images")), "--json").out
    checked = fathom("check", "--data", "labels.csv", "--images", images)
    assert checked.code == 0, checked.err
    assert "labels.csv: 80 images" in checked.out
    assert first.code == 0


def stop_after(step):
    class Stop(Callback):
        def on_step_end(self, trainer):
            if trainer.step == step:
                signal.raise_signal(signal.SIGINT)

    return lambda plan: [Stop()]


@pytest.mark.parametrize(
    "more",
    [["--cache", "none"], pytest.param(["--cache", "memory", "--balance", "sampler"], marks=pytest.mark.slow)],
)
def test_resume_in_the_middle_of_an_epoch(more, images, fathom, tmp_path, monkeypatch):
    options = ["--data", images, "--epochs", 2, "--workers", 2, "--augment", "crop:padding=2", *more]
    with monkeypatch.context() as patch:
        patch.setattr(progress, "show_progress", stop_after(12))
        assert fathom("train", *options).code == 130
    assert multiprocessing.active_children() == []
    assert fathom("train", "--resume", "last").code == 0
    assert fathom("train", *options, "--out", "whole/runs").code == 0
    assert_equal_runs(runs(tmp_path)[0], runs(tmp_path / "whole")[0])


def test_a_run_is_not_resumed_on_other_images(images, fathom, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(progress, "show_progress", stop_after(2))
        assert fathom("train", "softmax", "--data", images, "--epochs", 2, "--workers", 0).code == 130
    (images / "bird").mkdir()
    for path in (images / "dark").iterdir():
        (images / "bird" / path.name).write_bytes(path.read_bytes())
    refused = fathom("train", "--resume", "last")
    assert refused.code == 1
    assert "its classes have changed since" in refused.error
    assert "(bird new); start a new run" in refused.error
    shutil.rmtree(images / "bird")
    Image.new("RGB", (28, 28)).save(images / "light" / "00.png")
    assert "images has changed since" in fathom("train", "--resume", "last").error


@pytest.mark.parametrize("workers", [0, 2])
def test_a_image_that_breaks_during_training_is_one_line(workers, images, fathom, tmp_path, monkeypatch):
    class Break(Callback):
        def on_epoch_end(self, trainer, record):
            if trainer.epoch == 1:
                for path in images.rglob("*.png"):
                    path.write_bytes(path.read_bytes()[:300])

    monkeypatch.setattr(progress, "show_progress", lambda plan: [Break()])
    result = fathom("train", "--data", images, "--epochs", 3, "--workers", workers, "--cache", "none")
    (run,) = runs(tmp_path)
    assert result.code == 1
    assert re.match(rf"{images}/(dark|light)/\d\d\.png is damaged or truncated \(", result.error)
    assert result.error.endswith(f"; once that is fixed, resume with: fathom train --resume runs/{run.name}")
    assert json.loads((run / "run.json").read_text())["status"] == "failed"


# torch is told of the death in the midst of anything, also of opening a file of its own
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_a_killed_worker_is_one_line(images, fathom, tmp_path, monkeypatch):
    class Kill(Callback):
        def on_step_end(self, trainer):
            for child in multiprocessing.active_children():
                os.kill(child.pid, signal.SIGKILL)

    monkeypatch.setattr(progress, "show_progress", lambda plan: [Kill()])
    result = fathom("train", "--data", images, "--epochs", 1, "--workers", 1, "--cache", "none")
    assert result.code == 1
    assert result.error.startswith("a process that reads images was killed (was the machine short of memory?)")


@pytest.mark.parametrize(
    ("prepare", "code", "message"),
    [
        (lambda root: (root / "empty").mkdir(), 1, "the class folder {root}/empty holds no image; add some or "),
        (
            lambda root: [path.write_text("x") for path in sorted(root.rglob("*.png"))[30:]],
            1,
            "50 of 80 images (62.5 %) cannot be read, more than the 50 % allowed",
        ),
        (lambda root: shutil.rmtree(root / "dark"), 1, "{root} has only one class, light"),
        (
            lambda root: root.rename(root.with_name("x")).rename(root.mkdir() or root / "x"),
            1,
            "{root} holds one folder, ",
        ),
        (lambda root: [p.unlink() for p in root.rglob("*.png")], 1, "the class folder {root}/dark holds no image"),
        (lambda root: root.rename(root.with_name("elsewhere")), 2, "no such folder: {root}/; `fathom data` lists"),
    ],
)
def test_what_is_wrong_with_a_folder_is_one_line_and_nothing_is_written(
    prepare, code, message, images, fathom, tmp_path
):
    prepare(images)
    result = fathom("train", "--data", f"{images}/", "--val", 0)
    assert (result.code, result.out) == (code, "")
    assert result.error.startswith(message.format(root=images))
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("asked", "model", "augment", "smoothing", "epochs"),
    [
        ([], {"name": "resnet9", "options": {"width": 16}}, "flip,crop:padding=4", 0.1, 40),
        (
            ["--set", "model.options.width=8"],
            {"name": "resnet9", "options": {"width": 8}},
            "flip,crop:padding=4",
            0.1,
            40,
        ),
        (["--augment", "none", "--label-smoothing", 0], {"name": "resnet9", "options": {"width": 16}}, "none", 0.0, 10),
        (["--model", "lenet"], {"name": "lenet", "options": {}}, None, 0.0, 10),
    ],
)
def test_what_is_usual_for_images_gives_way_to_what_is_asked_for(
    asked, model, augment, smoothing, epochs, images, fathom, tmp_path
):
    assert fathom("train", "--data", images, "--fast-dev-run", *asked).code == 0
    (run,) = runs(tmp_path)
    config = yaml.safe_load((run / "config.yaml").read_text())
    assert config["model"] == model
    assert (config["data"]["augment"], config["training"]["label_smoothing"]) == (augment, smoothing)
    assert config["training"]["epochs"] == epochs


def test_a_last_batch_of_one_is_one_line(images, fathom):
    result = fathom("train", "--data", images, "--resize", 8, "--batch-size", 8, "--epochs", 1)  # 65 to learn from
    assert result.code == 1
    assert result.error.startswith(
        "batch normalisation cannot normalise a batch of one sample; choose another --batch-"
    )
    assert fathom("train", "--data", images, "--resize", 8, "--epochs", 1).code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--batch-size", 100], "batch size 100 is larger than the 65 training samples of "),
        (["--set", "data.options.channel=1"], "unknown option of a folder of images 'channel'; did you mean"),
        (["--set", "data.options.size=32"], "data.options.size must be [height, width], not 32"),
        (["--set", "data.options.size=[20, 20]", "--resize", 20], "data.resize and data.options.size both set"),
        (["--set", "data.options.channels=2"], "images of 2 channels (data.options.channels), and the files have 3"),
        (["--set", "data.options.channels=99"], "images of 99 channels: choose 1 (grey), 3 (colour), or the number"),
        (["--set", "data.options.values=int8"], "unknown kind of pixel values 'int8'; did you mean 'uint8'?"),
        (["--range", "-5"], "--range: '-5': expected two numbers with a comma between them"),
        (["--set", "data.options.range=[5, 5]"], "--range 5,5: two finite numbers, the lower one first"),
        (["--label-column", "kind"], "data.options.label_column is for a label file; give the folder of its images"),
        (["--images", "."], "--images belongs to a label file (--data labels.csv), "),
        (["--balance", "weight"], "unknown class balancing 'weight'; did you mean 'weights'?"),
        (["--model", "lenet", "--resize", 8], "lenet needs images of at least 12x12; got 8x8"),
    ],
)
def test_wrong_options_for_a_folder(arguments, message, images, fathom, tmp_path):
    result = fathom("train", "--data", images, *arguments)
    assert (result.code, result.out) == (2, "")
    assert result.error.startswith(message)
    assert not (tmp_path / "runs").exists()


def test_a_folder_without_classes(fathom, tmp_path):
    Image.new("L", (9, 9)).save(tmp_path / "a.png")
    result = fathom("train", "--data", ".")
    assert result.code == 1
    assert "has no class folders" in result.error
    assert result.error.endswith("pass a label file: --data labels.csv --images .")


def test_a_folder_that_grew_is_evaluated_only_where_its_splits_were_not_cut(images, fathom, tmp_path):
    def grow(folder):  # now most images are larger, and grey
        for i in range(200):
            Image.new("L", (40, 40), i).save(folder / "dark" / f"new{i}.png")

    parts = tmp_path / "parts"
    for part in ("train", "val", "test"):
        shutil.copytree(images, parts / part)
    assert fathom("train", "--data", parts, "--epochs", 1, "--workers", 0).code == 0
    grow(parts / "train")
    result = fathom("eval", "last")
    assert result.code == 0, result.err
    assert fathom("train", "--data", images, "--epochs", 1, "--workers", 0, "--out", "cut").code == 0
    grow(images)
    result = fathom("eval", next((tmp_path / "cut").iterdir()))
    assert result.code == 1
    assert "images has changed since this model was trained, so its splits are not the same" in result.error
    assert fathom("train", "--data", images, "--epochs", 1, "--workers", 0, "--resize", 16).code == 0


def test_other_classes_than_learned_are_refused(images, fathom, tmp_path):
    assert fathom("train", "--data", images, "--epochs", 1, "--workers", 0).code == 0
    (images / "light").rename(images / "lit")
    result = fathom("eval", "last")
    assert result.code == 1
    assert result.error.endswith("are not those the model learned: 'lit' instead of 'light'")


@pytest.mark.slow
@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_to_the_whole_group_saves_and_resumes(signum, code, images, start_fathom, fathom, tmp_path):
    options = ["softmax", "--data", images, "--epochs", 30, "--workers", 2, "--set", "training.log_every=1"]
    process = start_fathom("train", *options, start_new_session=True)
    deadline = time.monotonic() + 60
    while not any(read_records(file.parent) for file in tmp_path.glob("runs/*/metrics.jsonl")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(process.pid, signum)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, len(err.splitlines())) == (code, 1), err
    assert fathom("train", "--resume", "last").code == 0
    assert fathom("train", *options, "--out", "whole/runs").code == 0
    assert_equal_runs(runs(tmp_path)[0], runs(tmp_path / "whole")[0])


@pytest.mark.parametrize(
    ("size", "shape", "augment"),
    [
        ((400, 1), [8, 64], "flip,crop:padding=1"),  # 1 × 400 pixels; resnet9 needs 8 a side
        ((20, 2000), [64, 8], "flip,crop:padding=1"),
        ((1, 1), [8, 8], "flip,crop:padding=1"),
        ((12, 12), [12, 12], "flip,crop:padding=1"),
        ((30, 30), [30, 30], "flip,crop:padding=4"),
    ],
)
def test_what_is_usual_fits_the_images(size, shape, augment, fathom, tmp_path):
    rng = np.random.default_rng(0)
    for name, dark in (("dark", 0), ("light", 100)):
        (tmp_path / "odd" / name).mkdir(parents=True)
        for i in range(12):
            pixels = rng.integers(dark, dark + 100, (size[1], size[0], 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "odd" / name / f"{i}.png")
    result = fathom("train", "--data", "odd", "--epochs", 1)
    assert result.code == 0, result.err
    (run,) = runs(tmp_path)
    config = yaml.safe_load((run / "config.yaml").read_text())
    assert config["data"]["augment"] == augment
    assert config["data"]["options"]["size"] == shape


@pytest.mark.parametrize("name", ["packed", "packed/ds", "packed.zip"])
def test_a_file_of_labels_beside_the_images(name, images, fathom, tmp_path):
    inner = tmp_path / "packed" / "ds"
    (inner / "files").mkdir(parents=True)
    rows = ["name,score,kind"]
    for path in sorted(images.rglob("*.png")):
        shutil.copy(path, inner / "files" / f"{path.parent.name}-{path.name}")
        rows.append(f"{path.parent.name}-{path.name},1,{path.parent.name}")
    (inner / "labels.csv").write_text("\n".join(rows))
    shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path / "packed")
    result = fathom("train", "mlp", "--data", name, "--epochs", 1, "--label-column", "kind")
    assert result.code == 0, result.err
    (run,) = runs(tmp_path)
    assert json.loads((run / "data.json").read_text())["class_names"] == ["dark", "light"]
    assert fathom("eval", "last").code == 0
