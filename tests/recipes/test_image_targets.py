"""Labels and numbers of images, all the way: check, training, evaluation, report, prediction, export."""

import csv

import numpy as np
import pytest
from PIL import Image
from sklearn import metrics as sk

import fathom
from fathom.data.images.checks import check_images
from fathom.data.images.module import ImageData
from fathom.data.images.options import ImageOptions
from fathom.errors import UsageError
from fathom.export.export import export
from fathom.inference.saved import load_module
from fathom.recipes.predict import open_predictions
from fathom.runs.folder.reader import RunReader
from fathom.runs.html.pages.report import write_report

COLOURS = ("blue", "green", "red")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Make images with any of three colours, files of their labels, and of a number that the colours give."""
    root = tmp_path_factory.mktemp("targets")
    rng = np.random.default_rng(0)
    (root / "img").mkdir()
    holds = rng.integers(0, 2, (60, 3))
    ages = 40 + holds @ np.array([10.0, 20.0, 5.0]) + rng.normal(size=60).round(2)
    for i, row in enumerate(holds):
        pixels = rng.integers(0, 60, (6, 6, 3)) + 150 * row[::-1]  # blue is the last channel
        Image.fromarray(pixels.astype(np.uint8)).save(root / "img" / f"{i:02d}.png")
    names = [f"{i:02d}.png" for i in range(60)]
    joined = [
        "|".join(name for name, is_there in zip(COLOURS, row, strict=True) if is_there) or "none" for row in holds
    ]
    rows = [",".join([name, *map(str, row)]) for name, row in zip(names, holds, strict=True)]
    (root / "holds.csv").write_text("\n".join([",".join(["file", *COLOURS]), *rows]) + "\n")
    (root / "tags.csv").write_text("\n".join(["file,tags", *map(",".join, zip(names, joined, strict=True))]) + "\n")
    rows = [f"{name},{age!r}" for name, age in zip(names, ages.tolist(), strict=True)]
    (root / "ages.csv").write_text("\n".join(["file,age", *rows]) + "\n")
    return root


def settings_of(folder, table, **training):
    data = {"name": str(folder / table), "options": {"images": str(folder / "img")}, "cache": "none", "workers": 0}
    return {
        "model": {"name": "mlp", "options": {"hidden": [16]}},
        "data": data | {"batch_size": 10},
        "training": {"epochs": 6, "lr": 0.02, **training},
        "execution": {"precision": "fp32"},
    }


@pytest.fixture(scope="module")
def labels_run(folder):
    return fathom.train(settings_of(folder, "holds.csv"), root=folder / "runs")


@pytest.fixture(scope="module")
def ages_run(folder):
    return fathom.train(settings_of(folder, "ages.csv"), root=folder / "runs")


def read_predictions(run):
    with (run.path / "predictions.csv").open() as file:
        return list(csv.DictReader(file))


def matrix(rows, key):
    return np.array([[name in row[key].split("|") for name in COLOURS] for row in rows])


def test_labels_are_evaluated_as_scikit_learn_does(labels_run):
    description = load_module(labels_run.path)[1]
    assert (description["multilabel"], description["class_names"]) == (True, list(COLOURS))
    assert labels_run.config.training.loss == "bce_with_logits"
    rows, evaluation = read_predictions(labels_run), labels_run.evaluation
    true, said = matrix(rows, "label"), matrix(rows, "predicted")
    assert evaluation["accuracy"] == pytest.approx(sk.accuracy_score(true, said))
    assert evaluation["label_accuracy"] == pytest.approx(1 - sk.hamming_loss(true, said))
    for average in ("micro", "macro"):
        expected = sk.f1_score(true, said, average=average, zero_division=0)
        assert evaluation[f"f1_{average}"] == pytest.approx(expected)
    assert evaluation["label_accuracy"] > 0.9  # the colours are plain to see
    page = write_report(labels_run.path).read_text(encoding="utf-8")
    assert "in the mean of the labels (macro)" in page


@pytest.mark.parametrize("table", ["holds.csv", "tags.csv"])
def test_a_file_of_tags_and_columns_of_yes_and_no_are_the_same_data(folder, table):
    options = ImageOptions(workers=0, cache="none")
    data = ImageData.from_table(folder / table, folder / "img", options=options)
    assert (data.multilabel, data.class_names, data.y.shape) == (True, COLOURS, (60, 3))
    assert sum(map(len, data.splits.values())) == 60
    found = check_images(data)
    names, counts = found.count_labels()
    assert names == list(COLOURS)
    assert np.sum(counts, 0).tolist() == data.y.sum(0).tolist()
    assert [name for name, _ in found.samples] == list(COLOURS)
    X, y = next(iter(data.train_dataloader()))
    assert (X.shape[1:], y.shape[1:]) == ((3, 6, 6), (3,))
    with pytest.raises(UsageError, match=r"--balance sampler is for classes; the images of .* have several labels"):
        ImageData.from_table(folder / table, folder / "img", options=options, balance="sampler")


def test_labels_above_one_half_are_predicted_as_evaluated(folder, labels_run):
    table = folder / "holds.csv"
    rows = {row["file"]: row for row in fathom.predict(labels_run.path, [table], images=folder / "img")[1]}
    assert len(rows) == 60
    for row in read_predictions(labels_run):
        assert rows[row["file"]]["labels"] == row["predicted"]
        above = [name for name in COLOURS if float(rows[row["file"]][f"probability_{name}"]) > 0.5]
        assert rows[row["file"]]["labels"] == "|".join(above)


def test_numbers_are_evaluated_in_their_units(folder, ages_run):
    description = load_module(ages_run.path)[1]
    assert (description["kind"], description["input"]["target"]) == ("regressor", "age")
    truth = dict(line.split(",") for line in (folder / "ages.csv").read_text().splitlines()[1:])
    rows, evaluation = read_predictions(ages_run), ages_run.evaluation
    true = np.array([float(truth[row["file"]]) for row in rows])
    assert [float(row["label"]) for row in rows] == true.tolist()  # not rounded to what is learned
    said = np.array([float(row["predicted"]) for row in rows])
    assert evaluation["rmse"] == pytest.approx(sk.root_mean_squared_error(true, said))
    assert evaluation["mae"] == pytest.approx(sk.mean_absolute_error(true, said))
    assert evaluation["r2"] == pytest.approx(sk.r2_score(true, said))
    assert evaluation["rmse"] < 0.6 * evaluation["baseline"]["rmse"]
    assert evaluation["target"] == "age"
    worst = evaluation["mistakes"]
    assert abs(worst[0]["predicted"] - worst[0]["label"]) == pytest.approx(np.abs(true - said).max())
    with Image.open(ages_run.path / worst[0]["image"]) as image:
        assert image.size == (6, 6)
    page = write_report(ages_run.path).read_text(encoding="utf-8")
    assert "True age → prediction" in page
    assert RunReader(ages_run.path).data["notes"][0].startswith("task: regression (age: ")


def test_the_scale_is_that_of_the_training_split(folder):
    data = ImageData.from_table(
        folder / "ages.csv", folder / "img", val=0.2, options=ImageOptions(workers=0, cache="none")
    )
    truth = data.truth("train").numpy()
    scale = data.target_scale()
    assert float(scale.mean) == pytest.approx(truth.mean())
    assert float(scale.std) == pytest.approx(truth.std())
    np.testing.assert_allclose(data.splits["train"].labels.numpy(), (truth - truth.mean()) / truth.std(), atol=1e-6)
    np.testing.assert_allclose(scale(data.splits["test"].labels).numpy(), data.truth("test").numpy(), rtol=1e-6)
    found = check_images(data)
    assert np.sum(found.count_labels()[1], 0).sum() == 60
    assert len(found.samples) == 4  # quarters
    assert data.describe()["splits"] == {"train": 38, "val": 10, "test": 12}  # a fifth, then a fifth of the rest
    with pytest.raises(UsageError, match="--balance is for classification"):
        ImageData.from_table(folder / "ages.csv", folder / "img", balance="weights", options=ImageOptions(workers=0))


def test_numbers_are_predicted_and_evaluated_alike(folder, ages_run):
    predictions = open_predictions(ages_run.path, [folder / "img"])
    assert predictions.columns == ["file", "age", "error"]
    said = {row["file"].rsplit("/", 1)[1]: row["age"] for row in predictions.rows}
    for row in read_predictions(ages_run):
        assert said[row["file"]] == pytest.approx(float(row["predicted"]), rel=1e-6)
    assert fathom.evaluate(ages_run.path, "test")["rmse"] == pytest.approx(ages_run.evaluation["rmse"], rel=1e-6)
    with pytest.raises(UsageError, match="--top 2: the model predicts a number, age"):
        open_predictions(ages_run.path, [folder / "img"], top=2)


def test_the_default_network_learns_numbers_without_smoothed_labels(folder):
    settings = settings_of(folder, "ages.csv", fast_dev_run=True)
    del settings["model"], settings["training"]["lr"]
    config = fathom.train(settings, root=folder / "runs").config
    assert (config.model.name, config.training.loss, config.training.label_smoothing) == ("resnet9", "squared", 0.0)


@pytest.mark.slow
@pytest.mark.parametrize("which", ["labels_run", "ages_run"])
def test_exports_predict_as_the_run_does(folder, which, request):
    pytest.importorskip("onnxruntime")
    run = request.getfixturevalue(which)
    path = folder / f"{which}.onnx"
    export(run.path, out=path)
    own, theirs = (list(open_predictions(model, [folder / "img"]).rows) for model in (run.path, path))
    assert [row["file"] for row in own] == [row["file"] for row in theirs]
    for ours, other in zip(own, theirs, strict=True):
        for key, value in ours.items():
            assert other[key] == (pytest.approx(value, rel=1e-5, abs=2e-6) if isinstance(value, float) else value)
