"""What a terminal shows: ``fathom train`` in a pseudo-terminal of a given width."""

import os
import re
import select
import struct
import subprocess
import sys
import time

import pytest

pty = pytest.importorskip("pty", reason="needs pseudo-terminals")
fcntl = pytest.importorskip("fcntl")
termios = pytest.importorskip("termios")

HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"


# Opening the terminal makes it the one whose Ctrl-C the new session gets.
TAKE_TERMINAL = """
import os, sys
os.close(os.open(os.ttyname(0), os.O_RDWR))
os.execv(sys.executable, [sys.executable, "-m", "fathom", *sys.argv[1:]])
"""


class Terminal:
    """A program that believes to be in a terminal of ``columns`` columns."""

    def __init__(self, *arguments, cwd, columns=100, term="xterm-256color"):
        self.handle, end = pty.openpty()
        fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))
        # the terminal says how wide it is: COLUMNS, which pytest-xdist sets in its processes, would go before it
        environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
        self.process = subprocess.Popen(
            [sys.executable, "-c", TAKE_TERMINAL, *map(str, arguments)],
            stdin=end,
            stdout=end,
            stderr=end,
            cwd=cwd,
            env={**environment, "TERM": term, "OMP_NUM_THREADS": "1"},
            start_new_session=True,
        )
        os.close(end)
        self.output = ""

    def read(self, until=None, seconds=60):
        """Take up what the program writes, until ``until`` is among it or the program ends."""
        deadline = time.monotonic() + seconds
        while (until is None or until not in self.output) and time.monotonic() < deadline:
            if select.select([self.handle], [], [], 0.05)[0]:
                try:
                    part = os.read(self.handle, 1 << 16)
                except OSError:  # how Linux says that the other end is closed
                    break
                if not part:
                    break
                self.output += part.decode()
        return self.output

    def type(self, keys):
        os.write(self.handle, keys)

    def wait(self):
        self.read()
        return self.process.wait(60)

    def frames(self):
        """The states of the bar, one after another, without colours."""
        plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.output)
        return [part for part in re.split(r"[\r\n]+", plain) if "ETA" in part]


@pytest.fixture
def terminal(tmp_path):
    opened = []

    def start(*arguments, **options):
        opened.append(Terminal(*arguments, cwd=tmp_path, **options))
        return opened[-1]

    yield start
    for one in opened:
        one.process.kill()
        one.process.wait()
        os.close(one.handle)


def test_the_bar_shows_epoch_step_rate_loss_and_time_to_go(terminal):
    screen = terminal("train", "--epochs", 4)
    assert screen.wait() == 0
    frames = screen.frames()
    assert re.fullmatch(r"epoch 1/4 \S+ step 0/84\s+ETA --:--", frames[0])
    full = [f for f in frames if re.fullmatch(r"epoch \d/4 .* step \d+/84 [\d,]+ samples/s loss \d\.\d{4} ETA \S+", f)]
    assert len(full) > 3
    assert frames[-1].startswith("epoch 4/4 ")
    assert "step 84/84" in frames[-1]
    steps = [int(re.search(r"step (\d+)/", frame)[1]) for frame in frames]
    assert steps == sorted(steps)
    # every finished epoch has its line, the end is said as in a pipe, and the cursor is back
    for epoch in range(1, 5):
        assert f"epoch {epoch}/4 · train loss " in screen.output
    end = screen.output.rpartition(SHOW)[2]
    assert "test accuracy " in end
    assert "run folder " in end
    assert HIDE in screen.output
    assert HIDE not in end


@pytest.mark.slow
def test_a_narrow_terminal_gets_a_bar_of_one_line(terminal):
    columns = 60
    screen = terminal("train", "softmax", "--epochs", 3, columns=columns)
    assert screen.wait() == 0
    assert all(len(frame) <= columns for frame in screen.frames())
    assert any("loss" in frame for frame in screen.frames())
    assert "acc " in screen.output


@pytest.mark.slow
def test_a_terminal_without_cursor_gets_plain_lines(terminal):
    screen = terminal("train", "softmax", "--epochs", 1, term="dumb")
    assert screen.wait() == 0
    assert "\x1b" not in screen.output
    assert "epoch 1/1 · train loss" in screen.output


@pytest.mark.slow
def test_the_cursor_comes_back_after_a_diverging_run(terminal):
    options = ["--lr", 1e9, "--optimizer", "sgd", "--schedule", "constant"]
    screen = terminal("train", *options)
    assert screen.wait() == 1
    before, _, after = screen.output.rpartition(SHOW)
    assert HIDE in before
    assert re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", after).strip().startswith("fathom: loss is not finite at step ")


@pytest.mark.slow
def test_ctrl_c_finishes_the_step_saves_and_gives_the_cursor_back(terminal, tmp_path):
    screen = terminal("train", "softmax", "--epochs", 400)
    screen.read(until="epoch   2/400")
    screen.type(b"\x03")
    assert screen.wait() == 130
    after = screen.output.rpartition(SHOW)[2]
    (run,) = (tmp_path / "runs").iterdir()
    assert re.search(r"fathom: stopped .*; a checkpoint is saved; resume with: fathom train --resume (\S+)", after)
    assert after.strip().endswith(f"runs/{run.name}")
