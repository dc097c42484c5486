"""Small bars within tables."""

from __future__ import annotations

from collections.abc import Sequence

from fathom.runs.analysis.numbers import percent
from fathom.runs.html.markup import Html


def share_bar(share: float) -> Html:
    """Draw a small bar that fills ``share`` of its width."""
    width = f"{100 * min(1.0, max(0.0, share)):.1f}"  # clamped: a share from a foreign file may be anything
    return Html(
        '<svg class="bar" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="bar-track" width="100" height="6"/><rect class="bar-fill" width="{width}" height="6"/></svg>'
    )


def histogram_bars(shares: Sequence[float]) -> Html:
    """Draw a small histogram, the highest bar as high as the row; nothing of no shares."""
    if not shares or max(shares) <= 0:
        return Html("")
    width, middle = 100 / len(shares), len(shares) // 2
    bars = "".join(
        f'<rect class="bar-fill" x="{i * width + 0.4:.1f}" y="{24 - 24 * share / max(shares):.1f}" '
        f'width="{width - 0.8:.1f}" height="{24 * share / max(shares):.1f}"/>'
        for i, share in enumerate(shares)
    )
    said = f"{percent(sum(shares[:middle]))} below the mean, highest bar {percent(max(shares))}"
    return Html(
        f'<svg class="histogram" viewBox="0 0 100 24" preserveAspectRatio="none" role="img" aria-label="{said}">'
        f"<title>{said}</title>{bars}</svg>"
    )
