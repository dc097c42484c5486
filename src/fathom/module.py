"""What is learned: a network, its loss, its steps and its optimiser.

Networks are plain ``nn.Module``s. A ``Classifier`` or ``Regressor`` wraps one (``Classifier(net, class_names=…)``) or
is subclassed in the book's way (assign ``self.net``, or override ``forward``). Modules return, they do not call back: a
step gives a dictionary of scalar tensors, with prediction and target where metrics are to read them, and knows neither
trainer nor board.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from fathom.answers import by_member, widened
from fathom.decisions import class_logits, decide, is_single, misfit, probabilities, true_labels
from fathom.errors import FathomError, UsageError
from fathom.freezing import freeze, frozen_norms
from fathom.losses import SMOOTHED, BalancedLoss, is_log_loss, make_loss
from fathom.metrics import Specs, make_metrics, reads_outputs
from fathom.preprocess import Preprocess, TargetScale

# as a loader gives it: (X, y), or (X, starts, y) of texts
Batch = Sequence[Any]


class Module(nn.Module):
    """A network with its loss and its steps; the base of ``Classifier`` and ``Regressor``.

    Args:
        net: the network; a subclass may assign ``self.net`` itself or override ``forward``.
        loss: a name from ``fathom.losses`` or a callable (prediction, target) -> scalar tensor.
        preprocess: what happens to a batch before the network sees it.
        lr: learning rate of the default optimiser, and of one that is named; None is 0.1, or what suits the name.
        metrics: what to report besides the loss: names, as "f1", or objects (see ``fathom.metrics``).
    """

    kind = "module"
    lr: float = 0.1  # the instance has its own if it was given one
    at_rest: tuple[nn.Module, ...] = ()  # normalisation layers that use the statistics they have, in training too

    def __init__(
        self,
        net: nn.Module | None = None,
        *,
        loss: Any = "squared",
        preprocess: Preprocess | None = None,
        lr: float | None = None,
        metrics: Specs = (),
    ) -> None:
        super().__init__()
        if net is not None:
            self.net = net
        self.preprocess = preprocess if preprocess is not None else Preprocess()
        self.train_loss = make_loss(loss) if isinstance(loss, str) else loss
        self.val_loss = self.train_loss
        if lr is not None:
            self.lr = lr
        self.metrics = make_metrics(metrics, self.kind)

    def forward(self, X: Tensor) -> Tensor:
        """Map a batch as stored to the network's output."""
        if "net" not in self._modules and not hasattr(self, "net"):
            raise FathomError(f"{type(self).__name__} has no network: assign self.net, pass net=… or override forward")
        return self.net(self.preprocess(X))

    def freeze(self, *patterns: str) -> list[str]:
        """Keep the parameters of the network that a pattern names as they are; call it before ``fit``.

        They get no gradient. Batch-norm layers whose parameters are all frozen keep their statistics: they compute in
        training as in evaluation.

        Args:
            patterns: globs on the names in ``net.named_parameters()``; a layer's name stands for all below it.
        Returns: the names of the parameters that are frozen now
        Raises:  UsageError for a pattern that names nothing, with what is near it

        >>> Classifier(net).freeze("conv1", "layer[1-3].*")  # doctest: +SKIP
        """
        net = self._modules.get("net") or self  # self: a subclass with layers of its own and no net
        names = freeze(net, patterns)
        self.at_rest = frozen_norms(net)
        return names

    def train(self, mode: bool = True) -> Module:
        """Switch to training; frozen batch-norm layers stay in evaluation."""
        super().train(mode)
        for layer in self.at_rest:  # train() sets all children, so these have to be set back
            layer.eval()
        return self

    def batch_means(self, prediction: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Return further scalar tensors to report beside the loss; means over the batch."""
        return {}

    def align(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Return the target as the loss takes it."""
        return target

    def outputs(self, prediction: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Return what a step gives besides the loss: the batch's means, and what ``metrics`` read.

        That is "prediction" and "target": always in evaluation, in training only where a metric reads them.
        """
        means = self.batch_means(prediction, target)
        if self.training and not reads_outputs(self.metrics):
            return means
        return means | {"prediction": prediction, "target": target}

    def training_step(self, batch: Batch) -> dict[str, Tensor]:
        """Return the loss to descend, under "loss", and ``outputs``."""
        X, y = self._pair(batch)  # (N, …), (N, …)
        prediction = widened(self(X))  # (N, …)
        prediction, y = by_member(getattr(self, "net", None), prediction, y)
        loss = self.train_loss(prediction, self.align(prediction, y))  # ()
        return {"loss": loss, **self.outputs(prediction.detach(), y)}  # detached: metrics must not keep the graph alive

    def validation_step(self, batch: Batch) -> dict[str, Tensor]:
        """Return the same on unseen data; runs in inference mode, without what only training has."""
        X, y = self._pair(batch)  # (N, …), (N, …)
        prediction = widened(self(X))  # (N, …)
        return {"loss": self.val_loss(prediction, self.align(prediction, y)), **self.outputs(prediction, y)}

    def _pair(self, batch: Batch) -> tuple[Any, Any]:
        """Return inputs and targets.

        Raises:  FathomError for a batch of another form
        """
        if isinstance(batch, (tuple, list)) and len(batch) == 2:
            return batch[0], batch[1]
        form = f"a {type(batch).__name__}" + (f" of {len(batch)}" if isinstance(batch, (tuple, list, dict)) else "")
        raise FathomError(
            f"a batch is {form}, and {type(self).__name__} takes (inputs, targets): "
            "write training_step and validation_step for it in a subclass"
        )

    def read(self, output: Tensor) -> Tensor:
        """Turn the network's output into what a user wants to read."""
        return output  # a regressor without scale: the outputs are the answer

    def predict_step(self, X: Tensor) -> Tensor:
        """Map a batch as stored to what a user wants to read."""
        return self.read(widened(self(X)))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return the optimiser used when the trainer is told none: plain SGD, as in the book."""
        return torch.optim.SGD(self.parameters(), lr=self.lr)

    def hidden_state(self) -> Any:
        """Return what a training step takes over from the one before, besides weights; a resumed run needs it."""
        return None

    def load_hidden_state(self, state: Any) -> None:
        """Take up what ``hidden_state`` gave."""

    def describe(self) -> dict[str, Any]:
        """Return what a saved model must say of itself besides its weights."""
        return {"kind": self.kind, "preprocess": self.preprocess.describe()}


class Classifier(Module):
    """Predicts one of several classes from logits, or which of several labels hold.

    With the loss "bce_with_logits" one output is the logit of the second of two classes, and several outputs are labels
    that each hold or do not (see ``fathom.decisions``). Otherwise each output is the logit of a class.

    Shape:   X as stored, y int64 (N,) -> logits (N, num_classes); of one output y (N,) or (N, 1) -> logits (N, 1); of
        labels y (N, num_labels), 0 or 1 -> logits (N, num_labels)
    Args:
        net: maps (N, …) to logits; no softmax, no sigmoid and no activation at its end.
        class_names: saved with the model and used in predictions and reports; two for one output.
        label_smoothing: in training only; validation reports the plain loss.
        class_weights: of the samples of each class in the training loss; validation reports the plain one.
        metrics: names or objects, such as ``["f1", "auroc"]``; accuracy is always reported.
    Attributes:
        multilabel: whether several outputs are labels; a log-loss that is named, or torch's, says so by itself, and
            with a loss of its own a subclass does.
    """

    kind = "classifier"
    multilabel: bool = False

    def __init__(
        self,
        net: nn.Module | None = None,
        *,
        class_names: Sequence[str] = (),
        loss: Any = "cross_entropy",
        label_smoothing: float = 0.0,
        class_weights: Sequence[float] | None = None,
        preprocess: Preprocess | None = None,
        lr: float | None = None,
        metrics: Specs = (),
    ) -> None:
        super().__init__(net, loss=loss, preprocess=preprocess, lr=lr, metrics=metrics)
        self.class_names = tuple(class_names)
        self.multilabel = self.multilabel or is_log_loss(loss)
        if label_smoothing and loss not in SMOOTHED:  # SMOOTHED: the losses that have such an option
            raise UsageError("label smoothing belongs to the cross-entropy; leave it or the other loss out")
        options = {"label_smoothing": label_smoothing} if label_smoothing else {}
        if class_weights is not None:
            self.train_loss = BalancedLoss(loss, class_weights, **options)
        elif options:
            self.train_loss = make_loss(loss, **options)

    def has_labels(self, output: Tensor) -> bool:
        """Whether the outputs are labels that each hold or do not, and not classes."""
        return self.multilabel and not is_single(output)

    def decide(self, output: Tensor) -> Tensor:
        """Turn logits into the most probable class (N,), or into 0 or 1 for each label (N, num_labels)."""
        return decide(output, self.multilabel)

    def labels(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the target in the form of ``decide``."""
        return true_labels(output, target, self.multilabel)

    def class_logits(self, output: Tensor) -> Tensor:
        """Return a logit for each class, also of a single output: (N, num_classes)."""
        return class_logits(output)

    def is_right(self, output: Tensor, target: Tensor) -> Tensor:
        """Return of each sample whether its class, or every one of its labels, is the target's: bool (N,)."""
        hits = self.decide(output) == self.labels(output, target)  # (N,) or (N, num_labels)
        return hits.all(1) if self.has_labels(output) else hits

    def align(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Return the target as the loss takes it: numbers of the predictions' shape for a log-loss.

        Raises:  UsageError if it does not fit the network's output
        """
        if not (is_single(prediction) or self.multilabel):  # cross-entropy takes class indices as they are
            return target
        if target.shape != prediction.shape:
            true_labels(prediction, target, self.multilabel)  # refuses what does not fit
            target = target.reshape(prediction.shape)
        return target if target.is_floating_point() else target.to(prediction.dtype)

    def batch_means(self, prediction: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Return the share of the batch whose class is the label's.

        Of labels it is the share of samples all of whose labels are right (scikit-learn's accuracy_score), and beside
        it, as "label_accuracy", the share of labels that are right.
        """
        means = {"accuracy": self.is_right(prediction, target).mean(dtype=torch.float32)}
        if self.has_labels(prediction):  # of labels: all right is rare, so the share of single labels too
            hits = self.decide(prediction) == self.labels(prediction, target)  # (N, num_labels)
            means["label_accuracy"] = hits.mean(dtype=torch.float32)
        return means

    def outputs(self, prediction: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Return as every module; "target" are classes, or for a single output and for labels 0 and 1 of its shape."""
        found = super().outputs(prediction, target)
        if "target" in found:
            labels = self.labels(prediction, target)
            found["target"] = labels.reshape(prediction.shape) if is_single(prediction) else labels
        return found

    def read(self, output: Tensor) -> Tensor:
        """Turn logits into probabilities of the classes (N, num_classes), two of one output, or of the labels."""
        return probabilities(output, self.multilabel)

    def describe(self) -> dict[str, Any]:
        """Add the class names, and whether the outputs are labels where they are."""
        described = super().describe() | {"class_names": list(self.class_names)}
        return described | ({"multilabel": True} if self.multilabel else {})


class Regressor(Module):
    """Predicts numbers.

    Shape:   X as stored, y float (N, D) -> (N, D)
    Args:
        target: how the numbers learned belong to those of the data; None where they are the same.
        metrics: objects; they see the numbers learned, as the loss does.
    """

    kind = "regressor"

    def __init__(
        self,
        net: nn.Module | None = None,
        *,
        loss: Any = "squared",
        preprocess: Preprocess | None = None,
        target: TargetScale | None = None,
        lr: float | None = None,
        metrics: Specs = (),
    ) -> None:
        super().__init__(net, loss=loss, preprocess=preprocess, lr=lr, metrics=metrics)
        self.target = target

    def align(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Return the target.

        Raises:  UsageError if it has as many numbers in another shape: (N,) against (N, 1) would be compared each with
            each by most losses
        """
        # equal numbers, other shapes: broadcasting would give an (N, N) loss, silently
        if target.shape != prediction.shape and target.numel() == prediction.numel():
            raise misfit(prediction, target, "targets of that shape")
        return target

    def read(self, output: Tensor) -> Tensor:
        """Turn the network's output, or a target as stored, into the units of the data."""
        return output if self.target is None else self.target(output)


class LanguageModel(Module):
    """Predicts each next token of a text.

    Where a batch goes on from the one before, the hidden state is carried over, cut off from its past: gradients flow
    back through the steps of one batch only (truncated back-propagation through time).

    Shape:   X int64 (steps, batch) -> logits (steps, batch, num_tokens)
    Args:
        net: maps (X, state) to (logits, next state); a state of None is the beginning.
        tokens: the vocabulary, in the order of their numbers.
        tokenizer: how a text is cut into tokens, as plain values; saved with the model.
        encoding: of the file it learned from, saved too: what a file to be read is in, if it is not UTF-8.
        metrics: objects, beside the perplexity, which is always reported.
    """

    kind = "language_model"
    lr = 1.0  # the book's, with clipping

    def __init__(
        self,
        net: nn.Module | None = None,
        *,
        tokens: Sequence[str] = (),
        tokenizer: Mapping[str, Any] | None = None,
        encoding: str = "utf-8",
        loss: Any = "cross_entropy",
        lr: float | None = None,
        metrics: Specs = (),
    ) -> None:
        super().__init__(net, loss=loss, lr=lr, metrics=make_metrics(("perplexity",), self.kind))
        self.metrics |= make_metrics(metrics, self.kind)
        self.tokens = tuple(tokens)
        self.tokenizer, self.encoding = dict(tokenizer or {}), encoding
        self.state: Any = None  # hidden state after the batch before; None at the beginning of a text

    def forward(self, X: Tensor) -> Tensor:
        """Map tokens to logits, from the beginning."""
        return self.net(X)[0]  # [0]: the network returns (logits, state)

    def training_step(self, batch: Batch) -> dict[str, Tensor]:
        """Return the mean loss over all tokens of ``(X, starts, y)``, with X (steps, batch) and y (steps · batch,)."""
        prediction, y = self._read_on(batch), batch[-1]  # (steps · batch, num_tokens), (steps · batch,)
        return {"loss": self.train_loss(prediction, y), **self.outputs(prediction.detach(), y)}

    def validation_step(self, batch: Batch) -> dict[str, Tensor]:
        """Return the same on unseen text."""
        prediction, y = self._read_on(batch), batch[-1]  # (steps · batch, num_tokens), (steps · batch,)
        return {"loss": self.val_loss(prediction, y), **self.outputs(prediction, y)}

    def _read_on(self, batch: Batch) -> Tensor:
        """Return logits (steps · batch, num_tokens); keep the state for the batch that follows."""
        X, starts, _ = batch
        # starts: the batch does not continue the one before
        output, state = self.net(X, None if starts else self.state)
        self.state = _detached(state)  # back-propagation through time ends at the batch's first step
        return widened(output).flatten(0, 1)  # (steps, batch, num_tokens) -> (steps · batch, num_tokens)

    def hidden_state(self) -> Any:
        """Return the hidden state after the last batch."""
        return self.state

    def load_hidden_state(self, state: Any) -> None:
        """Take it up, on the module's device."""
        device = next(self.parameters()).device
        # an LSTM has two: hidden and cell state
        self.state = tuple(part.to(device) for part in state) if isinstance(state, (tuple, list)) else state.to(device)

    def read(self, output: Tensor) -> Tensor:
        """Turn logits into probabilities of the next token."""
        return output.softmax(-1)

    def describe(self) -> dict[str, Any]:
        """Add vocabulary and tokenizer."""
        return super().describe() | {"tokens": list(self.tokens), "tokenizer": self.tokenizer}


def _detached(state: Any) -> Any:
    return tuple(part.detach() for part in state) if isinstance(state, (tuple, list)) else state.detach()
