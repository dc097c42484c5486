"""Learning-rate schedules by name: what the learning rate is multiplied by at each step of a run.

``make_schedule("cosine", total_steps=1000, warmup_steps=50).factor(step)`` depends on the step alone, so a resumed run
needs nothing but its step number. The one exception, ``plateau``, follows a measured value and says so in its state.

Time in options: an integer counts steps, a float between 0 and 1 is a fraction of the whole run, warm-up included.
``milestones`` are counted from the start of the run, everything else from the end of the warm-up.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from fathom.errors import FathomError, UsageError, unknown
from fathom.phrases import counted
from fathom.training.schedules import curves
from fathom.training.schedules.options import Curve, build_curve, check_number, check_whole, count_steps

WARMUP_START = 0.01  # not 0: the first step would do nothing


@dataclass(frozen=True)
class ScheduleInfo:
    """What is known of a schedule before it is made. An option whose default is None has none."""

    formula: str
    meaning: str
    options: Mapping[str, Any] = field(default_factory=dict)


# t: steps since the warm-up, T: steps after the warm-up, n: steps taken of the whole run (from 1)
SCHEDULES: dict[str, ScheduleInfo] = {
    "constant": ScheduleInfo("1", "the base learning rate throughout"),
    "piecewise": ScheduleInfo(
        "values[i] between milestones i-1 and i",
        "a constant between milestones",
        {"milestones": (0.5, 0.75), "values": (1.0, 0.1, 0.01)},
    ),
    "exponential": ScheduleInfo(
        "gamma^(t/every), or final^(t/T)",
        "the same ratio at every step",
        {"final": 0.01, "gamma": None, "every": None},
    ),
    "natural_exponential": ScheduleInfo(
        "e^(-rate*t/every), or to final at T",
        "exponential with base e",  # gamma or rate need "every"; without them the curve ends at "final"
        {"final": 0.01, "rate": None, "every": None},
    ),
    "polynomial": ScheduleInfo(
        "final + (1-final)*(1 - t/T)^power", "a straight line or a power of it", {"power": 1.0, "final": 0.0}
    ),
    # 1/3: two drops in a run
    "step": ScheduleInfo("gamma^floor(t/every)", "a drop at equal intervals", {"every": 1 / 3, "gamma": 0.1}),
    "multi_step": ScheduleInfo(
        # He et al. 2016, §4.2: at 32,000 and 48,000 of 64,000 iterations.
        "gamma^(milestones passed)",
        "a drop at each milestone",
        {"milestones": (0.5, 0.75), "gamma": 0.1},
    ),
    "inverse_time": ScheduleInfo(
        "1/(1 + rate*t/every), or to final at T",
        "fast at first, then ever slower",
        {"final": 0.01, "rate": None, "every": None},
    ),
    "lambda": ScheduleInfo("function(step, total)", "your own arithmetic of step and total", {"function": None}),
    "cosine": ScheduleInfo("final + (1-final)*(1 + cos(pi*t/T))/2", "half a wave, slow at both ends", {"final": 0.0}),
    "noam": ScheduleInfo(
        "min(n/warmup, sqrt(warmup/n))",
        "a linear rise, then 1/sqrt: the Transformer's",
        {"model_size": None},
    ),
    "plateau": ScheduleInfo(
        "*gamma after patience values without gain",
        "a drop whenever the loss stalls",
        # torch's defaults but for patience, which is 10 there: longer than many a run here.
        # threshold is relative: 1e-4 is a gain of 0.01 %
        {"gamma": 0.1, "patience": 3, "threshold": 1e-4, "cooldown": 0, "final": 0.0, "mode": "min"},
    ),
    "one_cycle": ScheduleInfo(
        "start -> 1 over rise, then -> final",
        "up, then far down: super-convergence",
        # OneCycleLR's pct_start 0.3, div_factor 25 and final_div_factor 1e4.
        {"rise": 0.3, "start": 0.04, "final": 4e-6, "shape": "cosine"},
    ),
}
NAMES = tuple(SCHEDULES)


@dataclass(frozen=True)
class Schedule:
    """A multiplier on the base learning rate for every step of a run.

    ``make_schedule`` makes one. ``make_schedule(**schedule.to_dict())`` makes an equal one.
    """

    name: str
    total_steps: int
    warmup_steps: int
    warmup_start: float | None
    options: dict[str, Any]
    _curve: Curve = field(repr=False, compare=False)  # not compared: functions are equal only by identity

    def factor(self, step: int) -> float:
        """The multiplier at ``step``, counted from 0; past the end of the run the curve goes on or stays."""
        return self._curve(step)

    def observe(self, value: float) -> None:
        """Take note of a validation loss. Only ``plateau`` makes use of it."""

    def state_dict(self) -> dict[str, Any]:
        """What must be kept to resume, ready for JSON: nothing, for a pure function of the step."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up the state of an equal schedule.

        Raises:  FathomError if the state belongs to another schedule
        """
        if state:
            raise FathomError(f"the saved state is not one of the schedule {self.name!r}, which keeps none")

    def describe(self) -> str:
        """One line for a log: name, options, length and warm-up."""
        options = "".join(f", {key}={_shown(value)}" for key, value in self.options.items())
        warmup = ""
        if self.warmup_steps:
            start = "" if self.warmup_start is None else f" from {self.warmup_start:g}"
            warmup = f", warm-up of {counted(self.warmup_steps, 'step')}{start}"
        return f"{self.name} over {counted(self.total_steps, 'step')}{warmup}{options}"

    def to_dict(self) -> dict[str, Any]:
        """The arguments that make this schedule, ready for JSON.

        Raises:  UsageError if an option is a Python function
        """
        if callable(self.options.get("function")):
            raise UsageError("a Python function cannot be saved; write the schedule as an expression of step and total")
        made: dict[str, Any] = {"name": self.name, "total_steps": self.total_steps, "warmup_steps": self.warmup_steps}
        if self.warmup_start is not None:
            made["warmup_start"] = self.warmup_start
        return made | {key: list(value) if isinstance(value, tuple) else value for key, value in self.options.items()}


@dataclass
class _Progress:
    """What ``plateau`` knows of the values observed so far."""

    scale: float = 1.0  # product of all drops so far
    best: float | None = None
    num_bad: int = 0  # values in a row without gain
    num_cooldown: int = 0  # values after a drop that do not count as bad


@dataclass(frozen=True)
class Plateau(Schedule):
    """The schedule that follows a measured value: a pure function of the values observed, and of the warm-up.

    After ``patience`` values in a row that are not better than the best by more than the relative ``threshold``, the
    next such value multiplies the learning rate by ``gamma``, down to ``final`` at least; then ``cooldown`` values are
    not evaluated. ``mode`` says whether better is smaller ("min", a loss) or larger ("max", an accuracy).

    Equals:  torch.optim.lr_scheduler.ReduceLROnPlateau(factor=gamma, min_lr=final·lr, eps=0), relative threshold
    """

    # the one thing that changes in it
    _progress: _Progress = field(default_factory=_Progress, repr=False, compare=False)

    def factor(self, step: int) -> float:
        # the curve is the warm-up alone; the drops come on top
        return self._curve(step) * self._progress.scale

    def observe(self, value: float) -> None:
        """Take note of the value after a validation. One that is not a number counts as no better."""
        now, option = self._progress, self.options
        if now.best is None:
            # the first number is the best so far; a loss that begins as NaN waits for one
            better = not math.isnan(value)
        elif option["mode"] == "min":
            better = value < now.best * (1.0 - option["threshold"])
        else:
            better = value > now.best * (1.0 + option["threshold"])
        if better:  # NaN compares false, so it counts as no better
            now.best, now.num_bad = float(value), 0
        else:
            now.num_bad += 1
        if now.num_cooldown > 0:  # as torch's ReduceLROnPlateau: within the cooldown nothing is counted
            now.num_cooldown, now.num_bad = now.num_cooldown - 1, 0
        if now.num_bad > option["patience"]:
            # min: a gamma that would fall below final stops there, and a final above 1 never raises the rate
            now.scale = min(now.scale, max(now.scale * option["gamma"], option["final"]))
            now.num_cooldown, now.num_bad = option["cooldown"], 0

    def state_dict(self) -> dict[str, Any]:
        return dict(vars(self._progress))

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        if set(state) != set(vars(self._progress)):
            raise FathomError("the saved state is not one of the schedule 'plateau'")
        vars(self._progress).update(state)


def make_schedule(
    name: str,
    total_steps: int,
    warmup_steps: int | float = 0,
    *,
    warmup_start: float | None = None,
    **options: Any,
) -> Schedule:
    """Make a schedule by name.

    With a warm-up the factor first rises in a straight line from ``warmup_start`` times the curve's first value to
    that value, and the curve then runs over the steps that remain: SequentialLR(LinearLR, …) in torch. For ``noam`` the
    warm-up is the one in its formula (4 % of the run if not given: the paper's 4,000 of 100,000 steps).

    Args:
        name: one of ``NAMES``, or a text for ``parse_schedule`` such as ``"cosine:warmup=0.05,final=0.01"``
        total_steps: optimiser steps in the run
        warmup_steps: steps, or as a float below 1 a fraction of the run
        warmup_start: where the warm-up starts; ``WARMUP_START`` if not given
        options: see ``SCHEDULES[name].options``; ``function`` of ``lambda`` is an expression such as
            ``"1 / (1 + step / 100)"`` or, from Python, a function of the step

    Raises:  UsageError if a name is unknown or a value out of range
    """
    if ":" in name:
        name, written = parse_schedule(name)
        return make_schedule(
            # what is written in the text wins over warmup, and an argument over both
            name,
            total_steps,
            **{"warmup_steps": warmup_steps, "warmup_start": warmup_start} | written | options,
        )
    if name not in SCHEDULES:
        raise unknown("schedule", name, NAMES)
    total, warmup = check_whole(name, "total_steps", total_steps, low=1), 0
    if warmup_steps:
        warmup = round(count_steps(name, "warmup_steps", warmup_steps, total))
        if warmup > total:
            raise UsageError(f"schedule {name}: a warm-up of {warmup} steps does not fit a run of {total}")
    # told, not ignored: the user believes that it does something
    if warmup_start is not None and (not warmup_steps or name == "noam"):
        cause = "noam's formula gives the rise itself" if name == "noam" else "there are no warmup_steps"
        raise UsageError(f"schedule {name}: warmup_start has no effect, {cause}; leave it out")
    made = _with_defaults(name, options)
    if name == "noam":
        # Vaswani et al. 2017, §5.2 and §5.3
        warmup = warmup or max(1, round(0.04 * total))  # 4,000 of the paper's 100,000 steps
        return Schedule(name, total, warmup, None, made, build_curve(name, made, total, warmup))
    curve = build_curve(name, made, total, warmup)
    start = None
    if warmup:
        start = check_number(name, "warmup_start", WARMUP_START if warmup_start is None else warmup_start, high=1.0)
        curve = partial(_warmed, curve=curve, num_steps=warmup, start=start)
    kind = Plateau if name == "plateau" else Schedule
    return kind(name, total, warmup, start, made, curve)


def _warmed(step: int, curve: Curve, num_steps: int, start: float) -> float:
    if step >= num_steps:
        return curve(step - num_steps)
    return curve(0) * curves.warm_up(step, num_steps, start)  # up to where the curve begins, which need not be 1


# the option that excludes "final": either how fast, or where it ends
_RATES = {"exponential": "gamma", "natural_exponential": "rate", "inverse_time": "rate"}


def _with_defaults(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    known = SCHEDULES[name].options
    for key in given:
        if key not in known:
            raise _unknown_option(name, key)
    given = {
        key: tuple(value) if isinstance(value, list) else value for key, value in given.items() if value is not None
    }  # from JSON tuples come back as lists; None is as if not given
    made = {key: value for key, value in known.items() if value is not None} | given
    if rate := _RATES.get(name):
        if rate in given and "final" in given:
            raise UsageError(f"schedule {name}: final and {rate} contradict each other; give one of them")
        if rate in given:
            del made["final"]
            made.setdefault("every", 1)  # a rate per step, as torch's ExponentialLR has it, unless told otherwise
        elif "every" in given:
            raise UsageError(f"schedule {name}: every has no effect without {rate}")
    return made


def _unknown_option(name: str, key: str) -> UsageError:
    known = [*SCHEDULES[name].options, "warmup_steps", "warmup_start"]
    return unknown(f"option of the schedule {name}:", key, known)


# options that are read as text and not as numbers
_TEXTS = {"function", "mode", "shape"}
# options of several numbers, parted by slashes
_LISTS = {"milestones", "values"}


def parse_schedule(text: str) -> tuple[str, dict[str, Any]]:
    """Read a schedule as written on the command line: a name, a colon, options parted by commas, lists by slashes.

    >>> parse_schedule("multi_step:warmup=0.05,milestones=0.5/0.75,gamma=0.2")
    ('multi_step', {'warmup_steps': 0.05, 'milestones': (0.5, 0.75), 'gamma': 0.2})

    Returns: the name and the further arguments for ``make_schedule``; values are checked there
    Raises:  UsageError if a name is unknown or the text cannot be read
    """
    name, _, rest = text.partition(":")
    name = name.strip()
    if name not in SCHEDULES:
        raise unknown("schedule", name, NAMES)
    options: dict[str, Any] = {}
    for item in _split(rest):
        key, equals, value = (part.strip() for part in item.partition("="))
        key = {"warmup": "warmup_steps"}.get(key, key)  # the short name that the command line takes
        if not equals or not value:
            raise UsageError(
                f"schedule {name}: cannot read {item.strip()!r}; write option=value, as in cosine:final=0.01"
            )
        if key not in SCHEDULES[name].options and key not in ("warmup_steps", "warmup_start"):
            raise _unknown_option(name, key)
        if key in options:
            raise UsageError(f"schedule {name}: {key} is given twice")
        if key in _TEXTS:
            options[key] = value
        elif key in _LISTS:
            options[key] = tuple(_parse_number(name, key, part) for part in value.split("/"))
        else:
            options[key] = _parse_number(name, key, value)
    return name, options


def _split(text: str) -> list[str]:
    """Split at the commas that stand outside parentheses: an expression may call ``min(a, b)``."""
    items, depth = [""], 0  # [-1]: the item under way
    for char in text:
        depth += (char == "(") - (char == ")")  # True counts as 1
        if char == "," and depth == 0:
            items.append("")
        else:
            items[-1] += char
    return [item for item in items if item.strip()]


def _parse_number(name: str, key: str, text: str) -> int | float:
    for kind in (int, float):  # int first: 1 is a step, 1.0 neither a step nor a fraction
        try:
            return kind(text)
        except ValueError:
            continue
    raise UsageError(f"schedule {name}: {key} must be a number, not {text!r}")


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return "/".join(map(_shown, value))
    # a function shows its name
    return getattr(value, "__name__", None) or (f"{value:g}" if isinstance(value, float) else str(value))
