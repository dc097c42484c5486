"""The space of a study: which settings are tuned, and over which values. Loads without torch and optuna.

``name=low..high`` is a range, ``:log`` after it makes it logarithmic, ``:int`` integer; ``name=a|b|c`` are choices,
each read as ``--set`` reads it. A name is a setting (``training.lr``), its last part if that is unique (``lr``),
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
"""A choice is its text, as written."""

# how a dimension is written, for messages
_FORMS = "a range such as 1e-4..1:log or choices such as relu|tanh"
# free names below these two, which no declaration lists
_OPTION = re.compile(r"(data\.options|training\.optimizer_options)\.\w+$")
# They decide how trials are evaluated; trials under different values could not be compared.
_NOT_TUNABLE = (
    *("schema", "seed", "data.name", "data.kind", "data.val", "data.split_seed", "data.fold"),
    *("training.fast_dev_run", "training.overfit_batches"),
    *("finetune.init_from", "finetune.head", "finetune.seeds", "finetune.compare_scratch"),
    *("data.options.target", "data.options.task", "data.options.test", "data.options.log_target"),
    *("data.options.level", "data.options.lower", "data.options.clean", "data.options.min_freq"),
    *("data.options.reserved", "data.options.encoding", "data.options.header", "data.options.separator"),
)


@dataclass(frozen=True)
class Dimension:
    """One setting that is tuned.

    Attributes:
        name: as given, the study's name for it.
        text: the values as written.
        setting: the full name in the configuration; empty until ``resolve_space`` found it.
        low, high: bounds of a range; None for choices.
        log, whole: whether a range is logarithmic, of whole numbers; ``whole`` is None until that is known.
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
        """Return the values to check: both ends of a range, or every choice."""
        if self.choices:
            return list(self.choices)
        assert self.low is not None
        assert self.high is not None
        return [self.read(self.low), self.read(self.high)]

    def read(self, value: float) -> int | float:
        """Return a number in the type of its setting."""
        return int(value) if self.whole else float(value)

    def place(self, value: Any) -> Value | None:
        """Return a setting's value as this dimension writes it; None if it is outside."""
        value = _plain(value)
        if self.choices:
            # compared as values: 1e-2 and 0.01 are the same choice
            return next((choice for choice in self.choices if _plain(parse_yaml(choice)) == value), None)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)  # True is an int to Python
        assert self.low is not None
        assert self.high is not None
        return self.read(value) if is_number and self.low <= value <= self.high else None


def parse_space(space: str | Iterable[str] | Mapping[str, str]) -> list[Dimension]:
    """Parse dimensions from comma-separated text, several such texts, or a mapping of names to texts.

    Raises:  UsageError for an unknown form, an empty range, the same name twice, or an empty space

    >>> [str(d) for d in parse_space("lr=1e-4..1:log,activation=relu|tanh")]
    ['lr=1e-4..1:log', 'activation=relu|tanh']
    """
    if isinstance(space, Mapping):
        parts = [f"{name}={text}" for name, text in space.items()]
    else:
        texts = [space] if isinstance(space, str) else list(space)
        parts = [part for text in texts for part in _split(text, ",") if part]  # a comma at the end is no dimension
    if not parts:
        raise UsageError(f"space: empty; give name={_FORMS.removeprefix('a range such as ')}")
    dimensions = [_parse_dimension(part) for part in parts]
    names = [dimension.name for dimension in dimensions]
    for name in names:
        if names.count(name) > 1:  # a second one would silently win over the first
            raise UsageError(f"space: {name} appears twice")
    return dimensions


def resolve_space(
    dimensions: Sequence[Dimension], base: Settings, network_options: Mapping[str, Mapping[str, Any]]
) -> list[Dimension]:
    """Find the setting that each name means, and check both ends or every choice.

    Args:
        network_options: the options, with their defaults, of each network that can be drawn.
    Raises:  UsageError naming the dimension; for an unknown name with the nearest one
    """
    resolved = [_resolve(dimension, network_options) for dimension in dimensions]
    settings = [dimension.setting for dimension in resolved]
    for dimension in resolved:
        if settings.count(dimension.setting) > 1:
            raise UsageError(f"space: {dimension.setting} appears twice")
        for value in dimension.ends():
            try:
                apply_values(base, {dimension: value})
            except UsageError as error:
                raise UsageError(f"space {dimension}: {str(error).removeprefix('a trial: ')}") from None
    # Network and optimizer come first: which others are drawn depends on them.
    # stable: the others stay as given
    return sorted(resolved, key=lambda dimension: dimension.setting not in ("model.name", "training.optimizer"))


def apply_values(base: Settings, values: Mapping[Dimension, Value]) -> Settings:
    """Return the base settings with these values set.

    Raises:  UsageError if a setting does not accept one
    """
    tree = base.to_dict()
    for dimension, value in values.items():
        if isinstance(value, str):
            set_dotted(tree, f"{dimension.setting}={value}")  # a choice is text still, read as --set reads it
        else:
            # a number goes in as it is: its text would be rounded
            merge(tree, nested(dimension.setting.split("."), value))
    return Settings(tree, "a trial")


def default_values(
    dimensions: Iterable[Dimension], default_config: Config, network_options: Mapping[str, Any]
) -> dict[str, Value]:
    """Return the default values by name, as far as the dimensions include them."""
    found = {}
    for dimension in dimensions:
        value: Any = config_to_dict(default_config)
        for key in dimension.setting.split("."):
            # an option that is not set, or a section that is off
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
        if len(set(choices)) < len(choices):  # as text: 1 and 1.0 are told apart, and only the user knows why
            raise UsageError(f"space {part}: a choice appears twice")
        return Dimension(name, text, choices=tuple(choices))
    if ".." not in text:
        raise UsageError(f"space {part}: a single value cannot be tuned; give {_FORMS}, or set it with --set")
    return _parse_range(part, name, text)


def _parse_range(part: str, name: str, text: str) -> Dimension:
    bounds, *flags = text.split(":")  # "1e-4..1:log" -> ["1e-4..1", "log"]
    low_text, _, high_text = bounds.partition("..")
    for flag in flags:
        if flag not in ("log", "int"):
            raise unknown(f"ending of the range {part}", flag, ("log", "int"))
    try:
        low, high = float(low_text), float(high_text)
    except ValueError:
        raise UsageError(f"space {part}: {bounds} is not low..high with two numbers") from None
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise UsageError(f"space {part}: low must be below high")
    if "log" in flags and low <= 0:
        raise UsageError(f"space {part}: a logarithmic range must be above 0")
    # None: the setting's type decides, once it is known
    return Dimension(name, text, low=low, high=high, log="log" in flags, whole=True if "int" in flags else None)


def _resolve(dimension: Dimension, network_options: Mapping[str, Mapping[str, Any]]) -> Dimension:
    settings = dict(_leaves(Config, ""))
    short: dict[str, str] = {"model": "model.name"}
    for setting in settings:
        last = setting.rpartition(".")[2]
        if last not in ("name", "options"):  # not unique
            short[last] = setting  # the short name: "lr" for training.lr
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
        tried = [k for k in known if short.get(k, k) not in _NOT_TUNABLE]  # suggestions that would be refused are none
        raise unknown("setting to tune", name, tried)
    if setting in _NOT_TUNABLE:
        raise UsageError(f"space {dimension}: {setting} decides how trials are evaluated, so it cannot be tuned")
    return _resolve_whole(dataclasses.replace(dimension, setting=setting), settings.get(setting), network_options)


def _resolve_whole(dimension: Dimension, kind: Any, network_options: Mapping[str, Mapping[str, Any]]) -> Dimension:
    """Decide if a range is of whole numbers: by the setting's type, else by how its bounds are written."""
    if dimension.choices:
        return dimension
    if kind is not None and kind not in (int, float):
        raise UsageError(f"space {dimension}: {dimension.setting} is not a number; give choices such as a|b")
    option = dimension.setting.removeprefix("model.options.")  # the network's option of that name, if it is one
    defaults = [known[option] for known in network_options.values() if option in known]
    if any(isinstance(default, str | bool) for default in defaults):
        raise UsageError(f"space {dimension}: {option} is not a number; give choices such as a|b")
    # 1..8, not 1.0..8
    is_written_whole = all(re.fullmatch(r"[-+]?\d+", end) for end in dimension.text.split(":")[0].split(".."))
    whole = dimension.whole
    if whole is None:
        is_float = kind is float or any(isinstance(default, float) for default in defaults)
        whole = kind is int or (is_written_whole and not is_float)  # 0..1 of a float setting is no choice of 0 and 1
    if whole and any(end != int(end) for end in (dimension.low or 0.0, dimension.high or 0.0)):  # 1.5..8:int
        raise UsageError(f"space {dimension}: bounds of a range of whole numbers must be whole")
    return dataclasses.replace(dimension, whole=whole)


def _plain(value: Any) -> Any:
    """Unwrap a list of one, such as the width of the only hidden layer; make tuples lists."""
    if not isinstance(value, list | tuple):
        return value
    return value[0] if len(value) == 1 else list(value)


def _leaves(node: type[ConfigNode], prefix: str) -> Iterator[tuple[str, Any]]:
    """Yield every setting with its type: int, float or str."""
    for name, kind in get_type_hints(node).items():
        if isinstance(kind, type) and issubclass(kind, ConfigNode):
            yield from _leaves(kind, f"{prefix}{name}.")
        else:
            # Optional[int] -> (…, int, NoneType)
            found = (kind, *get_args(kind)) if get_origin(kind) is not dict else ()
            yield f"{prefix}{name}", int if int in found else float if float in found else str  # as in int | None


def _split(text: str, separator: str) -> list[str]:
    """Split at separators outside brackets and quotes."""
    parts, depth, quote = [""], 0, ""  # quote: the mark that is open
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
