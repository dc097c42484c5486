"""``fathom train``: the run folder it leaves, what it prints, that it can be repeated, and what it refuses."""

import csv
import json
import os
import re

import pytest
import yaml
from PIL import Image
from safetensors.torch import load_file

from fathom.cli.main import make_parser
from fathom.cli.places import sort_places
from fathom.runs.analysis.numbers import decimal
from fathom.runs.folder.schema import SCHEMA

TIMES = {"samples_per_s", "elapsed_s"}


def read_records(run):
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def without_times(records):
    return [{k: v for k, v in record.items() if k not in TIMES} for record in records]


def only_run(root):
    (run,) = (root / "runs").iterdir()
    return run


def test_every_file_of_the_run_folder_is_there(trained):
    names = {entry.name for entry in trained.path.iterdir()} - {".lock"}
    assert names == {
        "config.yaml",
        "run.json",
        "metrics.jsonl",
        "metrics.csv",
        "probes.jsonl",
        "log.txt",
        "data.json",
        "model.json",
        "model.safetensors",
        "checkpoints",
        "evaluation.json",
        "mistakes",
        "predictions.csv",
        "findings.json",
        "report.html",
    }
    assert re.fullmatch(r"\d{8}-\d{6}-lenet-digits", trained.path.name)
    assert {entry.name for entry in (trained.path / "checkpoints").iterdir()} == {"best", "last", "previous"}


def test_run_json_says_what_was_done_and_where(trained):
    run = json.loads((trained.path / "run.json").read_text())
    assert (run["schema"], run["status"], run["seed"], run["message"]) == (SCHEMA, "done", 3, None)
    assert run["command"][:4] == ["fathom", "train", "--epochs", "2"]
    assert set(run["versions"]) >= {"python", "torch", "numpy"}
    assert set(run["machine"]) >= {"cpu", "cores", "device"}
    assert set(run["choices"]) >= {"device", "precision", "memory format", "compile", "allocator", "threads"}
    assert run["created"] < run["finished"]
    assert 0 < run["train_s"] < 60


def test_config_yaml_is_complete(trained):
    config = yaml.safe_load((trained.path / "config.yaml").read_text())
    assert config["schema"] == 2
    assert config["model"] == {"name": "lenet", "options": {}}
    assert config["data"]["name"] == "digits"
    assert config["data"]["options"] == {"size": 28}
    assert config["seed"] == 3
    for name in ("epochs", "optimizer", "lr", "weight_decay", "schedule", "loss"):
        assert config["training"][name] is not None, name


def test_metrics_are_complete_and_named_as_promised(trained):
    records = read_records(trained.path)
    steps = [r for r in records if r["event"] == "step"]
    epochs = [r for r in records if r["event"] == "epoch"]
    assert [r["step"] for r in steps] == [10, 20, 30, 40]
    assert [(r["step"], r["epoch"]) for r in epochs] == [(21, 1), (42, 2)]
    common = {"event", "step", "epoch", "train_loss", "train_accuracy", "lr", *TIMES}
    assert all(set(r) == common for r in steps)
    assert all(set(r) == common | {"val_loss", "val_accuracy"} for r in epochs)
    assert epochs[1]["train_loss"] < epochs[0]["train_loss"]
    with (trained.path / "metrics.csv").open() as file:
        table = list(csv.DictReader(file))
    assert [float(row["val_loss"]) for row in table] == [r["val_loss"] for r in epochs]


def test_model_json_describes_what_is_in_model_safetensors(trained):
    model = json.loads((trained.path / "model.json").read_text())
    weights = load_file(trained.path / "model.safetensors")
    assert model["kind"] == "classifier"
    assert model["model"]["input_shape"] == [1, 28, 28]
    assert model["class_names"] == list("0123456789")
    assert (model["input"]["channels"], model["input"]["height"], model["input"]["width"]) == (1, 28, 28)
    assert len(model["input"]["mean"]) == len(model["input"]["std"]) == 1
    statistics = {"preprocess.mean", "preprocess.std"}
    assert statistics < set(weights)
    counted = sum(w.numel() for name, w in weights.items() if name not in statistics)
    assert model["parameters"] == counted == sum(layer["parameters"] for layer in model["layers"])
    assert model["flops"] == sum(layer["flops"] for layer in model["layers"]) > 0


def test_evaluation_predictions_and_mistakes_agree(trained):
    evaluation = json.loads((trained.path / "evaluation.json").read_text())
    with (trained.path / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["index", "label", "predicted", "probability"]
    assert len(rows) == evaluation["num_samples"] == 359
    hits = sum(row["label"] == row["predicted"] for row in rows)
    assert evaluation["accuracy"] == pytest.approx(hits / 359)
    assert sum(map(sum, evaluation["confusion"])) == 359
    assert sum(evaluation["confusion"][i][i] for i in range(10)) == hits
    assert [entry["support"] for entry in evaluation["per_class"]] == [sum(row) for row in evaluation["confusion"]]
    probabilities = [mistake["probability"] for mistake in evaluation["mistakes"]]
    assert probabilities == sorted(probabilities, reverse=True)
    assert len(probabilities) == min(24, 359 - hits)
    for mistake in evaluation["mistakes"]:
        row = rows[mistake["index"]]
        assert (row["label"], row["predicted"]) == (mistake["label"], mistake["predicted"])
        with Image.open(trained.path / mistake["image"]) as image:
            assert (image.format, image.size) == ("PNG", (28, 28))


def test_it_prints_a_line_an_epoch_then_accuracy_folder_and_report(trained):
    lines = trained.result.out.splitlines()
    assert re.fullmatch(
        r"lenet on digits: 61,706 parameters, 1,294 training samples, 2 epochs, \w+ on \w+, seed 3", lines[0]
    )
    number = r"\d+\.\d{4}, accuracy \d+\.\d\d%"
    for epoch, line in enumerate(lines[1:3], start=1):
        pattern = rf"epoch {epoch}/2 · train loss {number} · val loss {number} · lr [\d.e-]+ · [\d,]+ samples/s"
        assert re.fullmatch(pattern, line), line
    accuracy = json.loads((trained.path / "evaluation.json").read_text())["accuracy"]
    epochs = [record for record in read_records(trained.path) if record["event"] == "epoch"]
    best = max(epochs, key=lambda record: (record["val_accuracy"], -record["val_loss"]))
    assert lines[3:] == [
        f"test accuracy  {accuracy:.2%}  (359 samples, evaluated once)",
        f"kept           epoch {best['epoch']} of 2: highest validation accuracy, {best['val_accuracy']:.2%}",
        f"run folder     {trained.path}",
        f"report         {trained.path / 'report.html'}",
        f"next           fathom predict {trained.path} image.png",
        f"               fathom eval {trained.path} --split val",
        f"               fathom export {trained.path}",
    ]
    assert trained.result.err == ""
    assert "\x1b" not in trained.result.out


def test_the_log_tells_choices_seed_epochs_and_test(trained):
    log = (trained.path / "log.txt").read_text()
    for text in ("precision: ", "memory format: ", "seed: 3", "epoch 1/2", "epoch 2/2", "test loss"):
        assert text in log


def test_config_yaml_fed_back_repeats_the_run_to_the_bit(trained, fathom, tmp_path):
    result = fathom("train", "--config", trained.path / "config.yaml")
    assert result.code == 0, result.err
    again = only_run(tmp_path)
    for name in ("model.safetensors", "config.yaml", "model.json", "evaluation.json", "predictions.csv"):
        assert (again / name).read_bytes() == (trained.path / name).read_bytes(), name
    assert without_times(read_records(again)) == without_times(read_records(trained.path))


def test_another_seed_gives_other_weights_and_another_split(trained, fathom, tmp_path):
    assert fathom("train", "--config", trained.path / "config.yaml", "--seed", 4, "--epochs", 1).code == 0
    other = only_run(tmp_path)
    assert (other / "model.safetensors").read_bytes() != (trained.path / "model.safetensors").read_bytes()
    assert read_records(other)[0]["train_loss"] != read_records(trained.path)[0]["train_loss"]


def test_runs_of_the_same_second_have_folders_of_their_own(fathom, tmp_path):
    for _ in range(2):
        assert fathom("train", "softmax", "--epochs", 1).code == 0
    assert len(list((tmp_path / "runs").iterdir())) == 2


def test_a_regression_is_evaluated_by_its_error(fathom, tmp_path):
    result = fathom("train", "linear", "--data", "synthetic_regression", "--epochs", 3)
    assert result.code == 0, result.err
    evaluation = json.loads((only_run(tmp_path) / "evaluation.json").read_text())
    assert f"\ntest RMSE      {decimal(evaluation['rmse'])}  (1,000 samples" in result.out
    assert evaluation["rmse"] < 0.1
    assert evaluation["r2"] > 0.99
    assert not {"accuracy", "confusion"} & set(evaluation)
    assert "train_accuracy" not in read_records(only_run(tmp_path))[0]


def test_a_dry_run_goes_all_the_way_and_says_that_it_is_one(fathom, tmp_path):
    result = fathom("train", "--fast-dev-run")
    assert result.code == 0, result.err
    assert ", one batch, " in result.out.splitlines()[0]
    assert "dry run        one batch went all the way through; nothing was learned" in result.out
    assert not (only_run(tmp_path) / "evaluation.json").exists()


def test_learning_by_heart_leaves_the_test_part_alone(fathom, tmp_path):
    result = fathom("train", "--overfit-batches", 1, "--epochs", 30, "--val", 0, "--schedule", "constant")
    assert result.code == 0, result.err
    last = read_records(only_run(tmp_path))[-1]
    assert last["train_accuracy"] > 0.95
    assert f"by heart       accuracy {last['train_accuracy']:.2%}" in result.out
    assert "on 1 batch; the test split was left alone" in result.out
    assert not (only_run(tmp_path) / "evaluation.json").exists()


def test_without_validation_part_there_are_no_val_metrics(fathom, tmp_path):
    assert fathom("train", "softmax", "--epochs", 1, "--val", 0).code == 0
    assert not any("val_loss" in record for record in read_records(only_run(tmp_path)))


def test_early_stopping_is_said_in_run_json(fathom, tmp_path):
    options = ["--patience", 1, "--epochs", 30, "--lr", 0.3, "--schedule", "constant"]
    assert fathom("train", "softmax", *options).code == 0
    run = json.loads((only_run(tmp_path) / "run.json").read_text())
    assert run["status"] == "done"
    assert run["message"].startswith("stopped early: ")
    assert len([r for r in read_records(only_run(tmp_path)) if r["event"] == "epoch"]) < 30


REFUSED = {
    "unknown model": (["lnet"], "unknown model 'lnet'; did you mean 'lenet'?"),
    "unknown data": (["--data", "digitz"], "unknown data set 'digitz'; did you mean 'digits'?"),
    "no folder": (
        ["--data", "images/"],
        "no such folder: images/; `fathom data` lists the data sets known by name",
    ),
    "unknown option": (["--epoch", "1"], "unknown option '--epoch'; did you mean '--epochs'?"),
    "unknown schedule": (["--schedule", "cosin"], "unknown schedule 'cosin'; did you mean 'cosine'?"),
    "unknown optimizer": (["--optimizer", "adamm"], "unknown optimizer 'adamm'; did you mean 'adam'?"),
    "unknown setting": (
        ["--set", "training.epoch=1"],
        "unknown setting 'training.epoch'; did you mean 'training.epochs'?",
    ),
    "unknown section": (["--set", "trainin.epochs=1"], "unknown setting 'trainin'; did you mean 'training'?"),
    "unknown recipe": (["--recipe", "fashion-91"], None),
    "unknown loss": (["--set", "training.loss=cross"], "unknown loss 'cross'; did you mean 'cross_entropy'?"),
    "unknown augmentation": (["--augment", "flp"], "unknown augmentation 'flp'; did you mean 'flip'?"),
    "unknown initialiser": (["--init", "xaver_uniform"], None),
    "unknown precision": (["--precision", "fp8"], "unknown precision 'fp8'; did you mean 'fp32'?"),
    "unknown compile mode": (["--compile", "stp"], "unknown compile mode 'stp'; did you mean 'step'?"),
    "unknown device": (["--device", "cdua"], "unknown device 'cdua'; did you mean 'cuda'?"),
    "absent device": (["--device", "xpu"], None),
    "unknown model option": (["mlp", "--set", "model.options.dept=2"], None),
    "unknown data option": (["--set", "data.options.sise=8"], None),
    "unknown optimizer option": (["--set", "training.optimizer_options.foo=1"], None),
    "wrong type": (
        ["--epochs", "many"],
        "--epochs: 'many' is not a whole number of at least 1; see fathom train --help",
    ),
    "wrong type in --set": (
        ["--set", "training.epochs=many"],
        "settings: training.epochs: expected `int | null`, got `str`",
    ),
    "no epoch": (["--epochs", "0"], "--epochs: '0' is not a whole number of at least 1; see fathom train --help"),
    "negative rate": (["--lr", "-1"], "--lr: '-1' is not a number above 0; see fathom train --help"),
    "no number": (["--lr", "nan"], "--lr: 'nan' is not a number above 0; see fathom train --help"),
    "all validation": (["--val", "1"], "--val: '1' is not a number of at least 0 and below 1; see fathom train --help"),
    "negative seed": (["--seed", "-1"], "--seed: '-1' is not a whole number of at least 0; see fathom train --help"),
    "large seed": (["--seed", str(2**63)], f"seed must be below 2**63, not {2**63}"),
    "half a step": (
        ["--warmup", "1.5"],
        "--warmup must be a whole number of steps, or a share of the run below 1, not 1.5",
    ),
    "no assignment": (["--set", "epochs"], None),
    "no dropout here": (["--dropout", "0.5"], None),
    "momentum of adamw": (["--momentum", "0.9"], None),
    "too small an image": (["--resize", "8"], "lenet needs images of at least 12x12; got 8x8"),
    "images wanted": (["--data", "synthetic_regression"], None),
    "batch too large": (
        ["--batch-size", "5000"],
        "batch size 5000 is larger than the 1,294 training samples of digits; choose at most 1294",
    ),
    "loss of numbers": (
        ["--set", "training.loss=squared"],
        "loss squared does not fit the classification of digits; choose cross_entropy or multi_margin",
    ),
    "loss of classes": (
        ["linear", "--data", "synthetic_regression", "--set", "training.loss=cross_entropy"],
        "loss cross_entropy does not fit the regression of synthetic_regression; choose squared, huber or l1",
    ),
    "smoothed regression": (["linear", "--data", "synthetic_regression", "--label-smoothing", "0.1"], None),
    "trial and check": (["--fast-dev-run", "--overfit-batches", "1"], None),
    "two warm-ups": (["--schedule", "cosine:warmup=0.1", "--warmup", "5"], None),
    "compiled step, clipped": (["--compile", "step", "--clip-norm", "1"], None),
    "compiled step of another optimizer": (["--compile", "step", "--optimizer", "rmsprop"], None),
    "resume with settings": (
        ["--resume", "last", "--epochs", "3"],
        "--resume reuses the run's settings; remove --epochs, or go on from its weights: --init-from last",
    ),
    "resume with a model": (["lenet", "--resume", "last"], None),
    "resume with a dry run": (["--resume", "last", "--fast-dev-run"], None),
}


@pytest.mark.parametrize("arguments", [pytest.param(value, id=key) for key, value in REFUSED.items()])
def test_wrong_settings_are_one_line_code_2_and_nothing_is_written(arguments, fathom, tmp_path):
    arguments, message = arguments
    result = fathom("train", *arguments)
    assert (result.code, result.out) == (2, ""), (result.err, result.out)
    if message is not None:
        assert result.error == message
    assert len(result.error) < 300
    assert os.listdir(tmp_path) in ([], ["runs"])
    assert not any((tmp_path / "runs").glob("*"))


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        (None, 1, "settings.yaml: cannot be read"),
        ("model: [", 2, "settings.yaml: not valid YAML at line 1"),
        ("- 1", 2, "settings.yaml: expected settings like"),
        ("model: lenet", 2, "settings.yaml: setting model: expected named settings, found 'lenet'"),
        ("training: {epoch: 3}", 2, "settings.yaml: unknown setting 'training.epoch'; did you mean 'training.epochs'?"),
        ("training: {epochs: -3}", 2, "settings.yaml: training.epochs: "),
        ("schema: 3", 1, "settings.yaml: written by a newer Fathom (schema 3, this one reads 2); upgrade fathom"),
    ],
)
def test_a_wrong_config_file_is_named(text, code, message, fathom, tmp_path):
    if text is not None:
        (tmp_path / "settings.yaml").write_text(text)
    result = fathom("train", "--config", "settings.yaml")
    assert (result.code, result.out) == (code, "")
    assert result.error.startswith(message)
    assert not (tmp_path / "runs").exists()


def test_a_diverging_run_is_marked_failed_and_advises(fathom, tmp_path):
    result = fathom("train", "--lr", 1e9, "--optimizer", "sgd", "--schedule", "constant", "--epochs", 1)
    assert result.code == 1
    assert re.match(r"loss is not finite at step \d+ \(epoch 1, batch \d+\): ", result.error)
    assert "try a lower learning rate (now 1e+09)" in result.error
    run = json.loads((only_run(tmp_path) / "run.json").read_text())
    assert (run["status"], run["message"]) == ("failed", result.error)
    assert not (only_run(tmp_path) / "model.safetensors").exists()


def test_a_folder_that_cannot_be_made_is_one_line(fathom, tmp_path):
    (tmp_path / "file").write_text("")
    for place in ("file", "file/runs", "/proc/runs"):
        result = fathom("train", "softmax", "--epochs", 1, "--out", place)
        assert (result.code, result.out) == (1, "")
        assert result.error.startswith(f"cannot make a run folder in {place}: ")


def test_absent_data_without_network_are_one_line(fathom, tmp_path, monkeypatch):
    def refuse(*arguments, **options):
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr("socket.create_connection", refuse)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    monkeypatch.delenv("FATHOM_DATA", raising=False)
    monkeypatch.setenv("FATHOM_HOME", str(tmp_path / "home"))
    result = fathom("train", "--data", "fashion_mnist")
    assert (result.code, result.out) == (1, "")
    assert result.error.startswith("cannot download train-images-idx3-ubyte (")
    assert "by hand and place it" in result.error
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("places", "network", "data"),
    [
        (["softmax"], "softmax", None),
        (["photos"], None, "photos"),
        (["softmax", "photos/"], "softmax", "photos/"),
        (["photos", "softmax"], "softmax", "photos"),
        (["digits"], None, "digits"),
        (["./softmax"], None, "./softmax"),
        (["lnet"], "lnet", None),
    ],
)
def test_network_and_data_are_told_apart_by_what_they_are(places, network, data, tmp_path, monkeypatch):
    for name in ("photos", "softmax"):  # a folder that is called like a network is not meant by the bare name
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    parser = make_parser("train")[0]
    args = parser.parse_args(places)
    sort_places(args)
    assert (args.model, args.data) == (network, data)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["softmax", "nowhere"], "unexpected argument 'nowhere': neither a data set"),
        (["softmax", "digits", "--data", "mnist"], "two data sets are named, digits and --data mnist"),
        (["lnet"], "unknown model 'lnet'; did you mean 'lenet'?"),
    ],
)
def test_places_that_cannot_be_meant(fathom, arguments, message):
    result = fathom("train", *arguments)
    assert result.code == 2
    assert message in result.error
