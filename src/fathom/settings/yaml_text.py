"""The YAML of settings: safe, with bare words read as in YAML 1.2."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml


class _Loader(yaml.SafeLoader):
    """Reads ``1e-3`` as a number and ``off`` as a word, unlike YAML 1.1.

    Aliases are refused: they can be circular.
    """

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Refuse an alias."""
        if self.check_event(yaml.AliasEvent):
            raise yaml.constructor.ConstructorError(
                None, None, "aliases are not supported", self.peek_event().start_mark
            )
        return super().compose_node(parent, index)


_BOOL, _FLOAT = "tag:yaml.org,2002:bool", "tag:yaml.org,2002:float"
_Loader.yaml_implicit_resolvers = {
    # first letter: resolvers; SafeLoader's own take yes, no, on and off for booleans
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _BOOL]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
# as in YAML 1.2: on and off stay words
_Loader.add_implicit_resolver(_BOOL, re.compile("(true|True|TRUE|false|False|FALSE)$"), list("tTfF"))
# 1.1 wants a dot and a sign: 1e-3 would be text
_Loader.add_implicit_resolver(_FLOAT, re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789"))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in (*value, *value.values()):
            yield from _texts(each)
    elif isinstance(value, list | tuple | set):
        for each in value:
            yield from _texts(each)


def parse_yaml(text: str) -> Any:
    """Read one value, as in settings files and ``--set``.

    Raises:  yaml.YAMLError if it is not YAML, holds an impossible value, or is nested too deeply
    """
    loader = _Loader(text)
    try:
        value = loader.get_single_data()
        for text in _texts(value):
            text.encode()  # half of a pair of surrogates, which an escape can write, is no text
        return value
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError) as error:
        raise yaml.YAMLError(str(error)) from error  # such as those for 2001-99-99 and !!int ''
    finally:  # frees the parser's buffers, also after an error
        loader.dispose()
