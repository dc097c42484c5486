"""The settings of a run: one validated, frozen tree. Loads without torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

import msgspec
import yaml
from msgspec import Meta

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


class DataConfig(Section, frozen=True):
    """Which data and how they are served; ``options`` go to the source."""

    name: str = "digits"
    options: dict[str, Any] = {}
    batch_size: Count | None = None
    val: Share = 0.1
    augment: str | None = None
    resize: Count | None = None
    workers: Natural | None = None


class TrainingConfig(Section, frozen=True):
    """How it is learned."""

    epochs: Count | None = None
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
    patience: Count | None = None
    init: str | dict[str, str] | None = None
    log_every: Count = 50
    checkpoint_every_s: Positive = 60.0
    fast_dev_run: bool = False
    overfit_batches: Natural = 0


class ExecutionConfig(Section, frozen=True):
    """Where and how the arithmetic runs; ``auto`` and null mean: choose for this machine."""

    device: str = "auto"
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    channels_last: bool | None = None
    compile: Literal["auto", "off", "forward", "step"] = "auto"
    allocator: bool = True
    threads: Count | None = None


class Config(Section, frozen=True):
    """Everything that determines a run."""

    schema: int = SCHEMA
    model: ModelConfig = ModelConfig()
    data: DataConfig = DataConfig()
    training: TrainingConfig = TrainingConfig()
    execution: ExecutionConfig = ExecutionConfig()
    seed: Natural = 0


def make_config(tree: Mapping[str, Any], source: str = "configuration") -> Config:
    """Validate a nested mapping.

    Raises:  UsageError naming the setting that is unknown (with the nearest one) or has a wrong value
    """
    schema = tree.get("schema", SCHEMA)
    if isinstance(schema, int) and schema > SCHEMA:
        raise FathomError(
            f"{source}: written by a newer Fathom (schema {schema}, this one reads {SCHEMA}); upgrade fathom"
        )
    _refuse_unknown(tree, Config, "")
    try:
        return msgspec.convert(tree, Config)
    except msgspec.ValidationError as error:
        text = str(error)
        reason, _, place = text.partition(" - at `$.")
        setting = place.rstrip("`")
        raise UsageError(f"{source}: {setting or 'top level'}: {reason[0].lower()}{reason[1:]}") from None


def config_to_dict(config: Config) -> dict[str, Any]:
    """Give the plain tree that ``make_config`` reads back."""
    return msgspec.to_builtins(config)


def read_config(path: Path) -> dict[str, Any]:
    """Read a YAML file of settings; the mapping is not validated yet.

    Raises:  FathomError if it cannot be read; UsageError if it is not YAML or not a mapping
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FathomError(f"{path}: cannot be read ({error})") from error
    try:
        tree = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark else ""
        raise UsageError(f"{path}: not valid YAML{where}") from error
    if not isinstance(tree, dict):
        raise UsageError(f"{path}: expected settings like 'training: {{epochs: 10}}', found {type(tree).__name__}")
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
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        raise UsageError(f"--set {assignment!r}: {text!r} is not a YAML value") from None
    if isinstance(value, str):
        value = _as_number(value)
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
            tree[key] = dict(value) if isinstance(value, Mapping) else value
    return tree


def _as_number(text: str) -> str | float:
    """YAML 1.1 reads 1e-3 as text; people mean a number."""
    try:
        return float(text)
    except ValueError:
        return text


def _refuse_unknown(tree: Any, section: type[Section], prefix: str) -> None:
    if not isinstance(tree, Mapping):
        raise UsageError(f"setting {prefix.rstrip('.') or 'top level'}: expected named settings, found {tree!r}")
    types = get_type_hints(section)
    for key, value in tree.items():
        if key not in types:
            raise unknown("setting", f"{prefix}{key}", [f"{prefix}{name}" for name in types])
        inner = types[key]
        if isinstance(inner, type) and issubclass(inner, Section):
            _refuse_unknown(value, inner, f"{prefix}{key}.")
