"""Defaults of training: optimiser, learning rate, schedule, loss; measured to work well. Torch-free.

Called once per run: by ``resolve`` if the task is known beforehand, by ``build.plan`` if it depends on the data.
"""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

from fathom.choices import Task
from fathom.errors import UsageError
from fathom.settings.config import Config, TrainingConfig, replace_in

# Peak learning rates of AdamW under one_cycle, chosen on a validation split of Fashion-MNIST; that of resnet9 on one of
# 2,000 photographs of CIFAR-10.
_ADAMW_LR = {
    "linear": 0.01,
    "softmax": 0.01,
    "mlp": 3e-3,
    "tabular": 2e-3,
    "lenet": 5e-3,
    "lenet_sigmoid": 0.01,
    "compact": 0.01,
    "resnet9": 5e-3,
}
_DEEP_LR = 2e-3  # of networks with many layers, which larger rates throw off
_LANGUAGE_LR = {
    "rnn": 2e-3,
    "gru": 8e-3,
    "lstm": 8e-3,
    "gpt": 3e-3,
}  # AdamW's, on the validation split of The Time Machine
_SCALED_STEPS = ("adam", "adamw", "rmsprop")  # they divide by the gradient's size, so one rate suits many networks
SMOOTHED_LOSSES = ("cross_entropy", "bce_with_logits")  # those that take label smoothing
_ADAMW_DECAY = 0.01  # torch's own default
_TABULAR_DECAY = 0.1  # chosen out of fold on 27 tables of 48 to 8,000 rows


class Features(Protocol):
    """What must be known of the features that are learned from."""

    has_plain_features: ClassVar[bool]


def resolve_learning(config: Config, task: Task, kind: Features) -> Config:
    """Fill in what depends on the task in ``training``.

    Raises:  UsageError for options that the task does not have
    """
    fill = _fill_language if task == "language" else _fill_labelled  # both return fields of TrainingConfig
    return replace_in(config, training=fill(config, task, kind))


def _fill_labelled(config: Config, task: Task, kind: Features) -> dict[str, Any]:
    training, model = config.training, config.model.name
    is_regression = task == "regression"
    if training.label_smoothing and (is_regression or training.loss not in (None, *SMOOTHED_LOSSES)):
        raise UsageError("label smoothing needs classification with the loss cross_entropy; leave it out")
    is_plain = model == "linear" and kind.has_plain_features  # the book's way, for a few features of equal scale
    filled: dict[str, Any] = {}
    filled["optimizer"] = training.optimizer or ("sgd" if is_plain else "adamw")
    if training.lr is None:
        filled["lr"] = _labelled_lr(filled["optimizer"], model, is_regression)
    if training.schedule is None:
        filled["schedule"] = "constant" if is_plain else "one_cycle"
    if training.loss is None:
        filled["loss"] = "squared" if is_regression else "cross_entropy"
    return filled | _fill_decay(training, filled["optimizer"], model)


def _labelled_lr(optimizer: str, model: str, is_regression: bool) -> float:
    if optimizer in _SCALED_STEPS:
        return _ADAMW_LR.get(model, _DEEP_LR)
    if is_regression:
        return 0.03 if model == "linear" else 0.01  # squared errors have large gradients at first
    return (
        0.9 if model == "lenet_sigmoid" else 0.1
    )  # 0.9 is the book's for LeNet with sigmoids, whose gradients are small


def _fill_language(config: Config, task: Task, kind: Features) -> dict[str, Any]:
    training = config.training
    if training.label_smoothing:
        raise UsageError("label smoothing would make the training perplexity meaningless; leave it out for a text")
    if training.loss not in (None, "cross_entropy"):
        raise UsageError(f"loss {training.loss} has no perplexity; a language model needs cross_entropy")
    optimizer = training.optimizer or "adamw"
    filled: dict[str, Any] = {"loss": "cross_entropy", "optimizer": optimizer}
    if training.lr is None:  # with plain SGD and clipping the book's rate is 1
        filled["lr"] = _LANGUAGE_LR.get(config.model.name, 5e-3) if optimizer in _SCALED_STEPS else 1.0
    if training.schedule is None:
        filled["schedule"] = "one_cycle"
    if training.clip_norm is None:
        filled["clip_norm"] = 1.0  # the book's, section 9.5
    return filled | _fill_decay(training, optimizer, config.model.name)


def _fill_decay(training: TrainingConfig, optimizer: str, model: str) -> dict[str, Any]:
    if training.weight_decay is not None:
        return {}
    if optimizer == "adamw" and model == "tabular":
        return {"weight_decay": _TABULAR_DECAY}
    return {"weight_decay": _ADAMW_DECAY if optimizer == "adamw" else 0.0}
