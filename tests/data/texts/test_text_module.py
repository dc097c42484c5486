"""A text as data: parts that do not overlap, the vocabulary of the first one alone, and what is refused."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fathom.data.sources import catalog, time_machine
from fathom.data.texts.module import TextData
from fathom.data.texts.options import TextOptions
from fathom.data.texts.reading import read_text
from fathom.data.texts.vocabulary import Tokenizer
from fathom.errors import FathomError, UsageError

RHYME = "so much depends upon a red wheel barrow glazed with rain water beside the white chickens. " * 40


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(40, 3000),
    val=st.sampled_from([0.0, 0.1, 0.3]),
    test=st.sampled_from([0.0, 0.1, 0.25]),
    partition=st.sampled_from(["random", "sequential"]),
)
def test_parts_are_contiguous_and_predicted_in_whole(n: int, val: float, test: float, partition: str) -> None:
    text = "".join(chr(0x4E00 + i) for i in range(n))  # every character once: it tells its place
    data = TextData(text, val=val, test=test, options=TextOptions(steps=4, partition=partition))
    places = [
        [ord(character) - 0x4E00 for character in text[start:stop]]
        for start, stop in (
            (0, len(data.train)),
            (len(data.train), len(data.train) + len(data.val)),
            (len(data.train) + len(data.val), n),
        )
    ]
    assert len(data.train) + len(data.val) + len(data.test) == n
    assert abs(len(data.val) - val * n) < 33
    assert abs(len(data.test) - test * n) < 33
    assert data.vocabulary.decode(data.train) == [text[i] for i in places[0]]
    assert set(data.val.tolist()) | set(data.test.tolist()) <= {
        0
    }  # these characters stand nowhere in the training split
    for loader, part in ((data.val_dataloader(), data.val), (data.test_dataloader(), data.test)):
        assert (loader is None) == (len(part) == 0)
        if loader is not None:
            assert sum(len(y) for *_, y in loader) == len(part) - 1
    assert len(list(data.train_dataloader())) == len(data.train_dataloader())


def test_vocabulary_comes_from_the_training_part_alone() -> None:
    text = "ab" * 400 + "ax" * 50 + "ay" * 50
    data = TextData(text, options=TextOptions(steps=8))
    assert set(data.vocabulary.tokens) == {"<unk>", "a", "b"}
    assert data.count_unknown() == {"train": 0, "val": 50, "test": 50}


def test_rare_words_are_unknown() -> None:
    text = RHYME + "once " + RHYME
    words = Tokenizer("word").split(text)
    data = TextData(text, options=TextOptions(level="word", steps=8))
    assert len(data.train) + len(data.val) + len(data.test) == len(words)
    assert "once" not in data.vocabulary
    assert data.count_unknown() == {"train": 1, "val": 0, "test": 0}
    assert "once" in TextData(text, options=TextOptions(level="word", steps=8, min_freq=1)).vocabulary


def test_many_unknown_tokens_are_a_warning() -> None:
    words = [f"w{i}" for i in range(390)] + ["so", "so"] * 5  # all but one are rare
    data = TextData(" ".join(words[::-1]), options=TextOptions(level="word", steps=8))
    found = {finding.place: finding for finding in data.unknown_findings()}
    assert [(f.code, f.severity) for f in found.values()] == [("data.unknown_tokens", "warning")] * 3
    # 400 words: 320 to learn from, of which the ten are known
    assert found["train split"].evidence == {"unknown": 310, "size": 320, "share": 310 / 320}
    assert found["train split"].message.startswith("310 of 320 tokens of the train split (96.9%) are unknown")
    assert "min_freq=1" in found["train split"].remedy
    assert found["val split"].evidence["share"] == found["test split"].evidence["share"] == 1
    assert sum(note.startswith("warning: ") for note in data.notes) == 3
    assert data.describe()["findings"] == [finding.to_dict() for finding in found.values()]
    few = TextData("ab" * 400 + "ax" + "ab" * 99, options=TextOptions(steps=8))
    assert [f.severity for f in few.unknown_findings()] == ["note"]  # 1 of 100 characters held out
    assert not any("warning" in note for note in few.notes)


def test_columns_of_evaluation_go_on_where_they_ended() -> None:
    data = TextData(RHYME * 8, val=0.3, test=0.1, options=TextOptions(steps=16))
    batches = list(data.val_dataloader())  # type: ignore[arg-type]
    assert batches[0][0].shape[1] > 1
    read = torch.cat([X for X, *_ in batches]).t().flatten()
    assert torch.equal(read, data.val[:-1].long())
    assert [starts for _, starts, _ in batches] == [True] + [False] * (len(batches) - 1)


def test_batch_size_is_fitted_or_checked() -> None:
    assert TextData("ab" * 50_000).batch_size == 32
    assert TextData("ab" * 1800, options=TextOptions(steps=8)).batch_size == (2880 - 8) // 8 // 32
    with pytest.raises(UsageError, match=r"batch size 99: .* of text hold 19 sequences of 8 steps"):
        TextData("ab" * 100, 99, options=TextOptions(steps=8))


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("abc", {"val": 0, "test": 0}, "text: 3 chars to learn from are too few; use a longer text"),
        ("a" * 100, {}, "80 chars to learn from are too few for sequences of 64 steps; set data.options.steps to 40"),
        ("a" * 100, {"steps": 4, "val": 0.01}, "validation share 0.01 holds out 1 of 100 tokens"),
        ("a" * 100, {"val": 0.5, "test": 0.5}, "leave nothing to learn from"),
        ("a" * 100, {"test": 1}, "test share must be at least 0 and below 1; got 1"),
        ("a" * 100, {"steps": 0}, "steps must be a whole number, at least 1; got 0"),
        ("a" * 100, {"steps": "4"}, "steps must be a whole number"),
        ("a" * 100, {"partition": "randm"}, "unknown partition 'randm'; did you mean 'random'?"),
        ("a" * 100, {"level": "words"}, "unknown level 'words'; did you mean 'word'?"),
        (
            "once upon a time " * 9,
            {"level": "word", "min_freq": 99, "steps": 4},
            "no word occurs 99 times in the training",
        ),
        ("a" * 100, {"reserved": "<eos>"}, "reserved must be a list of tokens"),
    ],
)
def test_refused(text: str, options: dict[str, object], message: str) -> None:
    shares = {key: options[key] for key in ("val", "test") if key in options}
    options = {key: value for key, value in options.items() if key not in shares}
    with pytest.raises(UsageError) as caught:
        TextData(text, options=TextOptions(**options), **shares)  # type: ignore[arg-type]
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


# Files ---------------------------------------------------------------------------------------------------------------


FRENCH = "Longtemps, je me suis couché de bonne heure. Parfois, à peine ma bougie éteinte, mes yeux se fermaient."
# a sentence in each script, of the commonest words
SCRIPTS = {
    "gb18030": "我们在学校里学习中文，今天的天气很好，大家都很高兴。",
    "big5": "我們在學校裡學習中文，今天的天氣很好，大家都很高興。",
    "cp932": "私は毎日学校で日本語を勉強しています。今日はとても天気がいいです。",
    "euc-kr": "우리는 학교에서 한국어를 공부합니다. 오늘은 날씨가 아주 좋습니다.",
    "latin-1": FRENCH,
    "cp1252": f"“{FRENCH}” – 5 €",
    "utf-16": FRENCH,
    "utf-32": "हिन्दी में, ภาษาไทย, 中文",
    "utf-8": "हिन्दी में, ภาษาไทย, 中文",
}


@pytest.mark.parametrize("encoding", SCRIPTS)
def test_the_encoding_is_found_and_told(tmp_path: Path, encoding: str) -> None:
    text = f"{SCRIPTS[encoding]}\n" * 3
    (tmp_path / "a.txt").write_bytes(("plain lines come first\n" + text).encode(encoding))
    found = read_text(tmp_path / "a.txt")
    assert found.text == "plain lines come first\n" + text
    assert (found.encoding, found.is_guessed) == (encoding, encoding != "utf-8")
    data = TextData.read(tmp_path / "a.txt", options=TextOptions(steps=8))
    assert data.encoding == encoding
    assert any("a.txt is not in UTF-8; it is read as" in note for note in data.notes) == (encoding != "utf-8")


@pytest.mark.parametrize(
    ("content", "encoding", "text"),
    [
        ("né\r\nle\rsoir\n".encode(), "utf-8", "né\nle\nsoir\n"),
        (b"\xef\xbb\xbfabc", "utf-8", "abc"),
        (b"\xef\xbb\xbfabc", None, "abc"),
        ("né".encode("latin-1"), "latin-1", "né"),
        ("né".encode("utf-16"), "utf-16", "né"),
        ("né".encode("utf-16-le"), "utf-16-le", "né"),
        ("学习".encode("gb18030"), "gb18030", "学习"),
    ],
)
def test_files_are_read(tmp_path: Path, content: bytes, encoding: str | None, text: str) -> None:
    (tmp_path / "a.txt").write_bytes(content)
    assert read_text(tmp_path / "a.txt", encoding).text == text
    # as a model reads that learned from such a text
    assert read_text(tmp_path / "a.txt", expected=encoding).text == text


def test_an_expected_encoding_is_taken_where_the_bytes_allow_it(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("Мы учимся".encode("koi8-r"))
    assert read_text(path, expected="koi8-r").text == "Мы учимся"
    path.write_text("Мы учимся", encoding="utf-8")  # UTF-8 is no other encoding by chance
    assert read_text(path, expected="koi8-r") == ("Мы учимся", "utf-8", False)


@pytest.mark.parametrize(
    ("content", "encoding", "message"),
    [
        (b"", None, "the file is empty"),
        (b" \n\n\t", None, "only whitespace"),
        (b"abc\x00def", None, "not a text: byte 4 is zero, as in binary files"),
        (b"one\ntw\xe9o\n", "utf-8", "not text in utf-8: byte 0xe9 at line 2, byte 3 of it; set data.options.encoding"),
        ("abc".encode("utf-16"), "utf-8", "this text is in UTF-16; set data.options.encoding to utf-16"),
        (
            "Мы учимся в школе".encode("koi8-r"),
            None,
            "not text in utf-8: byte 0xed at line 1, byte 1 of it; set data.op",
        ),
    ],
)
def test_what_is_no_text_is_named(tmp_path: Path, content: bytes, encoding: str | None, message: str) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(content)
    with pytest.raises(FathomError) as caught:
        read_text(path, encoding)
    assert str(path) in str(caught.value)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_unknown_encoding_and_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="unknown encoding 'utf-7a'"):
        read_text(tmp_path / "a.txt", "utf-7a")
    with pytest.raises(FathomError, match="cannot be read"):
        read_text(tmp_path / "a.txt")


# The Time Machine ----------------------------------------------------------------------------------------------------


def test_time_machine_is_the_book_s(shared_data: Path) -> None:
    data = TextData(catalog.load_text("time_machine"), options=TextOptions(**time_machine.FORM))
    entry = catalog.describe("time_machine")
    assert len(data.train) + len(data.val) + len(data.test) == 173_428  # the book's len(corpus)
    assert len(data.vocabulary) == 28  # and its len(vocab)
    assert len(data.train) + len(data.val) == entry.train_size
    assert len(data.test) == entry.test_size
    assert catalog.check("time_machine") == "ok"


def test_an_altered_time_machine_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "text").mkdir()
    path = tmp_path / "text" / "timemachine.txt"
    path.write_text("The Time Machine, by somebody else")
    monkeypatch.setenv("FATHOM_DATA", str(tmp_path))
    with pytest.raises(FathomError, match="wrong checksum"):
        catalog.load_text("time_machine")
    assert str(path) in catalog.check("time_machine")


def test_texts_and_arrays_are_told_apart() -> None:
    with pytest.raises(UsageError, match="digits is not a text; the texts are: time_machine"):
        catalog.load_text("digits")
    with pytest.raises(UsageError, match="time_machine is a text, for language models: rnn, gru or lstm"):
        catalog.load_arrays("time_machine")


@pytest.mark.parametrize("ending", ["gz", "bz2", "xz", "zip"])
def test_packed_texts_are_read(tmp_path: Path, ending: str) -> None:
    path, text = tmp_path / f"book.txt.{ending}", "many a word\n" * 20
    if ending == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("book.txt", text)
    else:
        path.write_bytes({"gz": gzip, "bz2": bz2, "xz": lzma}[ending].compress(text.encode()))
    assert read_text(path).text == text
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(FathomError):
        read_text(path)
