"""A run that is no real one: does everything connect, can the network learn at all?"""

from __future__ import annotations

from dataclasses import dataclass

from fathom.errors import UsageError


@dataclass(frozen=True)
class Rehearsal:
    """What a rehearsal leaves out; without arguments nothing, which is ordinary training.

    Args:
        fast_dev_run: one batch of training, one of validation, nothing saved: does everything connect?
        overfit_batches: memorise these first batches, without validation: can it learn at all?
    Raises:  UsageError if both are asked for, or a negative number of batches
    """

    fast_dev_run: bool = False
    overfit_batches: int = 0

    def __post_init__(self) -> None:
        if self.overfit_batches < 0:
            raise UsageError(
                f"overfit_batches={self.overfit_batches}: it must be at least 1, or 0 for ordinary training"
            )
        if self.fast_dev_run and self.overfit_batches:
            raise UsageError("fast_dev_run and overfit_batches exclude each other: one checks, the other trains")

    @property
    def limit(self) -> int | None:
        """How many batches of each loader are used; None for all."""
        return self.overfit_batches or (1 if self.fast_dev_run else None)
