"""Arrays in a ``.npz`` file, as ``fathom.train(net, (X, y))`` keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from fathom.build.kinds.arrays import ArraysKind
from fathom.build.kinds.base import Kind, OnRead
from fathom.build.kinds.epochs import fill_epochs
from fathom.build.kinds.places import check_file, refuse_file_options
from fathom.files import expand_home

if TYPE_CHECKING:
    from fathom.choices import Task
    from fathom.data.module import LabelledData
    from fathom.settings.config import Config, DataConfig
    from fathom.settings.settings import Settings


class ArrayFilesKind(ArraysKind):
    """Labelled arrays of a user."""

    name, noun = "array_files", "an .npz file"
    has_plain_features = False  # any scale: SGD alone may not do
    serves_any_batch_size = False  # the batch size follows from the number of samples

    def validate(self, settings: Settings) -> None:
        """Refuse a missing file."""
        refuse_file_options(settings)
        Kind.validate(self, settings)
        name = settings.get("data.name")
        if name.lower().endswith(".npz"):  # else arrays in memory are given, as by the estimators
            check_file(name)

    def default_settings(self) -> Mapping[str, Any]:
        """Return a multilayer perceptron, which reads arrays of any shape."""
        return {"model": {"name": "mlp"}}

    def task(self, name: str) -> Task | None:  # type: ignore[override]
        """Return None: the labels tell."""
        return None

    def options(self, name: str, model: str, chosen: Mapping[str, Any]) -> dict[str, Any]:
        """Return what was chosen."""
        return dict(chosen)

    def batch_size(self, name: str) -> int | None:  # type: ignore[override]
        """Return None: it depends on the number of samples."""
        return None

    def epochs(self, name: str) -> int | None:  # type: ignore[override]
        """Return None: they depend on the number of samples."""
        return None

    def pin(self, data: DataConfig) -> DataConfig:
        """Return the same file by its absolute path."""
        return msgspec.structs.replace(data, name=str(expand_home(data.name).absolute()))

    def read(self, data: DataConfig) -> Any:
        """Return None: reading needs torch."""
        return None

    def build(self, config: Config, contents: Any = None, on_read: OnRead | None = None) -> LabelledData:
        """Make the data module."""
        from fathom.build.augmentation import build_augmentation
        from fathom.build.divisions import make_division
        from fathom.data.given.array_file import ArrayFileData, read_arrays

        augment = build_augmentation(config)
        data = ArrayFileData(
            read_arrays(expand_home(config.data.name)) if contents is None else contents,
            config.data.batch_size,
            name=config.data.name,
            augment=augment,
            seed=config.seed,
            val=make_division(config),
            balance=config.data.balance,
        )
        if augment is not None:
            augment.check(data.input_shape)
        return data

    def finalize(self, config: Config, data: LabelledData) -> Config:
        """Fill in batch size and epochs: few samples need many epochs for enough steps."""
        return fill_epochs(super().finalize(config, data), data)
