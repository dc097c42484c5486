"""Where characters and words end: the standard's own examples, words of many scripts, and English as it always was."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fathom.data.sources import catalog
from fathom.data.texts.module import TextData
from fathom.data.texts.options import TextOptions
from fathom.data.texts.segmentation import keep_letters, split_characters, split_words

# Without marks each code point is a character: what Python's own engine cuts, one class at a time.
_UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_PLAIN_WORD = re.compile(rf"[{_UNSPACED}]|(?:(?![{_UNSPACED}])\w)+(?:['’](?:(?![{_UNSPACED}])\w)+)*|[^\w\s]")
_PLAIN_NO_LETTER = re.compile(r"[\W\d_]+")


@pytest.mark.parametrize(
    "code_points",  # of GraphemeBreakTest.txt, Unicode 15.1: "/" is where a character ends
    [
        "0061 1F3FF / 1F476",
        "1F476 1F3FF 0308 200D 1F476 1F3FF",
        "0061 200D / 1F6D1",
        "0915 / 0924",
        "0915 094D 0924 094D 092F",
        "0915 093C 094D 200D 0924",
        "0915 094D / 0061",
        "1F1E6 1F1E7 / 1F1E8 1F1E9",
        "1100 1160 11A8 / AC00",
        "0061 0308 / 0062",
        "0600 0031",
        "000D 000A / 000A",
    ],
)
def test_characters_end_where_the_standard_says(code_points: str) -> None:
    characters = ["".join(chr(int(c, 16)) for c in part.split()) for part in code_points.split(" / ")]
    assert list(split_characters("".join(characters))) == characters


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("हिन्दी में लिखा हुआ।", ["हिन्दी", "में", "लिखा", "हुआ", "।"]),
        ("ภาษาก็", ["ภ", "า", "ษ", "า", "ก็"]),  # no spaces: a character is a word, and keeps its marks
        ("தமிழ் மொழி", ["தமிழ்", "மொழி"]),
        ("قَلَمٌ جَدِيدٌ؟", ["قَلَمٌ", "جَدِيدٌ", "؟"]),
        ("می‌خواهم", ["می‌خواهم"]),  # with a zero-width non-joiner
        (
            unicodedata.normalize("NFD", "l'été déjà"),
            [unicodedata.normalize("NFD", word) for word in ("l'été", "déjà")],
        ),
        ("👩‍👩‍👧‍👦👍🏽 🇩🇪🇫🇷 1️⃣", ["👩‍👩‍👧‍👦", "👍🏽", "🇩🇪", "🇫🇷", "1️⃣"]),
        ('צה"ל "שלום"', ['צה"ל', '"', "שלום", '"']),
        ("col·lecció co\u00adop", ["col·lecció", "co\u00adop"]),
        ("rock'n'roll, 3.14 a:b", ["rock'n'roll", ",", "3", ".", "14", "a", ":", "b"]),
    ],
)
def test_words_keep_their_marks(text: str, words: list[str]) -> None:
    assert split_words(text) == words


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("हिन्दी, 42 में!", "हिन्दी में "),
        (unicodedata.normalize("NFD", "é1é́2"), unicodedata.normalize("NFD", "é é́ ")),
        ("a 👩‍👩‍👧 1️⃣ b", "a b"),
    ],
)
def test_letters_keep_their_marks(text: str, letters: str) -> None:
    assert keep_letters(text) == letters


@settings(max_examples=150, deadline=None)
@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_no_word_ends_within_a_character(text: str) -> None:
    assert "".join(split_characters(text)) == text
    ends, place = {0}, 0
    for character in split_characters(text):
        place += len(character)
        ends.add(place)
    place = 0
    for word in split_words(text):
        place = text.index(word, place)
        before = text[:place]
        assert place in ends or before[-1:].isspace()  # a mark may hang on the white space that is left out
        place += len(word)


@settings(max_examples=150, deadline=None)
@given(
    st.text(
        st.sampled_from(
            [chr(c) for c in (*range(32, 0x180), *b"\t\n") if chr(c) not in "·\xad"] + [*"‘’“”—…€中文かな。"]
        )
    )
)
def test_text_without_marks_is_cut_as_by_plain_patterns(text: str) -> None:
    assert split_characters(text) is text
    assert split_words(text) == _PLAIN_WORD.findall(text)
    assert keep_letters(text) == _PLAIN_NO_LETTER.sub(" ", text)


def test_the_time_machine_keeps_its_tokens(shared_data: Path) -> None:
    text = catalog.load_text("time_machine")
    assert split_characters(text) is text
    assert split_words(text) == _PLAIN_WORD.findall(text)
    assert keep_letters(text) == _PLAIN_NO_LETTER.sub(" ", text)


def test_a_model_of_characters_knows_whole_ones() -> None:
    data = TextData("नमस्ते दुनिया। " * 100, options=TextOptions(steps=8))
    assert set(data.vocabulary.tokens[1:]) == {"न", "म", "स्ते", "दु", "नि", "या", "।", " "}
    assert data.count_unknown() == {"train": 0, "val": 0, "test": 0}
