"""Several processes on one study: each opens its folder and runs trials; the first one watches and reports.

``python -m fathom.tuning.jobs STUDY PARENT THREADS`` is one such process. It ends when there are enough trials,
at a signal, or after the current epoch if its parent is gone.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from fathom.errors import FathomError
from fathom.models.own_code import import_code, is_imported
from fathom.runs.analysis.study import State, Trial
from fathom.runs.html.pages.study import write_study
from fathom.training.signals import Interrupted, StopRequest, catch_signals
from fathom.tuning.study import StudyStore
from fathom.tuning.trial import TrialData
from fathom.tuning.work import StudyObserver, run_trials

_LOOK_S = 0.5  # between two looks at the trials
_REWRITE_S = 30.0  # between two writings of the page, as in work.py


def run_workers(store: StudyStore, jobs: int, observer: StudyObserver) -> None:
    """Start ``jobs`` processes and notify the observer until all have ended.

    Raises:  Interrupted after a signal, once the processes have ended; FathomError with the message of one that failed
    """
    threads = max(1, (os.cpu_count() or 1) // jobs)  # each taking all cores, they would wait for one another
    # A log each: a pipe that nobody reads would block a process with much output.
    logs = [store.path / f".worker-{os.getpid()}-{number}.log" for number in range(jobs)]
    # a fresh interpreter: torch does not outlive a fork with its threads
    command = [sys.executable, "-m", "fathom.tuning.jobs", str(store.path), str(os.getpid()), str(threads)]
    name = store.base.get("model.name", "")
    command += [name] if is_imported(name) else []  # code that the user has named to this process
    workers: list[subprocess.Popen[bytes]] = []
    try:
        with catch_signals() as request:
            for log in logs:
                with open(log, "wb") as file:
                    # They use this process's paths and files, so nothing is looked up again.
                    workers.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file))
            _watch_workers(store, workers, observer, request)
            if request.signum is not None:
                raise Interrupted(request.signum, "stopped")
        _raise_worker_error(workers, logs)
    finally:
        for worker in workers:
            worker.kill()  # those that ended already do not mind
            worker.wait()
        store.settle()
        for log in logs:
            log.unlink(missing_ok=True)


def _watch_workers(
    store: StudyStore, workers: list[subprocess.Popen[bytes]], observer: StudyObserver, request: StopRequest
) -> None:
    """Report every trial that starts or ends; forward a signal, once."""
    known = {trial.number: trial.state for trial in store.trials()}  # of earlier calls: not told again
    was_forwarded = False
    written = time.monotonic()
    while True:
        # before the trials are read, so that none ends in between untold
        is_over = all(worker.poll() is not None for worker in workers)
        if request.signum is not None and not was_forwarded:
            was_forwarded = True
            for worker in workers:
                with contextlib.suppress(OSError):
                    worker.send_signal(signal.SIGTERM)
        for trial in store.trials():
            _report(trial, known, store, observer)
        if time.monotonic() - written > _REWRITE_S:
            write_study(store.snapshot(), store.path)
            written = time.monotonic()
        if is_over:
            return
        time.sleep(_LOOK_S)


def _report(trial: Trial, known: dict[int, State], store: StudyStore, observer: StudyObserver) -> None:
    before = known.get(trial.number)
    if before == trial.state:
        return
    if before is None:
        if trial.state == "running" and not trial.values:
            return  # its values are being drawn
        observer.start(trial)
    if trial.state != "running":
        observer.end(trial, store.snapshot(importance=False))
    known[trial.number] = trial.state


def _raise_worker_error(workers: list[subprocess.Popen[bytes]], logs: list[Path]) -> None:
    """Raise the error of a failed process; a killed one is ignored if others could finish."""
    failed = [(worker.returncode, log) for worker, log in zip(workers, logs, strict=True) if worker.returncode]
    for code, log in failed:
        lines = log.read_text(errors="replace").strip().splitlines()  # the last line is the error's own
        if code > 0:  # below 0: killed by that signal
            raise FathomError(lines[-1].removeprefix("fathom: ") if lines else f"a process ended with exit code {code}")
    if len(failed) == len(workers):
        raise FathomError(f"every process was killed (signal {-failed[0][0]}); is there enough memory for them all?")


class _ParentWatch(StudyObserver):
    """Ends a process whose parent is gone, as nobody would see its results."""

    def __init__(self, parent: int) -> None:
        self.parent = parent

    def start(self, trial: Trial) -> None:
        """Check that the parent is there."""
        if os.getppid() != self.parent:
            raise Interrupted(signal.SIGTERM, "the process that started this one is gone")

    def epoch(self, number: int, epoch: int, epochs: int, value: float) -> None:
        """Check again."""
        if os.getppid() != self.parent:
            raise Interrupted(signal.SIGTERM, "the process that started this one is gone")


def main(path: str, parent: str, threads: str, code: str | None = None) -> int:
    """Run trials as one process of several; ``code`` is the user's own network, by name."""
    # A signal between trials ends the process cleanly too, with its trial marked.
    for name in ("SIGTERM", "SIGHUP"):
        # no SIGHUP on Windows; nohup's stays ignored
        if hasattr(signal, name) and signal.getsignal(getattr(signal, name)) != signal.SIG_IGN:
            signal.signal(getattr(signal, name), signal.default_int_handler)
    try:
        if code is not None:
            import_code(code)
        with contextlib.closing(TrialData()) as data, contextlib.closing(StudyStore(Path(path))) as store:
            if store.base.get("execution.threads", "auto") == "auto":
                store.base = store.base.under({"execution": {"threads": int(threads)}})
            run_trials(store, data, _ParentWatch(int(parent)))
    except (Interrupted, KeyboardInterrupt):
        return 0  # the parent knows
    except FathomError as error:
        print(f"fathom: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
