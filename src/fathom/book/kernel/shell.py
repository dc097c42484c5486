"""The IPython shell: no terminal, no history, figures inline, nothing installed."""

from __future__ import annotations

import re
import subprocess
import sys
import warnings

from IPython.core.compilerop import CachingCompiler
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from .display import Formatter, Hook, Publisher
from .events import Events
from .magics import BookMagics, Tab

INSTALLERS = re.compile(r"\s*(?:sudo\s+)?(?:\S*python\S*\s+-m\s+)?(pip3?|conda|mamba|uv|apt|apt-get|brew)\b")


class Compiler(CachingCompiler):
    """Names code as tracebacks show it: ``<cell 3>``."""

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
        """Report that something was skipped."""
        self.to_parent.write("note", f"skipped: {what} (nothing is installed while a file runs)\n")


def make_shell(events: Events) -> Shell:
    """Return a shell that touches no file of the user's IPython."""
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
