"""``fathom schedules``: the learning-rate schedules as a list and as an image."""

from __future__ import annotations

import argparse
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fathom.cli.columns import print_table
from fathom.errors import UsageError
from fathom.outputs import is_special, write_output
from fathom.phrases import counted
from fathom.training.schedules.schedule import NAMES, SCHEDULES, Schedule, make_schedule, parse_schedule

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS = ("png", "svg", "pdf")  # by the ending of --out
MAX_POINTS = 2000  # more steps than pixels
# What `lambda` is drawn with when no function is given
EXAMPLE_FUNCTION = "(1 - step/total) * (1 + cos(8*pi*step/total))/2"
KEY = (
    "t: steps since the warm-up, T: steps after it, n: steps taken in all. The value multiplies the learning rate.",
    "Use one:     fathom train --schedule cosine:warmup=0.05,final=0.01",
    "Draw them:   fathom schedules --out schedules.png",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "names",
        metavar="NAME[:OPTIONS]",
        nargs="*",
        help="schedules to draw, such as cosine:warmup=0.05,final=0.01 (default: all)",
    )
    parser.add_argument(
        "--out", metavar="FILE", help="image to write: png, svg or pdf (default with names: schedules.png)"
    )
    parser.add_argument("--steps", type=int, default=1000, help="steps of the run (default: 1000)")
    parser.add_argument("--warmup", metavar="N", default="0", help="linear warm-up: steps, or a fraction such as 0.1")


def run(args: argparse.Namespace) -> int:
    """List the schedules, or draw them."""
    if not args.names and args.out is None:
        print_list()
        return 0
    out = args.out or "schedules.png"
    if Path(out).suffix[1:].lower() not in FORMATS and not is_special(out):  # a pipe or device has no ending
        raise UsageError(f"cannot draw to {out}; the name must end in .{', .'.join(FORMATS)}")
    try:
        warmup = int(args.warmup) if args.warmup.isdigit() else float(args.warmup)  # "10" are steps, "0.1" a share
    except ValueError:
        raise UsageError(f"--warmup must be a number of steps or a fraction of the run, not {args.warmup!r}") from None
    schedules = [(text, _make(text, args.steps, warmup)) for text in args.names or NAMES]
    _write(draw(schedules), out)
    print(f"wrote {out}: {counted(len(schedules), 'schedule')} over {counted(args.steps, 'step')}")
    return 0


def _make(text: str, num_steps: int, warmup: int | float) -> Schedule:
    name, options = parse_schedule(text)
    if name == "lambda":
        options.setdefault("function", EXAMPLE_FUNCTION)
    # an option in the text wins over --warmup
    return make_schedule(name, num_steps, **{"warmup_steps": warmup} | options)


# The list -----------------------------------------------------------------------------------------------------------


def print_list() -> None:
    """Print name, meaning, formula and options of every schedule."""
    rows = [(name, entry.meaning, entry.formula, _options(entry.options)) for name, entry in SCHEDULES.items()]
    print_table(("schedule", "what it does", "formula", "options"), rows, right=())
    print("", *KEY, sep="\n")


def _options(options: Any) -> str:
    def shown(value: Any) -> str:
        if isinstance(value, tuple):
            return "/".join(map(shown, value))
        return f"{value:.3g}" if isinstance(value, float) else str(value)

    return " ".join(key if value is None else f"{key}={shown(value)}" for key, value in options.items())


# The image --------------------------------------------------------------------------------------------------------

INK, GREY, ACCENT, WARM = "#1c2733", "#6b7785", "#1f6fb5", "#f3e3c3"


def draw(schedules: list[tuple[str, Schedule]]) -> Figure:
    """Draw one panel for each (title, schedule): the factor over the steps, the warm-up shaded."""
    from matplotlib.figure import Figure

    # as near to a square as the titles allow
    columns = {1: 1, 2: 2, 4: 2}.get(len(schedules), 3 if len(schedules) <= 9 else 5)
    rows = -(-len(schedules) // columns)  # rounded up
    figure = Figure(figsize=(3.3 * columns + 0.3, 2.5 * rows + 0.5), dpi=110, layout="constrained", facecolor="white")
    figure.get_layout_engine().set(w_pad=0.12, h_pad=0.12)  # type: ignore[union-attr,call-arg]
    panels = figure.subplots(rows, columns, squeeze=False).flatten()
    for index, panel in enumerate(panels):
        if index >= len(schedules):
            panel.set_axis_off()  # panels without a schedule
            continue
        _draw_one(panel, *schedules[index])
        if index % columns == 0:
            panel.set_ylabel("× learning rate", color=GREY, fontsize=9)
        if index // columns == rows - 1:
            panel.set_xlabel("step", color=GREY, fontsize=9)
    return figure


def _draw_one(panel: Axes, text: str, schedule: Schedule) -> None:
    name, _, options = text.partition(":")
    total = schedule.total_steps
    steps = (
        # first and last step included
        list(range(total)) if total <= MAX_POINTS else [i * (total - 1) // (MAX_POINTS - 1) for i in range(MAX_POINTS)]
    )
    factors, losses = _factors(schedule, steps)
    if schedule.warmup_steps:
        panel.axvspan(0, min(schedule.warmup_steps, total), color=WARM, linewidth=0)
        panel.text(0.015 * total, 1.02, "warm-up", color="#9a7b33", fontsize=7.5, va="bottom", ha="left")
    panel.fill_between(steps, factors, color=ACCENT, alpha=0.10, linewidth=0)
    panel.plot(steps, factors, color=ACCENT, linewidth=1.8, marker="o" if total == 1 else None)
    if losses:
        panel.plot(steps, losses, color=GREY, linewidth=1.0, linestyle=(0, (3, 2)))
        panel.text(0.98 * total, 0.97, "dashed: a made-up loss", color=GREY, fontsize=7.5, ha="right", va="top")
    panel.set_xlim(0, max(1, total))
    panel.set_ylim(0, 1.12 * max(1.0, *factors))  # 12 % of room above the curve
    panel.set_xticks(sorted({0, total // 2, total}), [f"{tick:,}" for tick in sorted({0, total // 2, total})])
    if max(factors) <= 1.0:
        panel.set_yticks([0.0, 0.5, 1.0])
    panel.tick_params(colors=GREY, labelsize=8, length=3)
    panel.spines[["top", "right"]].set_visible(False)
    panel.spines[["left", "bottom"]].set_color("#c3cad2")
    below = options or SCHEDULES[name.strip()].formula
    if name == "lambda" and not options:
        below = f"e.g. {EXAMPLE_FUNCTION}"
    below = below if len(below) <= 52 else below[:51] + "…"  # 52 letters fit a panel's width
    # Plain text throughout: a dollar or underscore in an expression is no mathematics
    panel.set_title(name, loc="left", color=INK, fontsize=11, fontweight="bold", pad=19, parse_math=False)
    panel.text(
        0, 1.04, below, transform=panel.transAxes, color=GREY, fontsize=8, va="bottom", ha="left", parse_math=False
    )


def _factors(schedule: Schedule, steps: list[int]) -> tuple[list[float], list[float]]:
    """The factor at each step and, for ``plateau``, the loss it was shown to react to.

    The loss is made up: 60 validations, each halving the way down to a floor that is lower for a smaller learning rate.
    """
    if schedule.name != "plateau":
        return [schedule.factor(step) for step in steps], []
    factors, losses, loss, seen = [], [], 1.0, 0  # seen: validations so far
    for step in steps:
        while seen < step * 60 // schedule.total_steps:
            floor = 0.15 + 0.35 * schedule.state_dict()["scale"]
            loss, seen = floor + (loss - floor) / 2, seen + 1
            # mode max: an accuracy rises as a loss falls
            schedule.observe(loss if schedule.options["mode"] == "min" else 1.0 - loss)
        factors.append(schedule.factor(step))
        losses.append(loss)
    return factors, losses


def _write(figure: Figure, out: str) -> None:
    """Render the image, then write it as a whole; of standard output, a device or a pipe as PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format=Path(out).suffix[1:].lower() or FORMATS[0])
    write_output(out, buffer.getvalue())
