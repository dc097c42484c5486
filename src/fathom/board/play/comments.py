"""What the doctor says of a network at play, by the doctor's own codes and thresholds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from fathom.board.play.settings import PlaySettings
from fathom.doctor.catalog import found
from fathom.doctor.thresholds import DEAD_SHARE, SATURATED_SHARE, VANISHED, VANISHING_RATIO
from fathom.findings import Finding

_EARLY = 200  # steps before slow learning says anything
_GAP = 0.25  # of the losses: validation above training by so much, where training is nearly perfect


def comment(settings: PlaySettings, frame: Mapping[str, Any], units: Mapping[str, Any]) -> list[Finding]:
    """Return what stands out; nothing where all is well."""
    comments: list[Finding] = []
    if settings.init == "zeros":
        comments.append(found("init.symmetric", "All weights start at zero: the units of a layer stay equal"))
    for name, code, share, what in (
        ("dead", "model.dead_units", DEAD_SHARE, "give nothing for any point"),
        ("bound", "model.saturated_units", SATURATED_SHARE, "are at their bound for nearly all points"),
    ):
        is_concerned = settings.activation in (("relu",) if name == "dead" else ("tanh", "sigmoid"))
        for i, value in enumerate(units[name] if is_concerned else ()):
            if value >= share and frame["step"]:
                text = f"{100 * value:.0f}% of the units of layer {i + 1} {what}"
                comments.append(found(code, text, {"share": value}, place=f"layer {i + 1}"))
    gradients = frame["gradients"]
    if len(gradients) > 2 and gradients[0] < VANISHED and gradients[0] < VANISHING_RATIO * gradients[-1]:
        text = f"The first layer's gradient is {gradients[0]:.1e}, the last one's {gradients[-1]:.1e}"
        comments.append(found("gradient.vanishing", text, {"first": gradients[0], "last": gradients[-1]}))
    chance = math.log(len({row[2] for row in settings.given}) or (10 if settings.points == "digits" else 2))
    if frame["train_loss"] > 1.5 * chance and frame["step"] > 20:
        text = f"The loss is {frame['train_loss']:.2f}, above that of guessing, {chance:.2f}"
        comments.append(found("lr.too_high", text, {"loss": frame["train_loss"], "lr": settings.lr}))
    elif frame["step"] > _EARLY and frame["train_loss"] > 0.95 * chance and not comments:
        text = f"After {frame['step']} steps the loss is {frame['train_loss']:.3f}, that of guessing"
        comments.append(found("lr.too_low", text, {"loss": frame["train_loss"], "lr": settings.lr}))
    if frame["val_loss"] - frame["train_loss"] > _GAP and frame["train_accuracy"] > 0.95:
        text = f"Training loss {frame['train_loss']:.2f}, validation loss {frame['val_loss']:.2f}: it learns by heart"
        comments.append(found("fit.overfitting", text, {"gap": frame["val_loss"] - frame["train_loss"]}))
    return comments
