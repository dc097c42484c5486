"""What the doctor found while the network trained, with its numbers; gradients and outputs layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fathom.findings import Finding, Findings
from fathom.phrases import counted
from fathom.runs.analysis.numbers import DASH, count, decimal, percent
from fathom.runs.analysis.stability import HIGH, LOW, LayerCourse, Series, latest, list_courses, typical
from fathom.runs.folder import schema
from fathom.runs.folder.probes import ABOUT, PROBE, findings_in
from fathom.runs.folder.reader import RunReader
from fathom.runs.html.charts.bars import histogram_bars
from fathom.runs.html.charts.figure import TONES, Horizontal, Vertical
from fathom.runs.html.charts.lines import Line, line_chart
from fathom.runs.html.language import say_message, say_sentence
from fathom.runs.html.markup import Html, element, fold, join, note, pairs, table
from fathom.runs.html.page import Section

_MOST_LINES = 6  # of a chart: more cannot be told apart; all layers stand in the table
_MOST_OPEN_ROWS = 24
_TITLES = {"symptom": "What one sees", "how": "How the check works", "wrong": "When it is wrong"}


def show_doctor(run: RunReader) -> Section | None:
    """Show findings, charts and the table of layers; nothing of a run that was not watched."""
    found = findings_in(run.probes, run.path / schema.PROBES)
    if found is None:
        return None
    probes = sum(event.get("event") == PROBE for event in run.probes)
    courses = list_courses(run.probes)
    return Section(
        "doctor",
        "Doctor",
        note(_summary(found, probes)),
        *(_show_finding(run, finding) for finding in found.findings),
        _charts(courses, run) if courses else "",
        _table(courses) if courses else "",
        _not_checked(found),
    )


def show_stability(run: RunReader) -> Section | None:
    """Show the charts and the table of layers alone; nothing of a run without probes."""
    courses = list_courses(run.probes)
    if not courses:
        return None
    return Section("stability", "Numerical stability", _charts(courses, run), _table(courses), _units(run))


def _units(run: RunReader) -> Html | str:
    """Write how many units of each layer gave nothing, or were at a bound, over the last steps that were looked at."""
    listed: list[Any] = next(
        (probe["units"] for probe in reversed(run.probes) if isinstance(probe.get("units"), list)), []
    )
    rows = [
        (
            element("span", str(entry[1]), class_="mono"),
            str(entry[0]),
            count(entry[2]),
            percent(entry[4]),
            percent(entry[5]),
        )
        for entry in reversed(listed)  # from the first layer to the last
        if isinstance(entry, list) and len(entry) == 6
    ]
    if not rows:
        return ""
    about = (
        "Idle units gave nothing for any sample that was looked at; units at a bound were, on average, where their "
        "activation is flat."
    )
    sheet = table(("Layer", "Activation", "Units", "Idle", "At a bound"), rows, label="Units", text_columns=(0, 1))
    return join([element("h3", "Units"), note(about), sheet])


def _summary(found: Findings, probes: int) -> str:
    kinds = [(kind, sum(f.severity == kind for f in found.findings)) for kind in ("error", "warning", "note")]
    said = ", ".join(counted(number, kind) for kind, number in kinds if number)
    return f"The run watched itself, with {counted(probes, 'probe')}: {said or 'nothing was found'}."


def _show_finding(run: RunReader, finding: Finding) -> Html:
    """Write one finding: what was seen, the numbers, why it matters, the cure, and the page on it."""
    place = element("span", f" ({finding.place})", class_="quiet") if finding.place else ""
    facts = [(name.replace("_", " "), _value(value)) for name, value in finding.evidence.items()]
    texts: list[dict[str, str]] = [event[ABOUT] for event in run.probes if isinstance(event.get(ABOUT), dict)]
    about = next((text for text in texts if text.get("code") == finding.code), {})
    explained = [
        element("p", element("strong", f"{title}. "), about[key]) for key, title in _TITLES.items() if about.get(key)
    ]
    lines = [
        element(
            "li",
            element("strong", finding.severity, ": "),
            say_message(finding),
            place,
            class_=f"severity-{finding.severity}",
        )
    ]
    if finding.cause:
        lines.append(element("li", "Why: ", say_sentence(finding.cause)))
    if finding.remedy:
        lines.append(element("li", "Cure: ", element("span", finding.remedy, class_="mono")))
    page = element(
        "p", "Page: ", element("span", f"docs/doctor/{finding.code}.md", class_="mono"), class_="quiet small"
    )
    return join(
        [
            element("ul", *lines, class_="reading"),
            fold(f"Numbers, and more on {finding.code}", join([pairs(facts), *explained, page]), is_open=False),
        ]
    )


def _value(value: object) -> str:
    return decimal(value) if isinstance(value, float) else str(value)


def _charts(courses: Sequence[LayerCourse], run: RunReader) -> Html:
    end = max((float(event["step"]) for event in run.probes), default=1.0)
    shown = _spread(courses)
    about = (
        f"Gradients before clipping: the mean of |g| over the weights of a layer, which is usual between {LOW:g} and "
        f"{HIGH:g}. Where it shrinks from the last layer to the first, gradients vanish; where it grows, they explode. "
        "An update is usually about a thousandth of the weights. Variances of outputs that shrink or grow from layer "
        "to layer show initial weights or inputs of the wrong scale."
    )
    if len(shown) < len(courses):
        about += f" Drawn are {len(shown)} of {len(courses)} layers, from the first to the last."
    charts = [
        _chart("gradient", "Gradient, mean |g|", "mean |g|", shown, end),
        _chart("gradient_variance", "Variance of the gradient", "variance", shown, end),
        _chart("update", "Update relative to the weights", "update / weight", shown, end),
        _chart("output_variance", "Variance of the outputs", "variance", shown, end),
    ]
    heading = element("h3", "Numerical stability")
    return join([heading, note(about), element("div", *(chart for chart in charts if chart), class_="charts")])


def _chart(key: str, title: str, label: str, courses: Sequence[LayerCourse], end: float) -> Html | None:
    lines = []
    for i, course in enumerate(courses):
        series: Series = getattr(course, key)
        if any(value is not None for _, value in series):
            lines.append(Line(course.name, series, str(i % TONES)))
    if not lines:
        return None
    parts = [f"{line.label} ends at {decimal(line.points[-1][1])}" for line in lines]
    return line_chart(
        f"{key.replace('_', '-')}-chart",
        title,
        lines,
        describe="; ".join(parts),
        x=Horizontal("step", "{:,.0f}".format, end=end),
        y=Vertical(label, decimal, may_log=True),
    )


def _spread(courses: Sequence[LayerCourse]) -> list[LayerCourse]:
    """Return the first, the last, and as many between them as a chart takes."""
    if len(courses) <= _MOST_LINES:
        return list(courses)
    places = {round(i * (len(courses) - 1) / (_MOST_LINES - 1)) for i in range(_MOST_LINES)}
    return [courses[place] for place in sorted(places)]


def _table(courses: Sequence[LayerCourse]) -> Html:
    rows = [
        (
            element("span", course.name, class_="mono"),
            decimal(typical(course.gradient)),
            decimal(typical(course.gradient_variance)),
            decimal(typical(course.update)),
            decimal(typical(course.output_variance)),
            decimal(latest(course.norm)),
            histogram_bars(course.histogram) or DASH,
            course.verdict,
        )
        for course in courses
    ]
    header = (
        "Layer", "Mean |g|", "Variance of g", "Update / weight", "Variance of outputs",
        "Norm of g, last", "Outputs, last", "Verdict",
    )  # fmt: skip
    marked = [i for i, course in enumerate(courses) if not course.is_usual]
    numbers = table(header, rows, label="Numerical stability", text_columns=(0, 6, 7), marked=marked)
    about = note(
        f"Medians over the probes; norm of the gradient and histogram of the outputs are those of the last one. The "
        f"band is {LOW:g} to {HIGH:g} of mean |g|. Histograms reach from −4 to 4 standard deviations around the mean."
    )
    if len(rows) > _MOST_OPEN_ROWS:
        numbers = fold(f"All {len(rows)} layers", numbers)
    return join([about, numbers])


def _not_checked(found: Findings) -> Html:
    if not found.not_checked:
        return Html("")
    rows = [[check.code, check.reason] for check in found.not_checked]
    listed = table(("Check", "Reason"), rows, label="Not checked", text_columns=(0, 1))
    return fold(f"{counted(len(rows), 'check')} could not run", listed)
