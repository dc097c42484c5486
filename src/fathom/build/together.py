"""A run in several processes: what those beside the first do, and how a restarted launch finds its run again."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fathom.build.plan import Plan, draft
from fathom.build.trained import TrainedRun
from fathom.errors import FathomError
from fathom.runs.folder import schema
from fathom.runs.folder.reader import RunReader
from fathom.settings.config import Config, config_from_dict, config_to_dict
from fathom.training.device import find_device
from fathom.training.distributed.world import LostProcess, World, join_world
from fathom.training.divergence import Diverged
from fathom.training.signals import Interrupted


def follow(plan: Plan, state: dict[str, Any] | None = None) -> TrainedRun:
    """Train along with the first process, which keeps the folder, speaks and evaluates on the test split.

    Args:
        state: of the checkpoint to go on from.
    """
    world, records = plan.execution.world, []
    try:
        with world.telling_failures():
            path = Path(world.broadcast(None))
            if plan.config.training.epochs:
                trainer = plan.make_trainer((), path)
                records = trainer.fit(plan.module, plan.data, state=state)
            trained = TrainedRun(path, records, world.broadcast(None), path / schema.REPORT, plan.config)
            world.meet()
            return trained
    except (Diverged, Interrupted):
        world.meet()  # the launcher ends all once one has ended: not before the first has recorded it
        raise
    finally:
        plan.data.close()


def announce(config: Config, state: dict[str, Any] | None = None) -> None:
    """Tell the processes that wait in ``follow_runs`` which run comes next, where this process leads them."""
    if _leader is not None:
        _leader.broadcast({"config": config_to_dict(config), "state": state})


def is_leading() -> bool:
    """Whether other processes wait to be told which run comes next."""
    return _leader is not None


@contextlib.contextmanager
def leading(device: str) -> Iterator[bool]:
    """Do in the first process alone what trains one run after another, as a cross-validation does.

    The others train along in every run until the first has left, and the block is not for them.

    Returns: whether this is the first process
    """
    global _leader
    world = join_world(find_device(device).type)
    if not world.is_first:
        while (order := world.broadcast(None)) is not None:
            config, state = config_from_dict(order["config"]), order["state"]
            with contextlib.suppress(Diverged):  # which the first process records, and goes on to the next run
                follow(draft(config, is_resumed=state is not None).ready(), state)
        world.meet()
        yield False
        return
    _leader = world if world.size > 1 else None
    try:
        yield True
    except LostProcess:
        _leader = None  # there is nobody to tell
        raise
    finally:
        leader, _leader = _leader, None
        if leader is not None:
            leader.broadcast(None)
            leader.meet()


_leader: World | None = None  # this process, while it leads others


def launch_id() -> dict[str, str]:
    """Return what tells this launch of several processes from others, for ``run.json``; nothing of one process."""
    name = os.environ.get("TORCHELASTIC_RUN_ID")
    if name is None:
        return {}
    # torchrun calls every launch "none" unless told otherwise; the port is in use by one at a time
    return {"launch": f"{name}:{os.environ.get('MASTER_PORT')}" if name == "none" else name}


def find_interrupted(root: str | Path, device: str) -> Path | None:
    """Return the run that this launch trained before torchrun restarted its processes; None on the first start.

    A run that had no checkpoint yet is begun anew, and its folder goes.

    Raises:  FathomError if it failed for a reason that would come again
    """
    if int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0") or 0) == 0:
        return None
    world = join_world(find_device(device).type)
    found = world.broadcast(_search(Path(root)) if world.is_first else None)
    return None if found is None else Path(found)


def _search(root: Path) -> str | None:
    own = launch_id()["launch"]
    runs = [RunReader(path.parent) for path in root.glob(f"*/{schema.RUN}")]
    runs = [run for run in runs if run.run.get("launch") == own and run.status != "done"]
    if not runs:
        return None
    newest = max(runs, key=lambda run: str(run.run.get("created")))
    if newest.run.get("failure"):  # it diverged, and would again
        raise FathomError(f"{newest.path}: not restarted: {newest.run.get('message')}")
    if (newest.path / schema.CHECKPOINTS / "last").is_dir():
        return str(newest.path)
    shutil.rmtree(newest.path, ignore_errors=True)
    return None
