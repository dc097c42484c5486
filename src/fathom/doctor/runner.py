"""``python -m fathom.doctor.runner OUT.json [--epochs-limit N] [--time-limit S] SCRIPT [ARGUMENT …]``.

Runs a script as ``python SCRIPT`` would, under observation, and writes what was found to OUT.json. It is a process of
its own: whatever the script does to Python stays in it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import runpy
import signal
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from fathom.doctor.checks.run import check_record
from fathom.doctor.observer.observer import Observer, Stop
from fathom.doctor.observer.places import is_users, traceback_place
from fathom.doctor.observer.record import Record
from fathom.files import write_atomically


def main(arguments: list[str]) -> int:
    """Run the script; return its exit code."""
    parser = argparse.ArgumentParser(prog="fathom.doctor.runner")
    parser.add_argument("out")
    parser.add_argument("--epochs-limit", type=int)
    parser.add_argument("--time-limit", type=float)
    parser.add_argument("script")
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    args = parser.parse_args(arguments)
    observer = Observer(epochs_limit=args.epochs_limit, time_limit_s=args.time_limit)
    observer.record.is_whole = True
    sys.argv = [args.script, *args.arguments]
    sys.path[0] = os.path.dirname(os.path.abspath(args.script))
    observer.start()
    try:
        code = run_script(args.script, observer)
    finally:
        record = observer.stop()
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
    write_record(record, Path(args.out))
    return code


def run_script(path: str, observer: Observer) -> int:
    """Run a script to its end, its error or a limit; return the exit code that Python would have given."""
    with _alarm(observer):
        try:
            runpy.run_path(path, run_name="__main__")
        except Stop:
            return 0
        except SystemExit as end:
            if end.code is None or isinstance(end.code, int):
                return end.code or 0
            print(end.code, file=sys.stderr)  # as Python does with sys.exit("text")
            return 1
        except KeyboardInterrupt:
            observer.record.stopped_early = "interrupted"
            return 128 + signal.SIGINT
        except BaseException as error:
            _print_traceback(error)
            message = str(error).strip().splitlines() or [""]
            observer.record.failure = {
                "kind": type(error).__name__,
                "message": " ".join(message),
                "place": traceback_place(error),
            }
            return 1
    return 0


@contextlib.contextmanager
def _alarm(observer: Observer) -> Iterator[None]:
    """End a script that takes no step, too, when its time is up."""
    limit = observer.time_limit_s
    if limit is None or not hasattr(signal, "SIGALRM"):
        yield
        return

    def stop(number: int, frame: object) -> None:
        observer.record.stopped_early = f"--time-limit {limit:g}"
        raise Stop

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, limit + 1)  # a second later: a step ends more cleanly
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _print_traceback(error: BaseException) -> None:
    """Print the traceback as Python would have: without the frames of the doctor and of what started the script."""
    step: TracebackType | None = error.__traceback__
    while step is not None and not is_users(step.tb_frame.f_code.co_filename):
        step = step.tb_next
    shown = traceback.TracebackException(type(error), error, step or error.__traceback__)
    ours = str(Path(__file__).parent)
    shown.stack = traceback.StackSummary.from_list([f for f in shown.stack if not f.filename.startswith(ours)])
    print("".join(shown.format()), end="", file=sys.stderr)


def write_record(record: Record, path: Path) -> None:
    """Check what was seen and write what was found."""
    found = check_record(record)
    content = found.to_dict() | {
        "steps": sum(optimizer.steps for optimizer in record.optimizers),
        "networks": len(record.roots),
        "elapsed_s": record.elapsed_s,
        "stopped_early": record.stopped_early,
        "subprocess": record.uses_subprocess,
        "failure": record.failure,
        "own_failures": dict(record.own_failures),
    }
    write_atomically(path, json.dumps(content, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
