"""Images of what was measured."""

from __future__ import annotations

from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.results import Comparison, Result, Suite
from bench.tables import fastest_first, grouped_runs

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLORS = {"fathom": "#0b6e99", "handwritten": "#4d4d4d", "peer": "#b8b8b8", "baseline": "#4d4d4d"}
_CURVE_COLORS = ("#0b6e99", "#d1495b", "#e09f1f", "#66a182", "#8d6a9f", "#2e4057", "#c06c84", "#7a5c3e")
_BY_HAND_COLORS = ("#4d4d4d", "#8c8c8c", "#bdbdbd")
_DPI = 160


def draw_epochs(suite: Suite, path: Path) -> None:
    """Draw images per second, one panel per network."""
    sizes = [len(comparison.results) for comparison in suite.comparisons]
    figure, panels = _figure(sizes)
    for comparison, axes in zip(suite.comparisons, panels, strict=True):
        results = fastest_first(comparison)
        rates = [comparison.rate(result) for result in results]
        texts = []
        for result, rate in zip(results, rates, strict=True):
            ratio = comparison.ratio(result)
            times = f"  {ratio.median:.2f}×" if ratio and result.name != comparison.baseline else ""
            texts.append(f"{rate.median:,.0f}{times}")
        _draw_bars(axes, results, rates, texts)
        axes.set_title(comparison.title, loc="left", fontsize=11, fontweight="bold")
    panels[-1].set_xlabel("training images per second (× the hand-written loop)")
    _save(figure, path)


def draw_steps(suite: Suite, path: Path) -> None:
    """Draw microseconds per step."""
    (comparison,) = suite.comparisons
    _draw_times(comparison, path, 1e6 / comparison.work, "{:,.0f}", "microseconds per step: " + comparison.title)


def draw_startup(suite: Suite, path: Path) -> None:
    """Draw seconds from the shell."""
    (comparison,) = suite.comparisons
    _draw_times(comparison, path, 1.0, "{:.2f}", "seconds from the shell until it is imported, answered, or trains")


def draw_accuracy(suite: Suite, path: Path) -> None:
    """Draw test accuracy over training time: the first seed strong, the others faint."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import LogLocator, NullFormatter

    figure, axes = plt.subplots(figsize=(9, 5.2), layout="constrained")
    ours, by_hand = cycle(_CURVE_COLORS), cycle(_BY_HAND_COLORS)
    for label, runs in grouped_runs(suite):
        is_ours = runs[0].group == "fathom"
        color, style = (next(ours), "-") if is_ours else (next(by_hand), "--")
        for run in runs:
            seconds = [point["train_s"] for point in run.curve]
            accuracies = [100 * point["test_accuracy"] for point in run.curve]
            first = run is runs[0]
            shown = (
                {"label": label.replace("`", ""), "alpha": 1.0, "linewidth": 1.8}
                if first
                else {"alpha": 0.25, "linewidth": 1.0}
            )
            axes.plot(seconds, accuracies, style, color=color, marker="o" if first else "", markersize=3, **shown)
    # The interesting part is the last ten per cent; the book's LeNet begins far below it.
    best = max((100 * p["test_accuracy"] for run in suite.runs for p in run.curve), default=100)
    axes.set_ylim(max(0, min(70, best - 5)), min(100, best + 1.5))
    for level in (level for level in (90, 91) if level < axes.get_ylim()[1]):
        axes.axhline(level, color="#222222", linewidth=0.8, linestyle=":")
        place = axes.get_yaxis_transform()
        axes.text(0.005, level, f"{level} %", transform=place, va="bottom", fontsize=8, color="#222222")
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("seconds of training (log)")
    axes.set_ylabel("test accuracy, %")
    axes.set_title("Fashion-MNIST: how good, how soon", loc="left", fontsize=11, fontweight="bold")
    axes.grid(axis="y", color="#eeeeee")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    _save(figure, path)


def _draw_times(comparison: Comparison, path: Path, scale: float, form: str, title: str) -> None:
    results = fastest_first(comparison)
    figure, (axes,) = _figure([len(results)])
    spreads = [comparison.spread(result) for result in results]
    scaled = [type(s)(s.median * scale, s.low * scale, s.high * scale) for s in spreads]
    _draw_bars(axes, results, scaled, [form.format(s.median) for s in scaled])
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold")
    _save(figure, path)


def _figure(sizes: list[int]) -> tuple[Any, list[Axes]]:
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    heights = [size + 1.6 for size in sizes]
    figure, axes = plt.subplots(
        len(sizes),
        1,
        figsize=(9, 0.27 * sum(heights) + 0.4),
        height_ratios=heights,
        layout="constrained",
        squeeze=False,
    )
    return figure, list(axes[:, 0])


def _draw_bars(axes: Axes, results: list[Result], spreads: list[Any], texts: list[str]) -> None:
    places = range(len(results))
    middles = [spread.median for spread in spreads]
    errors = [[s.median - s.low for s in spreads], [s.high - s.median for s in spreads]]
    colors = [_COLORS[result.group] for result in results]
    axes.barh(
        places, middles, color=colors, height=0.72, xerr=errors, error_kw={"elinewidth": 0.9, "ecolor": "#222222"}
    )
    for place, spread, text in zip(places, spreads, texts, strict=True):
        axes.annotate(text, (spread.high, place), xytext=(5, 0), textcoords="offset points", va="center", fontsize=8.5)
    axes.set_yticks(places, [result.label.replace("`", "") for result in results], fontsize=9)
    for tick, result in zip(axes.get_yticklabels(), results, strict=True):
        tick.set_fontweight("bold" if result.group == "fathom" else "normal")
    axes.invert_yaxis()
    axes.set_xlim(0, 1.18 * max(spread.high for spread in spreads))
    axes.xaxis.set_major_formatter("{x:,g}")
    axes.tick_params(axis="x", labelsize=8.5)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)


def _save(figure: Any, path: Path) -> None:
    import matplotlib.pyplot as plt

    figure.savefig(path, dpi=_DPI)
    plt.close(figure)
