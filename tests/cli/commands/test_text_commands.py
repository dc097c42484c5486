"""Texts on the command line: train, stop and resume, generate, eval, predict; what is wrong is one line."""

from __future__ import annotations

import csv
import io
import json
import os

import pytest

VERSE = "the tide is out and the sand is wet, and the gulls walk where the sea has been.\n"
SMALL = ("--epochs", 2, "--set", "model.options.hidden=12", "--set", "data.options.steps=16", "--lr", 0.02)


@pytest.fixture
def book(tmp_path):
    (tmp_path / "book.txt").write_text(VERSE * 25, encoding="utf-8")
    return "book.txt"


def test_train_generate_eval_predict(fathom, book, tmp_path, monkeypatch):
    result = fathom("train", "--model", "lstm", "--data", book, "--level", "char", *SMALL)
    assert result.code == 0, result.err
    assert "chars: 1,600 to learn from, 200 for validation, 200 for the test; a vocabulary of 21" in result.out
    assert "1,600 training tokens" in result.out
    assert "perplexity" in result.out.splitlines()[2]
    assert "tokens/s" in result.out.splitlines()[2]
    assert "test perplexity" in result.out

    first = fathom("generate", "last", "--prefix", "the tidé", "--length", 30, "--temperature", 0.8, "--seed", 3)
    assert first.code == 0
    assert first.error == "not in the model's vocabulary, read as unknown: 'é'"
    assert first.out.startswith("the tidé")
    assert len(first.out) == len("the tidé") + 30 + 1
    same = ("--prefix", "the tidé", "--length", 30, "--temperature", 0.8)
    assert fathom("generate", "last", *same, "--seed", 3) == first
    assert fathom("generate", "last", *same, "--seed", 4).out != first.out
    assert fathom("generate", "last", "--top-k", 1, "--seed", 1) == fathom("generate", "last", "--temperature", 0)

    evaluated = fathom("eval", "last", "--split", "val")
    assert evaluated.code == 0
    assert "perplexity" in evaluated.out
    assert "unknown         0 of 200 tokens" in evaluated.out

    (tmp_path / "more.txt").write_text("the sea\n\nzzz\n")
    scored = fathom("predict", "last", "more.txt")
    assert scored.code == 0
    rows = list(csv.DictReader(io.StringIO(scored.out)))
    assert [(row["line"], row["tokens"], row["unknown"]) for row in rows] == [("1", "7", "0"), ("3", "3", "3")]
    assert float(rows[0]["perplexity"]) < 21 < float(rows[1]["perplexity"])
    assert scored.err.endswith("2 of 2 lines scored\n")
    piped = io.BytesIO((tmp_path / "more.txt").read_bytes())
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(piped, encoding="ascii"))
    assert fathom("predict", "last", "-").out == scored.out.replace("more.txt", "standard input")


def test_a_text_without_a_network_named_gets_gru(fathom, book):
    result = fathom("train", "--data", book, *SMALL, "--fast-dev-run")
    assert result.code == 0, result.err
    assert "gru on book.txt" in result.out


@pytest.mark.parametrize(
    ("content", "arguments", "code", "message"),
    [
        (b"", [], 1, "book.txt: the file is empty"),
        (b"ab\x00cd", [], 1, "book.txt: not a text: byte 3 is zero, as in binary files"),
        (b"one\n\xe9\xea\xeb\n" * 200, [], 1, "book.txt: not text in utf-8: byte 0xe9 at line 2, byte 1 of it"),
        (b"a", [], 2, "book.txt: validation share 0.1 holds out 0 of 1 tokens, too few to predict one"),
        (b"short " * 10, ["--set", "data.options.test=0"], 2, "too few for sequences of 64 steps; set data.options.s"),
        (b"long " * 400, ["lenet"], 2, "lenet does not read texts such as book.txt; choose one of rnn, gru, lstm, gpt"),
        (b"long " * 400, ["--level", "chr"], 2, "unknown level 'chr'; did you mean 'char'?"),
        (b"long " * 400, ["--batch-size", "400"], 2, "batch size 400: the 1,600 chars to learn from"),
        (b"long " * 400, ["--augment", "flip"], 2, "is a text; --augment, --resize and input noise are for images"),
        (b"long " * 400, ["--set", "data.options.encoding=utf9"], 2, "unknown encoding 'utf9'"),
        (b"long " * 400, ["--set", "data.options.reserved=eos"], 2, "reserved must be a list of tokens"),
        (b"long " * 400, ["--set", "data.options.window=3"], 2, "unknown option of a text 'window'"),
        (b"long " * 400, ["--set", "data.options.min_freq=0"], 2, "min_freq must be a whole number, at least 1"),
    ],
)
def test_what_is_wrong_is_one_line_and_leaves_no_run(fathom, tmp_path, content, arguments, code, message):
    (tmp_path / "book.txt").write_bytes(content)
    result = fathom("train", *arguments, "--data", "book.txt")
    assert result.code == code
    assert message in result.error
    assert not (tmp_path / "runs").exists() or not any((tmp_path / "runs").iterdir())


def test_a_text_in_another_encoding_and_script(fathom, tmp_path):
    """Trained on GBK; evaluated, predicted and continued in it; many unknown tokens are told wherever they occur."""
    verse = "潮水退了，沙滩是湿的，海鸥在大海去过的地方走。\n"
    (tmp_path / "book.txt").write_bytes((verse * 40 + "the tide is out.\n" * 6).encode("gbk"))
    trained = fathom("train", "--data", "book.txt", *SMALL)
    assert trained.code == 0, trained.err
    assert "book.txt is not in UTF-8; it is read as GBK (gb18030) (data.options.encoding names another)" in trained.out
    assert "warning: 80 of " not in trained.out
    run = next((tmp_path / "runs").iterdir())
    assert json.loads((run / "model.json").read_text())["input"]["encoding"] == "gb18030"
    findings = json.loads((run / "findings.json").read_text())["findings"]
    unknown = [f for f in findings if f["code"] == "data.unknown_tokens"]
    assert [(f["severity"], f["place"]) for f in unknown] == [("warning", "test split")]
    assert "of the test split" in (run / "report.html").read_text()

    evaluated = fathom("eval", run)
    assert "encoding        GBK (gb18030)" in evaluated.out
    assert f"warning: {unknown[0]['message']}" in evaluated.err
    assert "warning" not in fathom("eval", run, "--split", "val").err

    (tmp_path / "lines.txt").write_bytes("海鸥走\n".encode("gbk"))
    (tmp_path / "utf8.txt").write_bytes("海鸥走\n".encode())
    scored = fathom("predict", run, "lines.txt", "utf8.txt")
    rows = list(csv.DictReader(io.StringIO(scored.out)))
    assert [(row["text"], row["unknown"]) for row in rows] == [("海鸥走", "0")] * 2
    assert rows[0]["perplexity"] == rows[1]["perplexity"]
    told = "lines.txt is not in UTF-8; it is read as GBK (gb18030): as the training text was; --encoding names another"
    assert [line for line in scored.err.splitlines() if "GBK" in line] == [f"fathom: note: {told}"]
    garbled = fathom("predict", run, "lines.txt", "--encoding", "latin-1")
    assert "fathom: warning: 6 of 6 tokens of what was read (100.0%) are unknown" in garbled.err
    assert fathom("predict", run, "lines.txt", "--encoding", "klingon").error.startswith("unknown encoding 'klingon'")
    prefix = os.fsdecode("海鸥".encode("gbk"))  # as a terminal in that encoding passes it on
    assert fathom("generate", run, "--prefix", prefix, "--length", 3).out.startswith("海鸥")


def test_a_text_that_is_not_there(fathom):
    result = fathom("train", "gru", "--data", "absent.txt")
    assert result.code == 2
    assert result.error.startswith("no such file: absent.txt")


def test_images_do_not_go_into_a_recurrent_network(fathom):
    result = fathom("train", "gru", "--data", "digits")
    assert result.code == 2
    assert result.error.startswith("gru reads texts, and digits is not a text")


def test_a_classifier_does_not_write(fathom, trained):
    result = fathom("generate", trained.path, "--prefix", "a")
    assert result.code == 2
    assert "this model is a classifier, not a language model; give one trained on a text" in result.error
