"""Tokens and numbers: what comes back, what is counted, what is refused."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fathom.data.texts.module import TextData
from fathom.data.texts.options import TextOptions
from fathom.data.texts.vocabulary import UNKNOWN, Tokenizer, Vocabulary
from fathom.errors import UsageError

TEXT = st.text(max_size=60)
few = settings(max_examples=50, deadline=None)


@few
@given(TEXT)
def test_characters_and_numbers_and_back(text: str) -> None:
    tokenizer = Tokenizer()
    tokens = tokenizer.split(text)
    vocabulary = Vocabulary.build(tokens)
    numbers = vocabulary.encode(tokens)
    assert tokenizer.join(vocabulary.decode(numbers)) == text
    assert len(numbers) == len(tokens) <= len(text)
    assert (numbers > 0).all()


@few
@given(
    st.lists(st.sampled_from("abcdef"), max_size=40), st.integers(1, 4), st.lists(st.sampled_from("aXY"), unique=True)
)
def test_vocabulary_is_what_a_count_says(tokens: list[str], min_freq: int, reserved: list[str]) -> None:
    vocabulary = Vocabulary.build(tokens, min_freq=min_freq, reserved=reserved)
    assert vocabulary.tokens[: 1 + len(reserved)] == (UNKNOWN, *reserved)
    counts = Counter(tokens)
    others = vocabulary.tokens[1 + len(reserved) :]
    assert set(others) == {token for token, count in counts.items() if count >= min_freq and token not in reserved}
    assert [counts[token] for token in others] == sorted((counts[token] for token in others), reverse=True)
    assert vocabulary.tokens == Vocabulary.build(tokens[::-1], min_freq=min_freq, reserved=reserved).tokens
    unknown = sum(token not in vocabulary for token in tokens)
    assert (vocabulary.encode(tokens) == 0).sum() == unknown


@few
@given(TEXT, st.booleans(), st.sampled_from(["none", "letters"]))
def test_words_are_read_again_as_they_were_written(text: str, lower: bool, clean: str) -> None:
    tokenizer = Tokenizer("word", lower, clean)
    tokens = list(tokenizer.split(text))
    assert all(tokens)
    assert not any(re.search(r"\s", token) for token in tokens)
    assert "".join(tokens) == re.sub(r"\s", "", tokenizer_text(tokenizer, text))


def tokenizer_text(tokenizer: Tokenizer, text: str) -> str:
    """The text after cleaning: that of the same tokenizer of characters."""
    return "".join(Tokenizer("char", tokenizer.lower, tokenizer.clean).split(text))


@pytest.mark.parametrize(
    ("text", "tokens", "joined"),
    [
        ("Don't stop, he said.", ["Don't", "stop", ",", "he", "said", "."], "Don't stop, he said."),
        ("a (very) small   step\n", ["a", "(", "very", ")", "small", "step"], "a (very) small step"),
        ("'quoted' 42nd", ["'", "quoted", "'", "42nd"], "' quoted ' 42nd"),
        ("张量计算,torch很快。", [*"张量计算", ",", "torch", *"很快。"], "张量计算, torch 很快。"),
        ("été", ["été"], "été"),
        ("यह है, हाँ।", ["यह", "है", ",", "हाँ", "।"], "यह है, हाँ।"),
        ("ที่นี่ 1", ["ที่", "นี่", "1"], "ที่นี่ 1"),
        ("", [], ""),
    ],
)
def test_words(text: str, tokens: list[str], joined: str) -> None:
    tokenizer = Tokenizer("word")
    assert tokenizer.split(text) == tokens
    assert tokenizer.join(tokens) == joined


def test_cleaning_of_the_book() -> None:
    text = "The Time Machine,\n\nby H. G. Wells [1898]\nÉté 中文!"
    cleaned = Tokenizer(lower=True, clean="letters").split(text)
    assert cleaned == "the time machine by h g wells été 中文 "
    assert Tokenizer(lower=True, clean="letters").split(text[:38]) == re.sub("[^A-Za-z]+", " ", text[:38]).lower()


def test_reserved_tokens_stay_whole() -> None:
    tokenizer = Tokenizer("char", lower=True, clean="letters", reserved=("<EOS>", "<EOS>>"))
    assert tokenizer.split("Ab!<EOS>c<EOS>>") == ["a", "b", " ", "<EOS>", "c", "<EOS>>"]
    assert Tokenizer("word", reserved=("<eos>",)).split("so it is<eos>Then") == ["so", "it", "is", "<eos>", "Then"]
    assert Tokenizer("word").split("<eos>") == ["<", "eos", ">"]
    vocabulary = Vocabulary.build("aab", reserved=["<eos>"])
    assert vocabulary.tokens == (UNKNOWN, "<eos>", "a", "b")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"level": "chars"}, "unknown level 'chars'; did you mean 'char'?"),
        ({"clean": "letter"}, "unknown cleaning 'letter'; did you mean 'letters'?"),
        ({"lower": "yes"}, "lower must be true or false; got 'yes'"),
        ({"reserved": ("",)}, "reserved tokens must be non-empty strings"),
        ({"reserved": ("<a>", "<a>")}, "must differ from one another"),
        ({"reserved": (UNKNOWN,)}, "must differ from one another and from <unk>"),
    ],
)
def test_tokenizer_refuses(options: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        Tokenizer(**options)  # type: ignore[arg-type]
    assert message in str(caught.value)


def test_vocabulary_refuses() -> None:
    for tokens in ([], ["a"], [UNKNOWN, "a", "b", "a"]):
        with pytest.raises(UsageError):
            Vocabulary(tokens)
    for min_freq in (0, -1, 1.5, True):
        with pytest.raises(UsageError, match="min_freq must be a whole number, at least 1"):
            Vocabulary.build("abc", min_freq=min_freq)  # type: ignore[arg-type]


@pytest.mark.parametrize("level", ["char", "word"])
def test_a_letter_is_one_token_however_it_is_composed(level: str) -> None:
    text = "Le café déçu, 한국어, Å e\u0323\u0302 ﬁn"  # the ligature stays: it is no canonical equivalent
    forms = [unicodedata.normalize(form, text) for form in ("NFC", "NFD")]
    composed, plain = TextOptions(level).make_tokenizer(), Tokenizer(level)
    assert list(composed.split(forms[0])) == list(composed.split(forms[1])) == list(plain.split(forms[0]))
    assert list(plain.split(forms[1])) != list(plain.split(forms[0]))
    assert list(TextOptions(level, normalize="none").make_tokenizer().split(forms[1])) == list(plain.split(forms[1]))
    data = TextData(f"{forms[0]}\n{forms[1]}\n" * 20, options=TextOptions(level, steps=4))
    assert any("form NFC" in note for note in data.notes)
    assert not data.count_unknown()["test"]
    marks = TextOptions(level, reserved=("<\u0065\u0301>",)).make_tokenizer()
    assert "<é>" in marks.split("a <e\u0301> b")
