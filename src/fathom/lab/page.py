"""The report of an experiment: one page, made from the content of ``result.json`` alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fathom.lab.wording import found_text, grid_note, margin_text, number
from fathom.runs.analysis.numbers import duration
from fathom.runs.html.markup import Html, element, embedded_image, note, pairs, table
from fathom.runs.html.page import Page, Section


def write_page(content: Mapping[str, Any], path: Path) -> Path:
    """Write the page.

    Raises:  FathomError if it cannot be written
    """
    return lay_out_page(content).write(path)


def lay_out_page(content: Mapping[str, Any]) -> Page:
    """Lay out the page."""
    paper = f"; {content['paper']}" if content["paper"] else ""
    return Page(
        title=f"{content['title']}: {content['verdict']['text']}",
        kicker="Experiment",
        heading=content["title"],
        byline=element("p", f"notes {content['place']}{paper}", class_="byline"),
        summary=[
            element("p", "The claim: ", content["statement"]),
            element("p", "Verdict: ", element("strong", content["verdict"]["text"])),
            *(element("p", sentence) for sentence in content["sentences"]),
        ],
        sections=[_figure(content), _comparisons(content), _facts(content), _arms(content), _design(content)],
        footer="",
    )


def _figure(content: Mapping[str, Any]) -> Section:
    from fathom.lab.figures import draw_figure

    image = embedded_image(draw_figure(content, "svg"), content["title"], kind="svg+xml", style="max-width:100%")
    about = (
        "Dots are seeds, diamonds means, bars 95 % intervals; what lies in the shaded band does not matter."
        if content["arms"]
        else ""
    )
    return Section("figure", "Figure", image, note(about) if about else "")


def _comparisons(content: Mapping[str, Any]) -> Section | None:
    if not content["comparisons"]:
        return None
    rows = [
        [
            comparison["title"] + ("" if comparison["is_judged"] else " (context)"),
            comparison["text"],
            margin_text(comparison),
            comparison["expected"],
            found_text(comparison),
            number(comparison["p"]) if "p" in comparison else "–",
            f"{100 * comparison['power']:.0f}%" if "power" in comparison else "–",
        ]
        for comparison in content["comparisons"]
    ]
    header = ["difference", "effect (95 % interval)", "margin", "claimed", "found", "p", "power"]
    about = (
        f"Paired over {len(content['seeds'])} seeds. A difference inside the margin, fixed beforehand, does not "
        "matter. Power: the chance to find the smallest effect of interest with this spread and number of seeds."
    )
    return Section(
        "comparisons", "Comparisons", note(about), table(header, rows, label="Comparisons", text_columns=(0, 3, 4))
    )


def _facts(content: Mapping[str, Any]) -> Section | None:
    if not content["facts"]:
        return None
    rows = [[fact["title"], "yes" if fact["holds"] else "no", fact["detail"]] for fact in content["facts"]]
    return Section(
        "checks", "Exact checks", table(["statement", "true", ""], rows, label="Checks", text_columns=(0, 1, 2))
    )


def _arms(content: Mapping[str, Any]) -> Section | None:
    if not content["arms"]:
        return None
    names = list(dict.fromkeys(name for arm in content["arms"].values() for name in arm["means"]))
    rows = [
        [
            arm["label"],
            *(_mean(arm["means"].get(name)) for name in names),
            f"{arm['diverged']} of {len(arm['seeds'])}" if arm["diverged"] else "none",
        ]
        for arm in content["arms"].values()
    ]
    return Section(
        "arms",
        "Arms",
        note(f"Means with 95 % intervals. {grid_note(content)}".strip()),
        table(["arm", *names, "diverged"], rows, label="Arms"),
    )


def _mean(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return "–"
    interval = "" if found["low"] is None else f" ({number(found['low'])} … {number(found['high'])})"
    return number(found["mean"]) + interval


def _design(content: Mapping[str, Any]) -> Section:
    design = content["design"]
    entries: list[tuple[object, object]] = [
        ("Factor", design["factor"]),
        ("Held fixed", design["fixed"]),
        ("Budget", design["budget"]),
        ("Rule", content["rule"]),
        ("What would change the verdict", content["would_change"]),
        ("Settings", ", ".join(f"{key}={value}" for key, value in content.get("settings", {}).items()) or "none"),
        ("Data", content.get("data") or "made by the experiment"),
        ("Time", duration(content["elapsed_s"])),
    ]
    return Section("design", "Design", Html(pairs(entries)))
