"""Labels that are the same are one class."""

import unicodedata

from fathom.data.label_spellings import one_spelling, spelling_among


def test_forms_of_a_letter_are_one_class():
    nfd = unicodedata.normalize("NFD", "thé")
    names, notes = one_spelling([nfd, "café", nfd, "thé"])
    assert names == {nfd: "thé", "café": "café", "thé": "thé"}
    assert notes == ["thé is composed in 2 ways in Unicode, and is one class"]
    assert spelling_among(["café", "thé"], nfd) == "thé"
    assert spelling_among([nfd], "thé") == nfd


def test_numbers_and_truth_values():
    names, notes = one_spelling(["1", "1.0", "01", "TRUE", "True", "True", "x"])
    assert names == {"1": "1", "1.0": "1", "01": "1", "TRUE": "True", "True": "True", "x": "x"}
    assert len(notes) == 2
