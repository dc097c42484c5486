"""The named data sets as data modules, for use from Python."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fathom.data.array_data import ArrayData
from fathom.data.images.augment.augmentation_spec import make_augmentation
from fathom.data.sources.catalog import load_arrays
from fathom.data.splits.division import Division


class _NamedArrays(ArrayData):
    """A data set of the catalogue; found, or downloaded and checked, when it is made."""

    source: str
    default_batch_size = 256

    def __init__(
        self,
        batch_size: int | None = None,
        *,
        val: float | Division = 0.1,
        augment: str | None = None,
        seed: int = 0,
        **options: Any,
    ) -> None:
        super().__init__(
            load_arrays(self.source, **options),
            self.default_batch_size if batch_size is None else batch_size,
            name=self.source,
            val=val,
            augment=make_augmentation(augment) if augment else None,
            seed=seed,
        )


class Digits(_NamedArrays):
    """scikit-learn's 1,797 handwritten digits, (1, 8, 8) or scaled with ``size=28``; always at hand."""

    source = "digits"
    default_batch_size = 64  # of 1,438 training samples: with 256 an epoch would have five steps


class MNIST(_NamedArrays):
    """70,000 handwritten digits, (1, 28, 28). Source: LeCun et al. 1998"""

    source = "mnist"


class FashionMNIST(_NamedArrays):
    """70,000 articles of clothing, (1, 28, 28). Source: Xiao, Rasul & Vollgraf 2017"""

    source = "fashion_mnist"


class CIFAR10(_NamedArrays):
    """60,000 colour images of ten kinds of things, (3, 32, 32). Source: Krizhevsky 2009"""

    source = "cifar10"


class SyntheticRegression(_NamedArrays):
    """y = Xw + b + noise with X standard normal. Source: notes N1 §1.2"""

    source = "synthetic_regression"
    default_batch_size = 10  # the book's

    def __init__(
        self,
        w: Sequence[float] = (2.0, -3.4),
        b: float = 4.2,
        noise: float = 0.01,
        batch_size: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__(batch_size, w=w, b=b, noise=noise, **options)
