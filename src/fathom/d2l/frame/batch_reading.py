"""torchvision's MNIST and Fashion-MNIST read a batch at a time, and its networks loaded when they are first used.

A ``DataLoader`` asks a data set that has ``__getitems__`` for all samples of a batch at once. torchvision's have none:
they make a PIL image of each row of bytes and transform it. Here they get one that returns the same values to the bit,
from the whole batch, where the transform is ``ToTensor`` or ``Resize`` and ``ToTensor``; for anything else it does what
the loader would. A loader over such a set starts no worker processes: handing a batch over takes them longer than
reading it.
"""

from __future__ import annotations

import copy
import functools
import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from fathom.d2l.frame.imports import after_import, postpone

if TYPE_CHECKING:
    from torch import Tensor

_MODULE = "torchvision.datasets.mnist"
# Their import brings torch's compiler along, and takes as long as that of torch itself.
_SLOW = ("torchvision.models", "torchvision.ops")


def prepare_torchvision() -> None:
    """Make its MNIST sets, now or when they are imported, read in batches; postpone the import of its networks."""
    after_import(_MODULE, _add_batches)
    for name in _SLOW:
        postpone(name)


def release_torchvision() -> None:
    """Make its MNIST sets read image by image again."""
    kind = getattr(sys.modules.get(_MODULE), "MNIST", None)
    if kind is not None and isinstance(vars(kind).get("__getitems__"), _Batches):  # only what we set is taken away
        from torch.utils.data import DataLoader

        del kind.__getitems__  # the class again lacks it: DataLoader asks for it by name
        if hasattr(DataLoader.__iter__, "is_set_by_fathom"):
            DataLoader.__iter__ = DataLoader.__iter__.__wrapped__  # type: ignore[method-assign,attr-defined]


def _add_batches(module: Any) -> None:
    from torch.utils.data import DataLoader

    if not hasattr(module.MNIST, "__getitems__"):
        module.MNIST.__getitems__ = _Batches(module.MNIST.__getitem__)
    if not hasattr(DataLoader.__iter__, "is_set_by_fathom"):
        DataLoader.__iter__ = _without_workers(DataLoader.__iter__)  # type: ignore[method-assign,assignment]


class _Batches:
    """The method ``__getitems__`` of data sets whose ``__getitem__`` is ``read_one``; others read one by one."""

    def __init__(self, read_one: Callable[..., Any]) -> None:
        self.read_one = read_one

    # a descriptor: knows the object like a method
    def __get__(self, dataset: Any, kind: type | None = None) -> Callable[[Sequence[Any]], list[tuple[Any, Any]]]:
        return functools.partial(self._read, dataset)

    def _read(self, dataset: Any, indices: Sequence[Any]) -> list[tuple[Any, Any]]:
        import torch

        from fathom.d2l.frame.loaders import ToImages

        size = self.find_size(dataset)
        if size is None or not all(type(index) is int for index in indices):
            return [dataset[index] for index in indices]
        images = ToImages(size)(torch.from_numpy(dataset.data.numpy()[indices, None]))  # (N, 1, H, W) in one gather
        return list(zip(images.unbind(), dataset.targets.numpy()[indices].tolist(), strict=True))

    def find_size(self, dataset: Any) -> tuple[int, int] | None:
        """Return height and width of the images as read; None if a batch of them cannot be made at once."""
        import torch

        # a subclass may read in its own way
        if type(dataset).__getitem__ is not self.read_one or dataset.target_transform is not None:
            return None
        for tensor, dtype, num_axes in ((dataset.data, torch.uint8, 3), (dataset.targets, torch.int64, 1)):
            if not (isinstance(tensor, torch.Tensor) and tensor.dtype == dtype and tensor.ndim == num_axes):
                return None
        # (H, W)
        return None if dataset.data.is_cuda else _find_size(dataset.transform, tuple(dataset.data.shape[1:]))


def _without_workers(iterate: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
    """Make loaders over sets that are read in batches iterate as if they had no workers; the batches are the same."""

    @functools.wraps(iterate)
    def iterate_here(self: Any) -> Iterator[Any]:
        batches = inspect.getattr_static(self.dataset, "__getitems__", None)
        is_usual = self.batch_sampler is not None and self.worker_init_fn is None and not self.timeout
        if self.num_workers and is_usual and isinstance(batches, _Batches) and batches.find_size(self.dataset):
            self = copy.copy(self)
            self.num_workers = 0  # a copy: the caller's loader keeps its workers
        return iterate(self)

    iterate_here.is_set_by_fathom = True  # type: ignore[attr-defined]
    return iterate_here


def _find_size(transform: Any, shape: tuple[int, int]) -> tuple[int, int] | None:
    """Return height and width of what ``transform`` makes of an image; None if it cannot do the same to a batch."""
    from torchvision import transforms

    steps = transform.transforms if type(transform) is transforms.Compose else [transform]
    kinds = [type(step) for step in steps]
    if kinds == [transforms.ToTensor]:  # as stored
        return shape
    if kinds != [transforms.Resize, transforms.ToTensor]:  # anything else is done image by image
        return None
    resize = steps[0]
    if resize.interpolation != transforms.InterpolationMode.BILINEAR or resize.max_size is not None:
        return None
    sides = [resize.size] if isinstance(resize.size, int) else list(resize.size)
    if len(sides) == 1 and shape[0] != shape[1]:  # the shorter side is meant
        return None
    height, width = sides[0], sides[-1]
    is_larger = height >= shape[0] and width >= shape[1]  # shrinking is left to PIL
    return (height, width) if is_larger and _is_exact(shape, (height, width)) else None


@functools.lru_cache(maxsize=32)
def _is_exact(shape: tuple[int, int], size: tuple[int, int]) -> bool:
    """Return whether resizing a batch equals PIL's resizing: that depends on the size, and on the processor's kernel.

    PIL's weights have 22 bits, torch's fewer. Where that makes a difference, one pixel in a hundred shows it.
    """
    import torch
    from PIL import Image
    from torchvision import transforms

    from fathom.d2l.frame.loaders import ToImages

    # five: one batch of four and one left over (see _resize)
    noise = torch.randint(256, (5, *shape), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    transform = transforms.Compose([transforms.Resize(size), transforms.ToTensor()])
    each: list[Tensor] = [transform(Image.fromarray(image.numpy())) for image in noise]
    return torch.equal(ToImages(size)(noise[:, None]), torch.stack(each))
