"""The page, the table and the images of a search, from plain values."""

import csv
import io
import json
import re

import pytest

from fathom.errors import UsageError
from fathom.runs.analysis.study import Axis, Study, Trial, find_best_run, find_study
from fathom.runs.analysis.tuning import check_study
from fathom.runs.html.markup import escape
from fathom.runs.html.pages.study import study_page, write_study


def make_study(trials, **fields):
    axes = [Axis("lr", "1e-4..1:log", log=True), Axis("hidden", "64|[256, 128]", choices=("64", "[256, 128]"))]
    known = {"name": "s", "model": "mlp", "data": "digits", "metric": "val_accuracy", "maximise": True, "axes": axes}
    return Study(**{**known, "trials": trials, "target": 6, "pruner": "median", "seed": 3, **fields})


def trial(number, state, value, lr=0.1, hidden="64", **fields):
    curve = [] if value is None else [(1, value / 2), (2, value)]
    return Trial(number, state, value, {"lr": lr, "hidden": hidden}, curve, 1.5, **fields)


TRIALS = [
    trial(0, "complete", 0.5, is_default=True),
    trial(1, "pruned", 0.25, lr=0.001, reason="pruned after epoch 2"),
    trial(2, "complete", 0.9, lr=0.01, hidden="[256, 128]"),
    trial(3, "diverged", None, lr=1.0, reason="loss is not finite <at> step 3"),
    trial(4, "complete", 0.7),
    trial(5, "stopped", None, reason="interrupted"),
    trial(6, "running", None),
]


def read_study(study):
    return [finding.sentence for finding in check_study(study)]


def test_what_counts_and_what_is_best():
    study = make_study(TRIALS)
    assert study.num_done == 5
    assert [t.number for t in study.ranked()] == [2, 4, 0]
    assert study.best().number == 2
    assert study.best_so_far() == [(0, 0.5), (2, 0.5), (2, 0.9), (4, 0.9), (4, 0.9), (6, 0.9)]
    lower = make_study(TRIALS, metric="val_loss", maximise=False)
    assert [t.number for t in lower.ranked()] == [0, 4, 2]
    assert make_study([]).best() is None


def test_the_table_holds_every_trial():
    rows = list(csv.DictReader(io.StringIO(make_study(TRIALS).to_csv())))
    assert [row["state"] for row in rows] == [t.state for t in TRIALS]
    assert rows[2] == {
        "trial": "2",
        "state": "complete",
        "val_accuracy": "0.9",
        "epochs": "2",
        "duration_s": "1.5",
        "lr": "0.01",
        "hidden": "[256, 128]",
        "reason": "",
    }
    assert rows[3]["val_accuracy"] == ""


def test_the_page_is_whole_and_needs_nothing_else():
    page = study_page(make_study(TRIALS, importance={"lr": 0.8, "hidden": 0.2}, data="<b>pets</b>")).render()
    assert "<script" not in page
    assert not re.search(r'(src|href)="(?!#|data:)', page)
    assert "<b>pets</b>" not in page
    assert escape("loss is not finite <at> step 3") in page
    for key in ("history", "importance", "settings", "trials"):
        assert f'id="{key}"' in page
    # a dot for each trial that has a value, in the history and in both slices
    assert len(re.findall(r'<circle class="dot [^>]*r="4"><title>', page)) == 3 * 4
    assert "90.00%" in page
    assert "80%" in page


def test_the_test_figure_stands_beside_the_one_the_trial_was_chosen_by(tmp_path, make_run):
    run = make_run(tmp_path, "20250301-150000-mlp-digits")
    folder = tmp_path / "20250301-140000-tune-mlp-digits"
    folder.mkdir()
    study = make_study(TRIALS, best_run=str(run))
    evaluation = json.loads((run / "evaluation.json").read_text())
    kept = find_best_run(study, folder)
    assert kept.report == "../20250301-150000-mlp-digits/report.html"
    page = study_page(study, kept).render()
    numbers = re.findall(r'<p class="big">([^<]*)</p><p>([^<]*)</p><p class="quiet">([^<]*)</p>', page)
    assert numbers == [
        ("90.00%", "best validation accuracy", "trial 2, chosen as the highest of 3 completed trials"),
        (
            f"{100 * evaluation['accuracy']:.2f}%",
            "test accuracy",
            f"the best trial, trained again; {evaluation['num_samples']:,} samples, evaluated once",
        ),
    ]
    assert f'href="{kept.report}"' in page
    moved = make_study(TRIALS, best_run=f"elsewhere/{run.name}")
    assert find_best_run(moved, folder) == kept
    assert find_best_run(make_study(TRIALS, best_run="gone"), folder) is None
    assert "the test set has not been used" in study_page(study, find_best_run(make_study(TRIALS), folder)).render()


def test_numbers_are_read_aloud():
    sentences = read_study(make_study(TRIALS))
    assert sentences[:2] == ["Best: lr 0.01, hidden [256, 128].", "Trial 0, with the defaults, reached 50.00%."]
    edge = [trial(i, "complete", 0.9 - i / 100, lr=0.98) for i in range(3)]
    (warning,) = (found for found in check_study(make_study(edge)) if found.severity == "warning")
    assert (warning.code, warning.place, warning.evidence["end"]) == ("tune.at_the_edge", "lr", 1.0)
    assert warning.sentence == "The best trials lie at the upper end of lr; a wider range may hold better ones."
    first = read_study(make_study([TRIALS[0]]))
    assert "The best trial is the one with the defaults: nothing that was tried is better." in first
    assert read_study(make_study([])) == ["No trial was completed yet."]


@pytest.mark.parametrize("trials", [[], TRIALS[3:4], TRIALS[1:2], TRIALS[:1], TRIALS], ids=len)
@pytest.mark.parametrize("metric", ["val_accuracy", "val_loss"])
def test_every_stage_of_a_study_can_be_written(trials, metric, tmp_path, monkeypatch):
    monkeypatch.setattr("fathom.runs.html.pages.study.draw_images", lambda study: {})
    study = make_study(trials, metric=metric, maximise=metric == "val_accuracy")
    assert write_study(study, tmp_path).read_text() == study_page(study).render()
    assert (tmp_path / "trials.csv").read_text() == study.to_csv()


def test_images_are_drawn(tmp_path):
    from PIL import Image

    write_study(make_study(TRIALS, importance={"lr": 0.8, "hidden": 0.2}), tmp_path)
    for name in ("history.png", "importance.png", "slices.png"):
        with Image.open(tmp_path / name) as image:
            assert min(image.size) > 100
            assert len(image.convert("RGB").getcolors(100_000)) > 20


def test_studies_are_found(tmp_path):
    import os

    for age, name in enumerate(("20250102-000000-tune-mlp-digits", "20250101-000000-tune-mlp-digits")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "study.json").write_text("{}")
        os.utime(tmp_path / name / "study.json", (1000 - age, 1000 - age))
    (tmp_path / "20250103-000000-mlp-digits").mkdir()
    assert find_study("last", tmp_path).name == "20250102-000000-tune-mlp-digits"
    assert find_study("20250101-000000-tune-mlp-digits", tmp_path).parent == tmp_path
    with pytest.raises(UsageError, match=r"there is no study folder nowhere; the newest in .* is 20250102"):
        find_study("nowhere", tmp_path)
    with pytest.raises(UsageError, match=r"there is no study in .*empty yet"):
        find_study("last", tmp_path / "empty")
