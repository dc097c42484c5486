"""Which steps are looked at closely."""

from __future__ import annotations

FIRST_STEPS = 5  # all looked at closely
EVERY = 50  # and of the later ones each power of two, and one in so many
EVERY_LATE, LATE = 200, 1000  # one in so many after so many steps


def is_sampled(step: int) -> bool:
    """Whether a step, counted from 0, is looked at closely.

    >>> [step for step in range(120) if is_sampled(step)]
    [0, 1, 2, 3, 4, 8, 16, 32, 50, 64, 100]
    """
    if step < FIRST_STEPS or step & (step - 1) == 0:
        return True
    return step % (EVERY if step < LATE else EVERY_LATE) == 0
