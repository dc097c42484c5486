"""Losses: one number that says how wrong the predictions are, by the mean over the batch unless told otherwise.

Source:  notes N1 §1.3.2, N0; Dive into Deep Learning §3.1, §4.1
"""

from __future__ import annotations

import numpy as np

from fathom.scratch.engine.autograd import both_ways
from fathom.scratch.engine.checks import check_axes, check_batch, check_float, check_number
from fathom.scratch.engine.creation import check_labels
from fathom.scratch.engine.operations import where
from fathom.scratch.engine.tensor import Tensor, record
from fathom.scratch.layers.activations import log_softmax


def squared(prediction: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Return (ŷ − y)².

    Args:
        reduction: "mean", "sum" or "none", here and in all losses

    Shape:   prediction (N, …), target (N, …) -> (); prediction's for reduction "none"
    Equals:  torch.nn.functional.mse_loss
    Raises:  ValueError if the shapes differ: (N,) and (N, 1) would compare everything with everything
    """
    _check_pair("squared", prediction, target)
    return _reduce("squared", (prediction - target).square(), reduction)  # d/dŷ = 2(ŷ − y)


def half_squared(prediction: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Return ½(ŷ − y)²: the notes' squared loss, whose derivative is ŷ − y. torch's ``mse_loss`` has no ½.
    Shape:   prediction (N, …), target (N, …) -> (); prediction's for reduction "none"

    Equals:  half of torch.nn.functional.mse_loss
    """
    _check_pair("half_squared", prediction, target)
    return _reduce("half_squared", 0.5 * (prediction - target).square(), reduction)


def l1(prediction: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Return |ŷ − y|. Kink: the derivative at ŷ = y is taken as 0.
    Shape:   prediction (N, …), target (N, …) -> (); prediction's for reduction "none"

    Equals:  torch.nn.functional.l1_loss
    """
    _check_pair("l1", prediction, target)
    # robust: an outlier pulls no harder than any other error
    return _reduce("l1", (prediction - target).abs(), reduction)


def huber(prediction: Tensor, target: Tensor, delta: float = 1.0, reduction: str = "mean") -> Tensor:
    """Return ½e² where |e| ≤ δ, δ(|e| − ½δ) beyond, with e = ŷ − y: squared near 0, straight far out.
    Shape:   prediction (N, …), target (N, …) -> (); prediction's for reduction "none"

    Equals:  torch.nn.functional.huber_loss
    Source:  Huber 1964
    """
    _check_pair("huber", prediction, target)
    check_number("huber", "delta", delta, above=True)
    e = (prediction - target).abs()  # (N, …)
    # at |e| = δ both pieces are ½δ², with the slope δ
    return _reduce("huber", where(e <= delta, 0.5 * e.square(), delta * (e - 0.5 * delta)), reduction)


def smooth_l1(prediction: Tensor, target: Tensor, beta: float = 1.0, reduction: str = "mean") -> Tensor:
    """Return ½e²/β where |e| < β, |e| − ½β beyond: Huber's with δ = β, divided by β; β = 0 is ``l1``.
    Shape:   prediction (N, …), target (N, …) -> (); prediction's for reduction "none"

    Equals:  torch.nn.functional.smooth_l1_loss
    Source:  Girshick 2015, eq. (3)
    """
    _check_pair("smooth_l1", prediction, target)
    check_number("smooth_l1", "beta", beta)
    e = (prediction - target).abs()
    if beta == 0:  # the limit: the squared part shrinks to a point
        return _reduce("smooth_l1", e, reduction)
    near = e.clip(high=beta)  # so that e²/β stays small where it does not count
    return _reduce("smooth_l1", where(e < beta, 0.5 * near.square() / beta, e - 0.5 * beta), reduction)


def nll(log_probabilities: Tensor, labels: Tensor, reduction: str = "mean") -> Tensor:
    """Return −log p_y, of logarithms that are given: the log-loss.

    Shape:   log_probabilities (N, C), labels (N,) -> (); (N,) for reduction "none"
    Equals:  torch.nn.functional.nll_loss
    """
    _check_scores("nll", log_probabilities, labels)
    rows = Tensor(range(len(labels)))  # row i, column labels[i]
    return _reduce("nll", -log_probabilities[rows, labels], reduction)  # (N,): one logarithm a row


def cross_entropy(logits: Tensor, labels: Tensor, label_smoothing: float = 0.0, reduction: str = "mean") -> Tensor:
    """Return −Σ_c q_c log softmax(o)_c, stable for large o; q is 1 at the label, or 1 − ε there plus ε/C everywhere.

    Its derivative by the logits is softmax(o) − q.

    Shape:   logits (N, C), labels (N,) -> (); or probabilities (N, C) for labels; (N,) for reduction "none"
    Equals:  torch.nn.functional.cross_entropy
    Raises:  ValueError if shapes do not fit, there are no samples, or a label is below 0 or not below C
    """
    if not 0.0 <= label_smoothing <= 1.0:
        raise ValueError(f"cross_entropy: label_smoothing must be from 0 to 1, not {label_smoothing!r}")
    if labels.dtype.kind == "f":
        # distributions instead of numbers: one row of probabilities each
        _check_pair("cross_entropy", logits, labels)
        log_p = log_softmax(logits, axis=1)  # (N, C)
        at_label = -(labels * log_p).sum(1)  # (N,)
    else:
        _check_scores("cross_entropy", logits, labels)
        log_p = log_softmax(logits, axis=1)
        at_label = nll(log_p, labels, "none")  # (N,)
    if label_smoothing:
        # ε/C at each of C classes: ε times their mean
        at_label = (1 - label_smoothing) * at_label - label_smoothing * log_p.mean(1)
    return _reduce("cross_entropy", at_label, reduction)


def soft_targets(logits: Tensor, teacher: Tensor, temperature: float = 1.0) -> Tensor:
    """Return T² Σ_c q_c (log q_c − log p_c), p = softmax(o/T), q = softmax(t/T), its mean: another network teaches.

    T above 1 shows what the teacher thinks of the classes that it does not choose. The divergence's gradient shrinks
    as 1/T²; the factor undoes that.

    Shape:   logits (N, C), teacher (N, C) -> ()
    Equals:  T² times torch.nn.functional.kl_div of the softened logarithms, reduction "batchmean"
    Source:  Hinton, Vinyals & Dean 2015, arXiv:1503.02531, §2
    """
    _check_pair("soft_targets", logits, teacher)
    check_axes("soft_targets", "logits", logits, "(N, C)")
    check_batch("soft_targets", "logits", logits)
    check_number("soft_targets", "temperature", temperature, above=True)
    # a higher temperature shows which wrong classes the teacher takes for near
    log_p, log_q = log_softmax(logits / temperature, axis=1), log_softmax(teacher / temperature, axis=1)
    # KL(q‖p); T² undoes the 1/T² in the gradients
    return temperature**2 * (log_q.exp() * (log_q - log_p)).sum(1).mean()


def bce_with_logits(logits: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Return −y log σ(o) − (1 − y) log(1 − σ(o)), as max(o, 0) − oy + log(1 + e^−|o|), which never overflows.

    Shape:   logits (N, …), target (N, …) -> (); the logits' for reduction "none"
    Equals:  torch.nn.functional.binary_cross_entropy_with_logits
    """
    _check_pair("bce_with_logits", logits, target)
    # At o = 0 the derivative is ½ − y: maximum's ½ of a tie, and 0 of |o|
    each = (logits.maximum(0.0) - logits * target) + (-logits.abs()).exp()._log1p()
    return _reduce("bce_with_logits", each, reduction)


def bce(probability: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Return −y log p − (1 − y) log(1 − p), of probabilities; logarithms are cut at −100, and p(1 − p) below at 1e-12.
    Shape:   probability (N, …), target (N, …) -> (); the probability's for reduction "none"

    Equals:  torch.nn.functional.binary_cross_entropy
    """
    _check_pair("bce", probability, target)
    # logits given by mistake would only show as nan
    if probability.numel() and not 0 <= probability.data.min() <= probability.data.max() <= 1:
        raise ValueError("bce: probability must be from 0 to 1; for logits use bce_with_logits")
    if target.numel() and not 0 <= target.data.min() <= target.data.max() <= 1:
        raise ValueError("bce: target must be from 0 to 1")
    p, y = probability.data, target.data  # (N, …)
    with np.errstate(divide="ignore"):
        log_p, log_q = np.log(p), np.log(1 - p)  # log 0 = −∞
    # −100 and 1e-12 are torch's. The derivative by y is that of the logarithms as they are: infinite at p = 0 and 1
    each = record(
        "bce",
        -y * np.maximum(log_p, -100) - (1 - y) * np.maximum(log_q, -100),
        both_ways(probability, lambda G: G * (p - y) / np.maximum(p * (1 - p), 1e-12), probability, target),
        both_ways(target, lambda G: G * (log_q - log_p), probability),
    )
    return _reduce("bce", each, reduction)


def multi_margin(scores: Tensor, labels: Tensor, margin: float = 1.0, reduction: str = "mean") -> Tensor:
    """Return Σ_{i≠y} max(0, Δ − (o_y − o_i)) / C: nothing is lost once o_y − o_i ≥ Δ for all of the C classes.

    Shape:   scores (N, C), labels (N,) -> (); (N,) for reduction "none"
    Equals:  torch.nn.functional.multi_margin_loss, which divides by C
    """
    _check_scores("multi_margin", scores, labels)
    rows, num_classes = Tensor(range(len(labels))), scores.shape[1]
    lead = scores[rows, labels].unsqueeze(1) - scores  # (N, C): o_y − o_i
    others = Tensor(labels.data[:, None] != range(num_classes))  # (N, C): all but the label
    # 0 for the label: its own lead is 0, which would lose the whole margin
    lost = where(others, (margin - lead).relu(), 0.0)
    # by all C classes, as torch, though the label itself counts 0
    return _reduce("multi_margin", lost.sum(1) / num_classes, reduction)


def _check_pair(name: str, prediction: Tensor, target: Tensor) -> None:
    check_float(name, "prediction", prediction)
    if prediction.shape != target.shape:  # (N,) against (N, 1) would broadcast to (N, N) in silence
        raise ValueError(
            f"{name}: target has shape {target.shape}, expected that of the prediction, {prediction.shape}"
        )
    if prediction.numel() == 0:
        raise ValueError(f"{name}: prediction has shape {prediction.shape}, expected at least one sample")


def _check_scores(name: str, scores: Tensor, labels: Tensor) -> None:
    check_float(name, "scores", scores)
    if scores.ndim != 2 or labels.shape != scores.shape[:1]:
        raise ValueError(
            f"{name}: scores have shape {scores.shape} and labels {labels.shape}, expected (N, C) and (N,)"
        )
    check_batch(name, "scores", scores)
    check_labels(name, labels, scores.shape[1])


def _reduce(name: str, each: Tensor, reduction: str) -> Tensor:
    if reduction == "mean":
        return each.mean()
    if reduction == "sum":
        return each.sum()
    if reduction == "none":
        return each
    raise ValueError(f'{name}: reduction must be "mean", "sum" or "none", not {reduction!r}')
