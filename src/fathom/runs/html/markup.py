"""Markup as text: escaping, elements, tables, folded parts, images inside the page."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Sequence

from fathom.runs.html.language import translate
from fathom.terminal import visible

_SPOKEN = ("aria_label", "title", "alt", "placeholder")  # attributes that people read; of others no word is translated


class Html(str):
    """Text that is markup already; every other string is escaped when it is put into a page."""

    __slots__ = ()


def escape(value: object) -> Html:
    """Make text safe between tags and inside quoted attributes; ``Html`` passes unchanged.

    >>> escape('<script>"')
    '&lt;script&gt;&quot;'
    """
    return value if isinstance(value, Html) else Html(html.escape(visible(translate(str(value)))))


def _as_it_is(value: object) -> Html:
    return value if isinstance(value, Html) else Html(html.escape(visible(str(value))))


def join(parts: Iterable[object], separator: str = "") -> Html:
    """Escape and concatenate."""
    return Html(separator.join(escape(part) for part in parts))


def element(tag: str, *content: object, **attributes: object) -> Html:
    """Write one element; ``class_`` gives ``class``, ``aria_label`` gives ``aria-label``.

    >>> element("p", "a < b", class_="note")
    '<p class="note">a &lt; b</p>'
    """
    pairs = "".join(
        # "" leaves an attribute out
        f' {name.rstrip("_").replace("_", "-")}="{escape(value if name in _SPOKEN else _as_it_is(value))}"'
        for name, value in attributes.items()
        if value != ""
    )
    return Html(f"<{tag}{pairs}>{join(content)}</{tag}>")


def table(
    header: Sequence[object],
    rows: Iterable[Sequence[object]],
    *,
    label: str,
    text_columns: Iterable[int] = (0,),
    marked: Iterable[int] = (),
    footer: Sequence[object] = (),
) -> Html:
    """Write a table that scrolls sideways inside itself when the screen is narrow.

    ``text_columns`` are set flush left, the others as numbers; rows in ``marked`` are emphasised.
    """
    text = set(text_columns)
    bold = set(marked)

    def cells(row: Sequence[object], tag: str) -> Html:
        parts = []
        for column, value in enumerate(row):
            kind = "" if column in text else "number"
            if tag == "th" and value == "":  # a head that heads nothing
                parts.append(element("td"))
            elif tag == "th":
                parts.append(element("th", value, class_=kind, scope="col"))
            elif column == 0:  # the first cell names its row
                parts.append(element("th", value, class_=kind, scope="row"))
            else:
                parts.append(element("td", value, class_=kind))
        return join(parts)

    head = element("thead", element("tr", cells(header, "th")))
    body = element(
        "tbody",
        *(element("tr", cells(row, "td"), class_="marked" if i in bold else "") for i, row in enumerate(rows)),
    )
    foot = element("tfoot", element("tr", cells(footer, "td"))) if footer else ""
    return element(
        "div",
        element("table", head, body, foot, aria_label=label),
        class_="scroll",
        tabindex="0",  # reached with Tab, so that the keyboard can scroll it
        role="region",
        aria_label=f"{label}, table",  # told from the section, which has the same name
    )


def pairs(entries: Iterable[tuple[object, object]], class_: str = "pairs") -> Html:
    """Write names with their values as a description list."""
    return element(
        "dl", *(element("div", element("dt", name), element("dd", value)) for name, value in entries), class_=class_
    )


def fold(summary: str, content: object, *, is_open: bool = False) -> Html:
    """Write a part that opens with a click, and is shown in full when printed."""
    # the style sheet opens it for print
    return Html(f"<details{' open' if is_open else ''}>{element('summary', summary)}{escape(content)}</details>")


def note(text: object) -> Html:
    """Write a sentence of explanation."""
    return element("p", text, class_="note")


def embedded_image(content: bytes, alt: str, *, kind: str = "png", **attributes: object) -> Html:
    """Write an image whose bytes stand in the page itself; ``kind`` is "png" or "jpeg"."""
    source = f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
    return Html(element("img", src=source, alt=alt, **attributes).removesuffix("</img>"))  # img has no end tag
