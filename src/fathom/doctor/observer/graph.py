"""What the autograd graph of a loss shows before it is used up: operations, shapes, signs, outputs of activations."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

# Operations that move values without changing them: between a softmax and the loss they do not matter.
_MOVES = {"View", "Reshape", "ReshapeAlias", "UnsafeView", "Unsqueeze", "Squeeze", "Permute", "Transpose", "T"}
_MOVES |= {"Slice", "Select", "Clone", "ToCopy", "AsStrided", "Alias", "Index", "Expand", "Split", "Unbind", "Mean"}
_WITH_WEIGHTS = {"Addmm", "Mm", "Bmm", "Baddbmm", "Convolution", "ConvolutionOverrideable", "MkldnnConvolution"}
_WITH_WEIGHTS |= {"MkldnnRnnLayer", "CudnnRnn", "Embedding", "Linear", "Addmv", "Mv", "Dot"}
_LOSSES = {"NllLoss", "NllLoss2D", "NllLossNd", "MseLoss", "BinaryCrossEntropy", "BinaryCrossEntropyWithLogits"}
_LOSSES |= {"SmoothL1Loss", "HuberLoss"}
_ACTIVATIONS = {"Relu": "relu", "Sigmoid": "sigmoid", "Tanh": "tanh"}
_PATH = {"Neg", "Rsub", "Mul", "Div", "Mean", "Sum", "ToCopy", "Add", "Sub", "Gather", "Index", "Squeeze"}
LIKELIHOOD = "log-likelihood"  # what is to be maximised
MOST_NODES = 20_000  # of a graph; the rest of a larger one is left out


def operation(node: Any) -> str:
    """Return the name of a node's operation: ``SoftmaxBackward0`` is Softmax."""
    name = node.name().rpartition("::")[2]
    return name.partition("Backward")[0]


def producer(tensor: Tensor) -> tuple[str, int]:
    """Return the operation that gave a tensor its values, and its number; empty if it carries no graph."""
    node = tensor.grad_fn
    for _ in range(12):  # a longer chain of views between a layer and a loss was never met
        if node is None:
            break
        name = operation(node)
        if name not in _MOVES or name in ("Mean", "Expand"):
            return name, int(node._sequence_nr())
        following = [next_ for next_, _ in node.next_functions if next_ is not None]
        node = following[0] if len(following) == 1 else None
    return "", -1


def softmax_dimension(tensor: Tensor) -> int | None:
    """Return the dimension over which the softmax that made ``tensor`` summed, seen from the front."""
    node = tensor.grad_fn
    if node is None or operation(node) not in ("Softmax", "LogSoftmax"):
        return None
    return _from_front(int(node._saved_dim), tensor.dim())  # type: ignore[attr-defined]


@dataclass
class Activation:
    """The output of an activation within the graph."""

    kind: str
    output: Tensor
    consumer: str
    weight: Any  # the parameter before it, if there is one
    is_last: bool  # nothing with weights stands between it and the loss
    follows_convolution: bool


@dataclass
class Survey:
    """What a walk over the graph of a loss found."""

    variables: list[Tensor] = field(default_factory=list)
    activations: list[Activation] = field(default_factory=list)
    negated_loss: str = ""  # the loss that enters with a minus sign
    broadcast: tuple[tuple[int, ...], tuple[int, ...]] | None = None
    into_loss: tuple[str, str] | None = None  # a known loss, and the operation whose output it gets
    softmaxes: list[tuple[int, tuple[int, ...]]] = field(default_factory=list)  # dimension and shape of each
    is_whole: bool = True


def survey(loss: Tensor, *, with_activations: bool = True) -> Survey:
    """Walk over the graph of a loss, from the loss to the parameters; nothing is computed."""
    found = Survey()
    if loss.grad_fn is None:
        return found
    found.negated_loss = _negated(loss.grad_fn)
    queue: deque[tuple[Any, str, bool]] = deque([(loss.grad_fn, "", True)])
    seen = {loss.grad_fn}
    while queue:
        node, consumer, is_last = queue.popleft()
        if len(seen) > MOST_NODES:
            found.is_whole = False
            break
        if hasattr(node, "variable"):
            found.variables.append(node.variable)
            continue
        name = operation(node)
        if with_activations and name in _ACTIVATIONS:
            found.activations += _activation(node, name, consumer, is_last)
        if name in _LOSSES and found.into_loss is None:
            found.into_loss = _into_loss(node, name)
        if name in ("Softmax", "LogSoftmax", "Div") and (softmax := _softmax(node, name)):
            found.softmaxes.append(softmax)
        if name in ("Sub", "Rsub") and found.broadcast is None and is_last:
            found.broadcast = _broadcast(node)
        passed = consumer if name in _MOVES and name != "Mean" else name
        for following, _ in node.next_functions:
            if following is not None and following not in seen:
                seen.add(following)
                queue.append((following, passed, is_last and name not in _WITH_WEIGHTS))
    return found


def _softmax(node: Any, name: str) -> tuple[int, tuple[int, ...]] | None:
    """Return over which dimension a softmax goes, and its shape; one written out as exp / exp.sum too."""
    shape = _shape(node)
    if shape is None:
        return None
    if name != "Div":
        return _from_front(int(node._saved_dim), len(shape)), shape
    following = [next_ for next_, _ in node.next_functions]
    if len(following) != 2 or None in following or operation(following[0]) != "Exp":
        return None
    below = following[1]
    for _ in range(3):
        if below is None or operation(below) not in _MOVES:
            break
        below = below.next_functions[0][0]
    if below is None or operation(below) != "Sum" or below.next_functions[0][0] is not following[0]:
        return None
    dims = list(getattr(below, "_saved_dim", ()) or ())
    return (_from_front(int(dims[0]), len(shape)), shape) if len(dims) == 1 else None


def _from_front(dim: int, num_dims: int) -> int:
    dim = dim - 2**64 if dim > 2**63 else dim  # it is stored without a sign
    return dim % max(1, num_dims)


def _negated(node: Any) -> str:
    """Return the known loss that the graph's only path from its start subtracts, or LIKELIHOOD; empty if neither."""
    sign, weighs = 1, False
    for _ in range(12):
        name = operation(node)
        if name in _LOSSES:
            return name if sign < 0 else ""
        if name == "LogSoftmax" or (name == "Sub" and _is_log_softmax(node)):
            return LIKELIHOOD if sign > 0 and not weighs else ""
        if name in ("Neg", "Rsub"):
            sign = -sign
        elif name in ("Mul", "Div"):
            factor = getattr(node, "_saved_other", None)
            if isinstance(factor, Tensor) and factor.numel() > 1 and not bool(((factor == 0) | (factor == 1)).all()):
                weighs = True  # costs, as well as rewards
            if isinstance(factor, Tensor) and bool((factor < 0).any()):
                if factor.numel() > 1:  # advantages, which have both signs
                    return ""
                sign = -sign
        following = [next_ for next_, _ in node.next_functions if next_ is not None]
        if name not in _PATH or len(following) != 1:
            return ""
        node = following[0]
    return ""


def _is_log_softmax(node: Any) -> bool:
    """Whether a difference takes the logarithm of the sum of exponentials from its logits, as Categorical does."""
    return any(next_ is not None and operation(next_) == "Logsumexp" for next_, _ in node.next_functions)


def _into_loss(node: Any, name: str) -> tuple[str, str] | None:
    following = [next_ for next_, _ in node.next_functions if next_ is not None]
    if following and operation(following[0]) == "LogSoftmax" and name.startswith("NllLoss"):
        name = "cross_entropy"
        following = [next_ for next_, _ in following[0].next_functions if next_ is not None]
    for _ in range(6):
        if len(following) != 1:
            return None
        made_by = operation(following[0])
        if made_by not in _MOVES or made_by == "Mean":
            return name, made_by
        following = [next_ for next_, _ in following[0].next_functions if next_ is not None]
    return None


def _broadcast(node: Any) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """Return (shape of the operand, shape of the difference) where N × 1 less N without a gradient gave N × N."""
    operands = [next_ for next_, _ in node.next_functions]
    carrying = [operand for operand in operands if operand is not None]
    if len(carrying) != 1 or len(operands) < 2:  # both carry gradients: distances between pairs
        return None
    result, operand = _shape(node), _shape(carrying[0])
    if result is None or operand is None or len(result) != 2 or result[0] != result[1] or result[0] < 2:
        return None
    size = result[0]
    return (operand, result) if operand in ((size, 1), (size,)) else None


def _shape(node: Any) -> tuple[int, ...] | None:
    if hasattr(node, "variable"):
        return None
    metadata = getattr(node, "_input_metadata", None)
    return tuple(metadata[0].shape) if metadata else None


def _activation(node: Any, name: str, consumer: str, is_last: bool) -> Iterator[Activation]:
    output = getattr(node, "_saved_result", None)
    if not isinstance(output, Tensor) or output.dim() < 2:
        return
    weight, is_convolution = _weight_before(node)
    yield Activation(_ACTIVATIONS[name], output.detach(), consumer, weight, is_last, is_convolution)


def _weight_before(node: Any) -> tuple[Any, bool]:
    """Return the nearest parameter on the way back from an activation, and whether a convolution holds it."""
    is_convolution = False
    nodes = [node]
    for _ in range(6):  # activation, normalisation, addition of a bias, layer, transposed weight, weight
        following = [next_ for each in nodes for next_, _ in each.next_functions if next_ is not None]
        is_convolution |= any("Convolution" in operation(each) for each in nodes)
        for each in following:
            variable = getattr(each, "variable", None)
            if variable is not None and variable.dim() > 1:
                return variable, is_convolution
        nodes = [each for each in following if not hasattr(each, "variable")][:8]
    return None, is_convolution


def weight_of_first_not_finite(loss: Tensor) -> Any:
    """Return the parameter nearest before the first operation that kept a value that is not finite; None without one.

    What an operation keeps for the backward pass is its input or its output, or neither: then nothing is found.
    """
    queue: deque[Any] = deque([loss.grad_fn])
    seen, broken = {loss.grad_fn, None}, []
    while queue and len(seen) < MOST_NODES:
        node = queue.popleft()
        if node is None or hasattr(node, "variable"):
            continue
        if any(t.is_floating_point() and not bool(torch.isfinite(t).all()) for t in _kept(node)):
            broken.append(node)
        for following, _ in node.next_functions:
            if following not in seen:
                seen.add(following)
                queue.append(following)
    # in the order in which they were computed
    weights = (_weight_before(node)[0] for node in sorted(broken, key=lambda node: node._sequence_nr()))
    return next((weight for weight in weights if weight is not None), None)


def _kept(node: Any) -> Iterator[Tensor]:
    for name in dir(node):
        if name.startswith("_saved_"):
            try:
                value = getattr(node, name)
            except RuntimeError:  # changed in place since, or given up
                continue
            if isinstance(value, Tensor):
                yield value.detach()


def unit_masks(activation: Activation, bound: float) -> tuple[Tensor, Tensor, int]:
    """Return which units gave nothing but 0, which are at a bound, and for how many samples.

    Args:
        bound: the mean distance from the middle from which on a unit counts as at a bound, as a share of half the range
    """
    y = activation.output
    unit_dim = 1 if y.dim() >= 4 or (y.dim() == 3 and activation.follows_convolution) else y.dim() - 1
    rows = y.movedim(unit_dim, 0).flatten(1)  # (units, samples and positions)
    if activation.kind == "relu":
        return (rows <= 0).all(1), torch.zeros(len(rows), dtype=torch.bool, device=y.device), y.shape[0]
    middle = rows if activation.kind == "tanh" else 2 * rows - 1  # sigmoid's range becomes that of tanh
    return torch.zeros(len(rows), dtype=torch.bool, device=y.device), middle.abs().mean(1) > bound, y.shape[0]
