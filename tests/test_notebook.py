"""The figure that a notebook shows while a network trains."""

import sys
import types
import xml.etree.ElementTree as ET

import pytest
import torch
from torch import nn

from fathom.module import Regressor
from fathom.notebook import draw_curves, is_notebook
from fathom.training.trainer import Trainer


class ZMQInteractiveShell:
    """Stands in for the shell of a notebook's kernel, by its name."""


@pytest.fixture
def shown(monkeypatch):
    """A stand-in for IPython in a notebook; what it was asked to display, in order."""
    pytest.importorskip("IPython")
    import IPython.display

    calls = []

    def display(content, display_id):
        calls.append(("new", content.data))
        return types.SimpleNamespace(update=lambda content: calls.append(("update", content.data)))

    monkeypatch.setattr(sys.modules["IPython"], "get_ipython", ZMQInteractiveShell)
    monkeypatch.setattr(IPython.display, "display", display)
    return calls


def test_a_fit_draws_one_figure_anew_every_epoch(shown, capsys):
    assert is_notebook()
    X = torch.randn(8, 3)
    Trainer(3, device="cpu", precision="fp32", progress=True).fit(
        Regressor(nn.Linear(3, 1)), [(X, X[:, :1])], [(X, X[:, :1])]
    )
    assert [kind for kind, _ in shown] == ["new", "update", "update"]
    assert "epoch 3/3" in shown[-1][1]
    assert shown[-1][1].startswith("<svg")
    assert capsys.readouterr().out == ""  # no lines beside it


def test_curves_of_loss_and_accuracy():
    records = [{"epoch": i, "train_loss": 1 / i, "val_loss": 1.2 / i, "val_accuracy": 0.5 + i / 10} for i in (1, 2)]
    root = ET.fromstring(draw_curves(records))
    assert root.tag.endswith("svg")
    assert "accuracy" in draw_curves(records)


def test_a_terminal_is_no_notebook():
    assert not is_notebook()
