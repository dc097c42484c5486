"""Writing a run folder while a network trains: records are appended and flushed, everything else is replaced whole."""

from __future__ import annotations

import csv
import io
import re
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from fathom.errors import FathomError
from fathom.files import append_line, atomic_file, describe_failure, encode_text, remove_leftovers, write_atomically
from fathom.runs.folder import schema
from fathom.runs.folder.metrics import append_resume, read_metrics
from fathom.runs.folder.records import read_json, to_json, to_plain, to_yaml


class RunWriter:
    """One run folder, open for writing. No file stays open between calls, so nothing needs to be closed.

    Made by ``RunWriter.create`` (a new folder) or ``RunWriter.resume`` (an existing one, to go on).
    """

    def __init__(self, path: Path, run: dict[str, Any], clock: Callable[[], datetime]) -> None:
        self.path = path
        self._run = run
        self._clock = clock
        self._columns: list[str] = []  # of metrics.csv, as its header stands
        self._epochs: list[dict[str, Any]] = []  # those in metrics.csv
        self._resumed_at: tuple[int, int] | None = None  # step and epoch of a cut that metrics.jsonl does not tell yet

    @classmethod
    def create(
        cls,
        root: str | Path,
        model: str,
        data: str,
        *,
        name: str | None = None,
        clock: Callable[[], datetime] | None = None,
    ) -> RunWriter:
        """Make ``root/<YYYYMMDD-HHMMSS>-<model>-<data>/``; -2, -3 … is added if another run took the name.

        ``name`` is another name for the folder.

        Raises:  FathomError if the folder cannot be made
        """
        clock = clock or _local_time
        now = clock()
        path = claim_folder(Path(root), name or name_folder(now, model, data))
        writer = cls(path, {"schema": schema.SCHEMA}, clock)
        try:
            writer.update_run(status="running", created=now.isoformat(timespec="milliseconds"))
        except BaseException:
            shutil.rmtree(path, ignore_errors=True)  # without run.json it would be no run
            raise
        return writer

    @classmethod
    def resume(
        cls, path: str | Path, step: int, epoch: int, *, clock: Callable[[], datetime] | None = None
    ) -> RunWriter:
        """Open an existing run folder to go on writing, from a checkpoint of ``step`` steps and ``epoch`` whole epochs.

        Records of what comes after the checkpoint count no longer, as they will be written again: a resume record,
        which comes before the first new one, says so. Until then no record changes.

        Raises:  FathomError if the folder is missing, damaged, not a run, or from a newer Fathom
        """
        folder = Path(path)
        run = read_json(folder / schema.RUN)
        schema.check_schema(run, folder / schema.RUN)
        writer = cls(folder, run, clock or _local_time)
        for place in (folder, folder / schema.CHECKPOINTS):
            remove_leftovers(place)  # temporary files of a process that was killed while it wrote
        writer._resumed_at = (step, epoch)
        read_metrics(folder / schema.METRICS)  # damage is told before a step is taken
        return writer

    def write_config(self, config: Mapping[str, object]) -> None:
        """Write config.yaml; the schema number is put in front if it is not there."""
        write_atomically(self.path / schema.CONFIG, to_yaml({"schema": schema.SCHEMA, **config}))

    def update_run(self, **fields: object) -> None:
        """Set fields of run.json; those not named keep their value."""
        self._run.update(to_plain(fields))  # plain at once: what cannot be written is refused here
        self.write_json(schema.RUN, self._run)

    def log_metrics(self, record: Mapping[str, object]) -> None:
        """Append one record to metrics.jsonl, and an epoch's record to metrics.csv too.

        ``record`` holds ``event`` ("step" or "epoch"), ``step``, ``epoch`` and any metrics. A number that is not
        finite is written as null: JSON has no word for it.
        """
        plain = to_plain(record)
        self._cut_metrics()  # not earlier: a run that is resumed and stopped at once stays as it was
        append_line(self.path / schema.METRICS, to_json(plain))
        if plain.get("event") == "epoch":
            self._add_epoch(plain)

    def log_text(self, text: str) -> None:
        """Append to log.txt with the time; further lines of the same text are indented under the first."""
        stamp = self._clock().isoformat(timespec="seconds")
        append_line(self.path / schema.LOG, f"{stamp}  " + text.rstrip("\n").replace("\n", "\n    "))

    def write_json(self, name: str, content: Mapping[str, object]) -> None:
        """Write ``content`` as JSON to the file ``name`` of the run folder."""
        write_atomically(self.path / name, to_json(content, indent=2) + "\n")

    def write_predictions(self, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Path:
        """Write predictions.csv row by row; a failure in the middle leaves the earlier file as it was."""
        path = self.path / schema.PREDICTIONS
        with atomic_file(path) as file:
            table = csv.writer(_Utf8(file), lineterminator="\n")  # csv writes text, an atomic file takes bytes
            table.writerow(columns)
            table.writerows(rows)
        return path

    def _cut_metrics(self) -> None:
        """Before the first record of a resumed run, say where it goes on."""
        path = self.path / schema.METRICS
        if self._resumed_at is not None and path.exists():
            append_resume(path, *self._resumed_at)
            self._epochs = [record for record in read_metrics(path) if record.get("event") == "epoch"]
            self._columns = _merge_columns(self._epochs)
            self._rewrite_table()
        self._resumed_at = None

    def _add_epoch(self, record: dict[str, Any]) -> None:
        self._epochs.append(record)
        columns = _merge_columns([dict.fromkeys(self._columns), record])
        # append: rewriting every epoch would grow with their square
        if columns == self._columns and len(self._epochs) > 1:  # the header is there and still fits
            append_line(self.path / schema.METRICS_TABLE, _csv_text(columns, [record]).rstrip("\n"))
        else:  # the first epoch, or a metric that was not there before: every row gets the new column
            self._columns = columns
            self._rewrite_table()

    def _rewrite_table(self) -> None:
        path = self.path / schema.METRICS_TABLE
        if self._epochs:
            header = ",".join(self._columns) + "\n"
            write_atomically(path, header + _csv_text(self._columns, self._epochs))
        else:
            path.unlink(missing_ok=True)  # no epoch left after the cut


class _Utf8:
    """Lets csv write text into a binary file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, text: str) -> int:
        return self._file.write(encode_text(text))  # encode_text: lone surrogates of file names too


def _local_time() -> datetime:
    return datetime.now().astimezone()  # with the offset: run folders travel between machines


def name_folder(now: datetime, *parts: str) -> str:
    """Name a folder by its time and what it is about."""
    return "-".join([f"{now:%Y%m%d-%H%M%S}", *map(_slug, parts)])


def _slug(text: str) -> str:
    """Keep what is safe in a folder name on every system: ``folder:/my images`` becomes ``folder-my-images``."""
    return re.sub(r"[^\w.+]+", "-", text).strip("-.")[:40] or "unnamed"  # 40: paths on Windows end at 260


def claim_folder(root: Path, name: str) -> Path:
    """Make the folder ``root/name``; -2, -3 … is added if the name is taken.

    Raises:  FathomError if it cannot be made
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        for number in range(1, 10_000):  # runs of the same second, as a script starts them
            path = root / (name if number == 1 else f"{name}-{number}")
            try:
                path.mkdir()  # fails if it exists, so that two processes never share a folder
                return path
            except FileExistsError:
                continue
    except OSError as error:
        raise describe_failure("make a run folder in", root, error) from error
    raise FathomError(f"cannot make a run folder in {root}: {name} is taken 10,000 times")


def _merge_columns(records: Iterable[Mapping[str, object]]) -> list[str]:
    """Known metrics in their fixed order, then the others as they first appeared."""
    seen = {name: None for record in records for name in record if name != "event"}
    return [name for name in schema.METRIC_ORDER if name in seen] + [
        name for name in seen if name not in schema.METRIC_ORDER
    ]


def _csv_text(columns: Sequence[str], records: Iterable[Mapping[str, object]]) -> str:
    text = io.StringIO()
    # metrics not in every epoch leave a cell empty
    table = csv.DictWriter(text, columns, restval="", extrasaction="ignore", lineterminator="\n")
    table.writerows(records)
    return text.getvalue()
