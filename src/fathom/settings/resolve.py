"""From what the user wrote to a closed configuration: every default in one place, once. Loads without torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Protocol

from fathom.choices import Task
from fathom.errors import UsageError
from fathom.settings.config import Config, config_from_dict
from fathom.settings.learning import SMOOTHED_LOSSES, resolve_learning
from fathom.settings.origin import apply_origin, check_finetuning
from fathom.settings.settings import Settings, merge
from fathom.training.schedules.schedule import parse_schedule

_MODEL, _DATA = "lenet", "digits"  # trained in seconds on any machine
_LARGEST_SEED = 2**63 - 1  # torch.manual_seed takes 64 signed bits


class KindRules(Protocol):
    """Rules of a kind of data that need none of it read; the adapters in ``build.kinds`` implement them."""

    name: ClassVar[str]
    holds_images: ClassVar[bool]
    has_plain_features: ClassVar[bool]
    option_names: ClassVar[tuple[str, ...]]

    def default_settings(self) -> Mapping[str, Any]:
        """Return the settings that suit this kind of data if no network is named."""

    def task(self, name: str) -> Task | None:
        """Return the task, by the name of the data; None if that depends on the data."""

    def options(self, name: str, model: str, chosen: Mapping[str, Any]) -> dict[str, Any]:
        """Return the data's options with the missing ones filled in."""

    def batch_size(self, name: str) -> int | None:
        """Return the default batch size; None if it depends on the number of samples."""

    def epochs(self, name: str) -> int | None:
        """Return the default epochs; None if they depend on the number of samples."""


def resolve(settings: Settings, kind: KindRules, root: str | Path = "runs") -> Config:
    """Close the settings of a run; what depends on the data stays open for ``build.plan``.

    Args:
        kind: of the data that the settings name.
        root: where runs named by ``finetune.init_from`` are looked up.
    Raises:  UsageError for settings that contradict each other or belong to another kind of data
    """
    tree = complete(settings, kind, root).to_dict()  # a copy: the given settings stay unchanged
    model, data = tree["model"], tree["data"]
    name = data["name"]
    data["kind"] = kind.name
    # after the model is named: digits are scaled for some
    data["options"] = kind.options(name, model["name"], data.get("options", {}))
    data.setdefault("batch_size", kind.batch_size(name))
    tree.setdefault("training", {}).setdefault("epochs", kind.epochs(name))
    config = config_from_dict(tree, "settings")  # here every name and value is validated
    task = kind.task(name)
    if task is not None:  # else build.plan does it once the labels are read
        config = resolve_learning(config, task, kind)
    _refuse_contradictions(config)
    return config


def complete(settings: Settings, kind: KindRules, root: str | Path = "runs") -> Settings:
    """Return the settings with network and data named: those of the weights to start from, else the defaults.

    What follows from them, such as the learning rate, stays open: a search may try another network.

    Raises:  UsageError if the weights belong to another network than the chosen one
    """
    tree = apply_origin(settings.to_dict(), kind, root)
    if tree.get("model", {}).get("name") is None:  # weights to start from have named the network
        tree = _apply_kind_defaults(tree, kind)
    tree.setdefault("model", {}).setdefault("name", _MODEL)
    tree.setdefault("data", {}).setdefault("name", _DATA)
    return Settings(tree)


def _apply_kind_defaults(tree: dict[str, Any], kind: KindRules) -> dict[str, Any]:
    """Fill in the defaults of this kind of data, for settings that name no network."""
    defaults = merge({}, kind.default_settings())  # a copy: the kind's own mapping stays
    if tree.get("training", {}).get("loss") not in (None, *SMOOTHED_LOSSES):
        defaults.pop("training", None)  # label smoothing, which other losses do not have
    return merge(defaults, tree)  # the user's over the kind's


def _refuse_contradictions(config: Config) -> None:
    training, execution = config.training, config.execution
    check_finetuning(config)
    if config.seed > _LARGEST_SEED:
        raise UsageError(f"seed must be below 2**63, not {config.seed}")
    if training.overfit_batches and training.fast_dev_run:
        raise UsageError("--overfit-batches and --fast-dev-run exclude each other; leave one of them out")
    if training.warmup >= 1 and not float(training.warmup).is_integer():  # 3.5 steps make no sense
        raise UsageError(
            f"--warmup must be a whole number of steps, or a share of the run below 1, not {training.warmup:g}"
        )
    # schedules may have a warm-up of their own
    if training.warmup and "warmup_steps" in parse_schedule(training.schedule or "constant")[1]:
        raise UsageError(f"the schedule {training.schedule!r} and --warmup both set a warm-up; leave one of them out")
    if training.gradient_norm and training.clip_norm:
        raise UsageError(
            "training.gradient_norm gives all gradients one norm, and --clip-norm bounds it; leave one of them out"
        )
    if execution.compile == "step":  # one compiled graph has no place for what happens between backward and step
        excluded = {
            "accumulation": training.accumulate > 1,
            "clipping": training.clip_norm or training.clip_value,
            "normalised gradients": training.gradient_norm,
            "an L1 penalty": training.l1,
            "fp16": execution.precision == "fp16",
            f"the optimizer {training.optimizer}": training.optimizer not in (None, "sgd", "adam", "adamw"),
        }
        for what, is_on in excluded.items():
            if is_on:
                raise UsageError(
                    f"--compile step makes one graph of the whole step and cannot include {what}; use --compile forward"
                )
