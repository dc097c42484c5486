"""Cause before symptom: which findings explain which, and what becomes of both.

A network that answers one class for everything has a reason. Where it was found too, it leads, as grave as what follows
from it, and the symptom becomes a note below it that names it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from fathom.findings import SEVERITIES, Finding, by_severity, has_errors

_FOLLOWS = "it follows from "

_NEARLY_NO_GRADIENT = "hardly any gradient comes through"
_FAR_STEPS = "steps this large leave the network where its inputs no longer matter"
_NO_STEPS = "the network stays as it was initialised"
_LARGE_VALUES = "products of large values are larger with every layer"

# symptom -> cause -> why the one follows from the other
EXPLAINS: Mapping[str, Mapping[str, str]] = {
    "model.collapse": {
        "loss.softmax_before_cross_entropy": _NEARLY_NO_GRADIENT,
        "loss.sigmoid_before_bce_with_logits": _NEARLY_NO_GRADIENT,
        "loss.wrong_kind": "another loss than that of the task is minimised",
        "loss.wrong_sign": "what is right is made less likely",
        "loss.not_finite": "weights that are not finite give the same for every input",
        "model.relu_on_logits": "logits of 0 have no gradient and are equally likely",
        "model.dead_units": "what dead units pass on does not depend on the input",
        "model.saturated_units": "what saturated units pass on hardly depends on the input",
        "model.detached_graph": _NO_STEPS,
        "step.parameters_not_updated": _NO_STEPS,
        "step.gradients_not_cleared": _FAR_STEPS,
        "lr.too_high": _FAR_STEPS,
        "lr.too_low": _NO_STEPS,
        "lr.zero": _NO_STEPS,
        "init.symmetric": "equal units learn the same and remain one unit",
        "init.scale": "the outputs begin far from, or blind to, what the inputs say",
        "gradient.exploding": _FAR_STEPS,
        "gradient.vanishing": _NEARLY_NO_GRADIENT,
        "data.not_scaled": "the largest inputs alone decide",
        "data.scaled_twice": "the inputs hardly differ",
    },
    "gradient.exploding": {
        "lr.too_high": "each step overshoots and begins the next where the slope is steeper",
        "step.gradients_not_cleared": "the gradients of all steps add up",
        "loss.wrong_sign": "a loss without a lower bound grows with every step",
        "loss.wrong_kind": "the loss of another task has no bound on these targets",
        "init.scale": _LARGE_VALUES,
        "data.not_scaled": _LARGE_VALUES,
    },
    "lr.too_high": {"step.gradients_not_cleared": "the gradients of all steps add up"},
    "gradient.vanishing": {
        "loss.softmax_before_cross_entropy": _NEARLY_NO_GRADIENT,
        "model.saturated_units": "the slope of a saturated unit is almost 0",
        "model.dead_units": "the slope of a dead unit is 0",
        "model.relu_on_logits": "the slope is 0 where a logit would be negative",
        "init.scale": "each layer passes on a fraction of what it gets",
        "data.scaled_twice": "the gradient of a weight is a multiple of its input",
    },
}


def rank(findings: Sequence[Finding]) -> list[Finding]:
    """Return the findings with causes before what follows from them, the gravest first.

    Notes explain nothing: they are only likely. Ranking twice gives the same.
    """
    leads = {id(finding): lead for finding in findings if (lead := _lead_of(finding, findings))}
    gravest: dict[str, int] = {}  # by the code of a cause: the severity of what follows from it
    for finding in findings:
        if id(finding) in leads:
            code = leads[id(finding)].code
            gravest[code] = min(gravest.get(code, len(SEVERITIES)), SEVERITIES.index(finding.severity))
    first = [_raised(f, gravest[f.code]) for f in findings if f.code in gravest and id(f) not in leads]
    rest = [f for f in findings if f.code not in gravest and id(f) not in leads]
    below = [_following(f, leads[id(f)]) for f in findings if id(f) in leads]
    ranked = by_severity([*first, *rest, *below])
    if has_errors(ranked):  # a training with an error learns less: that is its consequence
        ranked = [finding for finding in ranked if finding.code != "fit.underfitting"]
    return ranked


def _lead_of(symptom: Finding, findings: Iterable[Finding]) -> Finding | None:
    """Return the gravest cause of a symptom; one that follows from another itself only if that is no cause too."""
    causes = EXPLAINS.get(symptom.code, {})
    if symptom.severity == "note":
        return None
    known = [f for f in findings if f.code in causes and f.severity != "note"]
    roots = [f for f in known if not any(other.code in EXPLAINS.get(f.code, {}) for other in known)]
    return next(iter(by_severity(roots)), None)


def _raised(cause: Finding, severity: int) -> Finding:
    if cause.severity == "note" or SEVERITIES.index(cause.severity) <= severity:
        return cause
    return msgspec.structs.replace(cause, severity=SEVERITIES[severity])


def _following(symptom: Finding, lead: Finding) -> Finding:
    """Return a symptom as a note that names its cause; the cure is that of the cause."""
    reason = EXPLAINS[symptom.code][lead.code]
    return msgspec.structs.replace(
        symptom,
        severity="note",
        cause=f"{_FOLLOWS}{lead.code}: {reason}",
        remedy="",
        settings=msgspec.UNSET,
    )


def is_symptom(finding: Finding) -> bool:
    """Whether ``rank`` found its cause: what mends that mends it too."""
    return finding.cause.startswith(_FOLLOWS)
