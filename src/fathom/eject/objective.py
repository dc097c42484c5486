"""Loss and accuracy as expressions of ``output`` and ``y``."""

from __future__ import annotations

from fathom.build.plan import Plan
from fathom.errors import FathomError
from fathom.settings.config import Config, resolved

_LOSSES = {
    "squared": "F.mse_loss(output, y)",
    "half_squared": "0.5 * F.mse_loss(output, y)",
    "l1": "F.l1_loss(output, y)",
    "huber": "F.huber_loss(output, y)",
    "smooth_l1": "F.smooth_l1_loss(output, y)",
    "cross_entropy": "F.cross_entropy(output, y{smoothing})",
    "multi_margin": "F.multi_margin_loss(output, y)",
    "bce_with_logits": "F.binary_cross_entropy_with_logits(output, {target})",
}


def loss_code(config: Config, *, is_training: bool) -> str:
    """Return the loss as an expression; smoothing belongs to training alone."""
    name = resolved(config.training.loss)
    if name not in _LOSSES:
        raise FathomError(f"cannot be ejected: loss {name}")
    smoothing = config.training.label_smoothing if is_training else 0.0
    # one logit, or one a label: targets of the same shape, as numbers
    target = "y.reshape(output.shape).to(output.dtype)"
    if smoothing:
        target = f"{1 - smoothing} * {target} + {smoothing / 2}"
    return _LOSSES[name].format(smoothing=f", label_smoothing={smoothing}" if smoothing else "", target=target)


def hits_code(plan: Plan) -> str:
    """Return how many samples of a batch are right, as an expression; "" for a regression."""
    if plan.data.task != "classification":
        return ""
    if plan.data.multilabel:
        return "((output > 0) == (y > 0.5)).all(1).sum().item()"  # of a sample all labels
    if resolved(plan.config.training.loss) == "bce_with_logits":
        return "((output > 0).flatten() == (y > 0.5).flatten()).sum().item()"
    return "(output.argmax(1) == y).sum().item()"
