"""``fathom eval``: the numbers of the run's own evaluation, other splits, and folders that are damaged."""

import json
import re
import shutil

import pytest
import yaml


def read_evaluation(run):
    return json.loads((run / "evaluation.json").read_text())


def snapshot(run):
    return {p: p.read_bytes() for p in run.rglob("*") if p.is_file()}


def test_it_gives_the_numbers_of_evaluation_json(trained, fathom):
    before = snapshot(trained.path)
    result = fathom("eval", trained.path, "--json")
    assert (result.code, result.err) == (0, "")
    expected = read_evaluation(trained.path)
    del expected["mistakes"]
    assert json.loads(result.out) == expected
    assert snapshot(trained.path) == before


def test_the_table_has_every_class(trained, fathom):
    result = fathom("eval", trained.path)
    expected = read_evaluation(trained.path)
    lines = result.out.splitlines()
    assert lines[:3] == [
        "test: 359 samples",
        f"loss     {expected['loss']:.4f}",
        f"accuracy {expected['accuracy']:.4f}",
    ]
    rows = [line.split() for line in lines[5:]]
    assert rows == [
        [e["class"], *(f"{e[k]:.3f}" for k in ("precision", "recall", "f1")), str(e["support"])]
        for e in expected["per_class"]
    ]


@pytest.mark.parametrize(("split", "samples"), [("train", 1294), ("val", 144), ("test", 359)])
def test_every_split_can_be_evaluated(split, samples, trained, fathom):
    result = fathom("eval", trained.path, "--split", split, "--json")
    assert result.code == 0, result.err
    evaluation = json.loads(result.out)
    assert (evaluation["split"], evaluation["num_samples"]) == (split, samples)
    assert sum(map(sum, evaluation["confusion"])) == samples


def test_validation_agrees_with_the_best_epoch(trained, fathom):
    evaluation = json.loads(fathom("eval", trained.path, "--split", "val", "--json").out)
    records = [json.loads(line) for line in (trained.path / "metrics.jsonl").read_text().splitlines()]
    best = max(record["val_accuracy"] for record in records if record["event"] == "epoch")
    # the loop may evaluate in bfloat16, eval does not
    assert evaluation["accuracy"] == pytest.approx(best, abs=2 / 144)


def test_a_run_is_found_by_its_name(trained, fathom):
    assert fathom("eval", "last", "--runs", trained.path.parent).code == 0
    assert fathom("eval", trained.path.name, "--runs", trained.path.parent).code == 0
    assert fathom("eval", trained.path.name[:10], "--runs", trained.path.parent).code == 0


def test_a_regression_is_evaluated_by_its_error(fathom, tmp_path):
    assert fathom("train", "linear", "--data", "synthetic_regression", "--epochs", 1).code == 0
    (run,) = (tmp_path / "runs").iterdir()
    result = fathom("eval", "last", "--json")
    assert json.loads(result.out) == read_evaluation(run)
    assert re.fullmatch(
        r"test: 1,000 samples\nloss     \d\.\d+\nrmse     \d\.\d+\nmae      \d\.\d+\nr2       \d\.\d+\n",
        fathom("eval", "last").out,
    )


def test_a_stopped_run_is_evaluated_by_its_best_checkpoint(trained_copy, fathom):
    expected = read_evaluation(trained_copy)
    (trained_copy / "model.safetensors").unlink()
    result = fathom("eval", trained_copy, "--json")
    assert json.loads(result.out)["loss"] == expected["loss"]


def test_wrong_usage(trained, fathom):
    assert fathom("eval", trained.path, "--split", "tset").error == "unknown split 'tset'; did you mean 'test'?"
    assert fathom("eval", trained.path, "--device", "xpu").code == 2
    assert fathom("eval", "last").error.startswith("there is no run in runs yet")


def flip_a_bit(path, place):
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def test_broken_weights_are_named(trained_copy, fathom):
    path = trained_copy / "model.safetensors"
    whole = path.read_bytes()

    path.write_bytes(whole[:-100])
    assert fathom("eval", trained_copy).error.startswith(f"{path}: truncated or altered (")
    path.write_bytes(b"")
    assert fathom("eval", trained_copy).error.startswith(f"{path}: truncated or altered (")
    path.write_bytes(whole)
    flip_a_bit(path, -1)  # in a number
    assert fathom("eval", trained_copy).error == f"{path}: altered since it was written (wrong checksum)"
    path.write_bytes(whole)
    flip_a_bit(path, 12)  # in the header
    result = fathom("eval", trained_copy)
    assert result.code == 1
    assert result.error.startswith(f"{path}: ")


def test_weights_of_another_network_are_refused(trained_copy, fathom, tmp_path):
    assert fathom("train", "softmax", "--epochs", 1).code == 0
    (other,) = (tmp_path / "runs").iterdir()
    shutil.copy(other / "model.safetensors", trained_copy / "model.safetensors")
    result = fathom("eval", trained_copy)
    assert result.code == 1
    assert "made for another architecture: " in result.error


def test_foreign_weights_are_refused(trained_copy, fathom):
    import torch
    from safetensors.torch import save_file

    save_file({"x": torch.zeros(1)}, trained_copy / "model.safetensors")
    assert "not written by Fathom" in fathom("eval", trained_copy).error


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("config.yaml", "{run}: not a run folder: it has no config.yaml"),
        ("model.json", "{run}: not a run folder: it has no model.json"),
    ],
)
def test_a_missing_file_is_named(file, message, trained_copy, fathom):
    (trained_copy / file).unlink()
    result = fathom("eval", trained_copy)
    assert (result.code, result.error) == (1, message.format(run=trained_copy))


def test_a_run_without_any_weights_is_one_line(trained_copy, fathom):
    (trained_copy / "model.safetensors").unlink()
    shutil.rmtree(trained_copy / "checkpoints")
    assert fathom("eval", trained_copy).error.endswith("has no weights yet: it stopped before its first checkpoint")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schema": 3}, "written by a newer Fathom (schema 3, this one reads 2); upgrade fathom"),
        ({"schema": None}, "not a model description of Fathom"),
        ({"kind": "poet"}, "incomplete or altered ("),
        ({"model": {"name": "lenet"}}, "incomplete or altered ("),
        ({"input": {"kind": "image"}}, "incomplete or altered ("),
        ({"class_names": ["a", "b"]}, "altered (2 names for 10 classes)"),
        (
            {"model": {"name": "lnet", "input_shape": [1, 28, 28], "num_classes": 10, "options": {}}},
            "the network 'lnet' is neither Fathom's nor provided by an installed package",
        ),
        (
            {"model": {"name": "lenet", "input_shape": [1, 28], "num_classes": 10, "options": {}}},
            "cannot build the network (",
        ),
        (
            {"model": {"name": "lenet", "input_shape": [1, 28, 28], "num_classes": 10, "options": {"depth": 3}}},
            "cannot build the network (unknown option of lenet 'depth'",
        ),
    ],
)
def test_an_altered_model_json_is_one_line(change, words, trained_copy, fathom):
    path = trained_copy / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    result = fathom("eval", trained_copy)
    assert result.code == 1
    assert result.error.startswith(str(path))
    assert words in result.error


@pytest.mark.parametrize("content", ["", "{", "[]", "3", "\x00\x01"])
def test_a_model_json_that_is_none_is_one_line(content, trained_copy, fathom):
    (trained_copy / "model.json").write_text(content)
    result = fathom("eval", trained_copy)
    assert result.code == 1
    assert "model.json: " in result.error


def test_other_data_than_the_model_learned_are_refused(trained_copy, fathom, tmp_path):
    path = trained_copy / "config.yaml"
    config = yaml.safe_load(path.read_text())
    config["data"] |= {"name": "synthetic_regression", "options": {}}
    path.write_text(yaml.safe_dump(config))
    result = fathom("eval", trained_copy)
    assert result.code == 1
    assert result.error == "the classes of synthetic_regression are not those the model learned: 0 instead of 10"


def test_a_config_with_settings_left_out_is_one_line(trained_copy, fathom):
    path = trained_copy / "config.yaml"
    config = yaml.safe_load(path.read_text())
    del config["training"]["loss"], config["data"]["batch_size"]
    path.write_text(yaml.safe_dump(config))
    line = f"{path}: data.batch_size, training.loss missing; a run records every setting it was trained with"
    for verb in (("eval",), ("train", "--resume"), ("prune", "--amount", 0.5)):
        result = fathom(*verb, trained_copy)
        assert (result.code, result.error) == (1, line)
