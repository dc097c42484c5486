"""The image of two losses that are one: both curves, and how far apart they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from fathom.lab.tours.twin_training import TwinOptions, TwinResult

INK, GREY, ACCENT, WARM = "#1c2733", "#6b7785", "#1f6fb5", "#d1495b"  # the colours of reports
ROUNDING = {"fp64": 2.2e-16, "fp32": 1.2e-7}  # distance from 1 to the next number


def draw(options: TwinOptions, result: TwinResult) -> Figure:
    """Draw the loss of each step on both sides, and below it their difference on a logarithmic scale."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    steps = [step.step for step in result.steps]
    figure = Figure(figsize=(8, 5.6), dpi=110, layout="constrained", facecolor="white")  # inches
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    # wide and pale below, so that the dashed one on it shows
    upper.plot(steps, [s.scratch for s in result.steps], color=ACCENT, linewidth=3.0, alpha=0.55, label="scratch")
    upper.plot(steps, [s.torch for s in result.steps], color=INK, linewidth=0.9, linestyle="--", label="PyTorch")
    upper.set_ylabel("loss of the batch", color=GREY)
    upper.legend(frameon=False, labelcolor=INK)
    upper.set_title(
        f"{options.pairing.name} on {result.data.title.partition(':')[0]}: NumPy beside PyTorch",
        loc="left",
        color=INK,
        fontsize=11,
        fontweight="bold",
        parse_math=False,
    )
    # A difference of 0 has no place on the scale: it is drawn at the smallest there is
    unit = ROUNDING[options.precision]
    lower.semilogy(steps, [max(s.difference, unit / 4) for s in result.steps], color=WARM, linewidth=0.9)
    lower.axhline(unit, color=GREY, linewidth=0.8, linestyle=(0, (3, 2)))
    label = lower.text(steps[-1], unit, f"rounding of {options.precision}", color=GREY, fontsize=8, ha="right")
    label.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 1.5})
    lower.set_ylabel("|difference|", color=GREY)
    lower.set_xlabel("step", color=GREY)
    lower.xaxis.set_major_locator(MaxNLocator(integer=True))
    for panel in (upper, lower):
        panel.tick_params(colors=GREY, labelsize=8)
        panel.spines[["top", "right"]].set_visible(False)
        panel.spines[["left", "bottom"]].set_color("#c3cad2")
    return figure
