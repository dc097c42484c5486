"""What the computing process answers, on a run that was really trained."""

import base64
import csv
import io
import math

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F

pytest.importorskip("starlette")
import fathom
from fathom.board.index.discovery import Place
from fathom.board.index.history import History
from fathom.board.index.runs import Entry
from fathom.board.index.sources import FathomRuns
from fathom.board.views.errors import list_cell, list_likely_label_errors
from fathom.board.views.schedule import plan_schedule
from fathom.board.views.sections import render
from fathom.board.work import tasks
from fathom.board.work.attention import grid_of, record_attention
from fathom.board.work.explain import grad_cam, occlusion
from fathom.board.work.opened import test_image as read_test_image
from fathom.board.work.range_test import describe
from fathom.board.work.worker import Worker
from fathom.cli.main import main
from fathom.errors import FathomError
from fathom.module import Classifier
from fathom.runs.analysis.numbers import percent
from fathom.runs.folder.probes import read_probes


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A network with convolutions on scikit-learn's digits."""
    root = tmp_path_factory.mktemp("runs")
    arguments = ["train", "lenet", "--data", "digits", "--epochs", "2", "--schedule", "cosine"]
    assert main([*arguments, "--set", "training.log_every=5", "--out", str(root)]) == 0
    return next(root.glob("*/run.json")).parent


def picture(content):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(content))))


def test_a_test_image_is_predicted_as_the_evaluation_did(run):
    with (run / "predictions.csv").open() as file:
        said = list(csv.DictReader(file))
    for index in (0, 7):
        found = tasks.predict_image(str(run), index=index)
        assert found["answers"][0][0] == said[index]["predicted"]
        assert found["answers"][0][1] == pytest.approx(float(said[index]["probability"]), abs=2e-3)
        assert found["method"] == "Grad-CAM"
        assert picture(found["heat"]).ndim == 3
        assert len(found["nearest"]) == 6
        likenesses = [sample["likeness"] for sample in found["nearest"]]
        assert likenesses == sorted(likenesses, reverse=True)


def test_a_sent_image_is_read_as_predict_reads_it(run, tmp_path):
    X = read_test_image(str(run), 3)
    buffer = io.BytesIO()
    Image.fromarray(X[0, 0].numpy()).save(buffer, "png")
    (tmp_path / "image.png").write_bytes(buffer.getvalue())
    found = tasks.predict_image(str(run), image=base64.b64encode(buffer.getvalue()).decode())
    [row] = fathom.load(run).predict([tmp_path / "image.png"])
    assert found["answers"][0][0] == row["label"]


@pytest.mark.parametrize("content", ["", "###", base64.b64encode(b"<svg onload='alert(1)'/>").decode()])
def test_what_is_no_image_is_refused_in_one_line(run, content):
    with pytest.raises(FathomError, match="image"):
        tasks.predict_image(str(run), image=content)
    with pytest.raises(FathomError, match="no such image"):
        tasks.predict_image(str(run), index=10**6)


def test_a_cell_lists_exactly_its_samples(run):
    with (run / "predictions.csv").open() as file:
        said = list(csv.DictReader(file))
    wrong = next(row for row in said if row["label"] != row["predicted"])
    found = list_cell(run, wrong["label"], wrong["predicted"])
    expected = [i for i, r in enumerate(said) if (r["label"], r["predicted"]) == (wrong["label"], wrong["predicted"])]
    assert sorted(row["place"] for row in found["rows"]) == expected
    suspects = list_likely_label_errors(run)
    assert suspects["total"] == sum(row["label"] != row["predicted"] for row in said)
    samples = tasks.test_samples(str(run), [row["place"] for row in found["rows"]])
    assert len(samples["images"]) == len(samples["losses"]) == len(expected)
    assert min(samples["losses"]) > -np.log(0.5) - 1e-6  # a wrong label has less than half


def test_maps_and_a_batch_are_drawn(run):
    found = tasks.maps(str(run))
    assert len(found["maps"]) == found["shape"][0]
    step = found["step"]
    assert step["sum"] == pytest.approx(sum(w * k for ws, ks in zip(step["window"], step["kernel"], strict=True)
                                            for w, k in zip(ws, ks, strict=True)), abs=1e-5)  # fmt: skip
    assert len(tasks.training_batch(str(run))["images"]) == 32
    with pytest.raises(FathomError, match="rows of a table"):
        tasks.predict_row(str(run), {"a": "1"})


def test_layers_show_gradients_and_idle_units_of_the_last_probe(run):
    page = render(Entry("0", Place(run, run.parent, (), 0), FathomRuns()), "layers")
    probes = read_probes(run / "probes.jsonl")
    units = next(probe["units"] for probe in reversed(probes) if "units" in probe)
    assert "Update relative to the weights" in page
    for kind, layer, size, _, idle, _ in units:
        row = f'<span class="mono">{layer}</span></th><td>{kind}</td><td class="number">{size}</td>'
        assert f'{row}<td class="number">{percent(idle)}</td>' in page


def test_the_planned_rate_is_the_recorded_one(run):
    history = History(Place(run, run.parent, (), 0), FathomRuns())
    history.update()
    plan = plan_schedule(history)
    applied = history.to_dict()["series"]["step/lr"]
    planned = dict(zip(plan["step"], plan["value"], strict=True))
    assert [planned[step] for step in applied["step"]] == pytest.approx(applied["value"])


@pytest.mark.slow
def test_a_search_is_described_with_its_trials(tmp_path):
    pytest.importorskip("optuna")
    arguments = ["tune", "mlp", "--data", "digits", "--space", "lr=1e-3..1e-1:log", "--trials", "2", "--epochs", "1"]
    assert main([*arguments, "--out", str(tmp_path)]) == 0
    study = next(tmp_path.glob("*/study.json")).parent
    before = {path.name for path in study.iterdir()}
    found = tasks.TASKS["describe_search"](str(study), "zh")
    assert len(found["trials"]) == 2
    assert found["axes"] == ["training.lr"] or found["axes"] == ["lr"]
    assert "试验" in found["html"]
    assert {path.name for path in study.iterdir()} - before <= {".lock"}


class Corner(nn.Module):
    """Class 1 where the upper left corner is bright."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 1, 1, bias=False)
        nn.init.ones_(self.conv.weight)

    def forward(self, X):
        maps = self.conv(X)  # (N, 1, 12, 12)
        score = maps[:, 0, :4, :4].mean((1, 2))  # (N,)
        return torch.stack([-5 * score + 1, 5 * score], dim=1)


@pytest.mark.parametrize("method", [grad_cam, occlusion])
def test_heat_lies_where_the_answer_comes_from(method):
    X = torch.zeros(1, 1, 12, 12)
    X[:, :, :4, :4] = 1.0
    heat = method(Classifier(Corner()).eval(), X, 1)
    assert heat[:4, :4].mean() > 5 * heat[6:, 6:].mean()


@pytest.mark.slow  # another process loads PyTorch
def test_a_worker_answers_fails_in_one_line_and_ends(run):
    worker = Worker()
    try:
        assert len(worker.ask("test_samples", run=str(run), indices=[0])["images"]) == 1
        with pytest.raises(FathomError, match="no such sample"):
            worker.ask("test_samples", run=str(run), indices=[-1])
        process = worker._process
    finally:
        worker.close()
    assert process.poll() is not None


def test_attention_weights_are_those_that_torch_mixes_by():
    q, k, v = torch.randn(3, 2, 4, 6, 8, dtype=torch.float64).unbind(0)  # (N, heads, T, d) each
    mask = torch.rand(6, 6) < 0.7
    mask.fill_diagonal_(True)
    for options in ({}, {"is_causal": True}, {"attn_mask": mask}, {"scale": 0.3}):
        found = record_attention(lambda options=options: F.scaled_dot_product_attention(q, k, v, **options))
        expected = F.scaled_dot_product_attention(q, k, v, **options)[0]
        torch.testing.assert_close(found[0] @ v[0], expected)


def test_the_patches_of_an_image_form_a_grid():
    assert grid_of(8 * 4, (32, 16)) == (8, 4)
    assert grid_of(7, (28, 28)) is None
    assert grid_of(0, (28, 28)) is None


def test_the_range_test_advises_a_tenth_of_the_rate_of_the_lowest_loss():
    rates = [10 ** (-6 + i / 20) for i in range(121)]
    losses = [2 - 1.5 / (1 + 10 ** (-3 * (math.log10(lr) + 2))) + max(0, math.log10(lr)) ** 2 * 9 for lr in rates]
    found = describe(rates, losses)
    assert 1e-3 <= found["advised"] <= 0.3
    assert describe(rates, [2.0] * 121)["advised"] is None


@pytest.mark.slow
def test_the_range_test_leaves_the_run_as_it_is(run):
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    found = tasks.TASKS["sweep_rates"](run=str(run))
    assert found["lr"][0] == pytest.approx(1e-6)
    assert len(found["lr"]) == len(found["loss"]) == len(found["smoothed"]) > 20
    assert 1e-4 < found["advised"] < 1
    assert before == {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}


def test_a_row_of_the_table_is_nearest_to_itself(tmp_path):
    """Whatever the columns are, and where the network is an ensemble that validates its parts too."""
    rng = np.random.default_rng(0)
    rows = [(f"{x:.3f}", name, "a" if (x > 0) == (name == "left") else "b")
            for x, name in zip(rng.normal(size=80), rng.choice(["left", "right"], 80), strict=True)]  # fmt: skip
    path = tmp_path / "rows.csv"
    path.write_text("x,side,answer\n" + "\n".join(map(",".join, rows)))
    for model in ("mlp", "tabular"):
        arguments = ["train", model, "--data", str(path), "--target", "answer", "--epochs", "1"]
        assert main([*arguments, "--out", str(tmp_path / model)]) == 0
        place = str(next((tmp_path / model).glob("*/run.json")).parent)
        data = tasks.open_data(place)
        number = int(data.train_index[3])
        found = tasks.predict_row(place, {"x": rows[number][0], "side": rows[number][1]})
        assert found["cells"][1][1] in ("a", "b"), found["cells"]
        near = found["nearest_rows"]
        assert near["columns"] == ["answer", "x", "side"]
        assert near["rows"][0]["distance"] == pytest.approx(0, abs=1e-4)
        assert near["rows"][0]["cells"] == [rows[number][2], str(float(rows[number][0])), rows[number][1]]
        distances = [row["distance"] for row in near["rows"]]
        assert distances == sorted(distances)
