"""The command ``fathom``: finds the verb, imports its file alone, turns every error into one line and an exit code."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn, TextIO, cast

from fathom.address import conceal
from fathom.build.failures import explain
from fathom.cli.launch import speaks, start_processes, tell_launcher
from fathom.cli.signals import SIGPIPE, handle_signals, reader_left, signal_of
from fathom.cli.verbs import VERBS, overview
from fathom.data.fetch.offline import offline
from fathom.errors import FathomError, UsageError, unknown
from fathom.outputs import check_output, is_stdout, reserve_stdout
from fathom.processes import launched_size, refuse_several_processes
from fathom.progress import close_all
from fathom.terminal import GuardedStream, visible
from fathom.version import VERSION

_PLACES = ("FILE", "DIR")  # metavars of arguments that hold a path
_OUTPUTS = ("--out", "--csv")  # options whose file or folder is written
_NEGATIVE = re.compile(r"-\.?\d[\d.,eE+-]*$")  # -5, -.5, -1000,400, -1e-3


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are a ``UsageError`` with the nearest option."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._negative_number_matcher = _NEGATIVE  # argparse's own takes -1000,400 for an option

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the whole usage."""
        marker = "unrecognized arguments: "
        if marker in message:
            stray = (message.partition(marker)[2].split() or [""])[0]  # argparse lists all of them in one line
            if stray.startswith("-"):
                names = [name for action in self._all_actions() for name in action.option_strings]
                # --lrr=0.1: the name alone
                raise unknown("option", stray.partition("=")[0], [name for name in names if name.startswith("--")])
            if os.path.isfile(os.path.join(stray, "run.json")):  # a pattern that the shell replaced by names
                runs = [text for text in message.partition(marker)[2].split() if not text.startswith("-")]
                raise UsageError(f"one run is expected, and more were given: {', '.join(runs)}; name one")
            raise UsageError(f"unexpected argument {stray!r}; see {self.prog} --help")
        raise UsageError(f"{message.removeprefix('argument ')}; see {self.prog} --help")

    def _get_values(self, action: argparse.Action, arg_strings: list[str]) -> Any:
        if action.option_strings and arg_strings == ["--"]:  # argparse itself makes an empty list of it
            raise UsageError(f"{action.option_strings[0]}: expected one argument; see {self.prog} --help")
        return super()._get_values(action, arg_strings)

    def check_places(self, args: argparse.Namespace) -> None:
        """Refuse, before anything is done, arguments that are empty and outputs that cannot be written.

        Raises:  UsageError
        """
        for action in self._all_actions():
            value = getattr(args, action.dest, None)
            option = next(iter(action.option_strings), "")  # "": a positional argument
            texts = [text for text in (value if isinstance(value, list) else [value]) if isinstance(text, str)]
            # of other options an empty text may mean something
            if (not option or action.metavar in _PLACES) and not all(text.strip() for text in texts):
                name = option or action.metavar or action.dest
                raise UsageError(f"{name}: is empty; see {self.prog} --help")
            if option not in _OUTPUTS or not isinstance(value, str):
                continue
            if action.metavar == "FILE":
                check_output(value, option)
            elif is_stdout(value):
                raise UsageError(f"{option} {value}: name a folder; only a single file can go to standard output")

    def _all_actions(self) -> list[argparse.Action]:
        """Return the options, those of commands within the command included."""
        commands = [action.choices for action in self._actions if isinstance(action, argparse._SubParsersAction)]
        # check and run of fathom book are commands within one
        parsers = [parser for choices in commands for parser in choices.values()]
        return [action for parser in (self, *parsers) for action in parser._actions]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns: 0 done, 1 failed, 2 wrong usage; stopped by SIGHUP 129, by SIGINT 130, by SIGTERM 143; 141 if the reader
        of its output left
    """
    if "_ARGCOMPLETE" in os.environ:  # the shell asks what may follow
        from fathom.cli.completion import complete

        complete(lambda name: make_parser(name)[0], {name: verb.purpose for name, verb in VERBS.items()})
    arguments = list(sys.argv[1:] if argv is None else argv)
    ours = arguments[: _end_of_ours(arguments)]
    debug = "--debug" in ours
    # before the parser: it holds wherever it stands
    arguments = [a for a in ours if a != "--debug"] + arguments[len(ours) :]
    stopped_by = None
    try:
        with handle_signals() as stop, guarded_output():
            try:
                code = _dispatch(arguments)
                sys.stdout.flush()
                return code
            finally:  # stopped_by first: close_all may fail
                stopped_by = stop.signum
                close_all()  # bars that are still up
    except SystemExit as end:  # argparse after --help
        return int(end.code or 0)
    except BaseException as error:
        if debug:
            import traceback

            traceback.print_exc()
        message, code = _explain(error, stopped_by)  # the first signal decides the exit code
        if message:
            with contextlib.suppress(OSError):  # a terminal that is gone
                tell_launcher(visible(message), error)
                if speaks():
                    print(f"fathom: {visible(message)}", file=sys.stderr)
        _end_process(code)
        return code


def _end_of_ours(arguments: Sequence[str]) -> int:
    """Return how many arguments are Fathom's: behind a script that is to be run, or a ``--``, they are others'."""
    if next((argument for argument in arguments if argument != "--debug"), "") == "doctor":
        script = next((i for i, argument in enumerate(arguments) if argument.endswith(".py")), len(arguments))
        return min(script + 1, len(arguments))
    return arguments.index("--") if "--" in arguments else len(arguments)


@contextlib.contextmanager
def guarded_output() -> Iterator[None]:
    """Keep control characters of names from the terminal, and end quietly when nobody reads any more."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a letter that the terminal lacks is no reason to stop
            stream.reconfigure(errors="backslashreplace")
    out, err = (cast("TextIO", GuardedStream(stream, reader_left)) for stream in (sys.stdout, sys.stderr))
    with contextlib.ExitStack() as held:
        if not speaks():  # one of several processes, which would all print the same
            out = held.enter_context(open(os.devnull, "w", encoding="utf-8"))
        held.enter_context(contextlib.redirect_stdout(out))
        held.enter_context(contextlib.redirect_stderr(err))
        yield


def _end_process(code: int) -> None:
    """End one of several processes at once after a failure: the connections of the others would be waited for."""
    torch = sys.modules.get("torch")  # not imported: there are no connections
    if launched_size() > 1 and torch is not None and torch.distributed.is_initialized():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _dispatch(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help", "help"):  # "fathom" alone is a question
        print(overview())
        return 0
    verb, *rest = arguments
    if verb in ("-V", "--version"):
        print(f"fathom {VERSION}")
        return 0
    if verb not in VERBS:
        raise unknown("command", verb, VERBS)
    parser, run = make_parser(verb)  # only this command's file is imported
    if any("\0" in argument for argument in rest):  # paths with NUL raise ValueError far from here
        raise UsageError("an argument holds a NUL character, which no name or value can have")
    for argument in rest:
        try:
            os.fsencode(argument)
        except UnicodeEncodeError:  # half of a pair of surrogates, from Python code
            raise UsageError(f"an argument is no text: {argument!r}") from None
    # concealed: the command goes into run.json
    args = parser.parse_args(rest, argparse.Namespace(command=["fathom", *map(conceal, arguments)]))
    parser.check_places(args)
    _import_named_code(args)
    if VERBS[verb].joins:
        if (code := start_processes(args, arguments)) is not None:
            return code
    elif VERBS[verb].trains:
        refuse_several_processes()
    with contextlib.ExitStack() as held:
        if getattr(args, "offline", False):
            held.enter_context(offline())
        if VERBS[verb].leads and launched_size() > 1:
            from fathom.build.together import leading

            if not held.enter_context(leading(getattr(args, "device", None) or "auto")):
                return 0
        # lines of progress then go to stderr
        if any(isinstance(name := getattr(args, dest, None), str) and is_stdout(name) for dest in ("out", "csv")):
            held.enter_context(reserve_stdout())
        return run(args)


def _import_named_code(args: argparse.Namespace) -> None:
    """Import the networks that are named on this command line as ``package.module:function``.

    Raises:  UsageError if there is no such code, or it fails
    """
    named = [getattr(args, name, None) for name in ("model", "model_option", "code", "student")]
    named += getattr(args, "models", None) or []
    # any way of naming a network
    named += [text.removeprefix("model.name=") for text in getattr(args, "set", None) or [] if "model.name=" in text]
    for name in named:
        if isinstance(name, str) and ":" in name:  # package.module:function
            from fathom.models.own_code import import_code

            import_code(name)


def make_parser(verb: str) -> tuple[Parser, Callable[[argparse.Namespace], int]]:
    """Return the parser of a command, and what runs it."""
    module = importlib.import_module(VERBS[verb].module)
    purpose = VERBS[verb].purpose
    parser = Parser(prog=f"fathom {verb}", description=purpose[0].upper() + purpose[1:] + ".", allow_abbrev=False)
    module.add_arguments(parser)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    if VERBS[verb].fetches:
        parser.add_argument(
            "--offline", action="store_true", help="download nothing; say what is missing and where it belongs"
        )  # added to every command that may download
    return parser, lambda args: int(module.run(args))


def _explain(error: BaseException, stopped_by: int | None) -> tuple[str, int]:
    """Return the line that a user reads and the exit code; ``stopped_by`` is the signal that came before the error."""
    match error:
        case FathomError():
            return str(error), error.exit_code
        case KeyboardInterrupt():
            number = stopped_by or signal_of(error)  # 128 + number: what a shell reports of a signalled process
            return "" if number == SIGPIPE else "stopped", 128 + number
        case BrokenPipeError():
            _silence_stdout()
            return "", 128 + SIGPIPE
        case OSError():
            _silence_stdout()  # the buffer would be written once more at exit
            return (f"{error.filename}: " if error.filename else "") + (error.strerror or str(error)), 1
        case _ if stopped_by is not None:  # what an interrupted import leaves behind breaks elsewhere
            return "stopped", 128 + stopped_by
        case Exception() if (known := explain(error)) is not None:  # out of memory, a dead worker
            return str(known), known.exit_code
    first_line = (str(error).strip().splitlines() or ["no message"])[0]
    return f"unexpected {type(error).__name__}: {first_line}; run again with --debug to see where", 1


def _silence_stdout() -> None:
    """Give up standard output: its reader left, as `| head` does, or its disk is full, and exiting would try again."""
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        return
    with contextlib.suppress(OSError, ValueError):
        # whatever the interpreter still flushes is lost on purpose
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
