"""What the numbers of a run say: every finding with its evidence and what to do, the gravest first."""

from __future__ import annotations

from fathom.findings import Finding, Findings
from fathom.runs.analysis.findings import find_in_run
from fathom.runs.analysis.numbers import DASH, decimal
from fathom.runs.folder.reader import RunReader
from fathom.runs.folder.records import is_number
from fathom.runs.html.language import say_message, say_sentence
from fathom.runs.html.markup import Html, element, fold, join, note, pairs
from fathom.runs.html.page import Section


def show_numbers(run: RunReader) -> Section:
    """Show what is wrong or noteworthy: of a run that has not ended, as far as its records tell."""
    # while it runs there may be no findings.json yet; what the records show is computed from them
    found = run.findings or find_in_run(run)
    return Section("numbers", "What the numbers say", show_cards(found))


def show_cards(found: Findings) -> Html:
    """Show each finding as a card, and what could not be checked."""
    is_clean = all(finding.severity == "note" for finding in found.findings)
    cards = element("div", *map(_show_finding, found.findings), class_="findings")
    return join([note("Nothing stands out.") if is_clean else "", cards, _not_checked(found)])


def _show_finding(finding: Finding) -> Html:
    head = element(
        "p",
        element("span", finding.severity, class_=f"severity {finding.severity}"),
        element("code", finding.code),
        element("span", finding.place, class_="quiet") if finding.place else "",
        class_="finding-head",
    )
    lines = [element("p", say_message(finding), class_="finding-message")]
    if finding.cause:
        lines.append(element("p", element("b", "Why "), say_sentence(finding.cause)))
    if finding.remedy:
        lines.append(element("p", element("b", "What to do "), element("span", finding.remedy, class_="mono")))
    numbers = [(name.replace("_", " "), _show(value)) for name, value in finding.evidence.items()]
    evidence = fold("Evidence", pairs(numbers), is_open=finding.severity != "note") if numbers else ""
    return element("article", head, *lines, evidence, class_=f"finding {finding.severity}")


def _show(value: object) -> str:
    if value is None:
        return DASH
    return decimal(value) if is_number(value) and not isinstance(value, int) else str(value)


def _not_checked(found: Findings) -> Html | str:
    if not found.not_checked:
        return ""
    items = (element("li", element("code", check.code), f" {check.reason}") for check in found.not_checked)
    return fold(join(["Not checked", f" ({len(found.not_checked)})"]), join([element("ul", *items, class_="reading")]))
