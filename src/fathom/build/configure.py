"""From what the user wrote to a closed configuration, with the kind of data that the settings name. Torch-free."""

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
    """Return open settings that mean the same tomorrow and in another folder: names completed, places absolute.

    Raises:  UsageError naming the setting; FathomError if remote data cannot be fetched
    """
    settings = settings if isinstance(settings, Settings) else Settings(settings)
    kind = find_kind(settings)
    kind.validate(settings)
    settings = complete(settings, kind, root)
    data = resolve(settings, kind, root).data
    located = kind.locate(data)
    places = {name: place for name, place in located.options.items() if place != data.options.get(name)}
    return settings.under({"data": {"name": located.name, "versions": located.versions, "options": places}})


def student_settings(teacher: Path) -> Settings:
    """Return the settings that a student takes over: the data as its teacher read and divided it, and the seed.

    Raises:  FathomError if the folder is not a run
    """
    config = pin_split(read_config(teacher))
    names = ("name", "options", "val", "split_seed", "fold", *kind_of(config).keeps_division)
    data = config_to_dict(config)["data"]
    return Settings({"data": {name: data[name] for name in names}, "seed": config.seed})


def configure(settings: Config | Settings | Mapping[str, Any], root: str | Path = "runs") -> Config:
    """Refuse, before anything heavy is imported, what cannot be; close the rest.

    Args:
        settings: what somebody wrote; a configuration that is closed already comes back as it is.
        root: where runs are looked for that ``finetune.init_from`` names.
    Raises:  UsageError naming the setting
    """
    if isinstance(settings, Config):
        return settings
    if not isinstance(settings, Settings):
        settings = Settings(settings)
    kind = find_kind(settings)
    kind.validate(settings)
    config = resolve(settings, kind, root)
    registry.check_name(config.model.name)
    parse_schedule(config.training.schedule or "constant")
    return config
