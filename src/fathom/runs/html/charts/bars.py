"""Small bars within tables."""

from __future__ import annotations

from fathom.runs.html.markup import Html


def share_bar(share: float) -> Html:
    """Draw a small bar that fills ``share`` of its width."""
    width = f"{100 * min(1.0, max(0.0, share)):.1f}"  # clamped: a share from a foreign file may be anything
    return Html(
        '<svg class="bar" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="bar-track" width="100" height="6"/><rect class="bar-fill" width="{width}" height="6"/></svg>'
    )
