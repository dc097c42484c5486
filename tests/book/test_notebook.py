"""``%load_ext fathom.d2l``: the notebook's own code says which edition of the helper package it was written for."""

from __future__ import annotations

import json
import subprocess
import sys
from types import SimpleNamespace

import pytest

from fathom.d2l import torch as new
from fathom.d2l import v0
from fathom.d2l.extension import load_ipython_extension, restore
from fathom.d2l.frame import edition
from fathom.d2l.v0 import torch as old

IMPORT = "from d2l import torch as d2l"


@pytest.fixture
def shell(monkeypatch):
    """A shell that has run the import cell, with the extension loaded."""
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    shell = SimpleNamespace(user_ns={"In": ["", IMPORT]}, transform_cell=lambda source: source)
    load_ipython_extension(shell)
    yield shell
    restore()


def import_d2l():
    from d2l import torch as d2l  # type: ignore[import-not-found]

    return d2l


@pytest.mark.parametrize(("name", "module"), [("train_ch3", old), ("Trainer", new)])
def test_a_name_of_one_edition_alone_decides(shell, name, module):
    d2l = import_d2l()
    assert d2l.plt is module.plt  # both have it
    assert getattr(d2l, name) is getattr(module, name)
    assert d2l.Vocab is module.Vocab
    assert set(dir(d2l)) == set(dir(module))


def test_a_name_of_both_editions_leaves_it_open(shell):
    d2l = import_d2l()
    assert d2l.Vocab is new.Vocab
    assert d2l.train_ch3 is old.train_ch3
    assert d2l.Vocab is old.Vocab


def test_the_running_cell_decides_before_its_first_name(shell):
    shell.user_ns["In"].append(
        "net = d2l.EncoderDecoder(encoder, decoder)\nd2l.train_seq2seq(net, data, lr, n, v, device)"
    )
    assert import_d2l().EncoderDecoder is old.EncoderDecoder


@pytest.mark.parametrize("where", ["jupyter", "vscode"])
def test_cells_still_to_come_decide(shell, where, tmp_path, monkeypatch):
    cells = [{"cell_type": "code", "source": [IMPORT + "\n", "d2l.load_data_time_machine(32, 35)"]}]
    file = tmp_path / "rnn.ipynb"
    file.write_text(json.dumps({"cells": [{"cell_type": "markdown", "source": "# RNN"}, *cells]}), encoding="utf-8")
    if where == "jupyter":
        monkeypatch.setenv("JPY_SESSION_NAME", str(file))
    else:
        shell.user_ns["__vsc_ipynb_file__"] = str(file)
    assert import_d2l().Vocab is old.Vocab


@pytest.mark.parametrize("text", ["", "not json", '{"cells": 3}', "[]"])
def test_a_file_that_cannot_be_read_is_no_obstacle(shell, text, tmp_path, monkeypatch):
    file = tmp_path / "a.ipynb"
    file.write_text(text, encoding="utf-8")
    monkeypatch.setenv("JPY_SESSION_NAME", str(file))
    assert import_d2l().Vocab is new.Vocab
    monkeypatch.setenv("JPY_SESSION_NAME", str(tmp_path / "gone.ipynb"))
    assert import_d2l().Vocab is new.Vocab


def test_a_name_that_neither_has_says_so(shell):
    d2l = import_d2l()
    with pytest.raises(AttributeError, match="did you mean 'Timer'"):
        d2l.Timr  # noqa: B018
    assert not hasattr(d2l, "__wrapped__")


def test_the_earlier_editions_can_be_asked_for(shell):
    v0.load_ipython_extension(shell)
    assert import_d2l() is old


def test_all_names_can_be_imported(shell):
    shell.user_ns["In"].append("from d2l.torch import *\ntrain_ch6(net, train, test, 1, 0.1, device)")
    shell.user_ns["In"].append("d2l.predict_ch3(net, test)")
    names: dict[str, object] = {}
    exec("from d2l.torch import *", names)
    assert names["train_ch3"] is old.train_ch3


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("d2l.Timer()", None),
        ("d2l.MultiHeadAttention(4, 4, 4, 4, 2, 0.1)", "old"),
        ("d2l.Residual(64)", "new"),
        ("d2l.EncoderDecoder(encoder, decoder)", None),
        ("d2l.EncoderDecoder(encoder, decoder)\nd2l.train_seq2seq(net, data, 0.1, 1, vocab, device)", "old"),
        ("d2l.HyperParameters", "new"),
    ],
)
def test_evidence(code, found):
    assert edition.find_evidence([f"{IMPORT}\n{code}"]) == found
    assert edition.choose([f"{IMPORT}\n{code}"]) == (found or "new")


def test_in_ipython_itself():
    """The Chinese edition's section 3.7, in cells, up to the call that only its own package has."""
    cells = [
        "%load_ext fathom.d2l",
        IMPORT,
        "timer = d2l.Timer()",
        "print(d2l.train_ch3.__name__, d2l.Animator.__name__)",
    ]
    code = (
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "from traitlets.config import Config\n"
        "config = Config()\nconfig.HistoryManager.enabled = False\n"
        f"shell = InteractiveShell.instance(config=config)\nfor cell in {cells!r}:\n"
        "    shell.run_cell(cell, store_history=True).raise_error()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout == "train_ch3 Animator\n", done.stderr
