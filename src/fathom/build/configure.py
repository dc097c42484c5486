"""From the user's settings to a closed configuration, with the rules of the kind of data. Torch-free."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fathom.build.kinds.detection import find_kind, kind_of
from fathom.models import registry
from fathom.settings.config import Config, config_to_dict, pin_split
from fathom.settings.reading import read_config
from fathom.settings.resolve import complete, resolve
from fathom.settings.settings import Settings
from fathom.training.schedules.schedule import parse_schedule


def pin(settings: Settings | Mapping[str, Any], root: str | Path = "runs") -> Settings:
    """Return open settings that mean the same later and elsewhere: names filled in, paths absolute, versions pinned.

    Raises:  UsageError naming the setting; FathomError if remote data cannot be fetched
    """
    settings = settings if isinstance(settings, Settings) else Settings(settings)
    kind = find_kind(settings)
    kind.validate(settings)
    settings = complete(settings, kind, root)
    data = resolve(settings, kind, root).data
    pinned = kind.pin(data)
    # only what changed: the rest of the options stays open
    places = {name: place for name, place in pinned.options.items() if place != data.options.get(name)}
    return settings.under({"data": {"name": pinned.name, "versions": pinned.versions, "options": places}})


def student_settings(teacher: Path) -> Settings:
    """Return the settings that a student inherits: the data as its teacher read and split it, and the seed.

    Raises:  FathomError if the folder is not a run
    """
    config = pin_split(read_config(teacher))
    names = ("name", "options", "val", "split_seed", "fold", *kind_of(config).inherited_by_student)
    # without them the student would be evaluated on samples its teacher has learned
    data = config_to_dict(config)["data"]
    return Settings({"data": {name: data[name] for name in names}, "seed": config.seed})


def configure(settings: Config | Settings | Mapping[str, Any], root: str | Path = "runs") -> Config:
    """Return the configuration of a run; refuse impossible settings before anything heavy is imported.

    Args:
        settings: the user's; a Config, which is closed already, is returned unchanged.
        root: where runs named by ``finetune.init_from`` are looked up.
    Raises:  UsageError naming the setting
    """
    if isinstance(settings, Config):
        return settings
    if not isinstance(settings, Settings):
        settings = Settings(settings)
    kind = find_kind(settings)
    kind.validate(settings)  # first: a typing error is told before anything is resolved
    config = resolve(settings, kind, root)
    registry.check_name(config.model.name)
    # refuses a schedule that does not exist; the result is not needed yet
    parse_schedule(config.training.schedule or "constant")
    return config
