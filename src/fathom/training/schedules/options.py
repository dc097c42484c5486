"""The options of a schedule checked and turned into its curve.

Fractions of the run become steps here, and positions in the run become positions after the warm-up.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from fathom.errors import UsageError, unknown
from fathom.training.schedules import curves
from fathom.training.schedules.expressions import parse_expression

# from a step since the warm-up to the factor
Curve = Callable[[int], float]


def check_number(
    name: str, option: str, value: Any, low: float = 0.0, high: float = math.inf, above: float = -math.inf
) -> float:
    """Return ``value`` as a float if it is a number, finite, above ``above`` and from ``low`` to ``high``."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)  # True is an int to Python
    if is_number and math.isfinite(value) and value > above and low <= value <= high:
        return float(value)
    bounds = f"above {above:g}" if above >= low else f"of at least {low:g}"  # whichever bound is the tighter
    bounds += f" and at most {high:g}" if high < math.inf else ""
    raise UsageError(f"schedule {name}: {option} must be a number {bounds}, not {value!r}")


def check_whole(name: str, option: str, value: Any, low: int = 0) -> int:
    """Return ``value`` as an int if it is a whole number of at least ``low``."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= low:
        return int(value)
    raise UsageError(f"schedule {name}: {option} must be a whole number of at least {low}, not {value!r}")


def count_steps(name: str, option: str, value: Any, total: int) -> float:
    """Return a length or position in steps, not rounded: an int is steps already, a float below 1 a part of the run."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return int(value)
    if isinstance(value, float) and 0.0 < value < 1.0:  # 1.0 is neither: one step or the whole run, nobody knows
        return value * total
    wanted = "a whole number of steps, or a fraction of the run between 0 and 1"
    raise UsageError(f"schedule {name}: {option} must be {wanted}, not {value!r}")


def _count_milestones(name: str, values: Any, total: int, warmup: int) -> list[int]:
    # max: a milestone at step 0 would leave no first piece
    steps = [max(1, round(count_steps(name, "milestones", value, total))) for value in _items(values)]
    if steps != sorted(steps):
        raise UsageError(f"schedule {name}: milestones must rise, not {list(values)}")
    if steps and steps[0] < warmup:
        # the milestones count from the start of the run, the curves from the end of the warm-up
        raise UsageError(f"schedule {name}: milestone {steps[0]} lies inside the warm-up of {warmup} steps")
    return [step - warmup for step in steps]


def _items(values: Any) -> Sequence[Any]:
    return values if isinstance(values, (tuple, list)) else (values,)


def _own(function: Any, total: int, warmup: int) -> Curve:
    """The curve of ``lambda``, which sees the step and the length of the whole run; tried at both ends."""
    if function is None:
        raise UsageError("schedule lambda: give its function, as in lambda:function=1/(1+step/100)")
    if isinstance(function, str):
        function = _written(function, total)
    if not callable(function):
        raise UsageError(f"schedule lambda: function must be an expression of step and total, not {function!r}")

    def own(step: int) -> float:
        # the user's function counts the whole run, the curve from the end of the warm-up
        step = min(step + warmup, total - 1)  # past the run it stays: 1 - step/(total - 1) would turn negative
        value: Any = function(step)
        if not isinstance(value, (int, float)) or not 0.0 <= value < math.inf:  # NaN fails the comparison too
            raise UsageError(f"schedule lambda: the factor at step {step} must be a number >= 0, not {value!r}")
        return float(value)

    # A mistake in the function shows now, not in the last epoch.
    own(0)
    own(total)
    return own


def _written(text: str, total: int) -> Callable[[int], float]:
    expression = parse_expression(text, ("step", "total"))

    def written(step: int) -> float:
        try:
            return expression({"step": float(step), "total": float(total)})
        except (ArithmeticError, ValueError, TypeError) as error:  # 1/0, log(-1), max of nothing
            raise UsageError(f"schedule lambda: {text!r} has no value at step {step}: {error}") from None

    return written


@dataclass(frozen=True)
class _Reader:
    """The options of one schedule, each checked when it is read.

    Attributes:
        total, warmup: steps of the run, and those of them before the curve begins.
    """

    name: str
    options: Mapping[str, Any]
    total: int
    warmup: int

    def number(self, option: str, low: float = 0.0, high: float = math.inf, above: float = -math.inf) -> float:
        return check_number(self.name, option, self.options[option], low, high, above)

    def numbers(self, option: str) -> list[float]:
        return [check_number(self.name, option, value) for value in _items(self.options[option])]

    def whole(self, option: str, low: int = 0) -> int:
        return check_whole(self.name, option, self.options[option], low)

    def one_of(self, option: str, *known: str) -> str:
        value = self.options[option]
        if value not in known:
            raise unknown(f"{option} of the schedule {self.name}:", value, known)
        return value

    def span(self, option: str) -> float:
        return count_steps(self.name, option, self.options[option], self.total)

    def interval(self) -> int:
        # Rounded up, lest every=1/3 of 100 steps makes a third drop at the last one; 1e-9 for 0.1·30 > 3.
        # 1e-9 is far below one step and far above a rounding error
        return max(1, math.ceil(self.span("every") - 1e-9))

    def milestones(self) -> list[int]:
        return _count_milestones(self.name, self.options["milestones"], self.total, self.warmup)


def _check_plateau(read: _Reader) -> None:
    """Check the options that no curve uses: the curve is constant, and what the metric does lowers it."""
    read.number("gamma", above=0.0, high=1.0)  # above 1 a stall would raise the rate
    read.number("threshold", high=1.0)
    read.number("final")
    read.whole("patience")
    read.whole("cooldown")
    read.one_of("mode", "min", "max")


def build_curve(name: str, options: Mapping[str, Any], total: int, warmup: int) -> Curve:
    """Make the curve of the schedule ``name``, as a function of the steps since the end of the warm-up.

    Raises:  UsageError if an option is out of range
    """
    rest = max(1, total - warmup)  # 1: a curve divides by it even if all is warm-up
    read = _Reader(name, options, total, warmup)
    match name:
        case "piecewise":
            marks, values = read.milestones(), read.numbers("values")
            if len(values) != len(marks) + 1:
                raise UsageError(f"schedule piecewise: {len(marks)} milestones need {len(marks) + 1} values")
            return partial(curves.piecewise, milestones=marks, values=values)
        case "exponential":
            if "gamma" in options:
                return partial(curves.exponential, gamma=read.number("gamma", above=0.0), every=read.interval())
            # final^(t/T): the same curve, with the ratio over the whole rest
            return partial(curves.exponential, gamma=read.number("final", above=0.0), every=rest)
        case "natural_exponential":
            if "rate" in options:
                return partial(curves.natural_exponential, rate=read.number("rate"), every=read.interval())
            # e^(−rate·t/T) = final at t = T
            return partial(curves.natural_exponential, rate=-math.log(read.number("final", above=0.0)), every=rest)
        case "polynomial":
            return partial(
                curves.polynomial, total=rest, power=read.number("power", above=0.0), final=read.number("final")
            )
        case "step":
            return partial(curves.step_decay, every=read.interval(), gamma=read.number("gamma", above=0.0))
        case "multi_step":
            return partial(curves.multi_step, milestones=read.milestones(), gamma=read.number("gamma", above=0.0))
        case "inverse_time":
            if "rate" in options:
                return partial(curves.inverse_time, rate=read.number("rate"), every=read.interval())
            # solves 1/(1 + rate) = final
            return partial(curves.inverse_time, rate=1.0 / read.number("final", above=0.0, high=1.0) - 1.0, every=rest)
        case "lambda":
            return _own(options.get("function"), total, warmup)
        case "cosine":
            return partial(curves.cosine, total=rest, final=read.number("final"))
        case "noam":
            size = read.whole("model_size", low=1) if "model_size" in options else None
            return partial(curves.noam, warmup=warmup, model_size=size)
        case "plateau":
            _check_plateau(read)
            return curves.constant
        case "one_cycle":
            # span counts of the whole run; there is no warm-up of its own to subtract
            rise, start = read.span("rise"), read.number("start")
            final, shape = read.number("final"), read.one_of("shape", "cosine", "linear")
            return partial(curves.one_cycle, total=rest, rise=rise, start=start, final=final, shape=shape)
        case _:
            return curves.constant
