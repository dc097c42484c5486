"""Alternating measurements: every contender waits in its own process, warm, and each gets one turn per round."""

from __future__ import annotations

import json
import select
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field
from typing import Any

from bench.machine import installed_version
from bench.problems import Problem
from bench.results import Comparison, Result
from bench.settings import ROOT, Settings

_TIMEOUT_S = 3600.0


class WorkerError(Exception):
    """A contender did not do its work; the message is the last line of its log."""


@dataclass(frozen=True)
class Contender:
    """Who takes part.

    Args:
        module: has ``run(problem, gate, **options)``.
        group: "fathom", "handwritten" or "peer"; decides the colour.
        requires: distribution that must be installed.
    """

    name: str
    label: str
    module: str
    group: str
    options: dict[str, Any] = field(default_factory=dict)
    requires: str | None = None


class Worker:
    """The harness's end of a contender's process."""

    def __init__(self, contender: Contender, problem: Problem, settings: Settings, num_rounds: int) -> None:
        self.contender = contender
        specification = {
            "module": contender.module,
            "options": contender.options,
            "problem": asdict(problem),
            "num_epochs": num_rounds * problem.epochs_per_round,
        }
        self._log = (settings.folder / f"{problem.name}-{contender.name}.log").open("w+b")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.worker", json.dumps(specification)],
            cwd=ROOT,
            env=settings.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )
        try:
            self.facts = self._read()
        except WorkerError:
            self.close()
            raise

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run_round(self) -> dict[str, Any] | None:
        """Make it train one round; return its times and metrics, or None if it has finished."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # it said "done" and left, or failed: the reply tells
            self._process.stdin.write(b"go\n")
            self._process.stdin.flush()
        reply = self._read()
        return None if reply["event"] == "done" else reply

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._log.close()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        readable, *_ = select.select([self._process.stdout], [], [], _TIMEOUT_S)
        if not readable:
            self._process.kill()
            raise WorkerError(f"no answer for {_TIMEOUT_S:.0f} s")
        line = self._process.stdout.readline()
        if not line:
            self._log.seek(0)
            lines = self._log.read().decode(errors="replace").strip().splitlines()
            raise WorkerError(lines[-1] if lines else f"ended with code {self._process.wait()}")
        return json.loads(line)


def measure_in_turns(
    contenders: Sequence[Contender], problem: Problem, settings: Settings, *, baseline: str, per: str = "samples"
) -> Comparison:
    """Start every contender, warm it up for one round, then give each one turn per round, in rotating order.

    Args:
        per: what a round's work is counted in, "samples" or "steps".
    """
    work = problem.steps_per_round if per == "steps" else problem.num_samples * problem.epochs_per_round
    comparison = Comparison(problem.name, problem.title, unit="s", work=work, per=per, baseline=baseline)
    with ExitStack() as stack:
        workers: dict[str, Worker] = {}
        for contender in chosen(contenders, settings, baseline, comparison.skipped):
            try:
                worker = stack.enter_context(Worker(contender, problem, settings, settings.rounds + 1))
                reply = _take_round(worker)
            except WorkerError as error:
                comparison.skipped[contender.name] = str(error)
                say(f"{problem.name}: {contender.label} skipped: {error}")
                continue
            result = Result(contender.name, contender.label, contender.group, first=reply["elapsed_s"])
            result.facts = {key: value for key, value in worker.facts.items() if key != "event"}
            workers[contender.name] = worker
            comparison.results.append(result)
            say(f"{problem.name}: {contender.label} warmed up in {reply['elapsed_s']:.3g} s")
        for number in range(settings.rounds):
            for result in rotated(list(comparison.results), number):
                try:
                    reply = _take_round(workers[result.name])
                except WorkerError as error:
                    comparison.skipped[result.name] = str(error)
                    comparison.results.remove(result)
                    continue
                result.values.append(reply["elapsed_s"])
                result.facts |= {"metrics": reply["metrics"], "peak_mib": round(reply["peak_mib"], 1)}
            times = ", ".join(f"{r.name} {r.values[-1]:.4g}" for r in comparison.results)
            say(f"{problem.name}: round {number + 1}/{settings.rounds}: {times}")
    for result in comparison.results:
        say(f"{problem.name}: {result.label}: {statistics.median(result.values):.4g} s")
    return comparison


def chosen(
    contenders: Sequence[Contender], settings: Settings, baseline: str, skipped: dict[str, str]
) -> Iterator[Contender]:
    """Return those who were asked for and are installed; the reason why others are not goes into ``skipped``."""
    for contender in contenders:
        wanted = settings.contenders
        if wanted and contender.name != baseline and not contender.name.startswith(wanted):
            continue
        if contender.group == "peer" and not settings.peers:
            continue
        if contender.requires and installed_version(contender.requires) is None:
            skipped[contender.name] = f"{contender.requires} is not installed; see bench/requirements-peers.txt"
            say(f"{contender.label} skipped: {skipped[contender.name]}")
            continue
        yield contender


def rotated(items: list[Any], by: int) -> list[Any]:
    """Begin with another one each round, so that no one always follows the same."""
    by %= max(1, len(items))
    return items[by:] + items[:by]


def say(text: str) -> None:
    """Print a line of progress."""
    print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)


def _take_round(worker: Worker) -> dict[str, Any]:
    reply = worker.run_round()
    if reply is None:
        raise WorkerError("ended before its last round")
    return reply
