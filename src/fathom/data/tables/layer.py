"""The first layer of a network for tables: from the numbers that stand for cells to what the network sees."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import torch
from torch import Tensor, nn

from fathom.answers import IN_NO_PART
from fathom.data.tables.column import MISSING_CODE, OTHER_CODE, Column, count_codes
from fathom.data.tables.fit import FLOAT_DIGITS, Fitted, LeftOut, TableDescription
from fathom.preprocess import Preprocess

_YEAR, _WEEK, _DAY = 365.2425, 7.0, 1.0  # in days; the mean year of the Gregorian calendar
_BLOCK = 1 << 16  # rows encoded at a time, so that intermediate results stay small


class TableInput(Preprocess):
    """Fill and scale numbers, turn dates into phases, categories into one-hot vectors or embeddings.

    ``encode`` does once for every row what has nothing to be learned: scaled numbers first, then phases of dates, flags
    of missing cells, and the codes of categories. ``forward`` spreads the codes out, a batch at a time. All statistics
    are buffers.

    Shape:   X (N, D) -> (N, num_features); D as ``encode`` returns it
    """

    centre: Tensor  # (plain,) mean of each number and date
    scale: Tensor  # (plain,) standard deviation
    fill: Tensor  # (plain,) in place of a missing cell
    known: Tensor  # (one-hot inputs,) 1 for what occurred in training
    _first: Tensor  # (one-hot columns,) place of the first input of each

    def __init__(
        self,
        columns: Sequence[Column],
        left_out: Sequence[LeftOut] = (),
        target: str = "target",
        digits: int = FLOAT_DIGITS,
        encoding: str = "",
        parts: int = 0,
    ) -> None:
        super().__init__()
        self.columns, self.left_out = tuple(columns), tuple(left_out)
        self.target_name, self.digits, self.encoding, self.parts = target, digits, encoding, parts
        plain = [i for i, c in enumerate(columns) if c.kind != "category"]
        dates = [i for i in plain if columns[i].kind == "date"]
        self._plain = plain
        # a sine and a cosine each, below
        self._periods = [(i, p) for i in dates for p in (_YEAR, _WEEK, *((_DAY,) if columns[i].has_time else ()))]
        # 1 where the cell is missing; only where training has such cells
        self._flagged = [i for i in plain if columns[i].missing]
        categories = [i for i, c in enumerate(columns) if c.kind == "category"]
        one_hot = [i for i in categories if not columns[i].width]
        embedded = [i for i in categories if columns[i].width]
        self._categories = one_hot + embedded  # one-hot ones first, as forward() reads them
        self.num_dense = len(plain) + 2 * len(self._periods) + len(self._flagged)
        self._num_one_hot = len(one_hot)
        sizes = [count_codes(columns[i]) for i in one_hot]
        self._spread = sum(sizes)
        self.embeddings = nn.ModuleList(nn.Embedding(count_codes(columns[i]), columns[i].width) for i in embedded)
        self.num_features = self.num_dense + self._spread + sum(columns[i].width for i in embedded) + bool(parts)
        self.register_buffer("centre", torch.zeros(len(plain)))
        self.register_buffer("scale", torch.ones(len(plain)))
        self.register_buffer("fill", torch.zeros(len(plain)))
        # What never occurred in training has no weight that was learned: its one-hot vector is all zero.
        self.register_buffer("known", torch.tensor([flag for i in one_hot for flag in _occurring(columns[i])]))
        # not persistent: it follows from the columns
        self.register_buffer("_first", torch.tensor([sum(sizes[:k]) for k in range(len(sizes))]), persistent=False)
        with torch.no_grad():
            for i, embedding in zip(embedded, self.embeddings, strict=True):
                assert isinstance(embedding, nn.Embedding)
                # variance 1/width: a vector of about length 1
                embedding.weight.normal_(0, 1 / math.sqrt(columns[i].width))
                # unknown ones stay zero, as with one-hot
                embedding.weight[torch.tensor(_occurring(columns[i])) == 0] = 0

    @torch.no_grad()
    def fit(self, fitted: Fitted, train: np.ndarray) -> None:
        """Take the statistics of the training split."""
        fill = torch.from_numpy(fitted.fill[self._plain]).float()
        self.fill.copy_(fill)
        for k, i in enumerate(self._plain):
            values = fitted.raw[train, i]
            # filled before measured: so the network sees mean 0, deviation 1
            values = np.where(np.isnan(values), float(fill[k]), values)
            deviation = float(values.std())
            self.centre[k] = float(values.mean())
            self.scale[k] = deviation if deviation > 0 else 1.0  # constant in training: 1.0 leaves it at 0

    @torch.no_grad()
    def encode(self, raw: np.ndarray) -> Tensor:
        """Scale the numbers and line them up, for all rows of a table.

        Shape:   raw (N, columns) -> float32 (N, D'); float64, NaN for missing
        """
        out = torch.empty(len(raw), self.num_cells + bool(self.parts))
        source = torch.from_numpy(raw)
        for start in range(0, len(raw), _BLOCK):
            rows = slice(start, start + _BLOCK)  # blocks bound the float64 copies, not the result
            out[rows] = self.encode_cells(source[rows])
        return out

    def encode_cells(self, cells: Tensor) -> Tensor:
        """Scale the numbers and line them up; in double precision, then rounded once. Operations on tensors alone.

        Shape:   cells float64 (N, columns) -> float32 (N, D'); NaN for missing
        """
        # on the CPU: not every accelerator has float64
        centre, scale, fill = (buffer.cpu().double() for buffer in (self.centre, self.scale, self.fill))
        values = cells[:, self._plain]  # (N, plain), numbers, booleans and dates
        values = torch.where(values.isnan(), fill, values)
        parts = [(values - centre).div(scale).float()]
        if self._periods:
            # radians a day
            turns = torch.tensor([2 * math.pi / period for _, period in self._periods], dtype=torch.float64)
            angles = values[:, [self._plain.index(i) for i, _ in self._periods]] * turns  # (N, periods)
            parts += [angles.sin().float(), angles.cos().float()]
        parts += [cells[:, self._flagged].isnan().float(), cells[:, self._categories].float()]
        if self.parts:  # whoever encodes rows that were learned from writes their parts over it
            parts.append(cells.new_full((cells.shape[0], 1), IN_NO_PART).float())
        return torch.cat(parts, 1)  # (N, plain + 2 · periods + flags + categories [+ 1])

    def forward(self, X: Tensor) -> Tensor:
        """Spread the codes of encoded rows out."""
        if not self._categories:
            return X
        codes = X[:, self.num_dense : self.num_cells].long()  # (N, categories), one-hot ones first
        parts = [X[:, : self.num_dense]]
        if self._spread:
            places = codes[:, : self._num_one_hot] + self._first  # (N, one-hot), among all one-hot inputs
            # one scatter for all one-hot columns
            parts.append(X.new_zeros(X.shape[0], self._spread).scatter_(1, places, self.known[places]))
        parts += [table(codes[:, self._num_one_hot + k]) for k, table in enumerate(self.embeddings)]  # (N, width) each
        parts += [X[:, -1:]] if self.parts else []
        return torch.cat(parts, 1)

    @property
    def num_cells(self) -> int:
        """Numbers of an encoded row that stand for its cells; the part, where there is one, follows."""
        return self.num_dense + len(self._categories)

    @property
    def ordered_categories(self) -> list[Column]:
        """The columns of the codes that ``encode`` puts last, in their order."""
        return [self.columns[i] for i in self._categories]

    def output_shape(self, stored_shape: Sequence[int]) -> tuple[int, ...]:
        """Return the shape of a sample as the network sees it."""
        return (self.num_features,)

    @property
    def description(self) -> TableDescription:
        """What it reads."""
        return TableDescription(self.target_name, self.columns, self.left_out, self.digits, self.encoding, self.parts)

    def describe(self) -> dict[str, Any]:
        """Return the columns as plain values, for ``model.json``; the numbers are buffers."""
        description: dict[str, Any] = msgspec.to_builtins(self.description)
        return description


def _occurring(column: Column) -> list[float]:
    """Return 1 for every code that occurred in the training split, 0 for the others."""
    flags = [1.0] * count_codes(column)
    flags[MISSING_CODE], flags[OTHER_CODE] = float(column.missing > 0), float(column.rare > 0)
    return flags


def read_layer(description: dict[str, Any]) -> TableInput:
    """Rebuild what ``describe`` described; the buffers come from the weights.

    Raises:  msgspec.ValidationError if it is no such description
    """
    table = msgspec.convert(description, TableDescription)
    return TableInput(table.columns, table.left_out, table.target, table.digits, table.encoding, table.parts)
