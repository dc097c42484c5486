"""The one skeleton of every page: head, navigation, sections, footer; one file that needs nothing but itself.

Nothing a page holds loads anything: the policy in its head forbids scripts, network, frames and forms, admits this one
style sheet by its hash, and images only when they are written into the page.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fathom.outputs import write_output
from fathom.runs.html.language import html_language
from fathom.runs.html.markup import Html, element, escape, join

_MOST_STICKY_LINKS = 10  # a longer list of sections would take up half of a small window


class Section:
    """A headed part of a page that the page's navigation can name."""

    def __init__(self, key: str, title: str, *content: object) -> None:
        self.key = key
        self.title = title
        self.content = join(part for part in content if part)

    def render(self) -> Html:
        """Write the section."""
        name = f"{self.key}-title"
        return element("section", element("h2", self.title, id=name), self.content, id=self.key, aria_labelledby=name)


@dataclass(frozen=True)
class Page:
    """What a page holds.

    Attributes:
        title: of the window.
        kicker: the kind of page, above its heading.
        heading: what the page is about.
        byline: below the heading: how it ended, names, times.
        summary: what stands above the first section.
        sections: those that are None have nothing to show and are left out.
        footer: what the page was made from.
        related: (what it is, address) of pages that belong to this one.
    """

    title: str
    kicker: str
    heading: object
    byline: Html
    summary: Sequence[object]
    sections: Sequence[Section | None]
    footer: str
    related: Sequence[tuple[str, str]] = ()

    def render(self) -> str:
        """Write the page as text."""
        sections = [section for section in self.sections if section is not None]
        header = element(
            "header",
            element("p", self.kicker, class_="kicker"),
            element("h1", self.heading),
            self.byline,
            _related(self.related),
        )
        summary = element("section", header, *self.summary, id="summary", aria_label="Summary")
        body = [
            _navigation(sections),
            element("main", summary, *(section.render() for section in sections)),
            element("footer", self.footer) if self.footer else "",
        ]
        return _document(self.title, join(body))

    def write(self, path: str | Path) -> Path:
        """Write the page to a file.

        Returns: the file's path
        Raises:  FathomError if it cannot be written
        """
        write_output(path, self.render())
        return Path(path)


def _navigation(sections: Sequence[Section]) -> Html:
    if len(sections) < 2:
        return Html("")  # one section needs no navigation
    links = [element("a", section.title, href=f"#{section.key}") for section in sections]
    return element(
        "nav", *links, aria_label="Sections of this page", class_="long" if len(links) > _MOST_STICKY_LINKS else ""
    )


def _related(links: Sequence[tuple[str, str]]) -> Html:
    if not links:
        return Html("")
    return element("p", join((element("a", text, href=address) for text, address in links), " · "), class_="related")


def _document(title: str, body: Html) -> str:
    style = _style()
    # over the exact bytes between the style tags
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    return (
        f'<!doctype html>\n<html lang="{html_language()}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        # told to the browser: it draws form fields and scrollbars to match
        '<meta name="color-scheme" content="light dark">\n<meta name="referrer" content="no-referrer">\n'
        # data:, so that the browser asks for no favicon
        f'<link rel="icon" href="data:,">\n<title>{escape(title)}</title>\n<style>{style}</style>\n'
        f"</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


@cache  # read once a process
def _style() -> str:
    return Path(__file__).with_name("page.css").read_text(encoding="utf-8")
