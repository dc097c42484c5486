"""One page that shows what a data set looks like: samples of every class, plain and augmented."""

from __future__ import annotations

from collections.abc import Sequence

from fathom.runs.html.markup import element
from fathom.runs.html.page import Page
from fathom.runs.html.sections.samples import show_samples


def samples_page(
    name: str,
    samples: Sequence[tuple[str, bytes]],
    augmented: Sequence[tuple[str, bytes]],
    *,
    augmentation: str,
    num_classes: int,
) -> Page:
    """Lay out the page.

    Args:
        samples, augmented: rows of images: a class name and a PNG.
        augmentation: how it is written after ``--augment``.
    """
    changed = f"An image of each class, then draws of {', '.join(augmentation.split(','))}."
    return Page(
        title=f"{name}: samples",
        kicker="Data set",
        heading=name,
        byline=element("p", "Training images", class_="byline"),
        summary=(),
        sections=[
            show_samples("samples", "Samples", "Drawn at random.", samples, num_classes),
            show_samples("augmented", "Augmented", changed, augmented, num_classes),
        ],
        footer="",
    )
