"""The process that runs the cells: an IPython shell that reports what happens as lines of JSON.

It is started as a plain file, ``python child.py``, and imports nothing of Fathom before it is told to, so that another
environment's Python can run it too. It reads one job from standard input and writes events to standard output; what
cells print below Python's streams (C libraries, worker processes) goes to standard error.

Where a cell begins and ends it writes MARK there, so that both pipes can be read in step.

Job:     cells [source, …], name, is_python, path [folder, …], api (new, old, auto; None leaves d2l alone),
         cpu_stand_in, batches, keep_going
Events:  start cell · stream name text · result text png is_fine id · display and update the same · clear
         · api name · machine text · error name message url line traceback · end cell ok seconds · done
"""

from __future__ import annotations

import atexit
import base64
import contextlib
import json
import os
import re
import runpy
import signal
import subprocess
import sys
import time
import traceback
import warnings
from importlib import metadata
from typing import Any

here = os.path.dirname(os.path.abspath(__file__))
if sys.path and os.path.abspath(sys.path[0] or ".") == here:
    del sys.path[0]  # the folder of this file is no place to import from

try:
    from IPython.core.compilerop import CachingCompiler
    from IPython.core.displayhook import DisplayHook
    from IPython.core.displaypub import DisplayPublisher
    from IPython.core.formatters import DisplayFormatter
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.core.magic import Magics, cell_magic, line_magic, magics_class
    from traitlets.config import Config
except ImportError as missing:
    sys.exit(f"no IPython: {missing}")

MARK = b"\x1e"  # ASCII's record separator
MAX_CHARACTERS = 200_000  # of one cell's streams; the rest is counted
FRAMEWORK = "pytorch"
FIGURE = "application/x-matplotlib-figure"
INSTALLERS = re.compile(r"\s*(?:sudo\s+)?(?:\S*python\S*\s+-m\s+)?(pip3?|conda|mamba|uv|apt|apt-get|brew)\b")


class Events:
    """The pipe to the parent; a line an event."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self._pipe = os.dup(1)
        os.dup2(2, 1)
        self._characters = 0
        self._figure: Any = None  # shown but not rendered: the next output may clear it
        self._updates: dict = {}  # display's id -> what it shows last
        self._clear = False

    def send(self, event: str, **fields: object) -> None:
        """Write one event whole."""
        data = (json.dumps({"event": event, **fields}) + "\n").encode()
        while data:
            data = data[os.write(self._pipe, data) :]

    def begin(self, cell: int) -> None:
        """Announce a cell."""
        self._characters = 0
        self._mark()
        self.send("start", cell=cell)

    def end(self, cell: int, ok: bool, seconds: float) -> None:
        """Say that a cell is done, and how."""
        self._mark()
        self.send("end", cell=cell, ok=ok, seconds=seconds)

    def _mark(self) -> None:
        with contextlib.suppress(OSError):  # the code may have closed its standard error
            os.write(2, MARK)

    def write(self, name: str, text: str) -> None:
        """Send text that a cell printed, up to the limit."""
        self.settle()
        room = MAX_CHARACTERS - self._characters
        self._characters += len(text)
        if room > 0:
            self.send("stream", name=name, text=text[:room])

    def finish(self) -> None:
        """Send what is left of a cell."""
        self.settle(clear=False)
        self._clear = False
        updates, self._updates = self._updates, {}
        for display, data in updates.items():
            self.send("update", **describe_display(data), id=display)
        if self._characters > MAX_CHARACTERS:
            self.send("stream", name="note", text=f"… {self._characters - MAX_CHARACTERS:,} more characters left out\n")

    def show(self, event: str, data: dict, display: str | None = None) -> None:
        """Send a result or a display; a figure waits, because code that draws live clears most of them unseen."""
        self.settle()
        if FIGURE in data and display is None:
            self._figure = (event, data)
        else:
            self.send(event, **describe_display(data), id=display)

    def update(self, data: dict, display: str) -> None:
        """Keep what a display shows last; it is sent when the cell ends."""
        self._updates[display] = data

    def clear(self, wait: bool) -> None:
        """Take back the cell's output: at once, or when the next output comes."""
        self._clear = True
        if not wait:
            self.settle()

    def settle(self, clear: bool = True) -> None:
        """Do what was put off: clear, or render the figure that waits."""
        waiting, self._figure = self._figure, None
        if clear and self._clear:
            self._clear = False
            self._characters = 0
            self.send("clear")
        elif waiting:
            event, data = waiting
            fields = describe_display(data)
            if fields["png"]:
                self.send(event, **fields, id=None)


def describe_display(data: dict) -> dict:
    """Give text and picture of a display's formats."""
    picture = render(data[FIGURE]) if FIGURE in data else data.get("image/png") or data.get("image/jpeg")
    if isinstance(picture, str):
        picture = base64.b64decode(picture)
    return {
        "text": str(data.get("text/plain", "")),
        "png": picture and base64.b64encode(picture).decode(),
        "is_fine": FIGURE in data,
    }


def render(figure: Any) -> bytes | None:
    """Draw a figure as PNG, twice as fine as the inline backend would; None if it is empty."""
    from IPython.core.pylabtools import print_figure

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing", category=UserWarning)
        return print_figure(figure, fmt="png", bbox_inches="tight", dpi=2 * figure.dpi)


class Stream:
    """A text stream that becomes events; in a forked worker it goes to the process's own standard error."""

    encoding = "utf-8"
    errors = "replace"

    def __init__(self, events: Events, name: str) -> None:
        self._events = events
        self.name = f"<{name}>"
        self._name = name

    def write(self, text: str) -> int:
        """Send the text on."""
        if os.getpid() != self._events.pid:
            os.write(2, text.encode("utf-8", "replace"))
        elif text:
            self._events.write(self._name, text)
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Send several lines."""
        self.write("".join(lines))

    def flush(self) -> None:
        """Nothing is held back."""

    def isatty(self) -> bool:
        """No terminal: libraries draw no progress bars with cursor control."""
        return False

    def writable(self) -> bool:
        """Yes."""
        return True

    def readable(self) -> bool:
        """No."""
        return False

    def fileno(self) -> int:
        """Give a file that subprocesses can write to."""
        return 2


class Formatter(DisplayFormatter):
    """Text and pictures only; figures stay figures until it is sure that somebody will see them."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.active_types = ["text/plain", "image/png", "image/jpeg"]

    def format(self, obj: object, include: object = None, exclude: object = None) -> tuple:
        """Describe an object."""
        figures = sys.modules.get("matplotlib.figure")
        if figures and isinstance(obj, figures.Figure):
            return {"text/plain": repr(obj), FIGURE: obj}, {}
        return super().format(obj, include=include, exclude=exclude)


class Hook(DisplayHook):
    """What a last expression gives becomes a result."""

    shell: Any

    def write_output_prompt(self) -> None:
        """No prompt."""

    def write_format_data(self, format_dict: dict, md_dict: object = None) -> None:
        """Send the result."""
        self.shell.to_parent.show("result", format_dict)

    def log_output(self, format_dict: dict) -> None:
        """Keep no history."""

    def finish_displayhook(self) -> None:
        """Print nothing after it."""
        self._is_active = False


class Publisher(DisplayPublisher):
    """``display(…)`` and ``clear_output()``."""

    shell: Any

    def publish(
        self,
        data: Any,
        metadata: Any = None,
        source: Any = None,
        *,
        transient: Any = None,
        update: Any = False,
        **kwargs: Any,
    ) -> None:
        """Send what is displayed."""
        display = (transient or {}).get("display_id")
        if update:
            self.shell.to_parent.update(data, display)
        else:
            self.shell.to_parent.show("display", data, display)

    def clear_output(self, wait: bool = False) -> None:
        """Clear the cell's output."""
        self.shell.to_parent.clear(wait)


class Compiler(CachingCompiler):
    """Code gets the name that tracebacks show: ``<cell 3>``."""

    current = "<cell>"

    def get_code_name(self, raw_code: str, transformed_code: str, number: int) -> str:
        """Name the cell that runs."""
        return self.current


class Shell(InteractiveShell):
    """IPython without a terminal: figures inline, nothing installed, errors left to ``run_cells``."""

    to_parent: Events
    displayhook_class = Hook
    display_pub_class = Publisher
    compiler_class = Compiler

    def init_display_formatter(self) -> None:
        """Take ours."""
        self.display_formatter = Formatter(parent=self)
        self.configurables.append(self.display_formatter)  # type: ignore[arg-type]

    def enable_gui(self, gui: object = None) -> None:
        """There is no event loop."""

    def enable_matplotlib(self, gui: object = None) -> tuple:
        """Show every figure in the transcript, whatever backend the code asks for."""
        return super().enable_matplotlib("inline")

    def _showtraceback(self, etype: object, evalue: object, stb: object) -> None:
        """The error is reported from the cell's result."""

    def showtraceback(self, *args: object, **kwargs: object) -> None:
        """The error is reported from the cell's result."""

    def showsyntaxerror(self, *args: object, **kwargs: object) -> None:
        """The error is reported from the cell's result."""

    def system(self, cmd: str) -> None:
        """Run a ``!command`` and show what it prints; installers are skipped."""
        cmd = self.var_expand(cmd, depth=1)
        if INSTALLERS.match(cmd):
            self.skip("!" + cmd)
            return
        with subprocess.Popen(
            cmd, shell=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as process:
            for line in process.stdout or ():
                sys.stdout.write(line.decode("utf-8", "replace"))
        self.user_ns["_exit_code"] = process.returncode

    def skip(self, what: str) -> None:
        """Say that something was not done."""
        self.to_parent.write("note", f"skipped: {what} (nothing is installed while a file runs)\n")


class Tab:
    """The object that the book's source asks which framework it is run with."""

    def selected(self, *frameworks: str) -> bool:
        """Say whether PyTorch is among them."""
        return FRAMEWORK in frameworks

    def interact_select(self, *frameworks: object) -> None:
        """The choice is made."""


@magics_class
class BookMagics(Magics):
    """Magics of the book's own tools, and of installers."""

    shell: Any

    @cell_magic
    def tab(self, line: str, cell: str) -> None:
        """Run a cell if it is for PyTorch."""
        if {FRAMEWORK, "all"} & {name.strip() for name in line.split(",")}:
            self.shell.run_cell(cell).raise_error()
        else:
            self.shell.to_parent.write("note", f"skipped: a cell for {line.strip()}\n")

    @line_magic
    def load_ext(self, line: str) -> None:
        """Load an extension; the redirection of d2l and the book's tabs are in force already."""
        name = line.strip()
        if name == "d2lbook.tab" or name.startswith("fathom.d2l"):
            return
        self.shell.extension_manager.load_extension(name)

    @line_magic
    def pip(self, line: str) -> None:
        """Skip."""
        self.shell.skip(f"%pip {line}")

    @line_magic
    def conda(self, line: str) -> None:
        """Skip."""
        self.shell.skip(f"%conda {line}")

    @line_magic
    def mamba(self, line: str) -> None:
        """Skip."""
        self.shell.skip(f"%mamba {line}")


def make_shell(events: Events) -> Shell:
    """Start a shell that touches no file of the user's IPython."""
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "NoColor"
    config.InteractiveShell.autocall = 0
    config.InteractiveShell.cache_size = 1000
    Shell.to_parent = events
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        shell = Shell.instance(config=config)
    shell.register_magics(BookMagics)
    shell.user_ns["tab"] = Tab()
    return shell


class Requests:
    """Remembers the last address that was asked for: what ``urllib`` raises does not name it."""

    def __init__(self) -> None:
        self._latest = ""
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple) -> None:
        if event == "urllib.Request":
            self._latest = str(arguments[0])

    def explain(self, error: BaseException) -> str:
        """Give the address that could not be had, "" if the error is another one."""
        kind = getattr(sys.modules.get("urllib.error"), "URLError", ())
        return self._latest if isinstance(error, kind) else ""


def describe(error: BaseException, cell: int, url: str) -> dict:
    """Give an error's name, message, line in the cell, and traceback from the cell's code on."""
    name = f"<cell {cell}>"
    summary = traceback.TracebackException.from_exception(error)
    lines = [frame.lineno for frame in summary.stack if frame.filename == name]
    line = lines[-1] if lines else None
    if isinstance(error, SyntaxError) and error.filename == name:
        line = error.lineno
        summary = traceback.TracebackException(type(error), error, None)
    part: traceback.TracebackException | None = summary
    while part is not None:  # frames above the user's code are the shell's
        frames = list(part.stack)
        first = next((i for i, frame in enumerate(frames) if frame.filename.startswith("<cell ")), 0)
        part.stack[:] = frames[first:]
        part = part.__cause__ or part.__context__
    return {
        "name": type(error).__name__,
        "message": str(error),
        "url": url,
        "line": line,
        "traceback": "".join(summary.format()),
    }


def run_cells(job: dict, shell: Any, events: Events) -> None:
    """Run one cell after another, until one fails."""
    requests = Requests()
    stand_in = None
    if job["cpu_stand_in"]:
        from fathom.book.stand_in import CpuStandIn

        stand_in = CpuStandIn()
        shell.ast_transformers.append(stand_in)
    if job["batches"]:
        runpy.run_path(os.path.join(here, "shorten.py"))["shorten_passes"](job["batches"])
    for number, source in enumerate(job["cells"], start=1):
        events.begin(number)
        shell.compile.current = f"<cell {number}>"
        replaced = stand_in.count if stand_in else 0
        start = time.perf_counter()
        result = shell.run_cell(source, store_history=True)
        error = result.error_before_exec or result.error_in_exec
        if stand_in and stand_in.count > replaced:
            events.write("note", "cuda in this cell stands for the CPU (--cpu-stand-in)\n")
        events.finish()
        seconds = time.perf_counter() - start
        is_end = isinstance(error, SystemExit) and not error.code
        if error is not None and not is_end:
            events.send("error", **describe(error, number, requests.explain(error)))
        events.end(number, ok=error is None or is_end, seconds=seconds)
        if is_end or isinstance(error, KeyboardInterrupt) or (error is not None and not job["keep_going"]):
            break


def describe_machine() -> str:
    """Give the versions that results depend on, and what there is to compute with."""
    parts = ["Python " + ".".join(map(str, sys.version_info[:3]))]
    for name in ("torch", "numpy", "pandas"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            parts.append(f"{name} {metadata.version(name)}")
    parts.append(f"{os.cpu_count()} processors")
    torch = sys.modules.get("torch")
    if torch:
        threads = torch.get_num_threads()
        parts.append(f"torch on {threads} thread{'s'[: threads != 1]}")
        parts.append(torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU")
    return ", ".join(parts)


def main() -> None:
    """Read the job, run it, and leave without waiting for threads that the code started."""
    job = json.loads(sys.stdin.buffer.read().decode("utf-8"))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # shells start background jobs with it ignored
    events = Events()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.stdin = open(0)  # noqa: SIM115
    sys.stdout, sys.stderr = Stream(events, "stdout"), Stream(events, "stderr")
    sys.argv = [job["name"]]
    shell = make_shell(events)
    if job["is_python"]:
        shell.user_ns["__file__"] = job["name"]
    sys.path[:0] = job["path"]
    if job["api"] is not None:
        from fathom.d2l.extension import redirect

        sources = [shell.transform_cell(source) for source in job["cells"]]
        redirect(job["api"], sources, report=lambda name: events.send("api", name=name))
    run_cells(job, shell, events)
    events.send("machine", text=describe_machine())
    atexit._run_exitfuncs()
    events.send("done")
    os._exit(0)


if __name__ == "__main__":
    main()
