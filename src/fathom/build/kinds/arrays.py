"""Data sets known by name, held in memory as arrays: digits, MNIST, Fashion-MNIST, CIFAR-10, synthetic data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from fathom.build.kinds.base import Kind, OnRead
from fathom.build.kinds.places import refuse_file_options, refuse_foreign
from fathom.data.sources import catalog

if TYPE_CHECKING:
    from fathom.choices import Task
    from fathom.data.array_data import ArrayData
    from fathom.data.checks import DataCheck
    from fathom.data.module import LabelledData
    from fathom.settings.config import Config, DataConfig
    from fathom.settings.settings import Settings

_FLAT_MODELS = ("linear", "softmax", "mlp")  # digits scaled up to MNIST's size gain them nothing
_BATCH_SIZES = {
    "digits": 64,
    "synthetic_regression": 10,
}  # small sets, for enough steps an epoch; others 256, the book's
_EPOCHS = {"digits": 30}  # others 10, the book's


class ArraysKind(Kind):
    """Labelled arrays, wholly in memory."""

    name, noun, holds_images = "arrays", "a named data set", True
    serves_any_batch_size = True
    has_plain_features = True  # pixels, or synthetic numbers, of one scale

    def validate(self, settings: Settings) -> None:
        """Refuse an unknown name."""
        refuse_foreign(settings)
        refuse_file_options(settings)
        catalog.describe(settings.get("data.name", "digits"))

    def task(self, name: str) -> Task:
        """Return the task."""
        return "regression" if name == "synthetic_regression" else "classification"

    def options(self, name: str, model: str, chosen: Mapping[str, Any]) -> dict[str, Any]:
        """Return the options; digits are 8×8, and scaled up for networks made for larger images."""
        # 28: MNIST's side, which LeNet and its like are made for
        options = dict(chosen)
        if name == "digits" and "size" not in options:
            options["size"] = 8 if model in _FLAT_MODELS else 28
        return options

    def batch_size(self, name: str) -> int:
        """Return the batch size."""
        return _BATCH_SIZES.get(name, 256)

    def epochs(self, name: str) -> int:
        """Return the epochs."""
        return _EPOCHS.get(name, 10)

    def read(self, data: DataConfig) -> Any:
        """Return the arrays, downloaded if they are not on this machine."""
        return catalog.load_arrays(data.name, **data.options)

    def build(self, config: Config, contents: Any = None, on_read: OnRead | None = None) -> LabelledData:
        """Make the data module."""
        from fathom.build.augmentation import build_augmentation
        from fathom.build.divisions import make_division
        from fathom.data.array_data import ArrayData
        from fathom.settings.config import resolved

        augment = build_augmentation(config)
        data = ArrayData(
            self.read(config.data) if contents is None else contents,
            resolved(config.data.batch_size),
            name=config.data.name,
            augment=augment,
            seed=config.seed,
            val=make_division(config),
            balance=config.data.balance,
        )
        if augment is not None:
            augment.check(data.input_shape)
        return data

    def check(self, data: LabelledData) -> DataCheck:
        """Return what to know of the data before training on it."""
        from fathom.data.array_checks import check_arrays

        return check_arrays(cast("ArrayData", data))
