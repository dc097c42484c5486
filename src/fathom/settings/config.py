"""The settings of a run: one validated, frozen tree. Loads without torch."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec
import yaml
from msgspec import Meta

from fathom.address import conceal, is_remote
from fathom.errors import FathomError, UsageError, unknown

SCHEMA = 1

Count = Annotated[int, Meta(ge=1)]
Natural = Annotated[int, Meta(ge=0)]
Positive = Annotated[float, Meta(gt=0)]
NonNegative = Annotated[float, Meta(ge=0)]
Share = Annotated[float, Meta(ge=0, lt=1)]


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of every group of settings."""


class ModelConfig(Section, frozen=True):
    """Which network; ``options`` go to its builder."""

    name: str = "lenet"
    options: dict[str, Any] = {}


class FoldConfig(Section, frozen=True):
    """The part of the training data that takes the place of the test split, in a cross-validation."""

    index: Natural
    of: Annotated[int, Meta(ge=2)]
    repeat: Natural = 0


class DataConfig(Section, frozen=True):
    """Which data and how they are served; ``options`` go to the source, ``versions`` are of remote data, by address.

    No address in it holds a password or a signature, see ``fathom.address``.
    """

    name: str = "digits"
    versions: dict[str, str] = {}
    options: dict[str, Any] = {}
    batch_size: Count | None = None
    val: Share = 0.1
    augment: str | None = None
    resize: Count | None = None
    mean: list[float] | None = None
    std: list[Positive] | None = None
    workers: Natural | None = None
    split_seed: Natural | None = None  # of the division into parts; null takes the run's seed
    fold: FoldConfig | None = None
    cache: Literal["auto", "memory", "none"] = "auto"
    max_broken: Share = 0.01
    balance: Literal["none", "weights", "sampler"] = "none"

    def __post_init__(self) -> None:
        """Take secrets out of addresses."""
        msgspec.structs.force_setattr(self, "name", conceal(self.name))
        if any(isinstance(value, str) and is_remote(value) for value in self.options.values()):
            options = {key: conceal(v) if isinstance(v, str) else v for key, v in self.options.items()}
            msgspec.structs.force_setattr(self, "options", options)


class DistillConfig(Section, frozen=True):
    """A trained run whose opinion is learned beside the labels."""

    teacher: str
    temperature: Positive = 4.0
    alpha: Annotated[float, Meta(ge=0, le=1)] = 0.7


class TrainingConfig(Section, frozen=True):
    """How it is learned. No epochs at all are for weights that come from elsewhere, such as a pruned network's."""

    epochs: Natural | None = None
    optimizer: str | None = None
    lr: Positive | None = None
    momentum: Share | None = None
    nesterov: bool = False
    weight_decay: NonNegative | None = None
    decay_norm_and_bias: bool = True
    optimizer_options: dict[str, Any] = {}
    schedule: str | None = None
    warmup: NonNegative = 0.0
    clip_norm: Positive | None = None
    clip_value: Positive | None = None
    l1: NonNegative = 0.0
    accumulate: Count = 1
    loss: str | None = None
    label_smoothing: Share = 0.0
    input_noise: NonNegative = 0.0
    ema: Share | None = None
    keep_zeros: bool = False
    patience: Count | None = None
    init: str | dict[str, str] | None = None
    log_every: Count = 50
    checkpoint_every_s: Positive = 60.0
    fast_dev_run: bool = False
    overfit_batches: Natural = 0
    distill: DistillConfig | None = None


class FinetuneConfig(Section, frozen=True):
    """Where the first weights come from and how they go on learning; ``head`` is recorded by the run itself."""

    init_from: str | None = None
    freeze: list[str] = []
    body_lr: Positive | str | None = None
    layer_decay: Annotated[float, Meta(gt=0, le=1)] | None = None
    compare_scratch: bool = False
    seeds: Count = 1
    head: list[str] | None = None


class ExecutionConfig(Section, frozen=True):
    """Where and how the arithmetic runs; ``auto`` and null mean: choose for this machine."""

    device: str = "auto"
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    channels_last: bool | None = None
    compile: Literal["off", "forward", "step"] = "off"
    allocator: bool = True
    threads: Count | None = None


class Config(Section, frozen=True):
    """Everything that determines a run."""

    # Made anew each time: the dictionaries of options in them can be written to.
    schema: int = SCHEMA
    model: ModelConfig = msgspec.field(default_factory=ModelConfig)
    data: DataConfig = msgspec.field(default_factory=DataConfig)
    training: TrainingConfig = msgspec.field(default_factory=TrainingConfig)
    finetune: FinetuneConfig = msgspec.field(default_factory=FinetuneConfig)
    execution: ExecutionConfig = msgspec.field(default_factory=ExecutionConfig)
    seed: Natural = 0


def make_config(tree: Mapping[str, Any], source: str = "configuration") -> Config:
    """Validate a nested mapping.

    Raises:  UsageError naming the setting that is unknown (with the nearest one) or has a wrong value
    """
    _check_schema(tree, source)
    _refuse_unknown(tree, Config, "")
    try:
        return msgspec.convert(tree, Config)
    except msgspec.ValidationError as error:
        text = str(error)
        reason, _, place = text.partition(" - at `$.")
        setting = place.rstrip("`")
        raise UsageError(f"{source}: {setting or 'top level'}: {reason[0].lower()}{reason[1:]}") from None


def config_to_dict(config: Config) -> dict[str, Any]:
    """Return the plain tree that ``make_config`` reads back."""
    return msgspec.to_builtins(config)


def read_config(path: Path) -> dict[str, Any]:
    """Read a YAML file of settings; the names in it are checked, the values not yet.

    Raises:  FathomError if it cannot be read or a newer version wrote it; UsageError if it is not YAML, not a mapping
        or holds an unknown name
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
        raise FathomError(f"{path}: cannot be read ({reason})") from error
    try:
        tree = parse_yaml(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark else ""
        raise UsageError(f"{path}: not valid YAML{where}") from error
    if not isinstance(tree, dict):
        raise UsageError(f"{path}: expected settings like 'training: {{epochs: 10}}', found {type(tree).__name__}")
    _check_schema(tree, str(path))
    try:
        _refuse_unknown(tree, Config, "")
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None
    return tree


def set_dotted(tree: dict[str, Any], assignment: str) -> None:
    """Apply ``section.name=value`` (the value is YAML) to a tree, in place.

    Raises:  UsageError for another form or an unknown setting
    """
    dotted, equals, text = assignment.partition("=")
    keys = dotted.strip().split(".")
    if not equals or not all(keys):
        raise UsageError(f"--set {assignment!r}: expected section.name=value, for example training.clip_norm=1.0")
    try:
        value = parse_yaml(text)
    except yaml.YAMLError:
        raise UsageError(f"--set {assignment!r}: {text!r} is not a YAML value") from None
    nested: Any = value
    for key in reversed(keys):
        nested = {key: nested}
    _refuse_unknown(nested, Config, "")
    merge(tree, nested)


def merge(tree: dict[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Lay ``other`` over ``tree``, in place; sections are joined, values replaced."""
    for key, value in other.items():
        if isinstance(value, Mapping) and isinstance(tree.get(key), dict):
            merge(tree[key], value)
        else:
            tree[key] = merge({}, value) if isinstance(value, Mapping) else value
    return tree


class _Loader(yaml.SafeLoader):
    """Reads bare words as YAML 1.2 does: ``1e-3`` is a number, ``off`` a word.

    Aliases are refused: they can lead back to where they stand.
    """

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Refuse an alias."""
        if self.check_event(yaml.AliasEvent):
            raise yaml.constructor.ConstructorError(None, None, "aliases are not read", self.peek_event().start_mark)
        return super().compose_node(parent, index)


_BOOL, _FLOAT = "tag:yaml.org,2002:bool", "tag:yaml.org,2002:float"
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _BOOL]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(_BOOL, re.compile("(true|True|TRUE|false|False|FALSE)$"), list("tTfF"))
_Loader.add_implicit_resolver(_FLOAT, re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789"))


def parse_yaml(text: str) -> Any:
    """Read one value as files and ``--set`` are read: safe YAML in which ``1e-3`` is a number and ``off`` a word.

    Raises:  yaml.YAMLError if it is not YAML, holds a value that its type cannot have, or is nested too deeply
    """
    loader = _Loader(text)
    try:
        return loader.get_single_data()
    except (
        ValueError,
        TypeError,
        LookupError,
        AttributeError,
        OverflowError,
        RecursionError,
    ) as error:
        # such as those of 2001-99-99 and of !!int ''
        raise yaml.YAMLError(str(error)) from error
    finally:
        loader.dispose()


def _check_schema(tree: Mapping[str, Any], source: str) -> None:
    schema = tree.get("schema", SCHEMA)
    if isinstance(schema, int) and schema > SCHEMA:
        newer = f"written by a newer Fathom (schema {schema}, this one reads {SCHEMA}); upgrade fathom"
        raise FathomError(f"{source}: {newer}")


def _refuse_unknown(tree: Any, section: type[Section], prefix: str) -> None:
    if not isinstance(tree, Mapping):
        raise UsageError(f"setting {prefix.rstrip('.') or 'top level'}: expected named settings, found {tree!r}")
    types = get_type_hints(section)
    for key, value in tree.items():
        if key not in types:
            raise unknown("setting", f"{prefix}{key}", [f"{prefix}{name}" for name in types])
        inner = types[key]
        sections = [t for t in (get_args(inner) or (inner,)) if isinstance(t, type) and issubclass(t, Section)]
        if sections and (value is not None or sections[0] is inner):
            _refuse_unknown(value, sections[0], f"{prefix}{key}.")
        elif get_origin(inner) is Literal and value not in get_args(inner):
            raise unknown(f"{prefix}{key}", value, get_args(inner))
