"""From a configuration to a data module: one builder for each kind of data."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from fathom.settings.config import Config
from fathom.data.images.augment import Compose, make_augmentation
from fathom.data.sources.catalog import load_arrays
from fathom.data.array_data import ArrayData
from fathom.data.module import LabelledData
from fathom.data.images.module import ImageData
from fathom.data.images.form import LARGEST_SIDE
from fathom.data.images.options import ImageOptions
from fathom.data.images.survey import OnRead
from fathom.data.tables.module import TableData
from fathom.data.texts.module import TextData
from fathom.errors import UsageError
from fathom.models import registry
from fathom.settings.resolve import resolve
from fathom.build.kinds.names import Kind, data_kind, list_images
from fathom.build.divisions import make_division
from fathom.build.remote import display_names, localize, original_names
from fathom.build.kinds.tables import build_table, choose_epochs
from fathom.build.kinds.texts import build_text, settle_text

if TYPE_CHECKING:
    from fathom.build.kinds.names import Contents


_WORTH_IMAGES = 40_000  # seen in training where nobody chose the epochs: 16 s on two cores at 32 pixels
_LEAST_EPOCHS, _MOST_EPOCHS = 10, 40
_LARGEST_SIDE = 64  # of images, for networks that were made for 28 or 32 pixels


def build_data(config: Config, contents: Contents = None, on_read: OnRead | None = None) -> LabelledData:
    """Make the data module.

    Args:
        contents: those of the data set, file or folder, where they were read already.
        on_read: called with (files read, files in all) while images are decoded.
    """
    given = config.data
    config = msgspec.structs.replace(config, data=localize(given))
    augment = _build_augmentation(config)
    kind = data_kind(config.data)
    with original_names(given, config.data):
        if kind == "images":
            aliases = display_names(given, config.data)
            data: LabelledData = _build_images(config, augment, contents, on_read, aliases)
        else:
            data = _BUILDERS[kind](config, augment, contents)
    if augment is not None:
        augment.check(data.input_shape)
    return data


def settle_data(config: Config, data: LabelledData) -> Config:
    """Record what the data chose where it was left to them, and the settings that depend on what they are."""
    settled = msgspec.structs.replace(config.data, batch_size=data.batch_size)
    training = config.training
    if isinstance(data, ImageData):
        form: dict[str, Any] = {"channels": data.channels}
        if config.data.resize is None:
            form["size"] = list(data.size)
        settled = msgspec.structs.replace(settled, options={**config.data.options, **form})
        if training.epochs is None:
            training = msgspec.structs.replace(training, epochs=_choose_epochs(data))
    if isinstance(data, TableData) and training.epochs is None:
        training = msgspec.structs.replace(training, epochs=choose_epochs(data.num_train, data.batch_size))
    config = msgspec.structs.replace(config, training=training)
    if isinstance(data, TextData):
        config = settle_text(config, data)
    return resolve(msgspec.structs.replace(config, data=settled), data.task)


def _choose_epochs(data: ImageData) -> int:
    """Choose the passes over images where nobody did; the same ones again and again are soon learned by heart."""
    if data.augment is None:
        return _LEAST_EPOCHS
    return min(_MOST_EPOCHS, max(_LEAST_EPOCHS, round(_WORTH_IMAGES / data.num_train)))


def _build_augmentation(config: Config) -> Compose | None:
    steps = [config.data.augment] if config.data.augment else []
    if config.training.input_noise:
        steps.append(f"noise:std={config.training.input_noise}")
    return make_augmentation(",".join(steps)) if steps else None


def _build_named(config: Config, augment: Compose | None, arrays: Any) -> ArrayData:
    assert config.data.batch_size is not None
    return ArrayData(
        load_arrays(config.data.name, **config.data.options) if arrays is None else arrays,
        config.data.batch_size,
        name=config.data.name,
        val=make_division(config.data),
        augment=augment,
        seed=config.seed,
        balance=config.data.balance,
    )


def _build_images(
    config: Config, augment: Compose | None, contents: Any, on_read: OnRead | None, aliases: dict[str, str]
) -> ImageData:
    files = list_images(config.data) if contents is None else contents
    options = ImageOptions(
        size=_image_size(config),
        largest_side=_LARGEST_SIDE if registry.get(config.model.name).is_for_small else LARGEST_SIDE,
        channels=config.data.options.get("channels"),
        workers=config.data.workers,
        cache=config.data.cache,
        max_broken=config.data.max_broken,
        is_normalised_elsewhere=config.data.mean is not None,
    )
    return ImageData.scan(
        dataclasses.replace(files, name=config.data.name, aliases=aliases),
        config.data.batch_size,
        options=options,
        val=make_division(config.data),
        augment=augment,
        seed=config.seed,
        balance=config.data.balance,
        on_read=on_read,
    )


def _image_size(config: Config) -> tuple[int, int] | None:
    side, size = config.data.resize, config.data.options.get("size")
    if size is None:
        return (side, side) if side else None
    if side:
        raise UsageError("data.resize and data.options.size both say how large images become; leave one of them out")
    if not (isinstance(size, list) and len(size) == 2 and all(type(n) is int and n > 0 for n in size)):
        raise UsageError(f"data.options.size is [height, width]; got {size!r}")
    return size[0], size[1]


_BUILDERS: dict[Kind, Callable[[Config, Compose | None, Any], LabelledData]] = {
    "named": _build_named,
    "table": build_table,
    "text": build_text,
}
