"""Runs that belong together: each is trained once, in its own folder, whatever interrupts the series."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fathom.config import Config
from fathom.errors import FathomError, UsageError
from fathom.recipes.train import Start, resume, train
from fathom.runs.reader import RunReader
from fathom.training.checkpoint import CheckpointError
from fathom.training.signals import Interrupted

if TYPE_CHECKING:
    from fathom.recipes.kinds import Contents


@dataclass(frozen=True)
class Member:
    """One run of a series: the name of its folder, what people call it, its settings."""

    name: str
    label: str
    config: Config


def is_done(folder: Path, member: Member) -> bool:
    """Whether the run is finished."""
    with contextlib.suppress(FathomError):
        return RunReader(folder / member.name).status == "done"
    return False


def train_member(
    folder: Path,
    member: Member,
    *,
    contents: Contents = None,
    on_start: Start | None = None,
    command: tuple[str, ...] = (),
) -> Path:
    """Give the run's folder, trained: one that stopped goes on from its checkpoint, one that is done stays."""
    path = folder / member.name
    if is_done(folder, member):
        return path
    if any((path / "checkpoints" / name).is_dir() for name in ("last", "previous")):
        with contextlib.suppress(CheckpointError):  # damaged: this run alone begins anew
            return resume(path, contents=contents, on_start=on_start).path
    shutil.rmtree(path, ignore_errors=True)
    train(
        member.config,
        root=path.parent,
        name=path.name,
        contents=contents,
        on_start=on_start,
        command=command,
    )
    return path


@contextlib.contextmanager
def told_apart(member: Member, go_on: str) -> Iterator[None]:
    """Let an error say which run of the series it struck, and a stop how the series goes on."""
    try:
        yield
    except Interrupted as stop:
        line = f"stopped in {member.label}; what is done is kept, go on with: {go_on}"
        raise type(stop)(stop.exit_code - 128, line) from None
    except UsageError as error:
        raise UsageError(f"{member.label}: {error}") from error
    except FathomError as error:
        raise FathomError(f"{member.label}: {error}; the series goes on with: {go_on}") from error


@contextlib.contextmanager
def end_recorded(save: Callable[..., None], stopped: str) -> Iterator[None]:
    """Save how a series ended, as its ``status`` and ``message``; ``stopped`` is the message of a stop by a signal."""
    ended: dict[str, str | None] = {"status": "stopped", "message": stopped}
    try:
        yield
    except (Interrupted, KeyboardInterrupt):
        raise
    except Exception as error:
        ended = {"status": "failed", "message": str(error)}
        raise
    else:
        ended = {"status": "done", "message": None}
    finally:
        save(**ended)
