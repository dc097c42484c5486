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

from fathom.errors import FathomError, UsageError
from fathom.freezing import freeze, frozen_norms
from fathom.losses import BalancedLoss, make_loss
from fathom.metrics import Specs, make_metrics, reads_outputs
from fathom.preprocess import Preprocess, TargetScale

Batch = Sequence[Any]


class Module(nn.Module):
    """A network with its loss and its steps; the base of ``Classifier`` and ``Regressor``.

    Args:
        net: the network; a subclass may assign ``self.net`` itself or override ``forward``.
        loss: a name from ``fathom.losses`` or a callable (prediction, target) -> scalar tensor.
        preprocess: what happens to a batch before the network sees it.
        lr: learning rate of the default optimiser.
        metrics: what to report besides the loss: names, as "f1", or objects (see ``fathom.metrics``).
    """

    kind = "module"
    at_rest: tuple[nn.Module, ...] = ()  # normalisation layers that use the statistics they have, in training too

    def __init__(
        self,
        net: nn.Module | None = None,
        *,
        loss: Any = "squared",
        preprocess: Preprocess | None = None,
        lr: float = 0.1,
        metrics: Specs = (),
    ) -> None:
        super().__init__()
        if net is not None:
            self.net = net
        self.preprocess = preprocess if preprocess is not None else Preprocess()
        self.train_loss = make_loss(loss) if isinstance(loss, str) else loss
        self.val_loss = self.train_loss
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
        net = self._modules.get("net") or self
        names = freeze(net, patterns)
        self.at_rest = frozen_norms(net)
        return names

    def train(self, mode: bool = True) -> Module:
        """Switch to training; frozen batch-norm layers stay in evaluation."""
        super().train(mode)
        for layer in self.at_rest:
            layer.eval()
        return self

    def batch_means(self, prediction: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Return further scalar tensors to report beside the loss; means over the batch."""
        return {}

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
        X, y = batch  # (N, …), (N, …)
        prediction = _widened(self(X))  # (N, …)
        return {"loss": self.train_loss(prediction, y), **self.outputs(prediction.detach(), y)}

    def validation_step(self, batch: Batch) -> dict[str, Tensor]:
        """Return the same on unseen data; runs in inference mode, without what only training has."""
        X, y = batch  # (N, …), (N, …)
        prediction = _widened(self(X))  # (N, …)
        return {"loss": self.val_loss(prediction, y), **self.outputs(prediction, y)}

    def read(self, output: Tensor) -> Tensor:
        """Turn the network's output into what a user wants to read."""
        return output

    def predict_step(self, X: Tensor) -> Tensor:
        """Map a batch as stored to what a user wants to read."""
        return self.read(_widened(self(X)))

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
    """Predicts one of several classes from logits.

    Shape:   X as stored, y int64 (N,) -> logits (N, num_classes)
    Args:
        net: maps (N, …) to logits (N, num_classes); no softmax and no activation at its end.
        class_names: saved with the model and used in predictions and reports.
        label_smoothing: in training only; validation reports the plain cross-entropy.
        class_weights: of the samples of each class in the training loss; validation reports the plain one.
        metrics: names or objects, such as ``["f1", "auroc"]``; accuracy is always reported.
    """

    kind = "classifier"

    def __init__(
        self,
        net: nn.Module | None = None,
        *,
        class_names: Sequence[str] = (),
        loss: Any = "cross_entropy",
        label_smoothing: float = 0.0,
        class_weights: Sequence[float] | None = None,
        preprocess: Preprocess | None = None,
        lr: float = 0.1,
        metrics: Specs = (),
    ) -> None:
        super().__init__(net, loss=loss, preprocess=preprocess, lr=lr, metrics=metrics)
        self.class_names = tuple(class_names)
        if label_smoothing and loss != "cross_entropy":
            raise UsageError("label smoothing belongs to the cross-entropy; leave it or the other loss out")
        options = {"label_smoothing": label_smoothing} if label_smoothing else {}
        if class_weights is not None:
            self.train_loss = BalancedLoss(loss, class_weights, **options)
        elif options:
            self.train_loss = make_loss(loss, **options)

    def batch_means(self, prediction: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Return the share of the batch whose largest logit is the label's."""
        return {"accuracy": (prediction.argmax(1) == target).mean(dtype=torch.float32)}

    def read(self, output: Tensor) -> Tensor:
        """Turn logits into class probabilities (N, num_classes)."""
        return output.softmax(1)

    def describe(self) -> dict[str, Any]:
        """Add the class names."""
        return super().describe() | {"class_names": list(self.class_names)}


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
        lr: float = 0.1,
        metrics: Specs = (),
    ) -> None:
        super().__init__(net, loss=loss, preprocess=preprocess, lr=lr, metrics=metrics)
        self.target = target

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
        metrics: objects, beside the perplexity, which is always reported.
    """

    kind = "language_model"

    def __init__(
        self,
        net: nn.Module | None = None,
        *,
        tokens: Sequence[str] = (),
        tokenizer: Mapping[str, Any] | None = None,
        loss: Any = "cross_entropy",
        lr: float = 1.0,
        metrics: Specs = (),
    ) -> None:
        super().__init__(net, loss=loss, lr=lr, metrics=make_metrics(("perplexity",), self.kind))
        self.metrics |= make_metrics(metrics, self.kind)
        self.tokens = tuple(tokens)
        self.tokenizer = dict(tokenizer or {})
        self.state: Any = None

    def forward(self, X: Tensor) -> Tensor:
        """Map tokens to logits, from the beginning."""
        return self.net(X)[0]

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
        output, state = self.net(X, None if starts else self.state)
        self.state = _detached(state)
        return _widened(output).flatten(0, 1)

    def hidden_state(self) -> Any:
        """Return the hidden state after the last batch."""
        return self.state

    def load_hidden_state(self, state: Any) -> None:
        """Take it up, on the module's device."""
        device = next(self.parameters()).device
        self.state = tuple(part.to(device) for part in state) if isinstance(state, (tuple, list)) else state.to(device)

    def read(self, output: Tensor) -> Tensor:
        """Turn logits into probabilities of the next token."""
        return output.softmax(-1)

    def describe(self) -> dict[str, Any]:
        """Add vocabulary and tokenizer."""
        return super().describe() | {"tokens": list(self.tokens), "tokenizer": self.tokenizer}


def _detached(state: Any) -> Any:
    return tuple(part.detach() for part in state) if isinstance(state, (tuple, list)) else state.detach()


def _widened(output: Tensor) -> Tensor:
    """Under autocast an output is half precision; a loss and a softmax want their sums in float32."""
    return output.float() if output.dtype in (torch.float16, torch.bfloat16) else output
