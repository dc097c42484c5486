"""Axes: whatever the range, no two labels of an axis look alike."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fathom.runs.analysis.numbers import percent
from fathom.runs.html.charts.figure import label_ticks
from fathom.runs.html.charts.lines import Line, line_chart
from fathom.runs.html.charts.scales import fit_scale
from fathom.runs.html.charts.strips import Strip, strip_chart


@given(st.floats(1e-9, 1e6), st.floats(1e-4, 1e5), st.booleans())
def test_labels_of_an_axis_differ(start, width, log):
    ticks = fit_scale([start, start * (1 + width)], 0, 100, log=log).ticks(5)
    texts = label_ticks(ticks)
    assert len(ticks) >= 2
    assert len(set(texts)) == len(ticks)
    assert [float(text) for text in texts] == pytest.approx(ticks, rel=0.01 * min(1, width))


@given(st.floats(0, 0.999), st.floats(1e-4, 1))
def test_labels_of_shares_differ(low, width):
    ticks = fit_scale([low, min(1.0, low + width)], 0, 100).ticks(5)
    texts = label_ticks(ticks, is_share=True)
    assert len(set(texts)) == len(ticks)


def _texts(chart):
    return re.findall(r"<text[^>]*>([^<]*)</text>", chart)


def test_a_small_learning_rate():
    curve = [(float(x), 2e-8 + 1e-9 * x) for x in range(5)]
    texts = _texts(line_chart("lr", "Learning rate", [Line("lr", curve, "train")], describe="d"))
    assert {"2.0e-8", "2.1e-8", "2.2e-8"} <= set(texts)


def test_few_digits_where_few_tell_apart():
    strips = [Strip("a", [0.91, 0.95], 0.93, 0.9, 0.96)]
    texts = _texts(strip_chart("s", "Folds", strips, describe="d", x_label="accuracy", x_form=percent))
    assert "92%" in texts
    strips = [Strip("a", [0.9912, 0.9918], 0.9915, None, None)]
    texts = _texts(strip_chart("s", "Folds", strips, describe="d", x_label="accuracy", x_form=percent))
    assert "99.12%" in texts
