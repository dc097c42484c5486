"""Recipes that ship with Fathom: settings chosen on a validation split, with their results on the test set."""

from __future__ import annotations

from importlib import resources
from typing import Any

import yaml

from fathom.errors import unknown

_FOLDER = resources.files("fathom.settings.presets")


def recipe_names() -> list[str]:
    """Return the names of all shipped recipes."""
    return sorted(entry.name.removesuffix(".yaml") for entry in _FOLDER.iterdir() if entry.name.endswith(".yaml"))


def recipe_text(name: str) -> str:
    """Return a recipe as written, comments included.

    Raises:  UsageError for a name that does not exist
    """
    if name not in recipe_names():
        raise unknown("recipe", name, recipe_names())
    return (_FOLDER / f"{name}.yaml").read_text(encoding="utf-8")


def read_recipe(name: str) -> dict[str, Any]:
    """Return a recipe's settings."""
    return yaml.safe_load(recipe_text(name))


def recipe_summary(name: str) -> str:
    """Return the first line of a recipe's comment."""
    first = recipe_text(name).splitlines()[0]
    return first.lstrip("# ").strip()
