"""The command ``fathom`` itself: verbs, exit codes, one line for every error."""

import contextlib
import os
import signal
import subprocess
import sys
import time
import types

import pytest

from fathom.cli import main as command
from fathom.cli.main import main
from fathom.cli.verbs import VERBS, Verb
from fathom.errors import FathomError, UsageError


@pytest.fixture
def verb(monkeypatch):
    """Let ``fathom probe`` do what a test wants."""
    module = types.ModuleType("probe")
    module.add_arguments = lambda parser: parser.add_argument("--colour", metavar="NAME")
    monkeypatch.setitem(sys.modules, "fathom.cli.commands.probe", module)
    monkeypatch.setitem(VERBS, "probe", Verb("probe", "try something"))

    def set_work(work):
        module.run = work

    return set_work


def raising(error):
    def work(args):
        raise error

    return work


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["help"], []])
def test_help_lists_every_command(arguments, fathom):
    result = fathom(*arguments)
    assert (result.code, result.err) == (0, "")
    for name, verb in VERBS.items():
        assert f"  {name:<15}{verb.purpose}" in result.out.splitlines()


@pytest.mark.parametrize("name", VERBS)
def test_every_command_has_help(name, fathom):
    result = fathom(name, "--help")
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith(f"usage: fathom {name}")
    assert "--debug" in result.out


def test_version(fathom):
    import fathom as package

    assert fathom("--version").out == f"fathom {package.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trian"], "unknown command 'trian'; did you mean 'train'?"),
        (["--epochs"], f"unknown command '--epochs'; there are: {', '.join(sorted(VERBS))}"),
        (["train", "--epoch", "3"], "unknown option '--epoch'; did you mean '--epochs'?"),
        (["train", "--epoch=3"], "unknown option '--epoch'; did you mean '--epochs'?"),
        (["train", "lenet", "digits", "3"], "unexpected argument '3'; see fathom train --help"),
        (["train", "--lr"], "--lr: expected one argument; see fathom train --help"),
        (["eval"], "the following arguments are required: RUN|FILE.onnx; see fathom eval --help"),
    ],
)
def test_wrong_usage_is_one_line_and_code_2(arguments, message, fathom):
    result = fathom(*arguments)
    assert (result.code, result.out, result.error) == (2, "", message)


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (FathomError("the disk is full"), 1, "the disk is full"),
        (UsageError("no such thing"), 2, "no such thing"),
        (FileNotFoundError(2, "No such file or directory", "a.txt"), 1, "a.txt: No such file or directory"),
        (OSError(28, "No space left on device"), 1, "No space left on device"),
        (ValueError("first\nsecond"), 1, "unexpected ValueError: first; run again with --debug to see where"),
        (ZeroDivisionError(), 1, "unexpected ZeroDivisionError: no message; run again with --debug to see where"),
        (KeyboardInterrupt(), 130, "stopped"),
    ],
)
def test_every_error_is_one_line_and_a_code(error, code, message, verb, fathom):
    verb(raising(error))
    result = fathom("probe")
    assert (result.code, result.out, result.error) == (code, "", message)


def test_debug_shows_the_traceback_and_keeps_line_and_code(verb, fathom):
    verb(raising(UsageError("no such thing")))
    for arguments in (["probe", "--debug"], ["--debug", "probe"]):
        result = fathom(*arguments)
        lines = result.err.splitlines()
        assert result.code == 2
        assert lines[0] == "Traceback (most recent call last):"
        assert lines[-1] == "fathom: no such thing"


def test_offline_holds_for_one_command_and_what_it_starts(verb, fathom, monkeypatch):
    monkeypatch.delenv("FATHOM_OFFLINE", raising=False)
    told = []
    verb(lambda args: told.append(os.environ.get("FATHOM_OFFLINE")) or 0)
    assert fathom("probe", "--offline").code == 0
    assert fathom("probe").code == 0
    assert told == ["1", None]
    assert "--offline" in fathom("probe", "--help").out


@pytest.mark.parametrize(
    ("arguments", "place"),
    [
        (("train", "--data", "mnist"), "MNIST/raw"),
        (("crossval", "mlp", "--data", "fashion_mnist"), "FashionMNIST/raw"),
        (("check", "--data", "cifar10"), "data/cifar-10-python.tar.gz"),
        (("data", "mnist"), "MNIST/raw"),
        (("train", "gru", "--data", "time_machine"), "text/timemachine.txt"),
        (("train", "--init-from", "torchvision:resnet18"), "hub/checkpoints"),
        (("tune", "mlp", "--data", "mnist", "--space", "lr=0.1..1"), "MNIST/raw"),
        (("train", "--data", "https://localhost:1/rows.csv", "--target", "y"), "or download it by hand and give"),
    ],
)
def test_what_is_missing_offline_is_named_with_its_place(fathom, monkeypatch, tmp_path, arguments, place):
    for name in ("FATHOM_HOME", "TORCH_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.delenv("FATHOM_DATA", raising=False)
    monkeypatch.setattr("socket.create_connection", lambda *_, **__: pytest.fail("the network was asked"))
    result = fathom(*arguments, "--offline")
    assert result.code == 1
    assert "offline, and" in result.error
    assert "by hand and" in result.error
    assert place in result.error
    assert not list(tmp_path.glob("runs/*"))


def test_the_command_line_reaches_the_verb(verb, fathom):
    seen = []
    verb(lambda args: seen.append(args.command) or 0)
    assert fathom("probe", "--colour", "red").code == 0
    assert seen == [["fathom", "probe", "--colour", "red"]]


def test_sigterm_unwinds_and_the_old_handler_comes_back(verb, fathom):
    unwound = []

    def work(args):
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            unwound.append(True)

    verb(work)
    before = signal.getsignal(signal.SIGTERM)
    result = fathom("probe")
    assert (result.code, result.error, unwound) == (143, "stopped", [True])
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_handler_of_the_embedding_program_is_left_alone(verb, fathom):
    got = []
    before = signal.signal(signal.SIGTERM, lambda *_: got.append(True))
    try:
        verb(lambda args: signal.raise_signal(signal.SIGTERM) or 0)
        assert fathom("probe").code == 0
        assert got == [True]
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.fixture
def usual_handler():
    old = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, old)


@pytest.mark.usefixtures("usual_handler")
def test_an_interrupt_that_python_drops_is_sent_again(verb, fathom):
    dropped = []

    class Thing:
        def __del__(self):
            try:
                signal.raise_signal(signal.SIGINT)
            except KeyboardInterrupt:
                dropped.append(True)
                raise

    def work(args):
        thing = Thing()
        del thing
        assert dropped
        time.sleep(60)
        return 0

    verb(work)
    result = fathom("probe")
    assert (result.code, result.error) == (130, "stopped")


@pytest.mark.usefixtures("usual_handler")
def test_what_breaks_after_an_interrupt_that_was_caught_is_no_error(verb, fathom):
    def work(args):
        with contextlib.suppress(KeyboardInterrupt):  # as torch does while it imports NumPy
            signal.raise_signal(signal.SIGINT)
        raise ImportError("cannot load module more than once per process")

    verb(work)
    result = fathom("probe")
    assert (result.code, result.error) == (130, "stopped")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def run_shell(line, **environment):
    """Run a line of shell in which $FATHOM is the command."""
    fathom = f"{sys.executable} -m fathom"
    return subprocess.run(
        ["bash", "-c", line],
        capture_output=True,
        text=True,
        env={**os.environ, "FATHOM": fathom, **environment},
        check=False,
    )


def test_a_reader_that_leaves_is_no_error_to_read_about():
    done = run_shell("set -o pipefail; $FATHOM recipes | (exec <&-; sleep 1)")
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full, a disk that is always full")
def test_a_full_disk_under_the_output_is_one_line():
    done = run_shell("$FATHOM recipes > /dev/full")
    assert (done.returncode, done.stderr) == (1, "fathom: No space left on device\n")


def test_letters_that_the_terminal_lacks_are_replaced():
    done = run_shell("$FATHOM schedules", PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii()


def test_main_takes_the_arguments_of_the_process(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["fathom", "--version"])
    assert main() == 0
    assert capsys.readouterr().out.startswith("fathom ")


def test_python_m_fathom_is_the_command(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "fathom", "trian"], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert (done.returncode, done.stderr) == (2, "fathom: unknown command 'trian'; did you mean 'train'?\n")


def test_the_parser_never_exits_by_itself():
    parser = command.Parser(prog="fathom x")
    parser.add_argument("--n", type=int)
    with pytest.raises(UsageError, match="--n: invalid int value: 'a'; see fathom x --help"):
        parser.parse_args(["--n", "a"])
