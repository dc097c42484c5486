"""Reading a run folder, finished or still growing; every file that is missing or damaged is named in one line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import Any

from fathom.errors import FathomError
from fathom.findings import Finding, Findings
from fathom.monitor import USUAL, is_better_epoch, parse_monitor
from fathom.runs.folder import schema
from fathom.runs.folder.lookup import resolve_run
from fathom.runs.folder.metrics import read_metrics
from fathom.runs.folder.probes import Event, read_probes
from fathom.runs.folder.records import is_number, read_json, read_yaml


@dataclass(frozen=True)
class Best:
    """The best value of the metric that runs are evaluated by, and the epoch it was reached in."""

    metric: str
    value: float
    epoch: float
    is_highest: bool  # else the lowest


class RunReader:
    """One run folder, read when asked. ``RunReader("last")`` is the newest finished run in ``runs/``.

    Raises:  FathomError if the folder is no run, is damaged, or comes from a newer Fathom
    """

    def __init__(self, path: str | Path, root: str | Path = "runs") -> None:
        # a Path means itself, a text may be a name
        self.path = resolve_run(path, root) if isinstance(path, str) else path
        file = self.path / schema.RUN
        if not self.path.is_dir():
            raise FathomError(f"{self.path} is no folder" if self.path.exists() else f"{self.path} does not exist")
        if not file.exists():
            # run.json is written first: without it nothing was begun
            raise FathomError(f"{self.path} is not a run folder: it has no {schema.RUN}")
        self.run: dict[str, Any] = read_json(file)
        schema.check_schema(self.run, file)
        if self.run.get("status") not in schema.STATUSES:
            raise FathomError(f"{file} is damaged: status is not one of {', '.join(schema.STATUSES)}")

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.path.resolve().name

    @property
    def status(self) -> str:
        """One of running, done, stopped, failed."""
        return str(self.run["status"])

    @cached_property  # read once: the settings do not change
    def config(self) -> dict[str, Any]:
        """The resolved configuration."""
        config = read_yaml(self.path / schema.CONFIG)
        schema.check_schema(config, self.path / schema.CONFIG)
        return config

    @cached_property
    def metrics(self) -> list[dict[str, Any]]:
        # cached: a reader shows one moment of a growing run
        """The records that count, in the order of their steps; empty if nothing was recorded yet."""
        return read_metrics(self.path / schema.METRICS)

    @cached_property
    def probes(self) -> list[Event]:
        """What the doctor measured and found while the network trained; empty if it was switched off."""
        return read_probes(self.path / schema.PROBES)

    def steps(self) -> list[dict[str, Any]]:
        """The records of the log intervals within epochs."""
        return [record for record in self.metrics if record.get("event") == "step"]

    def epochs(self) -> list[dict[str, Any]]:
        """The records of finished epochs."""
        return [record for record in self.metrics if record.get("event") == "epoch"]

    @cached_property
    def model(self) -> dict[str, Any] | None:
        """The model's description, or None if the run ended before it was written."""
        return self._read_optional(schema.MODEL)

    @cached_property
    def data(self) -> dict[str, Any] | None:
        """What was learned from, or None in a run that did not write it down."""
        return self._read_optional(schema.DATA)

    @cached_property
    def evaluation(self) -> dict[str, Any] | None:
        """What the test set says, or None if it was not used yet."""
        evaluation = self._read_optional(schema.EVALUATION)
        if evaluation is not None:
            _check_evaluation(evaluation, self.path / schema.EVALUATION)
        return evaluation

    @cached_property
    def comparison(self) -> dict[str, Any] | None:
        """Fine-tuning beside training from scratch, or None if that was not asked for or nothing is done of it."""
        comparison = self._read_optional(schema.COMPARISON)
        if comparison is not None:
            _check_comparison(comparison, self.path / schema.COMPARISON)
        return comparison

    @cached_property
    def pruning(self) -> dict[str, Any] | None:
        """What pruning did, or None if the run did not begin with a pruned model."""
        pruning = self._read_optional(schema.PRUNING)
        if pruning is not None:
            _check_pruning(pruning, self.path / schema.PRUNING)
        return pruning

    @property
    def failure(self) -> Finding | None:
        """What ended a run that failed, where that is known more closely than the message says."""
        # the finding with which training stopped
        content = self.run.get("failure") if self.status == "failed" else None
        if content is None:
            return None
        try:
            return Finding.from_dict(content)
        except ValueError as error:
            raise FathomError(f"{self.path / schema.RUN} is damaged: failure is no finding ({error})") from error

    @cached_property
    def findings(self) -> Findings | None:
        """What findings.json says, or None if the run has not ended."""
        content = self._read_optional(schema.FINDINGS)
        try:
            return None if content is None else Findings.from_dict(content)
        except ValueError as error:
            raise FathomError(f"{self.path / schema.FINDINGS} is damaged: {error}") from error

    @property
    def comparison_is_open(self) -> bool:
        """Whether runs are missing before the comparison is complete."""
        return self.comparison is None or not self.comparison.get("complete")  # None: nothing of it is done yet

    @property
    def is_classifier(self) -> bool:
        """Whether the model names classes; told by model.json, else by the recorded metrics."""
        if self.model is not None:
            return self.model.get("kind") == "classifier"
        # model.json missing: training stopped very early
        return any("train_accuracy" in record for record in self.metrics)

    @property
    def model_name(self) -> str:
        """The model's name."""
        return self._name_of("model")

    @property
    def data_name(self) -> str:
        """The data set's name; of a folder of images, the folder's."""
        return Path(self._name_of("data")).name  # a path in config.yaml

    def best(self) -> Best | None:
        """The best epoch by ``training.monitor``.

        Where nothing is set there: the highest val_accuracy; without one the lowest val_loss; without validation the
        lowest train_loss. Of epochs that tie, the one with the lowest val_loss.
        """
        training = self.config.get("training")
        chosen = training.get("monitor") if isinstance(training, Mapping) else None
        # the chosen one may not be recorded yet
        for monitor in USUAL if chosen is None else (parse_monitor(str(chosen)), *USUAL):
            records = [record for record in self.epochs() if is_number(record.get(monitor.name))]
            if records:
                record = records[0]
                for other in records[1:]:  # the first epoch, unless a later one is better
                    record = other if is_better_epoch(monitor, other, record) else record
                return Best(monitor.name, float(record[monitor.name]), record["epoch"], monitor.higher_is_better)
        return None

    @property
    def train_s(self) -> float | None:
        """Seconds spent training: from run.json, or else from the last record."""
        if is_number(self.run.get("train_s")):
            return float(self.run["train_s"])
        # while it runs run.json does not tell
        return next((float(r["elapsed_s"]) for r in reversed(self.metrics) if is_number(r.get("elapsed_s"))), None)

    @property
    def samples_per_s(self) -> float | None:
        """Training speed: the median over epochs, or over log intervals if no epoch was finished."""
        for records in (self.epochs(), self.steps()):  # the finer ones only if there is no epoch
            speeds = [r["samples_per_s"] for r in records if is_number(r.get("samples_per_s"))]
            if speeds:
                return float(median(speeds))  # not the mean: the first epoch warms up
        return None

    def _name_of(self, part: str) -> str:
        section = self.config.get(part)
        name = section.get("name") if isinstance(section, Mapping) else section  # foreign files may hold the name alone
        return str(name) if name else "unnamed"

    def _read_optional(self, name: str) -> dict[str, Any] | None:
        path = self.path / name
        if not path.exists():
            return None
        content = read_json(path)
        schema.check_schema(content, path)
        return content


def _check_evaluation(evaluation: Mapping[str, Any], path: Path) -> None:
    """Refuse parts whose shapes contradict each other, which every view of them would stumble over."""
    names = evaluation.get("class_names")
    confusion = evaluation.get("confusion")
    if confusion is not None:
        size = len(names) if isinstance(names, list) else -1  # -1 fits no matrix
        rows = confusion if isinstance(confusion, list) else []
        square = len(rows) == size and all(isinstance(row, list) and len(row) == size for row in rows)
        if not square or not all(isinstance(cell, int) and cell >= 0 for row in rows for cell in row):
            raise FathomError(f"{path} is damaged: the confusion matrix does not fit the class names")
    for part in ("per_class", "per_label", "mistakes"):
        entries = evaluation.get(part, [])
        if not isinstance(entries, list) or not all(isinstance(entry, Mapping) for entry in entries):
            raise FathomError(f"{path} is damaged: {part} is not a list of entries")


def _check_comparison(comparison: Mapping[str, Any], path: Path) -> None:
    """Refuse a comparison whose values are not numbers, one a seed at most; None stands for a run that diverged."""
    seeds = comparison.get("seeds")
    for arm in ("fine_tuned", "scratch"):
        values = comparison.get(arm)
        # fewer while it runs
        if not isinstance(seeds, list) or not isinstance(values, list) or len(values) > len(seeds):
            raise FathomError(f"{path} is damaged: {arm} is not a list of one value a seed")
        if not all(value is None or is_number(value) for value in values):
            raise FathomError(f"{path} is damaged: {arm} holds what is no number")


def _check_pruning(pruning: Mapping[str, Any], path: Path) -> None:
    """Refuse a record without the stages before and after, or with one that is no set of figures."""
    stages, times = pruning.get("stages"), pruning.get("times")
    # fine-tuned may be missing
    if not (isinstance(stages, Mapping) and isinstance(times, list) and {"before", "pruned"} <= set(stages)):
        raise FathomError(f"{path} is damaged: it lacks stages or times")
    for entry in (*stages.values(), *times):
        if not isinstance(entry, Mapping):
            raise FathomError(f"{path} is damaged: a stage or a time is no set of figures")
