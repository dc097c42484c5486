import json
import math
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from fathom.errors import FathomError, UsageError
from fathom.runs.folder.records import read_json, read_lines, read_yaml, to_json, to_plain, to_yaml

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc.-_ :#é", max_size=6), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(st.dictionaries(st.text("abcdef", min_size=1, max_size=6), values, max_size=4))
def test_what_is_written_reads_back_equal(tmp_path_factory, content):
    folder = tmp_path_factory.mktemp("records")
    (folder / "a.json").write_text(to_json(content), encoding="utf-8")
    (folder / "a.yaml").write_text(to_yaml(content), encoding="utf-8")
    assert read_json(folder / "a.json") == content
    assert read_yaml(folder / "a.yaml") == content


def test_numpy_values_become_plain_numbers():
    plain = to_plain({"a": np.float32(0.5), "b": np.int64(3), "c": np.array([0.25]), "d": (1, 2), "e": Path("x")})
    assert plain == {"a": 0.5, "b": 3, "c": [0.25], "d": [1, 2], "e": "x"}
    assert type(plain["b"]) is int


def test_a_number_that_is_not_finite_is_null_in_json():
    assert to_json({"loss": math.nan, "lr": [math.inf, -math.inf]}) == '{"loss": null, "lr": [null, null]}'


def test_yaml_keeps_infinity_and_writes_no_anchors():
    shared = [1, 2]
    text = to_yaml({"patience": math.inf, "a": shared, "b": shared})
    assert yaml.safe_load(text) == {"patience": math.inf, "a": [1, 2], "b": [1, 2]}
    assert "&" not in text


def test_what_json_cannot_hold_is_named():
    with pytest.raises(UsageError, match="'net' cannot be written to a run folder: object is not"):
        to_json({"net": object()})


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not JSON"),
        (b'{"a": 1', "not JSON"),
        (b"[1, 2]", "holds no mapping"),
        (b"\xff\xfe", "not text"),
        (b"[" * 100_000, "not JSON"),
    ],
)
def test_damaged_json_is_one_line_with_the_file(tmp_path, content, reason):
    path = tmp_path / "run.json"
    path.write_bytes(content)
    with pytest.raises(FathomError, match=reason) as caught:
        read_json(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content", ["a: [1", "- 1", "!!python/object/apply:os.system ['true']", "a: &x [1]\nb: *x", "a: &x [*x]", "\x00"]
)
def test_yaml_that_is_damaged_or_clever_is_refused(tmp_path, content):
    path = tmp_path / "config.yaml"
    path.write_text(content)
    with pytest.raises(FathomError, match=r"config\.yaml is damaged") as caught:
        read_yaml(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FathomError, match=r"run\.json is missing"):
        read_json(tmp_path / "run.json")


def test_only_a_last_line_may_be_torn(tmp_path):
    path = tmp_path / "metrics.jsonl"
    lines = [json.dumps({"step": i}) for i in range(3)]
    path.write_text("\n".join(lines)[:-3])
    assert read_lines(path) == [{"step": 0}, {"step": 1}]
    path.write_text(f"{lines[0]}\n{lines[1][:4]}\n{lines[2]}\n")
    with pytest.raises(FathomError, match="line 2 is not JSON"):
        read_lines(path)
    resume = {"event": "resume", "step": 0, "epoch": 0}  # a run that went on after the kill
    path.write_text(f"{lines[0]}\n{lines[1][:4]}\n{json.dumps(resume)}\n{lines[2]}\n")
    assert read_lines(path) == [{"step": 0}, resume, {"step": 2}]
    path.write_text("[]\n")
    with pytest.raises(FathomError, match="line 1 is not an object"):
        read_lines(path)
