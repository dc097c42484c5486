"""Exports of models of tables: the graph against PyTorch and against what its metadata say, rows without torch."""

import csv
import json
import subprocess
import sys
import zipfile

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
import torch

import fathom
from fathom.data.tables.module import TableData
from fathom.errors import FathomError, UsageError
from fathom.export import export as export_module
from fathom.export.export import export
from fathom.inference.onnx_bytes import append_checksum
from fathom.inference.onnx_file import OnnxModel
from fathom.inference.saved import load_module
from fathom.recipes.predict import open_predictions

PRICE = {"target": "price", "log_target": True, "drop": ["dear"], "one_hot_max": 5}


def make_frame(n=240, seed=0):
    rng = np.random.default_rng(seed)
    area, town = rng.uniform(20, 200, n).round(2), rng.choice(["Ulm", "Köln", "Jena"], n)
    frame = pd.DataFrame(
        {
            "id": range(1, n + 1),
            "area": area,
            "town": town,
            "street": rng.choice([f"street {i}" for i in range(12)], n),
            "built": pd.date_range("1990-01-01", periods=n, freq="11D").strftime("%d.%m.%Y"),
            "garden": rng.choice(["yes", "no"], n),
            "rooms": rng.integers(1, 9, n),
        }
    )
    frame["price"] = (1000 * area * np.where(town == "Köln", 2, 1)).round(2)
    for step, name in ((17, "area"), (23, "town"), (29, "built"), (31, "garden")):
        frame.loc[::step, name] = None
    frame["dear"] = np.where(frame["price"] > 150_000, "dear", "cheap")
    return frame


def make_run(root, network, options):
    root.mkdir(exist_ok=True)
    make_frame().to_csv(root / "house.csv", index=False)
    config = {
        "model": {"name": network},
        "data": {"name": str(root / "house.csv"), "options": options},
        "training": {"epochs": 2},
    }
    return fathom.train(fathom.Settings(config), root=root / "runs").path


@pytest.fixture(scope="module")
def priced(tmp_path_factory):
    """An MLP on the logarithm of prices, and its export."""
    run = make_run(tmp_path_factory.mktemp("priced"), "mlp", PRICE)
    return run, export(run, licence="MIT")


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    """A classification by one affine map, and its export."""
    run = make_run(tmp_path_factory.mktemp("labelled"), "softmax", {"target": "dear", "drop": ["price"]})
    return run, export(run)


def rows_of(model, *files, top=1):
    return list(open_predictions(model, files, top=top).rows)


def check_same_rows(ours, theirs):
    for a, b in zip(ours, theirs, strict=True):
        assert a.keys() == b.keys()
        for key, value in a.items():
            assert value == (pytest.approx(b[key], rel=1e-5, abs=2e-6) if isinstance(value, float) else b[key])


def test_the_graph_computes_from_cells_what_the_run_does(priced):
    run, record = priced
    module, _ = load_module(run)
    session = onnxruntime.InferenceSession(record["path"], providers=["CPUExecutionProvider"])
    (entry,) = session.get_inputs()
    assert (entry.name, entry.type, entry.shape) == ("cells", "tensor(double)", ["batch", 6])
    rng = np.random.default_rng(1)
    for count in (1, 9):
        days, garden = rng.uniform(7300, 9900, count), rng.integers(0, 2, count)
        codes = [rng.integers(0, top, count) for top in (5, 14)]
        cells = np.stack([rng.uniform(20, 200, count), *codes, days, garden, rng.integers(1, 9, count)], 1)
        cells[:, [0, 3, 4]] = np.where(rng.random((count, 3)) < 0.3, np.nan, cells[:, [0, 3, 4]])
        with torch.no_grad():
            expected = module.predict_step(module.preprocess.encode(cells)).numpy()
        (values,) = session.run(["values"], {"cells": cells})
        np.testing.assert_allclose(values, expected, rtol=1e-5)
    assert record["verified"]["batch_sizes"] == [1, 5]


def test_the_metadata_are_enough_for_another_program(labelled, tmp_path):
    """With nothing but onnxruntime, pandas and the texts in the file; by the description in docs/export.md."""
    run, record = labelled
    session = onnxruntime.InferenceSession(record["path"], providers=["CPUExecutionProvider"])
    texts = session.get_modelmeta().custom_metadata_map
    assert (texts["kind"], json.loads(texts["class_names"])) == ("classifier", ["cheap", "dear"])
    table = json.loads(texts["input"])
    assert (table["kind"], table["target"]) == ("table", "dear")
    frame = make_frame(40, seed=5)
    frame["town"] = frame["town"].replace("Jena", "Rome")
    cells = []
    for column in table["columns"]:
        values = frame[column["name"]]
        if column["kind"] == "category":
            codes = {value: 2 + i for i, value in enumerate(column["values"])}
            cells.append([0 if pd.isna(value) else codes.get(str(value), 1) for value in values])
        elif column["kind"] == "date":
            days = pd.to_datetime(values, format=column["format"]) - pd.Timestamp("1970-01-01")
            cells.append(days / pd.Timedelta(days=1))
        else:
            cells.append(values.map({"yes": 1.0, "no": 0.0}) if column["kind"] == "boolean" else values)
    (probabilities,) = session.run(["probabilities"], {"cells": np.array(cells, np.float64).T})
    frame.to_csv(tmp_path / "rows.csv", index=False)
    expected = [(row["label"], row["probability"]) for row in rows_of(run, tmp_path / "rows.csv")]
    names = np.array(["cheap", "dear"])
    assert [label for label, _ in expected] == list(names[probabilities.argmax(1)])
    np.testing.assert_allclose(probabilities.max(1), [probability for _, probability in expected], atol=2e-6)


BAD = 'town;id;area;street;built;garden;rooms\nUlm;7;50,5;street 3;01.02.2000;yes;"\n3"\n'
BAD += "Rome;8;;elsewhere;;;4\nUlm;9;large;street 3;1.2.00;no;2\nUlm;50\nUlm;9;1e300;street 3;;;2\n"


@pytest.mark.parametrize("kind", ["priced", "labelled"])
def test_rows_are_those_of_the_run(kind, request, tmp_path, monkeypatch):
    run, record = request.getfixturevalue(kind)
    monkeypatch.setattr("fathom.inference.rows._CHUNK", 50)
    make_frame(120, seed=3).drop(columns=["price", "dear"]).to_csv(tmp_path / "rows.csv", index=False)
    (tmp_path / "bad.csv").write_text(BAD, encoding="utf-8-sig")
    files = tmp_path / "rows.csv", tmp_path / "bad.csv"
    top = 2 if kind == "labelled" else 1
    ours, theirs = (rows_of(model, *files, top=top) for model in (record["path"], run))
    check_same_rows(ours, theirs)
    assert [row["row"] for row in ours] == [*range(1, 121), *range(1, 6)]
    assert [row["id"] for row in ours[:120]] == [str(i) for i in range(1, 121)]
    assert [row["error"] for row in ours[-5:-1]] == [
        "",
        "",
        "area: 'large' is not a number",
        "line 6: 2 cells instead of 7",
    ]
    assert "finite" in ours[-1]["error"]


def test_predicting_imports_no_torch(priced, tmp_path):
    make_frame(20).to_csv(tmp_path / "rows.csv", index=False)
    code = f"""
import sys
from fathom.cli.main import main
assert main(["predict", {priced[1]["path"]!r}, "rows.csv", "-", "--out", "out.csv"]) == 0
print(*sorted({{"torch", "torchvision", "onnx", "onnxscript", "onnxruntime"}} & set(sys.modules)))
"""
    text = (tmp_path / "rows.csv").read_text()
    done = subprocess.run(
        [sys.executable, "-c", code], input=text, capture_output=True, text=True, cwd=tmp_path, check=True
    )
    assert done.stdout.splitlines()[-1] == "onnxruntime"
    with open(tmp_path / "out.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == ["rows.csv"] * 20 + ["standard input"] * 20
    assert [row["price"] for row in rows[:20]] == [row["price"] for row in rows[20:]]


def test_a_torch_file_computes_the_same_and_holds_no_pickle(labelled, tmp_path):
    run, _ = labelled
    record = export(run, "torch", tmp_path / "x.pt2")
    with zipfile.ZipFile(record["path"]) as archive:
        names = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
    assert not any(content.startswith((b"\x80\x02", b"\x80\x04", b"PK")) for content in names.values())
    assert b"site-packages" not in names["models/model.json"]
    assert json.loads(json.loads(names["extra/metadata.json"])["input"])["kind"] == "table"
    loaded = torch.export.load(record["path"]).module()
    module, _ = load_module(run)
    for count in (1, 4):
        cells = np.full((count, len(module.preprocess.columns)), np.nan)
        cells[:, [c.kind == "category" for c in module.preprocess.columns]] = 1
        with torch.no_grad():
            expected = module.predict_step(module.preprocess.encode(cells))
            torch.testing.assert_close(loaded(torch.from_numpy(cells))[1], expected)


@pytest.mark.slow
def test_int8_is_judged_on_the_test_part(priced, tmp_path, monkeypatch):
    run, _ = priced
    int8 = export(run, out=tmp_path / "x.onnx", int8="dynamic")["int8"]
    evaluation = json.loads((run / "evaluation.json").read_text())
    assert (int8["split"], int8["num_samples"]) == ("test", evaluation["num_samples"])
    assert int8["rmse"]["float32"] == pytest.approx(evaluation["rmse"], rel=1e-5)
    assert int8["rmse"]["int8"] == pytest.approx(evaluation["rmse"], rel=0.2)
    with pytest.raises(UsageError, match="of a table all layers are dense: --int8 dynamic"):
        export(run, int8="static")
    monkeypatch.setattr(TableData, "matches", lambda self, preprocess: False)  # as after a change of the file
    with pytest.raises(FathomError, match="no longer as it was when this model was trained: int8 cannot be evaluated"):
        export(run, out=tmp_path / "y.onnx", int8="dynamic")
    assert not (tmp_path / "y.onnx").exists()


def test_a_file_that_lacks_columns_is_refused_by_name(priced, tmp_path):
    (tmp_path / "less.csv").write_text("town,size\nUlm,3\n")
    said = []
    for model in (priced[0], priced[1]["path"]):
        with pytest.raises(UsageError) as caught:
            open_predictions(model, [tmp_path / "less.csv"])
        said.append(str(caught.value))
    assert said[0] == said[1]
    assert said[0].endswith(
        "less.csv: missing columns that the model was trained on: area, street, built, garden, rooms"
    )
    with pytest.raises(UsageError, match="the model predicts a number, price, not classes"):
        open_predictions(priced[1]["path"], [tmp_path / "less.csv"], top=2)


def change_table(change):
    def apply(texts):
        table = json.loads(texts["input"])
        change(table)
        texts["input"] = json.dumps(table)

    return apply


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (change_table(lambda table: table["columns"].pop()), "contradict each other"),
        (change_table(lambda table: table["columns"][0].update(kind="text")), "its metadata is damaged"),
        (change_table(lambda table: table.pop("target")), "its metadata is damaged"),
        (lambda texts: texts.update(kind="classifier"), "contradict each other"),
        (lambda texts: texts.update(class_names='["a"]'), "contradict each other"),
    ],
)  # fmt: skip
def test_a_forged_file_is_refused(change, message, priced, tmp_path):
    model = onnx.load(priced[1]["path"])
    texts = {entry.key: entry.value for entry in model.metadata_props if entry.key != "fathom_sha256"}
    change(texts)
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, texts)
    (tmp_path / "x.onnx").write_bytes(append_checksum(model.SerializeToString()))
    with pytest.raises(FathomError, match=message) as caught:
        OnnxModel(tmp_path / "x.onnx")
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_statistics_that_went_astray_are_found(priced, tmp_path, monkeypatch):
    """A graph that scales otherwise than the run is not written: the comparison covers the preprocessing."""
    write = export_module.to_onnx

    def disturbed(*arguments):
        model = onnx.load_model_from_string(write(*arguments))
        mean = next(t for t in model.graph.initializer if list(t.dims) == [4])  # of the numbers, booleans and dates
        mean.raw_data = (
            (onnx.numpy_helper.to_array(mean) * 1.1).astype(onnx.numpy_helper.to_array(mean).dtype).tobytes()
        )
        return model.SerializeToString()

    monkeypatch.setattr(export_module, "to_onnx", disturbed)
    with pytest.raises(FathomError, match="not written: its values differ from PyTorch's"):
        export(priced[0], out=tmp_path / "x.onnx")
    assert not (tmp_path / "x.onnx").exists()
