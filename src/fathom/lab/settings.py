"""The settings of a claim: its own, the small ones of a quick measurement, and a user's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fathom.errors import UsageError, unknown
from fathom.lab.experiment import Claim


def choose_settings(name: str, claim: Claim, given: Mapping[str, Any], *, quick: bool) -> dict[str, Any]:
    """Return the claim's settings with the user's over them.

    Raises:  UsageError for an unknown setting or a value of another type
    """
    settings = {**claim.settings, **(claim.quick if quick else {})}
    for key, value in given.items():
        if key not in settings:
            if not settings:
                raise UsageError(f"--set {key}: {name} has no settings")
            raise unknown(f"setting of {name}", key, settings)
        settings[key] = _as(settings[key], value, key)
    return settings


def _as(standing: Any, value: Any, key: str) -> Any:
    """Return a value of the type that stands there; a whole number is a real one too."""
    if isinstance(standing, float) and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if isinstance(standing, tuple):
        values = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
        return tuple(_as(standing[0], item, key) for item in values)
    if type(value) is not type(standing):
        raise UsageError(f"--set {key}={value}: expected {_NAMES.get(type(standing), 'text')}, as {standing!r}")
    if isinstance(value, int | float) and not isinstance(value, bool) and value < 0 <= standing:
        raise UsageError(f"--set {key}={value}: must not be negative")
    return value


_NAMES = {int: "a whole number", float: "a number", bool: "true or false"}
