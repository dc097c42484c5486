"""The report in Chinese: whole texts and patterns; what the catalogue lacks stays English."""

import json
import re

import pytest

from fathom.doctor.catalog import CATALOG as FAULTS
from fathom.findings import Finding
from fathom.runs.html.language import CATALOG, say_finding, speaking, translate
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
        assert sorted(re.findall(r"\{(\d)\}", form)) == [str(i) for i in range(len(re.findall(r"\{#?\}", text)))]
    for text, form in content["texts"].items():
        assert sorted(re.findall(r"\{\w+\}", text)) == sorted(re.findall(r"\{\w+\}", form))


@pytest.mark.parametrize(("language", "words"), [("en", "Confusion matrix"), ("zh", "混淆矩阵")])
def test_a_report_is_written_in_the_language_asked_for(tmp_path, make_run, language, words):
    page = write_report(make_run(tmp_path, "20250301-run"), tmp_path / "page.html", language=language).read_text()
    assert words in page
    assert f'<html lang="{"zh-CN" if language == "zh" else "en"}">' in page


def test_every_fault_of_the_catalogue_can_be_told_in_chinese():
    content = json.loads(CATALOG.read_text(encoding="utf-8"))
    assert set(FAULTS) <= set(content["codes"])
    for entry in FAULTS.values():
        assert entry.cause in content["texts"], entry.code
        assert entry.symptom in content["texts"], entry.code


def test_a_finding_is_told_whole_and_one_without_translation_by_its_code():
    known = Finding(
        "lr.too_high", "error", "The loss is 3.00, above that of guessing, 0.69", cause=FAULTS["lr.too_high"].cause
    )
    unknown = Finding("lr.too_high", "error", "Something nobody has translated: <b>7</b>")
    with speaking("zh"):
        assert say_finding(known).startswith("损失为 3.00，高于猜测的 0.69。原因：")
        assert say_finding(unknown) == "学习率过高：Something nobody has translated: <b>7</b>."
    with speaking("en"):
        assert say_finding(known) == known.sentence
