"""The charts of a study as images, for papers and slides: the same as on its page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fathom.phrases import counted
from fathom.runs.analysis.study import State, Study
from fathom.runs.html.charts.scales import fit_scale, needs_log_scale

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK, GREY = "#1c2733", "#6b7785"  # as in page.css, light
_COLOURS: dict[State, str] = {"complete": "#1f6fb2", "pruned": "#9aa5b1", "diverged": "#c2540a"}
_BEST = "#6b4fa0"


def draw_images(study: Study) -> dict[str, Figure]:
    """Draw what there is to draw; a figure for each file name."""
    if not any(study.drawn().values()):  # no trial with a value yet
        return {}
    figures = {"history.png": _draw_history(study), "slices.png": _draw_slices(study)}
    if study.importance:
        figures["importance.png"] = _draw_importance(study)
    return figures


def _draw_history(study: Study) -> Figure:
    from matplotlib.ticker import MaxNLocator

    figure = _make_figure(7.5, 4.2)
    panel = figure.subplots()
    for state, trials in study.drawn().items():
        if trials:
            _scatter(panel, [t.number for t in trials], [t.value for t in trials], state)
    stair = study.best_so_far()
    if stair:
        panel.plot(*zip(*stair, strict=True), color=_BEST, linewidth=1.6, label="best so far")
    panel.set_xlabel("trial", color=GREY)
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    panel.legend(frameon=False, labelcolor=INK, fontsize=8)
    _finish(panel, study, f"{study.model} on {study.data}: {counted(len(study.trials), 'trial')}")
    return figure


def _draw_importance(study: Study) -> Figure:
    names, shares = list(study.importance), list(study.importance.values())
    figure = _make_figure(6.5, 1.2 + 0.36 * len(names))  # inches: a row of 0.36 for each setting
    panel = figure.subplots()
    bars = panel.barh(range(len(names)), shares, color=_COLOURS["complete"], height=0.6)
    panel.bar_label(bars, [f"{share:.0%}" for share in shares], padding=4, color=INK, fontsize=9)
    panel.set_yticks(range(len(names)), names, parse_math=False)  # a $ in a name begins no formula
    panel.invert_yaxis()  # barh counts from below, the most important belongs on top
    panel.set_xlim(0, 1.12 * max(shares) or 1)  # room for the label of the longest bar
    panel.set_xticks([])
    panel.spines[["top", "right", "bottom"]].set_visible(False)
    panel.tick_params(colors=INK, length=0)
    title = "Share of the differences that each setting explains"
    panel.set_title(title, loc="left", color=INK, fontsize=11, fontweight="bold")
    return figure


def _draw_slices(study: Study) -> Figure:
    columns = 2 if len(study.axes) in (2, 4) else min(3, len(study.axes))  # four as 2 × 2, not as 3 + 1
    rows = -(-len(study.axes) // columns)  # rounded up
    figure = _make_figure(3.6 * columns, 3.0 * rows)
    panels = figure.subplots(rows, columns, squeeze=False, sharey=True).flatten()
    for panel in panels[len(study.axes) :]:  # panels without a setting
        panel.set_axis_off()
    for panel, axis in zip(panels, study.axes, strict=False):
        values_drawn: list[Any] = []
        for state, trials in study.drawn(axis.name).items():
            values: list[Any] = [t.values[axis.name] for t in trials]
            if axis.choices:
                values = [axis.choices.index(str(value)) for value in values]
            values_drawn += values
            if values:
                _scatter(panel, values, [t.value for t in trials], state)
        if axis.choices:
            panel.set_xticks(range(len(axis.choices)), axis.choices, parse_math=False)
            panel.set_xlim(-0.5, len(axis.choices) - 0.5)  # half a place of room on either side
        elif axis.log and values_drawn:
            panel.set_xscale("log")
            ticks = fit_scale(values_drawn, 0.0, 1.0, log=True).ticks(5)
            panel.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
            panel.set_xticks([], minor=True)  # matplotlib would label some of them between ours
        _finish(panel, study, axis.name, y_label=panel in panels[::columns])  # the first column alone names the metric
    return figure


def _make_figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    # Not pyplot, which keeps every figure and asks for a display; width and height in inches.
    return Figure(figsize=(width, height), dpi=130, layout="constrained", facecolor="white")


def _scatter(panel: Any, x: list[Any], y: list[Any], state: State) -> None:
    panel.scatter(x, y, s=22, color=_COLOURS[state], alpha=0.75, linewidth=0, label=state, zorder=3)


def _finish(panel: Any, study: Study, title: str, *, y_label: bool = True) -> None:
    if study.metric == "val_accuracy":
        from matplotlib.ticker import PercentFormatter

        panel.yaxis.set_major_formatter(PercentFormatter(1.0))  # 1.0 is 100 %
    elif needs_log_scale(trial.value for trial in study.trials if trial.value is not None):
        panel.set_yscale("log")
    if y_label:
        panel.set_ylabel(study.metric_name, color=GREY, fontsize=9)
    panel.set_title(title, loc="left", color=INK, fontsize=11, fontweight="bold", parse_math=False)
    panel.grid(axis="y", color="#e1e5ea", linewidth=0.8)
    panel.tick_params(colors=GREY, labelsize=8)
    panel.spines[["top", "right"]].set_visible(False)
    panel.spines[["left", "bottom"]].set_color("#c3cad2")
