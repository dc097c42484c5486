"""The user's settings: an open, partial tree. Loads without torch.

It holds only what was chosen; null counts as not chosen. ``resolve`` closes it into a ``Config``, whose classes are
the schema that every name and value is checked against.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import cache
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec
import yaml

from fathom.address import conceal
from fathom.errors import UsageError, unknown
from fathom.settings.config import Config, ConfigNode, check_schema, wrong_setting
from fathom.settings.yaml_text import parse_yaml


class Settings:
    """A partial, validated choice of settings; immutable: ``over`` and ``under`` make another.

    Args:
        tree: nested mapping such as ``{"training": {"epochs": 3}}``.
        source: its name in error messages.
    Raises:  UsageError naming the setting that is unknown (with the nearest one) or invalid

    >>> Settings({"training": {"lr": 0.1}}).get("training.lr")
    0.1
    """

    __slots__ = ("_tree",)

    def __init__(self, tree: Mapping[str, Any] | None = None, source: str = "settings") -> None:
        tree = {} if tree is None else tree
        check_schema(tree, source)
        refuse_unknown(tree)
        try:
            msgspec.convert(tree, _opened(Config))  # checks alone: the result is thrown away, the user's tree kept
        except msgspec.ValidationError as error:
            raise wrong_setting(error, source) from None
        self._tree = _chosen(tree)
        _conceal_addresses(self._tree.get("data", {}))

    def get(self, name: str, default: Any = None) -> Any:
        """Return the chosen value of a setting by its full name, such as ``training.lr``."""
        node: Any = self._tree
        for key in name.split("."):
            if not isinstance(node, Mapping) or key not in node:  # not chosen, or a value where a section is asked for
                return default
            node = node[key]
        return copy.deepcopy(node)  # a copy: nobody changes settings through it

    def to_dict(self) -> dict[str, Any]:
        """Return the chosen settings as a plain tree."""
        return copy.deepcopy(self._tree)

    def over(self, base: Settings | Mapping[str, Any]) -> Settings:
        """Return these settings merged over others: sections are joined, values of this one win."""
        return Settings(merge(merge({}, _tree_of(base)), self._tree))  # merge({}, …) copies the base

    def under(self, top: Settings | Mapping[str, Any]) -> Settings:
        """Return these settings with others merged over them."""
        return Settings(merge(merge({}, self._tree), _tree_of(top)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Settings) and self._tree == other._tree

    def __hash__(self) -> int:
        return hash(repr(self._tree))  # dictionaries have no hash; repr is stable, as order is

    def __repr__(self) -> str:
        return f"Settings({self._tree})"


def set_dotted(tree: dict[str, Any], assignment: str) -> None:
    """Apply ``section.name=value`` (the value is YAML) to a tree, in place.

    Raises:  UsageError for an invalid form or an unknown setting
    """
    dotted, equals, text = assignment.partition("=")
    keys = dotted.strip().split(".")
    if not equals or not all(keys):  # "training..lr" and ".lr" too
        raise UsageError(f"--set {assignment!r}: expected section.name=value, for example training.clip_norm=1.0")
    tree_of_one = nested(keys, read_value(assignment, text))
    refuse_unknown(tree_of_one)
    merge(tree, tree_of_one)


def read_value(assignment: str, text: str) -> Any:
    """Read the value of a ``--set``, which is YAML.

    Raises:  UsageError naming the assignment
    """
    try:
        return parse_yaml(text)
    except yaml.YAMLError:
        raise UsageError(f"--set {assignment!r}: {text!r} is not a YAML value") from None


def nested(keys: list[str], value: Any) -> dict[str, Any]:
    """Return the tree that holds one value: ``nested(["training", "lr"], 0.1)`` is ``{"training": {"lr": 0.1}}``."""
    tree: Any = value
    for key in reversed(keys):
        tree = {key: tree}
    return tree


def merge(tree: dict[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Merge ``other`` over ``tree``, in place; sections are joined, values replaced."""
    for key, value in other.items():
        if isinstance(value, Mapping) and isinstance(tree.get(key), dict):
            merge(tree[key], value)
        else:
            # copied, so that the two trees share nothing
            tree[key] = merge({}, value) if isinstance(value, Mapping) else value
    return tree


def field_type(name: str) -> Any:
    """Return the type of a setting by its full name, such as ``training.lr``."""
    node: Any = Config
    for key in name.split("."):
        if node is dict or get_origin(node) is dict:  # options are free: their builder checks them
            return Any
        node = get_type_hints(node, include_extras=True)[key]  # types of a frozen tree, without creating one
    return node


def choices_of(name: str) -> tuple[str, ...]:
    """Return the allowed values of a setting such as ``execution.precision``."""
    options = [field_type(name), *get_args(field_type(name))]  # X itself, or the parts of X | None
    return next(get_args(option) for option in options if get_origin(option) is Literal)


def refuse_unknown(tree: Any, node: type[ConfigNode] = Config, prefix: str = "") -> None:
    """Refuse unknown names, with the nearest one, and values that are not among the choices of their setting.

    Raises:  UsageError
    """
    if not isinstance(tree, Mapping):
        raise UsageError(f"setting {prefix.rstrip('.') or 'top level'}: expected named settings, found {tree!r}")
    types = get_type_hints(node)
    for key, value in tree.items():
        if key not in types:
            raise unknown("setting", f"{prefix}{key}", [f"{prefix}{name}" for name in types])
        inner = types[key]
        # the section's class, also of an optional section
        nodes = [t for t in (get_args(inner) or (inner,)) if isinstance(t, type) and issubclass(t, ConfigNode)]
        if nodes and (value is not None or nodes[0] is inner):
            refuse_unknown(value, nodes[0], f"{prefix}{key}.")
            continue
        literal = [t for t in (inner, *get_args(inner)) if get_origin(t) is Literal]
        # only names are allowed, so that the nearest one can be offered
        is_only = bool(literal) and set(get_args(inner)) - {type(None)} <= {*literal, *get_args(literal[0])}
        if is_only and value is not None and value not in get_args(literal[0]):
            raise unknown(f"{prefix}{key}", value, get_args(literal[0]))


@cache
def _opened(node: type[ConfigNode]) -> type[msgspec.Struct]:
    """Return a class like ``node`` in which every setting may be missing or null."""
    fields: list[tuple[str, Any, Any]] = []
    for name, kind in get_type_hints(node, include_extras=True).items():
        inner = [t for t in (kind, *get_args(kind)) if isinstance(t, type) and issubclass(t, ConfigNode)]
        # A section is open as a whole; an optional one (a fold, a teacher) must be complete if it is there.
        is_section = bool(inner) and inner[0] is kind
        fields.append((name, _opened(kind) if is_section else kind | None, None))
    return msgspec.defstruct(node.__name__, fields, frozen=True, forbid_unknown_fields=True, kw_only=True)


def _chosen(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy without null values; options keep theirs."""
    found: dict[str, Any] = {}
    for key, value in tree.items():
        if value is None or key == "schema":  # null: not chosen; schema: of the file, not of the run
            continue
        # null among options may mean something to a builder
        found[key] = copy.deepcopy(dict(value)) if key == "options" else value
        if isinstance(value, Mapping) and key != "options":
            found[key] = _chosen(value)
    return found


def _conceal_addresses(data: dict[str, Any]) -> None:
    """Remove passwords and signatures from addresses, in place."""
    for place in (data, data.get("options", {})):  # the data's name, and the files among its options
        for key, value in place.items():
            if isinstance(value, str):
                place[key] = conceal(value)


def _tree_of(settings: Settings | Mapping[str, Any]) -> Mapping[str, Any]:
    return settings._tree if isinstance(settings, Settings) else settings
