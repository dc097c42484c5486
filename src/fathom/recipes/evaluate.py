"""``fathom eval`` as a function: evaluate a run's model on a split of its own data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fathom.build.failures import readable_failures
from fathom.build.kinds.detection import kind_of
from fathom.build.opening import open_split
from fathom.errors import unknown
from fathom.inference.saved import load_module
from fathom.runs.folder.lookup import resolve_run
from fathom.settings.reading import read_config

SPLITS = ("train", "val", "test")


def evaluate(run: str | Path, split: str = "test", *, device: str = "auto") -> dict[str, Any]:
    """Evaluate the model of a run on a split of its own data; nothing in the folder changes.

    Processes that a launcher started share the batches; each returns the result of all.

    Args:
        run: the run folder, its name in ``runs/``, or "last".
        split: train, val or test.
    Raises:  UsageError for an unknown split or one that the data does not have; FathomError if the model cannot be read
    """
    run = resolve_run(run)
    if split not in SPLITS:
        raise unknown("split", split, SPLITS)
    config = read_config(run)
    module, _ = load_module(run)
    kind = kind_of(config)
    data = kind.build(config)
    try:
        with readable_failures():  # out of memory, a dead worker: one line, no traceback
            batches, execution = open_split(module, config, data, split, device, devices=None)
            return kind.evaluate(module, data, split, batches, execution).summary
    finally:
        data.close()  # workers and the cache of decoded images
