"""The runs of a folder in a line each, newest first, with what one looks for: status, networks, results, time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fathom.errors import FathomError
from fathom.runs.folder.lock import is_locked
from fathom.runs.folder.lookup import REHEARSALS, names_in
from fathom.runs.folder.reader import RunReader
from fathom.runs.folder.records import is_number

# of the test set, by kind of data: what a run is judged by, and whether more is better
_TEST_METRICS = {"accuracy": True, "perplexity": False, "rmse": False}


@dataclass(frozen=True)
class ListedRun:
    """One run of a listing; what its files do not tell is None, and ``problem`` says why a damaged one is.

    ``condition`` is one of ``schema.CONDITIONS``.
    """

    name: str
    path: str
    condition: str
    created: str | None = None
    model: str | None = None
    data: str | None = None
    epochs: int | None = None
    max_epochs: int | None = None
    val_metric: str | None = None
    val: float | None = None
    test_metric: str | None = None
    test: float | None = None
    train_s: float | None = None
    problem: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the fields by name, as ``--json`` prints them."""
        return asdict(self)


def list_runs(root: str | Path) -> list[ListedRun]:
    """Return the runs in a folder, newest first. A damaged one is listed as such and hides no other."""
    # run.json makes a folder a run; its series' runs lie deeper
    paths = [Path(root, name) for name in names_in(Path(root))]
    # names break ties: they begin with the time
    return sorted(map(describe_run, paths), key=lambda run: (run.created or "", run.name), reverse=True)


def describe_run(path: Path) -> ListedRun:
    """Return what there is to say of one run folder in a line."""
    try:
        run = RunReader(path)
        best, epochs = run.best(), run.epochs()
        # the first that the run has
        test = next(((k, v) for k in _TEST_METRICS if is_number(v := (run.evaluation or {}).get(k))), (None, None))
        return ListedRun(
            name=path.name,
            path=str(path),
            condition=_condition(run),
            created=run.run.get("created"),
            model=run.model_name,
            data=run.data_name,
            epochs=int(epochs[-1]["epoch"]) if epochs else 0,  # whole epochs
            max_epochs=_epochs_asked(run.config),
            val_metric=best.metric if best else None,
            val=best.value if best else None,
            test_metric=test[0],
            test=test[1],
            train_s=run.train_s,
        )
    except FathomError as error:  # damaged runs are listed too, or nobody would find them
        return ListedRun(path.name, str(path), "damaged", problem=str(error))


def select(
    runs: Iterable[ListedRun], *, condition: str | None = None, model: str | None = None, data: str | None = None
) -> list[ListedRun]:
    """Return the runs that are in this condition and whose network and data contain these texts, in any case."""

    def contains(value: str | None, text: str | None) -> bool:
        return text is None or text.casefold() in (value or "").casefold()

    return [
        run
        for run in runs
        if condition in (None, run.condition) and contains(run.model, model) and contains(run.data, data)
    ]


def sort_key(name: str) -> Callable[[ListedRun], tuple[bool, float]]:
    """Return the key that puts the best, or the longest, first; runs without a value come last.

    Args:
        name: test, val or time.
    """

    def key(run: ListedRun) -> tuple[bool, float]:
        value, metric = {
            "test": (run.test, run.test_metric),
            "val": (run.val, run.val_metric),
            "time": (run.train_s, None),
        }[name]
        if value is None:
            return True, 0.0  # True sorts after False
        is_lower_better = metric is not None and any(word in metric for word in ("loss", "perplexity", "rmse"))
        return False, value if is_lower_better else -value  # ascending sort: negated where more is better

    return key


def _condition(run: RunReader) -> str:
    if run.status == "running":
        # the status in the file survives a kill, the lock does not
        return "running" if is_locked(run.path) else "interrupted"
    return "dry run" if str(run.run.get("rehearsal")) in REHEARSALS and run.status == "done" else run.status


def _epochs_asked(config: Mapping[str, Any]) -> int | None:
    epochs = (config.get("training") or {}).get("epochs")
    return epochs if isinstance(epochs, int) else None
