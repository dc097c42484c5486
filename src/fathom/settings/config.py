"""The configuration of a run: one validated, frozen, closed tree, as ``config.yaml`` records it. Loads without torch.

Whatever the user left open was decided by ``settings.resolve``; the fields marked "depends on the data" are set by
``build.plan`` once the data is read, and nowhere else. None elsewhere means "off" or "unchanged", never "guess".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from fathom.choices import Balance, Cache, CompileMode, DoctorLevel, OptimizerName, Precision, Strategy
from fathom.errors import FathomError, UsageError
from fathom.monitor import parse_monitor
from fathom.runs.folder.schema import SCHEMA, other_version

Count = Annotated[int, Meta(ge=1)]
Natural = Annotated[int, Meta(ge=0)]
Positive = Annotated[float, Meta(gt=0)]
NonNegative = Annotated[float, Meta(ge=0)]
Fraction = Annotated[float, Meta(ge=0, lt=1)]

T = TypeVar("T")


# frozen: a run's settings never change; unknown fields are an error, not ignored
class ConfigNode(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of every group of settings."""


class ModelConfig(ConfigNode, frozen=True):
    """Which network; ``options`` go to its builder."""

    name: str
    options: dict[str, Any] = {}


class FoldConfig(ConfigNode, frozen=True):
    """The part of the training split that is held out in a cross-validation, in place of the test split."""

    index: Natural  # from 0, and the repeat too
    of: Annotated[int, Meta(ge=2)]
    repeat: Natural = 0


class DataConfig(ConfigNode, frozen=True, kw_only=True):
    """Which data and how it is served; ``options`` go to the source, ``versions`` are those of remote data, by address.

    No address in it holds a password or a signature: ``Settings`` takes them out, see ``fathom.address``.
    """

    name: str
    kind: str  # the adapter in build/kinds
    versions: dict[str, str] = {}
    options: dict[str, Any] = {}
    batch_size: Count | None = None  # depends on the number of samples
    val: Fraction = 0.1
    augment: str | None = None
    resize: Count | None = None
    mean: list[float] | None = None  # with std: a normalisation from elsewhere, such as that of pretrained weights
    std: list[Positive] | None = None  # one number a channel, as mean
    workers: Natural | Literal["auto"] = "auto"
    split_seed: Natural | Literal["seed"] = "seed"  # "seed": the run's, so that another seed draws other splits
    fold: FoldConfig | None = None
    train_size: Count | None = None  # of the training split's samples; None: all
    cache: Cache = "auto"
    max_broken: Fraction = 0.5
    balance: Balance = "none"


class DistillConfig(ConfigNode, frozen=True):
    """A teacher, whose outputs are learned besides the labels."""

    teacher: str
    temperature: Positive = 4.0  # Hinton et al. 2015 use 1 to 20; soft enough to show the second-best classes
    alpha: Annotated[float, Meta(ge=0, le=1)] = 0.7


class TrainingConfig(ConfigNode, frozen=True):
    """How to train. 0 epochs are for weights that come from elsewhere, such as a pruned network's."""

    epochs: Natural | None = None  # depends on the number of samples
    optimizer: OptimizerName | None = None  # this and the next four depend on the data, if that decides the task
    lr: Positive | None = None
    weight_decay: NonNegative | None = None
    schedule: str | None = None
    loss: str | None = None
    momentum: Fraction | None = None
    nesterov: bool = False
    decay_norm_and_bias: bool = True
    optimizer_options: dict[str, Any] = {}
    warmup: NonNegative = 0.0  # steps; below 1 a share of the run
    clip_norm: Positive | None = None
    clip_value: Positive | None = None
    gradient_norm: Positive | None = None  # of all gradients together in every step
    max_weight_norm: Positive | None = None  # of all matrices and kernels together after every step
    l1: NonNegative = 0.0
    accumulate: Count = 1
    label_smoothing: Fraction = 0.0
    input_noise: NonNegative = 0.0  # standard deviation of the noise, inputs being standardised
    ema: Fraction | None = None
    keep_zeros: bool = False
    metrics: list[str] = []
    monitor: str | None = None
    patience: Count | None = None
    init: str | dict[str, str] | None = None
    log_every: Count = 50  # steps between two records
    doctor: DoctorLevel = "light"  # of `fathom train`: how closely a run watches itself
    checkpoint_every_s: Positive = 60.0  # what a crash may cost at most
    fast_dev_run: bool = False
    overfit_batches: Natural = 0  # 0: off
    distill: DistillConfig | None = None

    def __post_init__(self) -> None:
        """Refuse a monitor without a known direction."""
        if self.monitor is not None:
            parse_monitor(self.monitor)


class FinetuneConfig(ConfigNode, frozen=True):
    """Where the initial weights come from and how they are trained; ``head`` is recorded by the run itself."""

    init_from: str | None = None
    freeze: list[str] = []
    body_lr: Positive | str | None = None  # a number or text: "0.1", "0.1x", "=0.001"
    layer_decay: Annotated[float, Meta(gt=0, le=1)] | None = None
    compare_scratch: bool = False
    seeds: Count = 1
    head: list[str] | None = None


class ExecutionConfig(ConfigNode, frozen=True):
    """Where and how to compute. ``auto`` leaves it to the machine that trains; run.json records the choice."""

    device: str = "auto"
    precision: Precision = "auto"
    channels_last: bool | Literal["auto"] = "auto"
    compile: CompileMode = "off"
    strategy: Strategy = "auto"
    allocator: bool = True
    threads: Count | Literal["auto"] = "auto"


class Config(ConfigNode, frozen=True, kw_only=True):
    """Everything that determines a run; made by ``settings.resolve``, read back by ``read_config``."""

    # Made anew each time: the dictionaries of options in them can be written to.
    schema: int = SCHEMA
    model: ModelConfig
    data: DataConfig
    training: TrainingConfig = msgspec.field(default_factory=TrainingConfig)
    finetune: FinetuneConfig = msgspec.field(default_factory=FinetuneConfig)
    execution: ExecutionConfig = msgspec.field(default_factory=ExecutionConfig)
    seed: Natural = 0


_DEPENDING_ON_DATA = {
    "data": ("batch_size",),
    "training": ("epochs", "optimizer", "lr", "weight_decay", "schedule", "loss"),
}


def unresolved_settings(config: Config) -> list[str]:
    """Return the settings that depend on the data and are still open, such as ``training.epochs``."""
    return [
        f"{section}.{name}"
        for section, names in _DEPENDING_ON_DATA.items()
        for name in names
        if getattr(getattr(config, section), name) is None
    ]


def resolved(value: T | None) -> T:
    """Return a value that ``build.plan`` has filled in; fail if it has not."""
    assert value is not None, "a setting is still open: build.plan has not filled it in"
    return value


def split_seed(config: Config) -> int:
    """Return the seed that the splits are drawn with."""
    chosen = config.data.split_seed
    return chosen if isinstance(chosen, int) else config.seed


def pin_split(config: Config) -> Config:
    """Return a configuration whose splits stay the same whatever seed is put into it."""
    return replace_in(config, data={"split_seed": split_seed(config)})


def config_from_dict(tree: Mapping[str, Any], source: str = "configuration") -> Config:
    """Validate the plain tree of a closed configuration, as ``config_to_dict`` returned it.

    Raises:  UsageError naming the setting that is unknown, missing or invalid; FathomError for another schema
    """
    check_schema(tree, source)
    try:
        return msgspec.convert(tree, Config)
    except msgspec.ValidationError as error:
        raise wrong_setting(error, source) from None


def config_to_dict(config: Config) -> dict[str, Any]:
    """Return the plain tree that ``config_from_dict`` reads back."""
    return msgspec.to_builtins(config)


def check_schema(tree: Mapping[str, Any], source: str) -> None:
    """Refuse settings that another version wrote.

    Raises:  FathomError
    """
    schema = tree.get("schema", SCHEMA)  # absent in what a user wrote: it counts as this version's
    if isinstance(schema, int) and schema != SCHEMA:
        raise FathomError(f"{source}: {other_version(schema)}")


def wrong_setting(error: msgspec.ValidationError, source: str) -> UsageError:
    """Make the one-line error for a value of the wrong type or out of bounds."""
    # msgspec's message: "Expected `int`, got `str` - at `$.training.epochs`"
    reason, _, place = str(error).partition(" - at `$.")
    setting = place.rstrip("`")
    return UsageError(f"{source}: {setting or 'top level'}: {reason[0].lower()}{reason[1:]}")


def replace_in(config: Config, **sections: Mapping[str, Any]) -> Config:
    """Return a configuration with fields of its sections replaced: ``replace_in(config, training={"epochs": 3})``."""
    return msgspec.structs.replace(config, **dict(_replaced(config, sections)))


def _replaced(config: Config, sections: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, ConfigNode]]:
    for name, fields in sections.items():
        yield name, msgspec.structs.replace(getattr(config, name), **fields)
