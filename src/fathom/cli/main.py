"""The command ``fathom``: finds the verb, imports its file alone, turns every error into one line and an exit code."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from fathom.errors import FathomError, UsageError, unknown

# verb: (module, what it does)
VERBS = {
    "train": ("fathom.cli.train", "train a network; leave a run folder with model, metrics and report"),
    "eval": ("fathom.cli.eval", "judge a run's model on a split of its data"),
    "predict": ("fathom.cli.predict", "label pictures and folders with a run's model"),
    "report": ("fathom.cli.report", "make report.html from a run folder"),
    "compare": ("fathom.cli.compare", "set runs side by side"),
    "models": ("fathom.cli.models", "list the networks, or the layers of one"),
    "data": ("fathom.cli.data", "list the data sets, or look into one"),
    "schedules": ("fathom.cli.schedules", "list and draw the learning-rate schedules"),
    "recipes": ("fathom.cli.recipes", "list the shipped recipes, or show one"),
}
SIGINT_CODE = 130


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are a ``UsageError`` with the nearest option."""

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the whole usage."""
        marker = "unrecognized arguments: "
        if marker in message:
            stray = message.partition(marker)[2].split()[0]
            options = [name for action in self._actions for name in action.option_strings if name.startswith("--")]
            if stray.startswith("-"):
                raise unknown("option", stray.partition("=")[0], options)
            raise UsageError(f"unexpected argument {stray!r}; see {self.prog} --help")
        raise UsageError(f"{message}; see {self.prog} --help")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns: 0 done, 1 failed, 2 wrong usage, 130/143 stopped by a signal
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in arguments
    arguments = [a for a in arguments if a != "--debug"]
    try:
        return _dispatch(arguments)
    except SystemExit as stop:  # argparse after --help
        return int(stop.code or 0)
    except BrokenPipeError:
        # The reader of our output left, as `| head` does; nothing more can be printed, not even at shutdown.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        if debug:
            raise
        return _fail("stopped", SIGINT_CODE)
    except FathomError as error:
        if debug:
            raise
        return _fail(str(error), error.exit_code)
    except OSError as error:
        if debug:
            raise
        where = f"{error.filename}: " if error.filename else ""
        return _fail(f"{where}{error.strerror or error}", 1)
    except Exception as error:
        if debug:
            raise
        first_line = (str(error).strip().splitlines() or ["no message"])[0]
        return _fail(f"unexpected {type(error).__name__}: {first_line}; run again with --debug to see where", 1)


def _dispatch(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(_help())
        return 0
    verb, *rest = arguments
    if verb in ("-V", "--version"):
        from importlib.metadata import version

        print(f"fathom {version('fathom')}")
        return 0
    if verb not in VERBS:
        raise unknown("command", verb, VERBS)
    module_name, purpose = VERBS[verb]
    module = importlib.import_module(module_name)
    parser = Parser(prog=f"fathom {verb}", description=purpose[0].upper() + purpose[1:] + ".", allow_abbrev=False)
    module.add_arguments(parser)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return int(module.run(parser.parse_args(rest)))


def _help() -> str:
    lines = ["usage: fathom COMMAND [...]", "", "Train networks you understand. `fathom train` alone learns to read digits.", ""]
    lines += [f"  {verb:<11}{purpose}" for verb, (_, purpose) in VERBS.items()]
    lines += ["", "  fathom COMMAND --help   options of a command", "  --debug                 show the traceback of an error"]
    return "\n".join([*lines, "  --version"])


def _fail(message: str, code: int) -> int:
    print(f"fathom: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
