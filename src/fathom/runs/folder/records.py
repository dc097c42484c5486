"""JSON and YAML as a run folder holds them: strict when written, distrustful when read.

Written values are plain: NumPy scalars become numbers, paths become text, a number that is not finite becomes null.
Read files may be missing, truncated or foreign; each gives one line that names the file and the reason.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeGuard

import yaml

from fathom.errors import FathomError, UsageError
from fathom.files import describe_failure


class _PlainDumper(yaml.SafeDumper):
    """Writes every value out where it stands: an anchor (&id001) would surprise whoever edits the file."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


class _PlainLoader(yaml.SafeLoader):
    """Refuses aliases: nothing Fathom writes has them, and nested ones can expand without end."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()
            raise yaml.constructor.ConstructorError(None, None, "aliases are not read here", event.start_mark)
        return super().compose_node(parent, index)


def to_plain(value: object, name: str = "value", *, finite: bool = True) -> Any:
    """Turn ``value`` into numbers, text, lists and dictionaries; with ``finite``, NaN and infinity become None.

    Raises:  UsageError naming the key if a value is something else, such as an object
    """
    if value is None or isinstance(value, bool | str):  # bool before int, which it is too
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        # float(): np.float64 is a float, and YAML's SafeDumper refuses it.
        return float(value) if math.isfinite(value) or not finite else None
    if isinstance(value, Mapping):
        return {str(key): to_plain(item, str(key), finite=finite) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(item, name, finite=finite) for item in value]  # tuples too: JSON and YAML know only lists
    if isinstance(value, os.PathLike):  # paths
        return os.fspath(value)
    to_list = getattr(value, "tolist", None)
    if callable(to_list):  # NumPy scalars and arrays
        return to_plain(to_list(), name, finite=finite)
    raise UsageError(
        f"{name!r} cannot be written to a run folder: {type(value).__name__} is not a number, text or list"
    )


def to_json(value: object, *, indent: int | None = None) -> str:
    """Write ``value`` as strict JSON."""
    # Python writes NaN otherwise, which no other JSON reader takes
    return json.dumps(to_plain(value), allow_nan=False, ensure_ascii=False, indent=indent)


def to_yaml(value: object) -> str:
    """Write ``value`` as YAML in the order given, without anchors."""
    # YAML has .nan and .inf: settings keep them
    return yaml.dump(to_plain(value, finite=False), Dumper=_PlainDumper, sort_keys=False, allow_unicode=True)


def read_json(path: Path) -> dict[str, Any]:
    """Read a file that holds one JSON object.

    Raises:  FathomError naming the file if it is missing, truncated or something else
    """
    try:
        content = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:  # RecursionError: brackets nested a thousand deep
        raise FathomError(f"{path} is damaged: not JSON ({_first_line(error)})") from error
    return _require_mapping(content, path)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a file that holds one YAML mapping; nothing in it can run code.

    Raises:  FathomError naming the file if it is missing, truncated or something else
    """
    try:
        content = yaml.load(read_text(path), Loader=_PlainLoader)  # noqa: S506 - a SafeLoader that refuses more
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise FathomError(f"{path} is damaged: not YAML ({_first_line(error)})") from error
    return _require_mapping(content, path)


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Read a file with a JSON object on every line; a line that was cut off by a kill is left out.

    Such a line is the last, or the resumed run went on after it with a record of the event "resume".

    Raises:  FathomError naming file and line if any other line is not an object
    """
    lines = read_text(path).split("\n")  # not splitlines: it parts a text at U+2028 too
    records: list[dict[str, Any]] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            if number == len(lines) or _is_resume(lines[number]):  # its writing was interrupted
                continue
            raise FathomError(f"{path} is damaged: line {number} is not JSON ({_first_line(error)})") from error
        if not isinstance(record, dict):
            raise FathomError(f"{path} is damaged: line {number} is not an object")
        records.append(record)
    return records


def read_text(path: Path) -> str:
    """Read a UTF-8 file.

    Raises:  FathomError naming the file if it is missing, unreadable or not text
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise FathomError(f"{path} is missing") from error
    except OSError as error:
        raise describe_failure("read", path, error) from error
    except UnicodeDecodeError as error:
        raise FathomError(f"{path} is damaged: not text") from error


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether ``value`` is a finite number; null, text and booleans are not."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _require_mapping(content: object, path: Path) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise FathomError(f"{path} is damaged: it holds no mapping of names to values")
    return content


def _is_resume(line: str) -> bool:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return False  # then the torn line is damage
    return isinstance(record, dict) and record.get("event") == "resume"


def _first_line(error: Exception) -> str:
    return str(error).split("\n")[0] or type(error).__name__
