"""A run is found to belong to the series it lies in, to the run it is compared with, and to the study that kept it."""

import json

from fathom.runs.folder.relations import address_from, related_pages


def test_the_pages_a_run_belongs_to(tmp_path, make_run):
    series = tmp_path / "20250301-120000-crossval-mlp-digits"
    (series / "mlp").mkdir(parents=True)
    (series / "crossval.json").write_text("{}")
    fold = make_run(series / "mlp", "fold-1")
    assert related_pages(fold) == [("Part of a cross-validation", series / "crossval.html")]

    alone = make_run(tmp_path, "20250301-130000-lenet-fashion_mnist")
    assert related_pages(alone) == []
    again = make_run(alone / "scratch", "seed-0")
    assert related_pages(again) == [("The run it is compared with", alone / "report.html")]

    study = tmp_path / "20250301-125959-tune-lenet-fashion_mnist"
    study.mkdir()
    (study / "study.json").write_text(json.dumps({"best_run": f"runs/{alone.name}"}))
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    (damaged / "study.json").write_text("{")
    assert related_pages(alone) == [("Best of a search for settings", study / "study.html")]


def test_addresses_are_those_of_links(tmp_path):
    page = tmp_path / "a" / "50% & <more>#1" / "report.html"
    assert address_from(tmp_path / "b", page) == "../a/50%25%20%26%20%3Cmore%3E%231/report.html"
    assert address_from(page.parent, page) == "report.html"
