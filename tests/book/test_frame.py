"""What the drop-in adds to the book: names that say where they went, both signatures, figures without a display."""

import copy
import io
import os
import subprocess
import sys
import textwrap
import types

import numpy as np
import pytest
import torch
from torch import nn

from fathom.d2l import torch as d2l
from fathom.d2l.frame import display
from fathom.errors import FathomError, UsageError

# Names -------------------------------------------------------------------------------------------------------------


def test_every_name_is_there():
    for name in d2l.__all__:
        if name == "requests":  # the only one from a package that Fathom does not bring along
            continue
        assert getattr(d2l, name) is not None
    assert set(d2l.__all__) <= set(dir(d2l))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("LinearRegresion", "did you mean 'LinearRegression'?"),
        ("train_ch3", "edition 1.0 trains with d2l.Trainer; the function is in fathom.d2l.v0.torch"),
        ("train_ch33", "did you mean 'train_ch3'? But edition 1.0 trains with d2l.Trainer"),
        ("BERTModel", "a chapter that fathom.d2l does not cover"),
        ("EncoderBlock", "edition 1.0 calls it d2l.TransformerEncoderBlock"),
        ("qqqqqq", "module 'fathom.d2l.torch' has no attribute 'qqqqqq'"),
    ],
)
def test_a_missing_name_says_where_it_went(name, words):
    with pytest.raises(AttributeError) as error:
        getattr(d2l, name)
    assert words in str(error.value)
    assert error.value.name == name
    assert not hasattr(d2l, name)


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "requests", None)
    monkeypatch.delitem(vars(d2l), "requests", raising=False)
    with pytest.raises(ImportError, match="needs the package requests; pip install requests"):
        d2l.requests  # noqa: B018


# Both signatures ---------------------------------------------------------------------------------------------------


def test_calls_of_either_edition_make_the_same_block():
    X = torch.randn(4, 3, 6, 6)
    for new, old in (
        (d2l.Residual(3), d2l.Residual(3, 3)),
        (d2l.Residual(6, use_1x1conv=True, strides=2), d2l.Residual(3, 6, use_1x1conv=True, strides=2)),
        (d2l.Residual(6, True, 2), d2l.Residual(input_channels=3, num_channels=6, use_1x1conv=True, strides=2)),
    ):
        assert type(old.conv1) is nn.Conv2d  # its shape is known before the first batch
        assert new(X).shape == old(X).shape
        new.load_state_dict(old.state_dict())
        assert torch.equal(new.eval()(X), old.eval()(X))

    q, kv = torch.randn(2, 4, 12), torch.randn(2, 6, 20)
    new, old = d2l.MultiHeadAttention(12, 3, 0.5), d2l.MultiHeadAttention(20, 12, 20, 12, 3, 0.5)
    assert new(q, kv, kv, None).shape == old(q, kv, kv, None).shape
    new.load_state_dict(old.state_dict())
    assert torch.equal(new.eval()(q, kv, kv, None), old.eval()(q, kv, kv, None))

    new, old = (
        d2l.AdditiveAttention(8, 0.1),
        d2l.AdditiveAttention(key_size=20, query_size=12, num_hiddens=8, dropout=0.1),
    )
    assert new(q, kv, kv, None).shape == old(q, kv, kv, None).shape
    assert d2l.PositionWiseFFN(8, 5)(q).shape == d2l.PositionWiseFFN(12, 8, 5)(q).shape == (2, 4, 5)


def test_a_call_that_fits_neither_edition_names_both():
    with pytest.raises(TypeError) as error:
        d2l.MultiHeadAttention(100)
    assert "(num_hiddens, num_heads, dropout, bias=False) in fathom.d2l.torch" in str(error.value)
    assert "(key_size, query_size, value_size, num_hiddens" in str(error.value)


# Hyper-parameters --------------------------------------------------------------------------------------------------


def test_hyperparameters_are_those_of_the_class_that_asks():
    class Base(d2l.HyperParameters):
        def __init__(self, a, *rest, key=1, **others):
            self.save_hyperparameters()

        def save_hyperparameters(self, ignore=()):
            super().save_hyperparameters(ignore)  # one frame further from __init__

    class Derived(Base):
        def __init__(self, a, b=2):
            super().__init__(a, 7, x=3)
            self.save_hyperparameters(ignore=["a"])

    base = Base(1, 5, 6, key=4, z=0)
    assert base.hparams == {"a": 1, "rest": (5, 6), "key": 4, "others": {"z": 0}}
    derived = Derived(1)
    assert derived.hparams == {"b": 2}
    assert (derived.a, derived.key, derived.others) == (1, 1, {"x": 3})


def test_what_surrounds_a_class_is_no_hyperparameter():
    outside = 3

    class Thing(d2l.HyperParameters):
        def __init__(self, a, _hidden=1):
            local = a + outside
            self.save_hyperparameters()
            del local

    assert Thing(1).hparams == {"a": 1, "local": 4}


# The board ---------------------------------------------------------------------------------------------------------


def test_one_batch_an_epoch_still_draws_the_training_line():
    data = d2l.SyntheticRegressionData([1.0], 0.0, num_train=20, num_val=20, batch_size=20)
    model = d2l.LinearRegression(lr=0.1)
    d2l.Trainer(max_epochs=3).fit(model, data)
    assert [point.x for point in model.board.data["train_loss"]] == [0, 1, 2]
    assert [point.x for point in model.board.data["val_loss"]] == [1, 2, 3]


def test_a_board_shows_what_it_has_whenever_it_is_looked_at(tmp_path):
    board = d2l.ProgressBoard(xlabel="step", ylabel="y", ylim=[0, 5], yscale="linear")
    for x in range(4):
        board.draw(x, torch.tensor(float(x), requires_grad=True), "line")
    board.fig.savefig(tmp_path / "a.png")
    axes = board.fig.gca()
    assert axes.lines[0].get_ydata().tolist() == [0, 1, 2, 3]
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_ylim()) == ("step", "y", (0, 5))
    axes.axhline(2)
    board.fig.savefig(tmp_path / "b.png")
    assert len(axes.lines) == 2  # what was drawn since stays
    board.draw(4, np.float32(4), "other")
    board.fig.savefig(tmp_path / "c.png")
    assert [len(line.get_xdata()) for line in axes.lines] == [4, 1]
    assert len({line.get_linestyle() for line in axes.lines}) == 2
    assert (tmp_path / "c.png").read_bytes()[:4] == b"\x89PNG"

    twin = copy.deepcopy(board)
    twin.draw(5, 5.0, "other")
    assert len(twin.data["other"]) == 2
    assert len(board.data["other"]) == 1
    assert twin.fig is not board.fig


def test_a_silent_board_keeps_points_and_makes_no_figure():
    board = d2l.ProgressBoard(display=False)
    board.draw(0, 1.0, "line")
    assert board.data["line"] == [(0, 1)]
    assert board.fig is None
    assert not d2l.plt.get_fignums()


def test_a_board_draws_where_it_is_told():
    figure, axes = d2l.plt.subplots(1, 2)
    board = d2l.ProgressBoard(axes=axes[1])
    board.draw(0, 1.0, "line")
    board.draw(1, 2.0, "line")
    figure.canvas.draw()
    assert (len(axes[0].lines), len(axes[1].lines)) == (0, 1)


def test_plots_leave_the_board_s_figure_alone():
    board = d2l.ProgressBoard()
    board.draw(0, 1.0, "line")
    d2l.plot([1, 2, 3])
    assert d2l.plt.gcf() is not board.fig


class FakeShell:
    """A notebook's shell, as far as figures need it."""

    kernel = object()

    def __init__(self):
        self.hooks = []
        self.events = types.SimpleNamespace(
            register=lambda event, hook: self.hooks.append(hook), unregister=lambda event, hook: self.hooks.remove(hook)
        )


def test_a_notebook_shows_the_board_live_and_whole_at_the_end_of_the_cell(monkeypatch):
    ipython_display = pytest.importorskip("IPython.display")
    from fathom.d2l.frame import live

    shown = []

    def update(figure):
        figure.savefig(io.BytesIO())
        shown.append(len(figure.gca().lines[0].get_xdata()))

    def show(figure, display_id):
        update(figure)
        return types.SimpleNamespace(update=update)

    shell = FakeShell()
    for module in (live, display):
        monkeypatch.setattr(module, "find_surface", lambda: "notebook")
        monkeypatch.setattr(module, "notebook_shell", lambda: shell)
    monkeypatch.setattr(display, "use_svg_display", lambda: None)
    monkeypatch.setattr(live, "use_svg_display", lambda: None)
    monkeypatch.setattr(ipython_display, "display", show)
    board = d2l.ProgressBoard()
    for x in range(200):
        board.draw(x, x, "line")
    assert shown[0] == 1  # at once
    assert len(shown) < 100  # and then not every time
    assert not d2l.plt.get_fignums()  # the inline backend shall not show it again
    assert len(shell.hooks) == 1
    shell.hooks[0](None)
    assert shown[-1] == 200
    assert not shell.hooks


# Scripts -----------------------------------------------------------------------------------------------------------

SCRIPT = """
    import sys

    from fathom.d2l import torch as d2l

    print(d2l.Trainer.__name__, "matplotlib" in sys.modules)
    board = d2l.ProgressBoard("x")
    for x in range(10):
        board.draw(x, x, "line")
    d2l.plot([1, 2, 3])
    d2l.plot([3, 2, 1])
    d2l.show_images(d2l.rand(2, 5, 5), 1, 2)
    d2l.plt.show()
    print("done")
"""


def test_a_script_without_a_display_writes_each_figure_once(tmp_path):
    (tmp_path / "try.py").write_text(textwrap.dedent(SCRIPT))
    no_display = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "MPLBACKEND", "WAYLAND_DISPLAY")}
    command = [sys.executable, "-W", "error", "try.py"]
    done = subprocess.run(command, cwd=tmp_path, env=no_display, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "Trainer False\ndone\n")  # importing loads no plotting library
    figures = sorted(path.name for path in (tmp_path / "try-figures").iterdir())
    assert figures == ["1.png", "2.png", "3.png", "4.png"]
    assert done.stderr == f"figures: {tmp_path}/try-figures/1.png … 4.png\n"


def test_no_figure_no_folder_and_one_line_where_none_can_be_written(tmp_path, capsys):
    display._write_figures(tmp_path / "figures")
    assert not list(tmp_path.iterdir())
    d2l.plot([1, 2, 3])
    (tmp_path / "figures").write_text("in the way")
    display._write_figures(tmp_path / "figures")
    message = capsys.readouterr().err
    assert message.startswith("cannot write figures to ")
    assert message.count("\n") == 1


# Trainer and data --------------------------------------------------------------------------------------------------


def test_errors_say_what_to_do():
    trainer = d2l.Trainer(max_epochs=1)
    with pytest.raises(UsageError, match=r"train_dataloader; pass a d2l\.DataModule"):
        trainer.prepare_data([1, 2])
    with pytest.raises(NotImplementedError, match="must define get_dataloader"):
        trainer.prepare_data(d2l.DataModule())
    with pytest.raises(FathomError, match=r"assign self\.net or define forward"):
        d2l.Module()(torch.zeros(1))
    with pytest.raises(NotImplementedError, match="must define loss"):
        d2l.Module().loss(0, 0)
    model = d2l.LinearRegression(0.1)
    with pytest.raises(FathomError, match="needs a trainer"):
        model.plot("loss", torch.tensor(0.0), train=True)

    class Endless(d2l.DataModule):
        def get_dataloader(self, train):
            yield from ()

    with pytest.raises(FathomError, match="a generator has no length; return a loader from get_dataloader"):
        trainer.prepare_data(Endless())


def test_the_root_of_data_is_found_and_honoured(tmp_path, monkeypatch):
    monkeypatch.setenv("FATHOM_HOME", str(tmp_path / "home"))
    (tmp_path / "code").mkdir()
    monkeypatch.chdir(tmp_path / "code")
    assert d2l.DataModule().root == str(tmp_path / "home" / "data")
    (tmp_path / "data").mkdir()
    assert d2l.DataModule().root == "../data"
    assert d2l.DataModule(root=str(tmp_path)).root == str(tmp_path)
    assert d2l.DataModule(num_workers=3).num_workers == 3
    assert 0 <= d2l.DataModule().num_workers <= 4


def test_batches_are_those_of_a_data_loader():
    """Under one seed the package's loader gives what torch's would, batch for batch."""
    data = d2l.SyntheticRegressionData([2, -3.4], 4.2, num_train=70, num_val=30)
    rows = torch.utils.data.TensorDataset(data.X[:70], data.y[:70])
    torch.manual_seed(8)
    ours = list(data.train_dataloader())
    torch.manual_seed(8)
    for (X, y), (X_expected, y_expected) in zip(ours, torch.utils.data.DataLoader(rows, 32, shuffle=True), strict=True):
        assert torch.equal(X, X_expected)
        assert torch.equal(y, y_expected)


def test_training_leaves_no_trace_of_its_own(clothes):
    """A second fit with the same seed and weights is the first again."""
    results = []
    for _ in range(2):
        torch.manual_seed(4)
        model = d2l.SoftmaxRegression(10, 0.3)
        d2l.Trainer(max_epochs=2).fit(model, d2l.FashionMNIST(batch_size=50))
        results.append(model.board.data)
    assert results[0] == results[1]
