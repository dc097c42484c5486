"""``fathom train``, ``eval`` and ``predict`` on tables, from the shell's side."""

import csv
import json
import signal

import numpy as np
import pandas as pd
import pytest

from fathom.cli import progress
from fathom.runs.analysis.numbers import decimal
from fathom.training.callbacks import Callback


def make_frame(n=300, seed=0):
    rng = np.random.default_rng(seed)
    area, town = rng.uniform(20, 200, n), rng.choice(["Ulm", "Köln", "Jena"], n)
    price = 1000 * area * np.where(town == "Köln", 2, 1) + rng.normal(0, 2000, n)
    frame = pd.DataFrame({"id": range(1, n + 1), "area": area.round(2), "town": town, "price": price.round(2)})
    frame.loc[::17, "area"] = None
    frame["dear"] = np.where(frame["price"] > 150_000, "dear", "cheap")
    return frame


@pytest.fixture
def house(tmp_path):
    make_frame().to_csv(tmp_path / "house.csv", index=False)
    return tmp_path / "house.csv"


def only_run(root):
    (run,) = (root / "runs").iterdir()
    return run


def read_csv(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


PRICE = ["--data", "house.csv", "--target", "price", "--set", "data.options.drop=[dear]"]


def test_a_regression_from_training_to_predictions(house, fathom, tmp_path):
    result = fathom("train", *PRICE, "--log-target", "--epochs", 20)
    assert result.code == 0, result.err
    assert "task: regression (price: 300 different numbers)" in result.out
    assert "id: left out, it numbers the rows" in result.out
    assert "mlp on house.csv" in result.out
    run = only_run(tmp_path)
    evaluation = json.loads((run / "evaluation.json").read_text())
    assert evaluation["r2"] > 0.8
    assert evaluation["rmse"] < evaluation["baseline"]["rmse"]
    assert f"test RMSE      {decimal(evaluation['rmse'])}" in result.out

    again = json.loads(fathom("eval", run, "--json").out)
    assert {key: again[key] for key in ("rmse", "mae", "r2", "loss")} == {
        key: evaluation[key] for key in ("rmse", "mae", "r2", "loss")
    }

    fathom("predict", run, "house.csv", "--out", "predictions.csv")
    predicted = read_csv(tmp_path / "predictions.csv")
    assert [row["row"] for row in predicted] == [row["id"] for row in predicted]
    assert len(predicted) == 300
    frame = make_frame()
    first = evaluation["worst"][0]
    assert float(predicted[first["row"] - 1]["price"]) == pytest.approx(first["predicted"], rel=1e-5)
    assert frame["price"][first["row"] - 1] == pytest.approx(first["label"], rel=1e-5)
    assert first["cells"]["town"] == frame["town"][first["row"] - 1]

    report = (run / "report.html").read_text()
    for part in (
        "Worst rows",
        "Against the baseline",
        "the geometric mean of the training split",
        "it numbers the rows",
    ):
        assert part in report


def test_a_classification_with_its_classes_and_baseline(house, fathom, tmp_path):
    drop = ["--set", "data.options.drop=[price]"]
    result = fathom("train", "softmax", "--data", house, "--target", "dear", *drop, "--epochs", 20)
    assert result.code == 0, result.err
    run = only_run(tmp_path)
    evaluation = json.loads((run / "evaluation.json").read_text())
    assert evaluation["class_names"] == ["cheap", "dear"]
    assert evaluation["accuracy"] >= evaluation["baseline"]["accuracy"]
    assert "the commonest class, would be right for" in (run / "report.html").read_text()

    result = fathom("predict", run, house, "--top", 2)
    rows = list(csv.DictReader(result.out.splitlines()))
    assert list(rows[0]) == ["row", "id", "label", "probability", "label_2", "probability_2", "error"]
    assert all(abs(float(row["probability"]) + float(row["probability_2"]) - 1) < 1e-5 for row in rows)
    truth = make_frame()["dear"]
    assert np.mean([row["label"] == y for row, y in zip(rows, truth, strict=True)]) > 0.8


@pytest.fixture
def priced(house, fathom, tmp_path):
    """A finished run on the prices, one epoch."""
    assert fathom("train", "linear", *PRICE, "--epochs", 1).code == 0
    return only_run(tmp_path)


def test_bad_rows_have_errors_and_the_others_their_place(priced, fathom, tmp_path):
    (tmp_path / "rows.csv").write_text(
        'town,area,extra\nUlm,50,1\nUlm,large,1\nUlm,50\n"K\nöln",NA,1\n\nParis,50.0,1\nUlm,50,1,\nUlm,inf,1\n',
        encoding="utf-8",
    )
    result = fathom("predict", priced, "rows.csv", "--out", "out.csv")
    assert result.code == 1
    assert "5 of 7 rows labelled in out.csv; 2 failed, see the error column" in result.err
    rows = read_csv(tmp_path / "out.csv")
    assert [row["error"] for row in rows] == [
        "",
        "area: 'large' is not a number",
        "line 4: 2 cells instead of 3",
        "",
        "",
        "",
        "",  # what is not finite is missing, as in training
    ]
    assert [bool(row["price"]) for row in rows] == [not row["error"] for row in rows]
    assert rows[0]["price"] == rows[5]["price"]


def test_predictions_do_not_depend_on_the_rows_beside_them(priced, fathom, tmp_path, monkeypatch):
    whole = fathom("predict", priced, "house.csv").out
    monkeypatch.setattr("fathom.inference.rows._CHUNK", 7)
    parts = fathom("predict", priced, "house.csv").out
    one, other = ([float(row["price"]) for row in csv.DictReader(text.splitlines())] for text in (whole, parts))
    np.testing.assert_allclose(one, other, rtol=1e-5)  # a product of other shape sums in another order


def test_what_cannot_be_predicted_is_said(priced, fathom, tmp_path):
    (tmp_path / "less.csv").write_text("town,size\nUlm,3\n")
    result = fathom("predict", priced, "less.csv", "--out", "out.csv")
    assert (result.code, result.error) == (
        2,
        "less.csv: missing columns that the model was trained on: area",
    )
    assert not (tmp_path / "out.csv").exists()
    assert fathom("predict", priced, tmp_path).error.endswith("pass a file of rows, not a folder")
    assert fathom("predict", priced, "house.csv", "--top", 2).error == (
        "--top 2: the model predicts a number, price, not classes"
    )


def test_a_table_that_changed_is_not_evaluated_or_gone_on_with(priced, house, fathom):
    frame = make_frame()
    frame.loc[0, "area"] = 1000.0
    frame.loc[1:3, "area"] = 900.0
    frame.to_csv(house, index=False)
    result = fathom("eval", priced)
    assert result.code == 1
    assert "has changed since this model was trained" in result.error


class StopAt(Callback):
    def __init__(self, step):
        self.step = step

    def on_step_end(self, trainer):
        if trainer.step == self.step:
            signal.raise_signal(signal.SIGINT)


def test_a_run_that_was_stopped_goes_on_to_the_bit(house, fathom, tmp_path, monkeypatch):
    options = [*PRICE, "--epochs", 4, "--dropout", 0.2, "--set", "data.options.one_hot_max=1"]
    assert fathom("train", *options, "--out", "whole").code == 0
    with monkeypatch.context() as patch:
        patch.setattr(progress, "show_progress", lambda plan: [StopAt(25)])
        assert fathom("train", *options).code == 130
    stopped = only_run(tmp_path)
    assert fathom("train", "--resume", stopped).code == 0
    (whole,) = (tmp_path / "whole").iterdir()
    for name in ("model.safetensors", "evaluation.json", "predictions.csv", "model.json"):
        assert (stopped / name).read_bytes() == (whole / name).read_bytes(), name


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "none.csv", "--target", "y"], "no such file: none.csv"),
        (["--data", "house.csv"], "say which column of house.csv to predict: --target NAME"),
        (["--data", "house.csv", "--target", "prise"], "no 'prise'; did you mean 'price'?"),
        (["--data", "house.csv", "--target", "price", "--test", "none.csv"], "no such file: none.csv"),
        (["--data", "house.csv", "--target", "price", "--augment", "flip"], "--augment is for images"),
        (["--data", "house.csv", "--target", "price", "--resize", "8"], "house.csv holds no images"),
        (["--data", "house.csv", "--target", "price", "--set", "data.options.drp=[a]"], "did you mean 'drop'?"),
        (["--data", "house.csv", "--target", "price", "--set", "data.options.drop=a"], "must be a list of columns"),
        (["lenet", "--data", "house.csv", "--target", "price"], "lenet expects images"),
    ],
)
def test_mistakes_are_a_line_and_leave_no_run(arguments, message, house, fathom, tmp_path):
    result = fathom("train", *arguments)
    assert result.code == 2
    assert message in result.error
    assert not (tmp_path / "runs").exists()


def test_house_prices(shared_data, fathom, tmp_path):
    tables = shared_data / "tables"
    if not tables.is_dir():
        pytest.skip("house prices needed: tables/kaggle_house_pred_train.csv in FATHOM_DATA")
    train, test = (tables / f"kaggle_house_pred_{part}.csv" for part in ("train", "test"))
    result = fathom("train", "--data", train, "--target", "SalePrice", "--log-target", "--epochs", 10)
    assert result.code == 0, result.err
    run = only_run(tmp_path)
    assert json.loads((run / "evaluation.json").read_text())["r2"] > 0.8
    assert fathom("predict", run, test, "--out", "submission.csv").code == 0
    rows = read_csv(tmp_path / "submission.csv")
    assert [int(row["Id"]) for row in rows] == list(range(1461, 2920))
    assert 100_000 < np.median([float(row["SalePrice"]) for row in rows]) < 220_000


def test_a_file_without_names_is_read_by_position(shared_data, fathom, tmp_path):
    file = shared_data / "tables" / "airfoil_self_noise.dat"
    if not file.is_file():
        pytest.skip("airfoil noise needed: tables/airfoil_self_noise.dat in FATHOM_DATA")
    result = fathom("train", "linear", "--data", file, "--target", "column_6", "--epochs", 20)
    assert result.code == 0, result.err
    assert "its columns are called column_1 to column_6" in result.out
    evaluation = json.loads((only_run(tmp_path) / "evaluation.json").read_text())
    # the least-squares fit of all rows explains 0.516 of the variance
    assert 0.4 < evaluation["r2"] < 0.65
    assert fathom("predict", only_run(tmp_path), file).code == 0
