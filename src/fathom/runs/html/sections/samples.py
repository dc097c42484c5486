"""Sample images, a class a row; a name is text of the page, so that it shows in every script."""

from __future__ import annotations

from collections.abc import Sequence

from fathom.phrases import counted
from fathom.runs.html.markup import Html, element, embedded_image, note
from fathom.runs.html.page import Section


def show_samples(
    key: str, title: str, about: str, rows: Sequence[tuple[str, bytes]], num_classes: int
) -> Section | None:
    """Show rows of images.

    Args:
        rows: each a class name and a PNG of its images side by side.
        num_classes: how many classes there are, of which the rows may be the first.
    """
    if not rows:
        return None
    if num_classes > len(rows):
        about += f" Shown: {len(rows)} of {counted(num_classes, 'class')}."
    return Section(key, title, note(about), element("div", *(_show_row(*row) for row in rows), class_="samples"))


def _show_row(name: str, strip: bytes) -> Html:
    image = embedded_image(strip, f"images of {name}", class_="pixels")
    return element("figure", element("figcaption", name), image)
