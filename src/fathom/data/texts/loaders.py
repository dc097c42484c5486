"""Batches of a text held as one tensor: windows in random order, or columns that are read on from batch to batch.

A batch is ``(X, starts, y)``:

- X, int64 (steps, batch): tokens, time first. One-hot or embedded it is (steps, batch, features), the layout of
  ``torch.nn.RNN``.
- starts, bool: whether the sequences begin here. If not, each column goes on where it ended in the batch before, and
  the hidden state may be carried over.
- y, int64 (steps · batch,): the token that follows each one of X, in the order of ``X.flatten()``.

What a trainer counts as samples are tokens: a mean over batches, weighted by ``len(y)``, is a mean over tokens.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from fathom.data.loaders.order import mix
from fathom.errors import UsageError
from fathom.shares import readable_share, share_of

# X (steps, batch), whether it begins anew, y (steps · batch,)
TextBatch = tuple[Tensor, bool, Tensor]


class TokenLoader:
    """What both partitionings share: the text, the size of a batch, the place reached.

    ``shard`` leaves the same sequences of every batch to a process: a hidden state that is carried on stays with its
    column.

    Args:
        tokens: integers (N,), at least steps + 1.
        columns: sequences side by side in a batch.
        steps: tokens read by a sequence in one batch.
        shift: begin each epoch at another place, a pure function of (seed, epoch); what is left over lies at both ends.
    Raises:  UsageError if a size is below 1 or the text is too short for one batch
    """

    carries_state = True  # batches follow one another: an evaluation divides sequences, not batches

    def __init__(self, tokens: Tensor, columns: int, steps: int, *, shift: bool = False, seed: int = 0) -> None:
        for name, size in (("batch size", columns), ("steps", steps)):
            if size < 1:
                raise UsageError(f"{name} must be at least 1; got {size}")
        self.tokens, self.columns, self.steps, self.shift, self.seed = tokens, columns, steps, shift, seed
        self.epoch = self.first_batch = 0
        self.rank, self.size = 0, 1
        if len(self) < 1:
            raise UsageError(f"{len(tokens)} tokens are too few for {columns} sequences of {steps} steps and one more")

    @property
    def batch_size(self) -> int:
        """Tokens to predict in a full batch: what a trainer counts."""
        return self.columns * self.steps

    def __len__(self) -> int:
        raise NotImplementedError

    def shard(self, rank: int, size: int) -> None:
        """Let passes give the sequences of every batch that belong to process ``rank`` of ``size``."""
        self.rank, self.size = rank, size

    def sizes(self, batch: int) -> tuple[int, int]:
        """Return how many tokens of batch number ``batch`` are this process's own, and how many it has."""
        columns, steps = self._shape(batch)
        first, last = share_of(columns, self.rank, self.size)
        return (last - first) * steps, columns * steps

    def _shape(self, batch: int) -> tuple[int, int]:
        """Return sequences and steps of a batch."""
        raise NotImplementedError

    def _own(self, columns: int) -> slice:
        return slice(*readable_share(columns, self.rank, self.size))

    def to(self, device: torch.device) -> TokenLoader:
        """Move the text to ``device``, once."""
        self.tokens = self.tokens.to(device)
        return self

    def seek(self, epoch: int, batch: int = 0) -> None:
        """Let the next pass be that of ``epoch``, from its batch number ``batch`` on."""
        self.epoch, self.first_batch = epoch, batch

    def __iter__(self) -> Iterator[TextBatch]:
        epoch, first = self.epoch, self.first_batch  # the place is taken now, not when the first batch is asked for
        self.epoch, self.first_batch = epoch + 1, 0
        return self._batches(epoch, first)

    def _batches(self, epoch: int, first: int) -> Iterator[TextBatch]:
        raise NotImplementedError

    def _offset(self, epoch: int, used: int) -> int:
        """Where the ``used`` tokens of this epoch begin."""
        # a pure function of seed and epoch: a resumed run cuts as before
        return mix(self.seed, epoch, used) % (len(self.tokens) - used + 1) if self.shift else 0


class Windows(TokenLoader):
    """Random partitioning: windows that do not overlap, in random order; each is a sequence of its own.

    Every epoch has (N − steps) // steps windows, N the number of tokens; the last batch may hold fewer than the others.

    Source:  Dive into Deep Learning (first edition) §8.3.4.1, ``seq_data_iter_random``
    """

    @property
    def num_windows(self) -> int:
        """Windows of an epoch, whatever its offset."""
        # one token is kept as the last target, the rest for the offset
        return max(0, (len(self.tokens) - self.steps) // self.steps)

    def __len__(self) -> int:
        return -(-self.num_windows // self.columns)  # rounded up: the last batch may be smaller

    def _shape(self, batch: int) -> tuple[int, int]:
        return min(self.columns, self.num_windows - batch * self.columns), self.steps

    def _batches(self, epoch: int, first: int) -> Iterator[TextBatch]:
        offset = self._offset(epoch, self.num_windows * self.steps + 1)
        generator = torch.Generator().manual_seed(mix(self.seed, epoch))
        order = torch.randperm(self.num_windows, generator=generator)
        starts = (offset + self.steps * order).to(self.tokens.device)  # (windows,)
        within = torch.arange(self.steps + 1, device=self.tokens.device).unsqueeze(1)  # (steps + 1, 1)
        for batch in range(first, len(self)):
            chosen = starts[batch * self.columns : (batch + 1) * self.columns]  # (batch,)
            chosen = chosen[self._own(len(chosen))]
            window = self.tokens[within + chosen].long()  # one gather: (steps + 1, batch)
            yield window[:-1], True, window[1:].flatten()  # True: each window is a sequence of its own


class Columns(TokenLoader):
    """Sequential partitioning: the text is laid out in columns, and batches are read off from top to bottom.

    Column c of a batch goes on where column c of the batch before ended. With ``whole`` every token but the first is
    predicted, columns · ⌊(N − 1)/columns⌋ of them, and the last batch may have fewer steps; otherwise all batches have
    the same number of steps, (N − steps) // (columns · steps) batches an epoch.

    Source:  Dive into Deep Learning (first edition) §8.3.4.2, ``seq_data_iter_sequential``
    """

    def __init__(
        self,
        tokens: Tensor,
        columns: int,
        steps: int,
        *,
        shift: bool = False,
        seed: int = 0,
        whole: bool = False,
    ) -> None:
        self.whole = whole
        super().__init__(tokens, columns, steps, shift=shift, seed=seed)

    @property
    def height(self) -> int:
        """Tokens that each column predicts in an epoch."""
        if self.whole:
            return (len(self.tokens) - 1) // self.columns  # − 1: the last token is a target only
        # whole batches, with steps − 1 to spare for the offset
        return max(0, (len(self.tokens) - self.steps) // (self.columns * self.steps)) * self.steps

    def __len__(self) -> int:
        return -(-self.height // self.steps)

    def _shape(self, batch: int) -> tuple[int, int]:
        return self.columns, min(self.steps, self.height - batch * self.steps)

    def _batches(self, epoch: int, first: int) -> Iterator[TextBatch]:
        used = self.columns * self.height
        offset = self._offset(epoch, used + 1)
        X, y = (
            # (height, columns), those of this process
            self.tokens[start : start + used].view(self.columns, -1)[self._own(self.columns)].t().long().contiguous()
            for start in (offset, offset + 1)  # y is X one token later
        )
        for batch in range(first, len(self)):
            rows = slice(batch * self.steps, (batch + 1) * self.steps)
            yield X[rows], batch == 0, y[rows].flatten()
