"""The settings a run gets where nobody chose any, measured to learn well. Loads without torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from fathom.build.kinds.names import Kind, data_kind
from fathom.data.sources import catalog
from fathom.errors import UsageError
from fathom.settings.config import Config, DataConfig, TrainingConfig, merge
from fathom.settings.origin import check_finetuning
from fathom.training.schedules import parse_schedule

# Peak learning rates of AdamW under one_cycle, chosen on a validation split of Fashion-MNIST; that of resnet9 on one of
# 2,000 photographs of CIFAR-10.
_ADAMW_LR = {
    "linear": 0.01,
    "softmax": 0.01,
    "mlp": 3e-3,
    "lenet": 5e-3,
    "lenet_sigmoid": 0.01,
    "compact": 0.01,
    "resnet9": 5e-3,
}
_DEEP_LR = 2e-3
_LANGUAGE_LR = {"rnn": 2e-3, "gru": 8e-3, "lstm": 8e-3}
_TEXT_OPTIONS = {"level": "char", "steps": 64, "partition": "sequential"}
_FLAT_MODELS = ("linear", "softmax", "mlp")
_LARGEST_SEED = 2**63 - 1


# What is trained where no network is named; digits and the other sets with a name go to LeNet, the default of Config.
_USUAL: dict[Kind, dict[str, Any]] = {
    "images": {
        "model": {"name": "resnet9", "options": {"width": 16}},
        "data": {"augment": "flip,crop:padding=4"},
        "training": {"label_smoothing": 0.1},
    },
    "table": {"model": {"name": "mlp"}},
    "text": {"model": {"name": "gru"}},
}


def apply_kind_defaults(tree: Mapping[str, Any], kind: Kind) -> dict[str, Any]:
    """Lay settings that name no network over the usual ones for data of this kind."""
    usual = merge({}, _USUAL.get(kind, {}))
    if tree.get("training", {}).get("loss") not in (None, "cross_entropy"):
        usual.pop("training", None)
    return merge(usual, tree)


def resolve(config: Config, task: str | None = None) -> Config:
    """Fill every setting that was left open; the result is what ``config.yaml`` records.

    Batch size and epochs of files stay open until they are counted, and what depends on the task until that is known.

    Args:
        task: "classification", "regression" or "language", where the data had to be read to know.
    Raises:  UsageError for options that contradict each other
    """
    _refuse_contradictions(config)
    data_name, model_name = config.data.name, config.model.name
    options = dict(config.data.options)
    if data_name == "digits" and "size" not in options:
        options["size"] = 8 if model_name in _FLAT_MODELS else 28
    if data_kind(config.data) == "text":
        options = _TEXT_OPTIONS | catalog.text_form(data_name) | options
    batch_size = config.data.batch_size
    if batch_size is None and data_name in catalog.names():
        batch_size = {"digits": 64, "synthetic_regression": 10, "time_machine": 32}.get(data_name, 256)
    data = msgspec.structs.replace(config.data, options=options, batch_size=batch_size)
    config = msgspec.structs.replace(config, data=data)
    task = task or _known_task(data)
    if task is None:
        return config
    if task == "language":
        training = _resolve_language(config.training, model_name, data_name)
    else:
        training = _resolve_training(config.training, model_name, data_name, task == "regression", data_kind(data))
    return msgspec.structs.replace(config, training=training)


def _known_task(data: DataConfig) -> str | None:
    """Return the task of data that need not be read for it; a table's depends on its target."""
    if data_kind(data) == "table":
        return None
    if data_kind(data) == "text":
        return "language"
    return "regression" if data.name == "synthetic_regression" else "classification"


def _refuse_contradictions(config: Config) -> None:
    training, execution = config.training, config.execution
    check_finetuning(config)
    if config.seed > _LARGEST_SEED:
        raise UsageError(f"seed {config.seed}: it must be below 2**63")
    if training.overfit_batches and training.fast_dev_run:
        raise UsageError("--overfit-batches and --fast-dev-run exclude each other: one trains, the other checks")
    if training.warmup >= 1 and training.warmup != int(training.warmup):
        raise UsageError(f"a warm-up of {training.warmup:g} steps: give whole steps, or a share of the run below 1")
    if training.warmup and "warmup_steps" in parse_schedule(training.schedule or "constant")[1]:
        raise UsageError(f"the schedule {training.schedule!r} and --warmup both give a warm-up; leave one of them out")
    if execution.compile == "step":
        excluded = {
            "accumulation": training.accumulate > 1,
            "clipping": training.clip_norm or training.clip_value or data_kind(config.data) == "text",
            "an L1 penalty": training.l1,
            "fp16": execution.precision == "fp16",
            f"the optimizer {training.optimizer}": training.optimizer not in (None, "sgd", "adam", "adamw"),
        }
        for what, is_on in excluded.items():
            if is_on:
                raise UsageError(f"--compile step makes one graph of the whole step, without {what}; use forward")


def _resolve_training(
    training: TrainingConfig, model: str, data: str, is_regression: bool, kind: Kind
) -> TrainingConfig:
    filled: dict[str, Any] = {}
    if training.label_smoothing and (is_regression or training.loss not in (None, "cross_entropy")):
        raise UsageError("label smoothing belongs to the cross-entropy of a classification; leave one of them out")
    if training.epochs is None and kind != "images":
        filled["epochs"] = 30 if data == "digits" else 10
    optimizer = training.optimizer
    is_plain = model == "linear" and kind == "named"  # the book's way, for a few features of equal scale
    if optimizer is None:
        optimizer = filled["optimizer"] = "sgd" if is_plain else "adamw"
    if training.lr is None:
        if optimizer in ("adam", "adamw", "rmsprop"):
            filled["lr"] = _ADAMW_LR.get(model, _DEEP_LR)
        elif is_regression:
            filled["lr"] = 0.03 if model == "linear" else 0.01
        else:
            filled["lr"] = 0.9 if model == "lenet_sigmoid" else 0.1
    if training.weight_decay is None:
        filled["weight_decay"] = 0.01 if optimizer == "adamw" else 0.0
    if training.schedule is None:
        filled["schedule"] = "constant" if is_plain else "one_cycle"
    if training.loss is None:
        filled["loss"] = "squared" if is_regression else "cross_entropy"
    return msgspec.structs.replace(training, **filled)


def _resolve_language(training: TrainingConfig, model: str, data: str) -> TrainingConfig:
    """Fill what a language model needs; the epochs of a text from a file stay open until its tokens are counted."""
    if training.label_smoothing:
        raise UsageError("label smoothing makes the perplexity of training mean nothing; leave it out for a text")
    if training.loss not in (None, "cross_entropy"):
        raise UsageError(f"loss {training.loss} gives no perplexity; a language model learns by cross_entropy")
    filled: dict[str, Any] = {"loss": "cross_entropy"}
    if training.epochs is None and data in catalog.names():
        filled["epochs"] = 20
    optimizer = training.optimizer
    if optimizer is None:
        optimizer = filled["optimizer"] = "adamw"
    if training.lr is None:  # with plain SGD and clipping the book's rate is 1
        filled["lr"] = _LANGUAGE_LR.get(model, 5e-3) if optimizer in ("adam", "adamw", "rmsprop") else 1.0
    if training.weight_decay is None:
        filled["weight_decay"] = 0.01 if optimizer == "adamw" else 0.0
    if training.schedule is None:
        filled["schedule"] = "one_cycle"
    if training.clip_norm is None:
        filled["clip_norm"] = 1.0
    return msgspec.structs.replace(training, **filled)
