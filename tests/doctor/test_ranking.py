"""Causes stand before what follows from them."""

import itertools

import pytest

from fathom.doctor.catalog import CATALOG, found
from fathom.doctor.ranking import EXPLAINS, is_symptom, rank


def finding(code, severity=None):
    return found(code, f"{code} was seen", {"number": 1}, severity=severity)


def test_the_table_knows_no_other_codes_than_the_catalogue_and_no_circle():
    named = {code for causes in EXPLAINS.values() for code in causes}
    assert named | set(EXPLAINS) <= set(CATALOG)
    for one, other in itertools.combinations(EXPLAINS, 2):
        assert not (one in EXPLAINS[other] and other in EXPLAINS[one])


def test_a_cause_leads_and_is_as_grave_as_its_symptom():
    collapse, scale, exploding = (
        finding("model.collapse"),
        finding("init.scale"),
        finding("gradient.exploding"),
    )
    ranked = rank([collapse, exploding, scale])
    assert [(f.code, f.severity) for f in ranked] == [
        ("init.scale", "error"),
        ("model.collapse", "note"),
        ("gradient.exploding", "note"),
    ]
    assert all(is_symptom(f) and "init.scale" in f.cause and not f.remedy for f in ranked[1:])
    assert ranked[1].evidence == collapse.evidence
    assert rank(ranked) == ranked


def test_the_root_is_named_where_one_cause_follows_from_another():
    ranked = rank([finding("model.collapse"), finding("gradient.exploding"), finding("lr.too_high")])
    assert ranked[0].code == "lr.too_high"
    assert all("lr.too_high" in f.cause for f in ranked[1:])


@pytest.mark.parametrize("code", sorted(EXPLAINS))
def test_without_a_cause_and_beside_a_mere_note_a_symptom_stays(code):
    alone = finding(code)
    assert rank([alone]) == [alone]
    note = finding(next(iter(EXPLAINS[code])), severity="note")
    assert rank([note, alone]) == [alone, note]
