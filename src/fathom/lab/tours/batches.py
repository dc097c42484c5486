"""The batches that a network from scratch and its twin both learn from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fathom.data.sources.catalog import describe, load_arrays
from fathom.errors import UsageError
from fathom.lab.tours.pairings import MOST_SAMPLES, NUM_STEPS
from fathom.scratch.engine.creation import one_hot
from fathom.scratch.engine.tensor import Tensor
from fathom.scratch.learning.iterator import Batches
from fathom.scratch.learning.sequences import Vocabulary, Windows, clean

if TYPE_CHECKING:
    from fathom.lab.tours.twin_training import TwinOptions

TEXT_HELD_OUT = 0.1  # share of the text, at its end


class CharacterBatches:
    """Windows of a text as what a recurrent network takes.

    Shape:   -> one-hot (steps, N, num_characters), the characters that follow (steps * N,)
    """

    def __init__(self, windows: Windows, num_characters: int, dtype: Any) -> None:
        self.windows, self.num_characters, self.dtype = windows, num_characters, dtype

    def __len__(self) -> int:
        return len(self.windows)

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for X, y in self.windows:
            # (steps, N, K), (steps·N,)
            yield one_hot(Tensor(X), self.num_characters).data.astype(self.dtype), y.reshape(-1)


@dataclass
class ScratchData:
    """Training batches, what to evaluate by, and a line that says what it is."""

    title: str
    batches: Any
    input_shape: tuple[int, ...]
    num_outputs: int
    dtype: Any
    test_X: np.ndarray
    test_labels: np.ndarray
    vocabulary: Vocabulary | None = None  # of texts alone
    test_text: np.ndarray | None = None

    def test_batches(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Return the text held out, in pieces."""
        assert self.test_text is not None
        windows = Windows(self.test_text, NUM_STEPS, batch_size=1)  # one window a batch: to learn how many there are
        # all of them as one batch: the score does not depend on a batch size
        windows = Windows(self.test_text, NUM_STEPS, batch_size=windows.num_pieces)
        yield from CharacterBatches(windows, self.num_outputs, self.dtype)


def image_data(options: TwinOptions, dtype: Any) -> ScratchData:
    """Load images, shifted and scaled to mean 0 and standard deviation 1 of those learned from.

    Raises:  UsageError if the set is no set of images, or an option does not fit it
    """
    name = options.data
    if describe(name).task != "classification":
        raise UsageError(f"fathom scratch learns from images with labels; {name} has none")
    if options.size is not None and name != "digits":
        raise UsageError(f"--size scales the digits; {name} stays as it is")
    arrays = load_arrays(name, **({"size": options.size or options.pairing.size} if name == "digits" else {}))
    assert arrays.test_images is not None
    assert arrays.test_labels is not None
    limit = options.samples or (len(arrays.train_images) if name == "digits" else MOST_SAMPLES)
    images, labels = arrays.train_images[:limit], arrays.train_labels[:limit]
    test_images, test_labels = arrays.test_images[:limit], arrays.test_labels[:limit]
    mean, std = images.mean(), images.std() or 1.0  # of the training images alone; a set of one colour has std 0
    X, test_X = ((part.astype(dtype) - dtype(mean)) / dtype(std) for part in (images, test_images))  # (N, C, H, W)
    num_classes = len(arrays.class_names)
    # regression learns the unit vector of each label; (N, K)
    y = one_hot(Tensor(labels), num_classes).data.astype(dtype) if options.pairing.is_regression else labels
    if options.batch_size > len(X):
        raise UsageError(f"--batch-size {options.batch_size} is larger than the {len(X):,} training samples")
    shape = X.shape[1:]
    title = f"{name} at {'x'.join(map(str, shape[1:]))}: {len(X):,} training samples, {len(test_X):,} test samples"
    batches = Batches(X, y, options.batch_size, seed=options.seed)
    return ScratchData(title, batches, shape, num_classes, dtype, test_X, test_labels)


def text_data(options: TwinOptions, dtype: Any) -> ScratchData:
    """Read a text as lower-case letters and spaces; its end is held out.

    Raises:  FathomError if it cannot be read; UsageError if it is too short
    """
    if options.text is not None:
        from fathom.data.texts.reading import read_text

        name, raw = options.text, read_text(options.text).text
    else:
        from fathom.data.sources import time_machine

        name, raw = "The Time Machine", time_machine.load()
    text = clean(raw)[: options.samples]  # the first so many characters
    vocabulary = Vocabulary(text)
    numbers = vocabulary.encode(text)  # (characters,)
    cut = round(len(numbers) * (1 - TEXT_HELD_OUT))  # training in front, held out behind
    train, test = numbers[:cut], numbers[cut:]
    needed = (options.batch_size + 1) * NUM_STEPS  # one batch, wherever the first window begins
    if len(train) < needed or len(test) <= 2 * NUM_STEPS:
        raise UsageError(
            f"{name}: {len(text):,} letters and spaces are too few for batches of {options.batch_size} pieces of "
            f"{NUM_STEPS}; lower --batch-size or give a longer text"
        )
    title = f"{name}: {len(train):,} training characters, {len(test):,} held out, {len(vocabulary)} different ones"
    windows = Windows(train, NUM_STEPS, options.batch_size, seed=options.seed)
    nothing = np.empty(0)  # a text is evaluated by its windows, not by X and labels
    return ScratchData(
        title,
        CharacterBatches(windows, len(vocabulary), dtype),
        (len(vocabulary),),  # width of one step's input
        len(vocabulary),
        dtype,
        nothing,
        nothing,
        vocabulary,
        test,
    )
