"""Settings in files: what a user wrote in YAML, and the ``config.yaml`` that a run recorded. Loads without torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from fathom.errors import FathomError, UsageError
from fathom.settings.config import Config, check_schema, config_from_dict, replace_in, unresolved_settings
from fathom.settings.settings import Settings, refuse_unknown
from fathom.settings.yaml_text import parse_yaml


def read_settings(path: Path) -> Settings:
    """Read a YAML file of settings.

    Raises:  FathomError if it cannot be read or another version wrote it; UsageError if it is not YAML, not a mapping,
        or holds an unknown name or an invalid value
    """
    return Settings(read_tree(path), str(path))


def read_tree(path: Path) -> dict[str, Any]:
    """Read the nested mapping in a YAML file; checks the names in it, not yet the values.

    Raises:  as ``read_settings``
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise FathomError(f"{path}: cannot be read ({reason})") from error
    try:
        tree = parse_yaml(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark else ""  # YAML counts lines from 0
        raise UsageError(f"{path}: not valid YAML{where}") from error
    if not isinstance(tree, dict):
        raise UsageError(f"{path}: expected settings like 'training: {{epochs: 10}}', found {type(tree).__name__}")
    check_schema(tree, str(path))
    try:
        refuse_unknown(tree)
    except UsageError as error:  # the file's name before the setting's
        raise UsageError(f"{path}: {error}") from None
    return tree


def read_config(run: Path) -> Config:
    """Read ``config.yaml`` of a run folder.

    Raises:  FathomError if the folder is not a run, was written by another version, or a setting is missing from it;
        UsageError naming a setting that is unknown or wrong
    """
    path = run / "config.yaml"
    if not path.is_file():
        raise FathomError(f"{run}: not a run folder: it has no config.yaml")
    config = _with_form(config_from_dict(read_tree(path), str(path)))
    if missing := unresolved_settings(config):  # a recorded configuration has nothing open
        raise FathomError(f"{path}: {', '.join(missing)} missing; a run records every setting it was trained with")
    return config


def _with_form(config: Config) -> Config:
    """Fill in what runs of image files did not record while all of them were brought to 8 bits."""
    options = config.data.options
    if config.data.kind != "images" or "channels" not in options or "values" in options:
        return config
    return replace_in(config, data={"options": {**options, "values": "uint8", "convert": True}})
