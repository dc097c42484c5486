"""A request to stop, left in a run's folder by whoever may write there: no signal, so that no wrong process gets it."""

from __future__ import annotations

from pathlib import Path

from fathom.files import write_atomically

FILE = "stop.request"


def ask_to_stop(run: Path) -> None:
    """Ask the process that trains a run to save a checkpoint and end.

    Raises:  FathomError if the folder cannot be written
    """
    write_atomically(run / FILE, "stop\n")


def is_asked_to_stop(run: Path) -> bool:
    """Whether somebody asked."""
    return (run / FILE).exists()


def clear_request(run: Path) -> None:
    """Take the request away, when it is granted or was meant for an earlier training."""
    (run / FILE).unlink(missing_ok=True)
