"""Read the one kind of pickle that CIFAR-10 is published in, and nothing else.

A pickle is a program. This reader runs it with a vocabulary of three words, and even those do not mean NumPy: they
stand for inert objects that note what they are given. The array is built here, after shape and size have been checked.
"""

from __future__ import annotations

import io
import math
import pickle
from typing import Any

import numpy as np


class _Bytes:
    """Stands for ``numpy.dtype``; unsigned bytes are the only kind there is."""

    def __init__(self, code: object, *_: object) -> None:
        if code not in ("u1", b"u1"):
            raise pickle.UnpicklingError(f"an array of {code!r} where bytes were expected")

    def __setstate__(self, state: object) -> None:
        pass  # byte order and alignment, without meaning for bytes


class _Array:
    """Stands for ``numpy.ndarray``: (version, shape, dtype, column-major?, bytes)."""

    values: np.ndarray | None = None

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, column_major, data = state
        # shape and bytes must agree, or reshape would fail far from the cause
        sizes_fit = all(type(size) is int and size >= 0 for size in shape) and math.prod(shape) == len(data)
        if not (isinstance(dtype, _Bytes) and type(data) is bytes and sizes_fit):
            raise pickle.UnpicklingError("an array whose shape, type and data do not agree")
        # a view: nothing is copied
        self.values = np.frombuffer(data, np.uint8).reshape(shape, order="F" if column_major else "C")


def _reconstruct(*_: object) -> _Array:
    return _Array()


_VOCABULARY = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,  # the name before NumPy 2.0
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,  # and since
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Bytes,
}


# the reader written in Python: the one in C can be made to allocate a memo of 64 GiB by five bytes
class _Unpickler(pickle._Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _VOCABULARY[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no batch needs") from None


def read_batch(content: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Read one CIFAR-10 batch from the bytes of its pickle.

    Shape:   -> images uint8 (N, 3, 32, 32), read-only; labels int64 (N,)
    Raises:  ValueError with the reason, whatever the bytes are
    """
    try:
        batch = _Unpickler(io.BytesIO(content), encoding="bytes").load()  # bytes: Python 2 wrote these pickles
        fields = {key.decode() if isinstance(key, bytes) else key: value for key, value in batch.items()}
        data, labels = fields["data"].values, np.asarray(fields["labels"])
        # 3072 = 3 · 32 · 32
        if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer) or data.shape != (len(labels), 3072):
            raise ValueError(f"data of shape {data.shape} for labels of shape {labels.shape}")
        if len(labels) and not (labels.min() >= 0 and labels.max() <= 9):
            raise ValueError("a label outside 0…9")
    except Exception as error:  # whatever a forged pickle makes the reader raise
        reason = f"no {error}" if isinstance(error, KeyError) else str(error) or type(error).__name__
        raise ValueError(reason) from error
    return data.reshape(-1, 3, 32, 32), labels.astype(np.int64)
