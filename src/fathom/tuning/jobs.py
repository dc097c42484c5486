"""Several processes on one study: each opens its folder and runs trials; the first one looks on and says how it goes.

``python -m fathom.tuning.jobs STUDY PARENT THREADS`` is one such process. It ends when there are enough trials,
at a signal, or, after the epoch it is in, when the process that started it is gone.
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
from fathom.runs.analysis.study import State, Trial
from fathom.runs.html.pages.study import write_study
from fathom.training.signals import Interrupted, StopRequest, catch_signals
from fathom.tuning.study import Ledger
from fathom.tuning.trial import TrialData
from fathom.tuning.work import StudyObserver, work

_LOOK_S = 0.5  # between two looks at the trials
_REWRITE_S = 30.0  # between two writings of the page, as in work.py


def run_workers(ledger: Ledger, jobs: int, observer: StudyObserver) -> None:
    """Start ``jobs`` processes and tell the observer what they do until all have ended.

    Raises:  Interrupted after a signal, once the processes have ended too; FathomError with what one of them said
    """
    threads = max(1, (os.cpu_count() or 1) // jobs)  # each taking all cores, they would wait for one another
    # A log each: a pipe that nobody empties would hold a talkative process up.
    logs = [ledger.path / f".worker-{os.getpid()}-{number}.log" for number in range(jobs)]
    # a fresh interpreter: torch does not outlive a fork with its threads
    command = [sys.executable, "-m", "fathom.tuning.jobs", str(ledger.path), str(os.getpid()), str(threads)]
    workers: list[subprocess.Popen[bytes]] = []
    try:
        with catch_signals() as request:
            for log in logs:
                with open(log, "wb") as file:
                    # Their paths and files are this process's own, so they need not be looked for anew.
                    workers.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file))
            _watch_workers(ledger, workers, observer, request)
            if request.signum is not None:
                raise Interrupted(request.signum, "stopped")
        _raise_worker_error(workers, logs)
    finally:
        for worker in workers:
            worker.kill()  # those that ended already do not mind
            worker.wait()
        for log in logs:
            log.unlink(missing_ok=True)


def _watch_workers(
    ledger: Ledger, workers: list[subprocess.Popen[bytes]], observer: StudyObserver, request: StopRequest
) -> None:
    """Report every trial that begins or ends; hand a signal on, once."""
    told = {trial.number: trial.state for trial in ledger.trials()}  # of earlier calls: not told again
    was_handed_on = False
    written = time.monotonic()
    while True:
        # before the trials are read, so that none ends in between untold
        is_over = all(worker.poll() is not None for worker in workers)
        if request.signum is not None and not was_handed_on:
            was_handed_on = True
            for worker in workers:
                with contextlib.suppress(OSError):
                    worker.send_signal(signal.SIGTERM)
        for trial in ledger.trials():
            _tell(trial, told, ledger, observer)
        if time.monotonic() - written > _REWRITE_S:
            write_study(ledger.snapshot(), ledger.path)
            written = time.monotonic()
        if is_over:
            return
        time.sleep(_LOOK_S)


def _tell(trial: Trial, told: dict[int, State], ledger: Ledger, observer: StudyObserver) -> None:
    before = told.get(trial.number)
    if before == trial.state:
        return
    if before is None:
        if trial.state == "running" and not trial.values:
            return  # its values are being drawn
        observer.start(trial)
    if trial.state != "running":
        observer.end(trial, ledger.snapshot(importance=False))
    told[trial.number] = trial.state


def _raise_worker_error(workers: list[subprocess.Popen[bytes]], logs: list[Path]) -> None:
    """Raise what a process died of; a killed one is forgiven as long as others did its work."""
    failed = [(worker.returncode, log) for worker, log in zip(workers, logs, strict=True) if worker.returncode]
    for code, log in failed:
        lines = log.read_text(errors="replace").strip().splitlines()  # the last line is the error's own
        if code > 0:  # below 0: killed by that signal
            raise FathomError(lines[-1].removeprefix("fathom: ") if lines else f"a process ended with exit code {code}")
    if len(failed) == len(workers):
        raise FathomError(f"every process was killed (signal {-failed[0][0]}); is there enough memory for them all?")


class _Orphan(StudyObserver):
    """Ends a process whose parent is gone: nobody would hear of what it does."""

    def __init__(self, parent: int) -> None:
        self.parent = parent

    def start(self, trial: Trial) -> None:
        """Look whether the parent is there."""
        if os.getppid() != self.parent:
            raise Interrupted(signal.SIGTERM, "the process that started this one is gone")

    def epoch(self, number: int, epoch: int, epochs: int, value: float) -> None:
        """Look again."""
        if os.getppid() != self.parent:
            raise Interrupted(signal.SIGTERM, "the process that started this one is gone")


def main(path: str, parent: str, threads: str) -> int:
    """Work on a study as one process of several."""
    # Between trials too a signal ends the process in order, with its trial marked.
    for name in ("SIGTERM", "SIGHUP"):
        # no SIGHUP on Windows; nohup's stays ignored
        if hasattr(signal, name) and signal.getsignal(getattr(signal, name)) != signal.SIG_IGN:
            signal.signal(getattr(signal, name), signal.default_int_handler)
    try:
        with contextlib.closing(TrialData()) as data, contextlib.closing(Ledger(Path(path))) as ledger:
            if ledger.base.get("execution.threads", "auto") == "auto":
                ledger.base = ledger.base.under({"execution": {"threads": int(threads)}})
            work(ledger, data, _Orphan(int(parent)))
    except (Interrupted, KeyboardInterrupt):
        return 0  # the parent knows
    except FathomError as error:
        print(f"fathom: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
