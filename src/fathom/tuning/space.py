"""The space of a study: which settings are tried, and between which values. Loads without torch and optuna.

``name=low..high`` is a range, ``:log`` after it takes logarithms, ``:int`` whole numbers; ``name=a|b|c`` are choices,
each read as ``--set`` reads it. A name is a setting (``training.lr``), its last part where that says enough (``lr``),
``model`` for the network itself, or an option of the network (``hidden``).
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args, get_origin, get_type_hints

from fathom.errors import UsageError, unknown
from fathom.settings.config import Config, ConfigNode, config_to_dict
from fathom.settings.settings import Settings, merge, nested, set_dotted
from fathom.settings.yaml_text import parse_yaml

Value = int | float | str
"""Of a choice its text, as it was written."""

_FORMS = "a range such as 1e-4..1:log or choices such as relu|tanh"
_OPTION = re.compile(r"(data\.options|training\.optimizer_options)\.\w+$")
# They decide what a trial is evaluated by, or on; values of the metric under two of them say nothing about the trials.
_YARDSTICKS = (
    *("schema", "seed", "data.name", "data.kind", "data.val", "data.split_seed", "data.fold"),
    *("training.fast_dev_run", "training.overfit_batches"),
    *("finetune.init_from", "finetune.head", "finetune.seeds", "finetune.compare_scratch"),
    *("data.options.target", "data.options.task", "data.options.test", "data.options.log_target"),
    *("data.options.level", "data.options.lower", "data.options.clean", "data.options.min_freq"),
    *("data.options.reserved", "data.options.encoding", "data.options.header", "data.options.separator"),
)


@dataclass(frozen=True)
class Dimension:
    """One setting that is tried.

    Attributes:
        name: as it was given, the study's name for it.
        text: the values as they were written.
        setting: the full name in the configuration; empty until ``resolve_space`` found it.
        low, high: of a range; None for choices.
        log, whole: whether a range is taken by logarithm, in whole numbers; ``whole`` is None until that is known.
        choices: texts; empty for a range.
    """

    name: str
    text: str
    setting: str = ""
    low: float | None = None
    high: float | None = None
    log: bool = False
    whole: bool | None = None
    choices: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.name}={self.text}"

    def ends(self) -> list[Value]:
        """The values that must be possible: both ends of a range, or every choice."""
        if self.choices:
            return list(self.choices)
        assert self.low is not None
        assert self.high is not None
        return [self.read(self.low), self.read(self.high)]

    def read(self, value: float) -> int | float:
        """A number as its setting takes it."""
        return int(value) if self.whole else float(value)

    def place(self, value: Any) -> Value | None:
        """The dimension's own form of a setting's value; None where it does not hold it."""
        value = _plain(value)
        if self.choices:
            return next((choice for choice in self.choices if _plain(parse_yaml(choice)) == value), None)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)  # True is an int to Python
        assert self.low is not None
        assert self.high is not None
        return self.read(value) if is_number and self.low <= value <= self.high else None


def parse_space(space: str | Iterable[str] | Mapping[str, str]) -> list[Dimension]:
    """Read dimensions, from text with commas between them, several such texts, or texts by name.

    Raises:  UsageError for a form that is not known, a range without width, the same name twice, or nothing at all

    >>> [str(d) for d in parse_space("lr=1e-4..1:log,activation=relu|tanh")]
    ['lr=1e-4..1:log', 'activation=relu|tanh']
    """
    if isinstance(space, Mapping):
        parts = [f"{name}={text}" for name, text in space.items()]
    else:
        texts = [space] if isinstance(space, str) else list(space)
        parts = [part for text in texts for part in _split(text, ",") if part]  # a comma at the end is no dimension
    if not parts:
        raise UsageError(f"the space is empty; give it as name={_FORMS.removeprefix('a range such as ')}")
    dimensions = [_parse_dimension(part) for part in parts]
    names = [dimension.name for dimension in dimensions]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"space: {name} is given twice")
    return dimensions


def resolve_space(
    dimensions: Sequence[Dimension], base: Settings, network_options: Mapping[str, Mapping[str, Any]]
) -> list[Dimension]:
    """Find the setting that each name means, and check that both ends or every choice can be set.

    Args:
        network_options: of each network that can be tried, its options with their defaults.
    Raises:  UsageError naming the dimension; for an unknown name with the nearest one
    """
    resolved = [_resolve(dimension, network_options) for dimension in dimensions]
    settings = [dimension.setting for dimension in resolved]
    for dimension in resolved:
        if settings.count(dimension.setting) > 1:
            raise UsageError(f"space: {dimension.setting} is given twice")
        for value in dimension.ends():
            try:
                apply_values(base, {dimension: value})
            except UsageError as error:
                raise UsageError(f"space {dimension}: {str(error).removeprefix('a trial: ')}") from None
    # Network and optimizer come first: which others there are to choose depends on them.
    # stable: the others stay as given
    return sorted(resolved, key=lambda dimension: dimension.setting not in ("model.name", "training.optimizer"))


def apply_values(base: Settings, values: Mapping[Dimension, Value]) -> Settings:
    """Return the settings with these values set.

    Raises:  UsageError if a setting does not take one
    """
    tree = base.to_dict()
    for dimension, value in values.items():
        if isinstance(value, str):
            set_dotted(tree, f"{dimension.setting}={value}")
        else:
            merge(tree, nested(dimension.setting.split("."), value))
    return Settings(tree, "a trial")


def default_values(
    dimensions: Iterable[Dimension], settled: Config, network_options: Mapping[str, Any]
) -> dict[str, Value]:
    """Return what the settings are where nobody tries anything, as far as the dimensions hold it."""
    found = {}
    for dimension in dimensions:
        value: Any = config_to_dict(settled)
        for key in dimension.setting.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        # not set: the network's own default counts
        if value is None and dimension.setting.startswith("model.options."):
            value = network_options.get(dimension.setting.removeprefix("model.options."))
        placed = dimension.place(value)
        if placed is not None:
            found[dimension.name] = placed
    return found


def _parse_dimension(part: str) -> Dimension:
    name, equals, text = (piece.strip() for piece in part.partition("="))
    name = name.replace("-", "_")  # as the option is spelled: weight-decay
    if not equals or not name or not text:
        raise UsageError(f"space {part!r}: expected name={_FORMS}")
    choices = _split(text, "|")
    if len(choices) > 1:
        if not all(choices):
            raise UsageError(f"space {part}: a choice is empty")
        if len(set(choices)) < len(choices):
            raise UsageError(f"space {part}: a choice is there twice")
        return Dimension(name, text, choices=tuple(choices))
    if ".." not in text:
        raise UsageError(f"space {part}: one value is nothing to choose from; give {_FORMS}, or fix it with --set")
    return _parse_range(part, name, text)


def _parse_range(part: str, name: str, text: str) -> Dimension:
    bounds, *flags = text.split(":")
    low_text, _, high_text = bounds.partition("..")
    for flag in flags:
        if flag not in ("log", "int"):
            raise unknown(f"ending of the range {part}", flag, ("log", "int"))
    try:
        low, high = float(low_text), float(high_text)
    except ValueError:
        raise UsageError(f"space {part}: {bounds} is not low..high with two numbers") from None
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise UsageError(f"space {part}: the range must go from a smaller number to a larger one")
    if "log" in flags and low <= 0:
        raise UsageError(f"space {part}: a logarithmic range begins above 0")
    return Dimension(name, text, low=low, high=high, log="log" in flags, whole=True if "int" in flags else None)


def _resolve(dimension: Dimension, network_options: Mapping[str, Mapping[str, Any]]) -> Dimension:
    settings = dict(_leaves(Config, ""))
    short: dict[str, str] = {"model": "model.name"}
    for setting in settings:
        last = setting.rpartition(".")[2]
        if last not in ("name", "options"):  # more than one section has them
            short[last] = setting
    options = {option for known in network_options.values() for option in known}  # of any of the networks tried
    name = dimension.name
    # an option of the network goes before a setting's last part
    if name in short and not (name in options and name not in settings):
        setting = short[name]
    elif name in options:
        setting = f"model.options.{name}"
    elif name in settings or _OPTION.match(name) or name.removeprefix("model.options.") in options:
        setting = name
    else:
        known = [*settings, *(f"model.options.{option}" for option in options)] if "." in name else [*short, *options]
        tried = [k for k in known if short.get(k, k) not in _YARDSTICKS]
        raise unknown("setting to try", name, tried)
    if setting in _YARDSTICKS:
        raise UsageError(f"space {dimension}: {setting} decides what a trial is evaluated by, so it cannot be tried")
    return _settle_whole(dataclasses.replace(dimension, setting=setting), settings.get(setting), network_options)


def _settle_whole(dimension: Dimension, kind: Any, network_options: Mapping[str, Mapping[str, Any]]) -> Dimension:
    """Decide whether a range is of whole numbers: by the setting's type, else by how its bounds are written."""
    if dimension.choices:
        return dimension
    if kind is not None and kind not in (int, float):
        raise UsageError(f"space {dimension}: {dimension.setting} is no number; give choices such as a|b")
    option = dimension.setting.removeprefix("model.options.")
    defaults = [known[option] for known in network_options.values() if option in known]
    if any(isinstance(default, str | bool) for default in defaults):
        raise UsageError(f"space {dimension}: {option} is no number; give choices such as a|b")
    # 1..8, not 1.0..8
    is_written_whole = all(re.fullmatch(r"[-+]?\d+", end) for end in dimension.text.split(":")[0].split(".."))
    whole = dimension.whole
    if whole is None:
        is_float = kind is float or any(isinstance(default, float) for default in defaults)
        whole = kind is int or (is_written_whole and not is_float)  # 0..1 of a float setting is no choice of 0 and 1
    if whole and any(end != int(end) for end in (dimension.low or 0.0, dimension.high or 0.0)):
        raise UsageError(f"space {dimension}: a range of whole numbers lies between whole numbers")
    return dataclasses.replace(dimension, whole=whole)


def _plain(value: Any) -> Any:
    """Take one entry of a list for itself, such as the width of the only hidden layer; make tuples lists."""
    if not isinstance(value, list | tuple):
        return value
    return value[0] if len(value) == 1 else list(value)


def _leaves(node: type[ConfigNode], prefix: str) -> Iterator[tuple[str, Any]]:
    """Every setting with its type: int, float, or another."""
    for name, kind in get_type_hints(node).items():
        if isinstance(kind, type) and issubclass(kind, ConfigNode):
            yield from _leaves(kind, f"{prefix}{name}.")
        else:
            found = (kind, *get_args(kind)) if get_origin(kind) is not dict else ()
            yield f"{prefix}{name}", int if int in found else float if float in found else str  # as in int | None


def _split(text: str, separator: str) -> list[str]:
    """Split where the separator stands outside brackets and quotes."""
    parts, depth, quote = [""], 0, ""
    for letter in text:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        elif letter in "[{(":
            depth += 1
        elif letter in "]})":
            depth -= 1
        elif letter == separator and depth == 0:
            parts.append("")
            continue
        parts[-1] += letter
    return [part.strip() for part in parts]
