"""Findings: one shape that goes to plain values and back."""

import json
import subprocess
import sys

import numpy as np
import pytest

from fathom.findings import Finding, NotChecked, by_severity, has_errors

LEAK = Finding(
    "data.leakage",
    "warning",
    "id alone tells price",
    {"column": "id", "share": 0.25, "rows": 3, "sorted": True, "limit": None},
    cause="rows are sorted by price",
    remedy="--drop id",
    place="column id",
)


def test_it_survives_json_in_every_field():
    content = json.loads(json.dumps(LEAK.to_dict()))
    assert list(content) == ["code", "severity", "message", "evidence", "cause", "remedy", "place"]
    assert Finding.from_dict(content) == LEAK
    assert Finding.from_dict(content | {"later": 1}) == LEAK  # a newer Fathom's field
    bare = Finding("run.extent", "note", "one epoch")
    assert bare.to_dict() == {
        "code": "run.extent", "severity": "note", "message": "one epoch",
        "evidence": {}, "cause": "", "remedy": "", "place": "",
    }  # fmt: skip
    skipped = NotChecked("data.leakage", "one split only")
    assert NotChecked.from_dict(json.loads(json.dumps(skipped.to_dict()))) == skipped


def test_the_text_joins_what_there_is():
    assert LEAK.text == "id alone tells price: rows are sorted by price; --drop id"
    assert Finding("a.b", "note", "so it is", remedy="do this").text == "so it is; do this"
    assert Finding("a.b", "note", "so it is", cause="why").text == "so it is: why"
    assert Finding("a.b", "note", "so it is").text == "so it is"


def test_the_gravest_come_first_and_the_rest_stay_in_order():
    findings = [Finding(f"a.{n}", s, "") for n, s in (("p", "note"), ("q", "error"), ("r", "note"), ("s", "warning"))]
    assert [finding.code for finding in by_severity(findings)] == ["a.q", "a.s", "a.p", "a.r"]
    assert has_errors(findings)
    assert not has_errors(findings[2:])


def test_evidence_of_one_is_not_that_of_another():
    first, second = (Finding("a.b", "note", "") for _ in range(2))
    assert first.evidence == {}
    assert first.evidence is not second.evidence


@pytest.mark.parametrize("code", ["leakage", "data.", "Data.leakage", "data leakage", "data.leakage\n", ""])
def test_a_code_has_one_form(code):
    with pytest.raises(ValueError, match="lower-case words"):
        Finding(code, "note", "")
    with pytest.raises(ValueError, match="lower-case words"):
        NotChecked(code, "")


def test_what_would_not_survive_is_refused():
    with pytest.raises(TypeError, match="evidence 'rows' is int64, not a plain value"):
        Finding("a.b", "note", "", {"rows": np.int64(3)})
    with pytest.raises(TypeError, match="evidence 'rows' is list"):
        Finding("a.b", "note", "", {"rows": [1]})
    with pytest.raises(ValueError, match="severity 'fatal'"):
        Finding("a.b", "fatal", "")
    for content in (
        {"code": "a.b"},
        {**LEAK.to_dict(), "severity": "fatal"},
        {**LEAK.to_dict(), "code": "x"},
        [],
        None,
    ):
        with pytest.raises(ValueError):
            Finding.from_dict(content)


def test_it_cannot_be_changed():
    with pytest.raises(AttributeError):
        LEAK.code = "data.other"


def test_it_loads_nothing_heavy():
    code = "import sys, fathom.findings; print([m for m in ('torch', 'numpy', 'yaml', 'rich') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
