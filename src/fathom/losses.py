"""Losses by name: functions (prediction, target) -> mean over the batch, a scalar tensor.

They are torch's, with one addition: where torch would broadcast a target of another shape, (N,) against (N, 1), and
silently compare every prediction with every target, these say so.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fathom.errors import UsageError, unknown

Loss = Callable[[Tensor, Tensor], Tensor]


def squared(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean of (ŷ − y)².

    Shape:   prediction (N, …), target (N, …) -> ()
    Equals:  torch.nn.functional.mse_loss
    Raises:  UsageError if the shapes differ
    """
    return F.mse_loss(prediction, _aligned(prediction, target))  # ()


def half_squared(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean of ½(ŷ − y)²: the book's squared loss, whose derivative is ŷ − y.

    Shape:   prediction (N, …), target (N, …) -> ()
    Equals:  half of torch.nn.functional.mse_loss, which has no ½
    Source:  Dive into Deep Learning, eq. (3.1.5)
    Raises:  UsageError if the shapes differ
    """
    return 0.5 * F.mse_loss(prediction, _aligned(prediction, target))  # ()


def l1(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean of |ŷ − y|; at ŷ = y the sub-gradient 0 is taken.

    Shape:   prediction (N, …), target (N, …) -> ()
    Equals:  torch.nn.functional.l1_loss
    Raises:  UsageError if the shapes differ
    """
    return F.l1_loss(prediction, _aligned(prediction, target))  # ()


def huber(prediction: Tensor, target: Tensor, delta: float = 1.0) -> Tensor:
    """Mean of ½e² where |e| ≤ δ and δ(|e| − ½δ) beyond, with e = ŷ − y.

    Shape:   prediction (N, …), target (N, …) -> ()
    Equals:  torch.nn.functional.huber_loss
    Source:  Huber 1964, "Robust Estimation of a Location Parameter"
    Raises:  UsageError if the shapes differ
    """
    return F.huber_loss(prediction, _aligned(prediction, target), delta=delta)  # ()


def smooth_l1(prediction: Tensor, target: Tensor, beta: float = 1.0) -> Tensor:
    """Mean of ½e²/β where |e| < β and |e| − ½β beyond, with e = ŷ − y: Huber's with δ = β, divided by β.

    Shape:   prediction (N, …), target (N, …) -> ()
    Equals:  torch.nn.functional.smooth_l1_loss
    Source:  Girshick 2015, "Fast R-CNN", eq. (3)
    Raises:  UsageError if the shapes differ
    """
    return F.smooth_l1_loss(prediction, _aligned(prediction, target), beta=beta)  # ()


def cross_entropy(prediction: Tensor, target: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """Mean of −Σ_c q_c log softmax(o)_c, stable for large logits o.

    q is 1 − ε at the true class plus ε/C everywhere, with ε = ``label_smoothing`` and C classes. Without smoothing this
    is −log softmax(o)_y.

    Shape:   prediction (N, C, …), target int64 (N, …) -> (); the target may be probabilities (N, C, …)
    Equals:  torch.nn.functional.cross_entropy
    Source:  Szegedy et al. 2016, "Rethinking the Inception Architecture", §7 (smoothing)
    Raises:  UsageError if the target is neither, or there is one output, of which the softmax is always 1
    """
    _check_classes("cross_entropy", prediction, target)
    return F.cross_entropy(prediction, target, label_smoothing=label_smoothing)  # ()


def bce_with_logits(prediction: Tensor, target: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """Mean of −y log σ(o) − (1 − y) log(1 − σ(o)), the log-loss, computed stably as max(o, 0) − oy + log(1 + e^−|o|).

    One output a sample is the logit of the second of two classes; several are labels that each hold or do not. With
    ε = ``label_smoothing`` a target y becomes (1 − ε)y + ε/2.

    Shape:   prediction (N, …), target (N, …) -> (); targets lie from 0 to 1
    Equals:  torch.nn.functional.binary_cross_entropy_with_logits; of one output, cross_entropy of the logits (0, o)
    Raises:  UsageError if the shapes differ
    """
    return _log_losses(prediction, _aligned(prediction, target), label_smoothing, reduction="mean")  # ()


def multi_margin(prediction: Tensor, target: Tensor, margin: float = 1.0) -> Tensor:
    """Mean of Σ_{i≠y} max(0, Δ − (o_y − o_i)) / C: nothing is lost once o_y − o_i ≥ Δ for all of the C classes.

    Shape:   prediction (N, C), target int64 (N,) -> (); scores, not probabilities
    Equals:  torch.nn.functional.multi_margin_loss, which divides by C
    Source:  Crammer & Singer 2001, with the sum in place of the maximum
    Raises:  UsageError for another target, or one output
    """
    _check_classes("multi_margin", prediction, target)
    return F.multi_margin_loss(prediction, target, margin=margin)  # ()


class BalancedLoss(nn.Module):
    """Mean of w_y · ℓ: the loss of each sample times the weight of its class.

    The sum is divided by the number of samples, not by that of the weights as torch's own class weights do, so that
    batches add up whatever classes are in them.

    Shape:   prediction (N, C), target int64 (N,) -> (); of bce_with_logits (N, 1) and (N, 1)
    Args:
        name: cross_entropy, multi_margin, or bce_with_logits for two classes told by one output.
        weights: one a class.
        options: those of the loss.
    Raises:  UsageError for a loss without classes, and of bce_with_logits for labels, whose samples have several
    """

    weights: Tensor

    def __init__(self, name: str, weights: Sequence[float], **options: Any) -> None:
        super().__init__()
        if name not in _PER_SAMPLE:
            raise UsageError(f"class weights need {' or '.join(_PER_SAMPLE)}; loss {name} has no classes")
        make_loss(name, **options)
        self.name, self.loss = name, partial(_PER_SAMPLE[name], reduction="none", **options)
        # Made from the data each time, and no business of a saved model
        self.register_buffer("weights", torch.tensor(list(weights), dtype=torch.float32), persistent=False)

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        if self.name != "bce_with_logits":
            _check_classes(self.name, prediction, target)
            if target.is_floating_point():
                raise UsageError("class weights need one class a sample; these targets are probabilities of classes")
            labels = target  # (N,)
        else:
            target = _aligned(prediction, target)
            labels = (target > 0.5).long()  # (N, 1)
            if len(self.weights) != 2 or (prediction.ndim > 1 and prediction.shape[1] != 1):
                raise UsageError(
                    "class weights of bce_with_logits are two numbers, for the two classes of one output; to weigh "
                    "labels, take loss=nn.BCEWithLogitsLoss(pos_weight=…)"
                )
        losses = self.loss(prediction, target)  # (N,)
        return (losses * self.weights[labels]).mean()  # ()


def soft_targets(prediction: Tensor, teacher: Tensor, temperature: float = 1.0) -> Tensor:
    """Mean of T² Σ_c q_c (log q_c − log p_c), p = softmax(o/T), q = softmax(t/T): KL(q ‖ p) of softened classes.

    A temperature T above 1 brings out what the teacher thinks of the classes that it does not choose. The gradient of
    the divergence shrinks as 1/T²; the factor undoes this, so that T need not be weighed against the other loss.

    Shape:   prediction (N, C), teacher (N, C) -> (); logits o and t
    Equals:  T² times torch.nn.functional.kl_div of the softened log-probabilities, reduction "batchmean"
    Source:  Hinton, Vinyals & Dean 2015, "Distilling the Knowledge in a Neural Network", §2
    Raises:  UsageError if the shapes differ
    """
    log_p = F.log_softmax(prediction / temperature, 1)  # (N, C)
    log_q = F.log_softmax(_aligned(prediction, teacher) / temperature, 1)  # (N, C)
    return temperature**2 * F.kl_div(log_p, log_q, reduction="batchmean", log_target=True)  # ()


def _log_losses(prediction: Tensor, target: Tensor, label_smoothing: float = 0.0, reduction: str = "none") -> Tensor:
    """Return the log-loss of every output."""
    if label_smoothing:
        target = (1 - label_smoothing) * target + label_smoothing / 2  # (N, …)
    return F.binary_cross_entropy_with_logits(prediction, target, reduction=reduction)  # (N, …)


def _check_classes(name: str, prediction: Tensor, target: Tensor) -> None:
    """Refuse what is no class for each sample, nor, for the cross-entropy, a probability for each class."""
    given, wanted = tuple(prediction.shape), tuple(prediction.shape[:1] + prediction.shape[2:])
    if prediction.ndim < 2 or prediction.shape[1] == 1:
        raise UsageError(
            f"{name} compares one output for each class, and there is one a sample (predictions of shape {given}); for "
            "two classes take bce_with_logits"
        )
    if target.shape == wanted or (
        name == "cross_entropy" and target.shape == prediction.shape and target.is_floating_point()
    ):
        return
    shape = tuple(target.shape)
    cure = f"; write target.reshape{wanted}" if target.numel() == math.prod(wanted) else ""
    if shape == given and not cure:
        cure = "; a 0 or 1 for each label needs bce_with_logits"
    raise UsageError(f"{name} compares predictions of shape {given} with classes of shape {wanted}, not {shape}{cure}")


def _aligned(prediction: Tensor, target: Tensor) -> Tensor:
    if prediction.shape != target.shape:
        wanted, given = tuple(prediction.shape), tuple(target.shape)
        cure = f"; write target.reshape{wanted}" if prediction.numel() == target.numel() else ""
        raise UsageError(f"the loss compares predictions of shape {wanted} with targets of shape {given}{cure}")
    # Integer labels, 0 and 1 say, have no common gradient type with the prediction
    return target if target.is_floating_point() else target.to(prediction.dtype)


# loss: its option, what the option must be, and whether it is
_OPTIONS: dict[str, tuple[str, str, Callable[[float], bool]]] = {
    "huber": ("delta", "above 0", lambda delta: 0.0 < delta < math.inf),
    "smooth_l1": ("beta", "of at least 0", lambda beta: 0.0 <= beta < math.inf),
    "cross_entropy": ("label_smoothing", "from 0 to 1", lambda smoothing: 0.0 <= smoothing <= 1.0),
    "bce_with_logits": ("label_smoothing", "from 0 to 1", lambda smoothing: 0.0 <= smoothing <= 1.0),
    "multi_margin": ("margin", "of at least 0", lambda margin: 0.0 <= margin < math.inf),
}
LOSSES: dict[str, Callable[..., Tensor]] = {
    function.__name__: function
    for function in (squared, half_squared, l1, huber, smooth_l1, cross_entropy, bce_with_logits, multi_margin)
}


_PER_SAMPLE: dict[str, Callable[..., Tensor]] = {
    "cross_entropy": F.cross_entropy,
    "multi_margin": F.multi_margin_loss,
    "bce_with_logits": _log_losses,
}


SMOOTHED = tuple(name for name, (option, *_) in _OPTIONS.items() if option == "label_smoothing")


# functions given from Python, by name, for as long as a call that was given one
PROVIDED: dict[str, Loss] = {}


@contextlib.contextmanager
def provided_loss(loss: Loss) -> Iterator[str]:
    """Let a name stand for a loss that the user has written, for the length of a ``with``, and give the name."""
    name = getattr(loss, "__name__", type(loss).__name__)
    name = f"{name}_" if name in LOSSES else name  # torch's cross_entropy is not Fathom's
    before = PROVIDED.get(name)
    PROVIDED[name] = loss
    try:
        yield name
    finally:
        PROVIDED.pop(name)
        if before is not None:
            PROVIDED[name] = before


def is_log_loss(loss: Any) -> bool:
    """Whether a loss, by name or as an object, takes each output for a label of its own that holds or does not."""
    functions = ("bce_with_logits", bce_with_logits, F.binary_cross_entropy_with_logits, F.multilabel_soft_margin_loss)
    return loss in functions or isinstance(loss, nn.BCEWithLogitsLoss | nn.MultiLabelSoftMarginLoss)


def make_loss(name: str, **options: Any) -> Loss:
    """Return a loss by name, its options set.

    >>> make_loss("huber", delta=0.5)  # doctest: +ELLIPSIS
    functools.partial(<function huber at ...>, delta=0.5)

    Args:
        name: squared, half_squared, l1, huber, smooth_l1, cross_entropy, bce_with_logits or multi_margin
        options: ``delta`` of huber, ``beta`` of smooth_l1, ``label_smoothing`` of cross_entropy and bce_with_logits,
            ``margin`` of multi_margin

    Raises:  UsageError if the name or an option is unknown, or an option out of range
    """
    if name in PROVIDED:
        return PROVIDED[name]
    if name not in LOSSES:
        raise unknown("loss", name, LOSSES)
    for option, value in options.items():
        if name not in _OPTIONS:
            raise UsageError(f"loss {name} has no options; got {option!r}")
        known, wanted, is_valid = _OPTIONS[name]
        if option != known:
            raise unknown(f"option of the loss {name}:", option, [known])
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not is_valid(value):
            raise UsageError(f"loss {name}: {option} must be a number {wanted}, not {value!r}")
    return partial(LOSSES[name], **options) if options else LOSSES[name]
