"""From a network's outputs to probabilities and decisions: one class of several, or labels that each hold or do not.

Three forms of classification, in scikit-learn's words, told apart by the number of outputs and by ``multilabel``:

- multiclass: C outputs, one logit a class; softmax, and the largest decides.
- binary: one output o, the logit of the second of two classes. It is read as the logits (0, o), whose softmax is
  (1 − σ(o), σ(o)), so that all that is said of classes holds for it too.
- multilabel: L outputs, one logit a label; each has its own sigmoid, and a label is given where its logit is above 0.
"""

from __future__ import annotations

import torch
from torch import Tensor

from fathom.errors import UsageError


def is_single(output: Tensor) -> bool:
    """Whether there is one output a sample."""
    return output.ndim == 1 or output.shape[1] == 1  # (N,) or (N, 1, …)


def class_logits(output: Tensor) -> Tensor:
    """Return a logit for each class: (0, o) for the two classes of a single output o, several outputs as they are.

    Shape:   output (N,), (N, 1, …) or (N, C, …) -> (N, 2), (N, 2, …) or (N, C, …)
    """
    if not is_single(output):
        return output
    column = output.unsqueeze(1) if output.ndim == 1 else output  # (N, 1, …)
    # softmax of (0, o) is sigmoid(o) for the second class
    return torch.cat([torch.zeros_like(column), column], 1)  # (N, 2, …)


def probabilities(output: Tensor, multilabel: bool = False) -> Tensor:
    """Return the probability of each class, or of each label.

    Shape:   output (N, C, …) -> (N, C, …); a single output gives two classes, see ``class_logits``
    """
    if multilabel and not is_single(output):
        return output.sigmoid()
    return class_logits(output).softmax(1)


def decide(output: Tensor, multilabel: bool = False) -> Tensor:
    """Return the most probable class, the first of several, or 1 for each label that is more probable than not.

    Shape:   output (N, C, …) -> int64 (N, …); of labels (N, L, …) -> int64 (N, L, …)
    """
    if multilabel and not is_single(output):
        return (output > 0).long()  # 0: the logit of probability 0.5
    return class_logits(output).argmax(1)


def true_labels(output: Tensor, target: Tensor, multilabel: bool = False) -> Tensor:
    """Return the target in the form of ``decide``; of targets that are probabilities, what they decide.

    Shape:   output (N, C, …), target (N, …) or probabilities (N, C, …) -> (N, …); of labels (N, L, …) -> int64
        (N, L, …)
    Raises:  UsageError for a target of another shape, which would be compared with every prediction
    """
    wanted = (output.shape[0], *output.shape[2:])  # (N, …): all but the classes' dimension
    if is_single(output):
        # (N,), (N, 1): both are common ways to write 0 and 1
        if target.shape not in (output.shape, wanted, (*wanted, 1)):
            raise misfit(output, target, f"classes 0 and 1 of shape {wanted}")
        return _hard(target).reshape(wanted)
    if multilabel:
        if target.shape != output.shape:
            raise misfit(output, target, "a 0 or 1 for each label")
        return _hard(target)
    if target.shape == wanted:
        return target
    if target.shape != output.shape:
        raise misfit(output, target, f"classes of shape {wanted}")
    if not target.is_floating_point():  # class indices of the outputs' shape mean a label each
        raise UsageError(
            f"targets of shape {tuple(target.shape)} are a 0 or 1 for each label: take "
            'loss="bce_with_logits", or multilabel = True in a subclass; for one class each, write target.argmax(1)'
        )
    return target.argmax(1)  # probabilities of classes, as mixup gives them


def misfit(output: Tensor, target: Tensor, wanted: str) -> UsageError:
    """Return the error for a target that does not fit the network's output."""
    shape, given = tuple(output.shape), tuple(target.shape)
    # only dimensions of 1 differ, so reshape cures it
    is_same = [n for n in shape if n != 1] == [n for n in given if n != 1]
    cure = f"; write target.reshape{shape}" if is_same else ""
    return UsageError(f"outputs of shape {shape} need {wanted}, not targets of shape {given}{cure}")


def _hard(target: Tensor) -> Tensor:
    """Return 0 or 1: where a target is a probability, what is more probable."""
    return (target > 0.5).long() if target.is_floating_point() else target.long()
