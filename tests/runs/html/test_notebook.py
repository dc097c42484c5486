"""A run in a notebook."""

import html

import pytest

import fathom
from fathom.errors import UsageError


def test_a_run_is_its_report_in_a_frame_in_which_nothing_runs(tmp_path, make_run):
    run = make_run(tmp_path, "20250301-hostile", classes=("<script>alert(1)</script>", *"bcdefghij"))
    shown = fathom.show(run)
    assert repr(shown).startswith("20250301-hostile: lenet on fashion_mnist, done, best val_accuracy")
    frame = shown._repr_html_()
    assert frame.startswith("<iframe srcdoc=")
    assert ' sandbox="sandbox" ' in frame  # "allow-scripts" is not among what it allows
    page = html.unescape(frame)
    assert "Training report" in page
    assert "<script" not in page
    with pytest.raises(UsageError):
        fathom.show("nothing-like-that", height=3)
