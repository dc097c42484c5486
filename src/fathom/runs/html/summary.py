"""What the summaries of pages are put together from: status, byline, the one large number, facts, sentences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from fathom.findings import Finding, NotChecked
from fathom.runs.analysis.numbers import DASH
from fathom.runs.html.language import say_finding, say_sentence
from fathom.runs.html.markup import Html, element, join, pairs

_STATUS_WORDS = {"done": "finished", "running": "running", "stopped": "stopped", "failed": "failed"}


def show_subject(model: str, data: str) -> Html:
    """Write the heading of a page about a model on a data set."""
    return join([element("span", model), element("small", " on "), element("span", data)])


def show_badge(status: str, word: str = "") -> Html:
    """Write a status with its colour: done, running, stopped or failed, by its own word unless another is given."""
    return element("span", word or _STATUS_WORDS[status], class_=f"status {status}")


def show_byline(badge: Html, *parts: object) -> Html:
    """Write the line below a page's heading: how what it shows ended, then its name, its time."""
    return element("p", badge, join(parts, " · "), class_="byline")


def show_folder_byline(status: str, name: str, created: object) -> Html:
    """Write the byline of a page about a run's or a series' folder."""
    return show_byline(show_badge(status), element("span", name, class_="mono"), show_time(created))


def show_time(text: object) -> Html:
    """Write an ISO 8601 moment as a person would; a dash if there is none."""
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:  # not written, or by hand
        return element("span", text or DASH)
    # the day without a leading zero; datetime= for programs
    return element("time", f"{moment.day} {moment:%B %Y, %H:%M:%S}", datetime=text)


def show_number(value: str, name: object, about: object) -> Html:
    """Write a number to take away, with its name and what it rests on."""
    lines = (element("p", value, class_="big"), element("p", name), element("p", about, class_="quiet"))
    return element("div", *lines, class_="result")


def show_headline(numbers: Html, facts: Iterable[tuple[object, object]]) -> Html:
    """Set the number to take away, or two, beside the facts."""
    return element("div", element("div", numbers, class_="results"), pairs(facts, "facts"), class_="headline")


def show_message(message: object, status: str) -> Html:
    """Write why something ended as it did; nothing without a message."""
    return element("p", message, class_=f"message {status}") if message else Html("")


def show_sentences(sentences: Sequence[object], title: str = "") -> Html:
    """Write sentences as a list, under a heading if there is one; nothing without sentences."""
    if not sentences:
        return Html("")
    heading = element("h2", title) if title else ""
    return join([heading, element("ul", *(element("li", sentence) for sentence in sentences), class_="reading")])


def show_findings(findings: Sequence[Finding], title: str = "", not_checked: Sequence[NotChecked] = ()) -> Html:
    """Write findings as a list of sentences, each with its severity as its class, and what could not be checked."""
    # the class gives its colour
    items = [element("li", say_finding(finding), class_=f"severity-{finding.severity}") for finding in findings]
    items += [
        element("li", join(["Not checked", f" ({check.code}): ", say_sentence(check.reason)])) for check in not_checked
    ]
    if not items:
        return Html("")
    return join([element("h2", title) if title else "", element("ul", *items, class_="reading")])


def made_from(version: object, name: str) -> str:
    """Say in the footer what a page was made from."""
    return f"Made by Fathom {version or ''} from the files of {name}."
