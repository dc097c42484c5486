"""Series of runs on remote data: read once, and of one version, whatever becomes of the source meanwhile."""

import json

import pytest

from fathom.recipes.prune import prune
from fathom.recipes.train import train
from fathom.runs.analysis.series import SeriesObserver
from fathom.series.crossval import cross_validate, resume_cross_validation
from fathom.settings.reading import read_config
from fathom.settings.settings import Settings

ROWS = "a,b,kind\n" + "".join(f"{i % 7},{'xyz'[i % 3]},{'good' if i % 7 > 3 else 'bad'}\n" for i in range(120))
OTHER = "a,b,kind\n" + "".join(f"{i},{'xyz'[i % 3]},{'good' if i % 2 else 'bad'}\n" for i in range(90))


def _config():
    data = {"name": "s3://bucket/rows.csv", "options": {"target": "kind"}}
    return Settings({"model": {"name": "linear"}, "data": data, "training": {"epochs": 1}})


class Stopped(Exception):
    pass


class StopAfter(SeriesObserver):
    """Lets one fold be done, and the object be replaced."""

    def __init__(self, replace):
        self.replace = replace

    def result(self, series, row):
        self.replace()
        raise Stopped


def test_folds_are_of_one_version(s3, tmp_path, capsys):
    s3.put_object(Bucket="bucket", Key="rows.csv", Body=ROWS.encode())
    whole = cross_validate(_config(), folds=3, root=tmp_path / "whole")
    assert capsys.readouterr().err.count("fetched") <= 1  # all folds read one copy
    change = StopAfter(lambda: s3.put_object(Bucket="bucket", Key="rows.csv", Body=OTHER.encode()))
    with pytest.raises(Stopped):
        cross_validate(_config(), folds=3, root=tmp_path / "part", observer=change)
    (path,) = (tmp_path / "part").iterdir()
    resumed = resume_cross_validation(path)
    assert [row["held_out"] for row in resumed.results] == [row["held_out"] for row in whole.results]
    assert [row["loss"] for row in resumed.results] == [row["loss"] for row in whole.results]
    assert len({json.dumps(read_config(path / row["run"]).data.options) for row in resumed.results}) == 1


def test_a_run_of_the_bucket_is_pruned_as_it_was_learned(s3, tmp_path):
    s3.put_object(Bucket="bucket", Key="rows.csv", Body=ROWS.encode())
    run = train(_config(), root=tmp_path / "runs").path
    s3.put_object(Bucket="bucket", Key="rows.csv", Body=OTHER.encode())
    pruned = prune(run, 0.5, finetune=1, root=tmp_path / "runs")
    assert read_config(pruned.path).data == read_config(run).data
    record = json.loads((pruned.path / "prune.json").read_text())
    assert record["pairs"]["finetuned"]["num_samples"] == record["stages"]["before"]["num_samples"]
