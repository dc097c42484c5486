"""The settings a run gets where nobody chose any, measured to learn well. Loads without torch."""

from __future__ import annotations

from typing import Any

import msgspec

from fathom.config import Config, TrainingConfig
from fathom.errors import UsageError

# Peak learning rates of AdamW under one_cycle, chosen on a validation split of Fashion-MNIST.
_ADAMW_LR = {"softmax": 0.01, "mlp": 3e-3, "lenet": 5e-3, "lenet_sigmoid": 0.01, "compact": 0.01}
_DEEP_LR = 2e-3
_FLAT_MODELS = ("linear", "softmax", "mlp")


def resolve(config: Config) -> Config:
    """Fill every setting that was left open; the result is what ``config.yaml`` records.

    Raises:  UsageError for options that contradict each other
    """
    data_name, model_name = config.data.name, config.model.name
    is_regression = data_name == "synthetic_regression"
    options = dict(config.data.options)
    if data_name == "digits" and "size" not in options:
        options["size"] = 8 if model_name in _FLAT_MODELS else 28
    batch_size = config.data.batch_size or {"digits": 64, "synthetic_regression": 10}.get(data_name, 256)
    data = msgspec.structs.replace(config.data, options=options, batch_size=batch_size)
    training = _resolve_training(config.training, model_name, data_name, is_regression)
    return msgspec.structs.replace(config, data=data, training=training)


def _resolve_training(training: TrainingConfig, model: str, data: str, is_regression: bool) -> TrainingConfig:
    filled: dict[str, Any] = {}
    if training.overfit_batches and training.fast_dev_run:
        raise UsageError("--overfit-batches and --fast-dev-run exclude each other: one trains, the other checks")
    if training.label_smoothing and (is_regression or training.loss not in (None, "cross_entropy")):
        raise UsageError("label smoothing belongs to the cross-entropy of a classification; leave one of them out")
    if training.epochs is None:
        filled["epochs"] = 30 if data == "digits" else 10
    optimizer = training.optimizer
    if optimizer is None:
        # A learning rate alone, as the book gives it, is meant for plain SGD only where that is the default.
        optimizer = filled["optimizer"] = "sgd" if is_regression else "adamw"
    if training.lr is None:
        if optimizer in ("adam", "adamw", "rmsprop"):
            filled["lr"] = _ADAMW_LR.get(model, _DEEP_LR)
        elif is_regression:
            filled["lr"] = 0.03
        else:
            filled["lr"] = 0.9 if model == "lenet_sigmoid" else 0.1
    if training.weight_decay is None:
        filled["weight_decay"] = 0.01 if optimizer == "adamw" else 0.0
    if training.schedule is None:
        filled["schedule"] = "constant" if is_regression else "one_cycle"
    if training.loss is None:
        filled["loss"] = "squared" if is_regression else "cross_entropy"
    return msgspec.structs.replace(training, **filled)
