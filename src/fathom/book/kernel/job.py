"""One job: the cells of a file, one after the other, in this process."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import signal
import sys
import time
from importlib import metadata
from typing import Any

from .events import Events, Stream
from .failures import Requests, describe
from .shell import make_shell


def run_cells(job: dict, shell: Any, events: Events) -> None:
    """Run one cell after another, until one fails."""
    requests = Requests()
    stand_in = None
    if job["cpu_stand_in"]:
        from fathom.book.stand_in import CpuStandIn

        stand_in = CpuStandIn()
        shell.ast_transformers.append(stand_in)
    if job["batches"]:
        from .shorten import limit_epochs

        limit_epochs(job["batches"])
    for number, source in enumerate(job["cells"], start=1):
        events.begin(number)
        shell.compile.current = f"<cell {number}>"  # how tracebacks call the code
        replaced = stand_in.count if stand_in else 0  # replaced so far: more of them means that this cell had some
        start = time.perf_counter()
        result = shell.run_cell(source, store_history=True)
        error = result.error_before_exec or result.error_in_exec  # a syntax error comes before the code runs
        if stand_in and stand_in.count > replaced:
            events.write("note", "cuda in this cell stands for the CPU (--cpu-stand-in)\n")
        events.finish()  # figures are rendered now, and that is part of the time
        seconds = time.perf_counter() - start
        is_end = isinstance(error, SystemExit) and not error.code  # exit() without a code: the end, not a failure
        if error is not None and not is_end:
            events.send("error", **describe(error, number, requests.explain(error)))
        events.end(number, ok=error is None or is_end, seconds=seconds)
        if is_end or isinstance(error, KeyboardInterrupt) or (error is not None and not job["keep_going"]):
            break


def force_inline_backend(matplotlib: Any) -> None:
    """Make code that asks for windows draw for the transcript instead."""
    matplotlib.use = lambda backend, *, force=True: None


def describe_machine() -> str:
    """Return the versions that results depend on, and the processors and devices."""
    parts = ["Python " + ".".join(map(str, sys.version_info[:3]))]
    for name in ("torch", "numpy", "pandas"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            parts.append(f"{name} {metadata.version(name)}")
    parts.append(f"{os.cpu_count()} processors")
    torch = sys.modules.get("torch")
    if torch:
        threads = torch.get_num_threads()
        # the slice keeps the s unless there is one thread
        parts.append(f"torch on {threads} thread{'s'[: threads != 1]}")
        parts.append(torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU")
    return ", ".join(parts)


def main() -> None:
    """Read the job, run it, and exit without waiting for threads that the code started."""
    job = json.loads(sys.stdin.buffer.read().decode("utf-8"))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # shells start background jobs with it ignored
    events = Events()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # code that asks for input gets an end of file
    sys.stdin = open(0)  # noqa: SIM115
    sys.stdout, sys.stderr = Stream(events, "stdout"), Stream(events, "stderr")
    sys.argv = [job["name"]]
    shell = make_shell(events)
    if job["is_python"]:
        shell.user_ns["__file__"] = job["name"]
    sys.path[:0] = job["path"]  # before all others: the file's own folder
    if job["api"] is not None:
        from fathom.d2l.extension import redirect
        from fathom.d2l.frame.imports import after_import, import_without_gc

        # magics become Python: the edition is read from it
        sources = [shell.transform_cell(source) for source in job["cells"]]
        redirect(job["api"], sources, report=lambda name: events.send("api", name=name))
        import_without_gc("torch")
        after_import("matplotlib", force_inline_backend)
    run_cells(job, shell, events)
    events.send("machine", text=describe_machine())
    atexit._run_exitfuncs()  # what the code registered; os._exit would skip it
    events.send("done")
    os._exit(0)  # at once: threads of the code may run for ever
