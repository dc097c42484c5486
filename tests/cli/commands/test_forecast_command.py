"""``fathom forecast``."""

import json


def test_it_prints_parts_and_leaves_nothing(fathom, tmp_path):
    result = fathom("forecast", "mlp", "--data", "digits", "--epochs", 2, "--probe", 0.05)
    assert result.code == 0, result.err
    assert "mlp on digits: 2 epochs" in result.out
    for part in ("time", "steps", "validation", "memory", "weights", "measured on"):
        assert part in result.out
    assert list(tmp_path.iterdir()) == []


def test_json_and_options_of_train(fathom):
    result = fathom("forecast", "mlp", "digits", "--patience", 2, "--probe", 0.05, "--json")
    assert result.code == 0, result.err
    found = json.loads(result.out)
    assert found["may_end_early"]
    assert found["time_s"]["low"] < found["time_s"]["total"] < found["time_s"]["high"]


def test_wrong_settings_are_one_line(fathom):
    assert fathom("forecast", "mlp", "--data", "nowhere.csv").error.startswith("no such file: nowhere.csv")
    assert fathom("forecast", "--config", "no.yaml").error.startswith("no.yaml: cannot be read")
