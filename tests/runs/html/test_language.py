"""The report in Chinese: whole texts and patterns; what the catalogue lacks stays English."""

import json
import re

import pytest

from fathom.runs.html.language import CATALOG, speaking, translate
from fathom.runs.html.pages.report import write_report


def test_texts_and_patterns_are_translated_within_the_block():
    assert translate("Layers") == "Layers"
    with speaking("zh"):
        assert translate("Layers") == "层"
        assert translate("All 31 layers") == "全部 31 层"
        assert translate("no such text") == "no such text"
    assert translate("Layers") == "Layers"


def test_every_pattern_names_its_numbers():
    content = json.loads(CATALOG.read_text(encoding="utf-8"))
    for text, form in content["patterns"]:
        assert sorted(re.findall(r"\{(\d)\}", form)) == [str(i) for i in range(text.count("{}"))]
    for text, form in content["texts"].items():
        assert sorted(re.findall(r"\{\w+\}", text)) == sorted(re.findall(r"\{\w+\}", form))


@pytest.mark.parametrize(("language", "words"), [("en", "Confusion matrix"), ("zh", "混淆矩阵")])
def test_a_report_is_written_in_the_language_asked_for(tmp_path, make_run, language, words):
    page = write_report(make_run(tmp_path, "20250301-run"), tmp_path / "page.html", language=language).read_text()
    assert words in page
    assert f'<html lang="{"zh-CN" if language == "zh" else "en"}">' in page
