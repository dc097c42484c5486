"""A text as data for a language model: read, cut into tokens, divided into contiguous splits, served in batches."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fathom.data.module import LabelledData
from fathom.data.splits.division import Division, as_division
from fathom.data.splits.folds import Fold
from fathom.data.texts.loaders import Columns, TokenLoader, Windows
from fathom.data.texts.options import TextOptions
from fathom.data.texts.reading import TextFile, read_text
from fathom.data.texts.vocabulary import Vocabulary
from fathom.data.unicode_form import normalize
from fathom.errors import UsageError
from fathom.findings import Finding
from fathom.unknown_tokens import check_split

BATCH_SIZE = 32  # sequences side by side
_FEWEST_BATCHES = 32  # in an epoch of a short text, whose batch size nobody chose
_EVALUATION_COLUMNS = 32  # more columns are faster, fewer know more of the past
_EVALUATION_HEIGHT = 2048  # tokens in a column at least: each column begins without knowing what came before
_EVALUATION_STEPS = 256  # steps of an evaluation batch; no gradients, so longer than in training


class TextData(LabelledData):
    """A text, divided into three contiguous splits: to learn from, to choose by, to test on, in this order.

    The vocabulary is that of the training split; what occurs only later is unknown. Validation and test split are read
    from beginning to end, as a few long columns side by side, each with its state carried along.

    Args:
        text: the text itself, what ``read_text`` returned, or the ``Path`` of a file.
        batch_size: sequences side by side; None takes 32, or fewer where the text is short.
        options: how it is cut into tokens and sequences.
        val, test: shares of the tokens held out; the test split is the end of the text. With the fold of a ``Division``
            that contiguous part of the text before the test split takes its place; what is left before and after it is
            joined, and validation is the end of that.
        seed: of the place at which each epoch begins, and of the order of windows.
    Raises:  UsageError if an option makes no sense or the text is too short for it
    """

    task = "language"
    unit = "token"

    batch_dim = 1  # time first

    def __init__(
        self,
        text: str | Path | TextFile,
        batch_size: int | None = None,
        *,
        name: str | None = None,
        options: TextOptions | None = None,
        val: float | Division = 0.1,
        test: float = 0.1,
        seed: int = 0,
    ) -> None:
        if isinstance(text, Path):
            name, text = name or text.name, read_text(text)
        file = text if isinstance(text, TextFile) else TextFile(text)
        name, options = name or "text", options or TextOptions()
        division, _ = as_division(val, seed)
        if division.train_size is not None:
            raise UsageError(
                "data.train_size does not go with texts: fewer tokens have another vocabulary, and their perplexities "
                "cannot be compared"
            )
        _check_shares(division.val, test)
        self.name, self.steps, self.partition, self.seed = name, options.steps, options.partition, seed
        self.encoding, self.tokenizer = file.encoding, options.make_tokenizer()
        tokens = self.tokenizer.split(file.text)
        parts = _divide(len(tokens), division.val, test, name)
        if division.fold is not None:
            # folds are cut from what is not the test split
            tokens, parts = _hold_out(tokens[: parts[2].start], division.fold, division.val, name)
        cut = parts[0].stop
        self._check_length(cut)
        # of the training split alone: what the test holds must stay unknown
        self.vocabulary = Vocabulary.build(tokens[:cut], min_freq=options.least_count, reserved=self.tokenizer.reserved)
        if len(self.vocabulary) < 2:
            raise UsageError(
                f"{name}: no {options.level} occurs {options.least_count} times in the training split; "
                "set data.options.min_freq=1, or use --level char"
            )
        encoded = self.vocabulary.encode(tokens)
        self.train, self.val, self.test = (torch.from_numpy(encoded[part]) for part in parts)
        self.batch_size = self._fit_batch_size(batch_size)
        self._composed = len(normalize(file.text, self.tokenizer.normalize)) - len(file.text)  # code points
        self.notes = tuple(note for note in (self._describe(), self.describe_form()) if note is not None)
        if file.is_guessed:
            self.notes += (f"{file.describe(name)} (data.options.encoding names another)",)
        self.notes += tuple(
            f"warning: {finding.text}" for finding in self.unknown_findings() if finding.severity == "warning"
        )
        if division.fold is not None:
            held_out = f"{len(self.test):,} {options.level}s"
            self.notes = (division.fold.describe(held_out), *self.notes)

    @classmethod
    def read(
        cls, path: str | Path, batch_size: int | None = None, *, encoding: str | None = None, **options: Any
    ) -> TextData:
        """Make it from a file, whose encoding is found if none is given; further options are those of the class."""
        options = {"name": Path(path).name} | options
        return cls(read_text(path, encoding), batch_size, **options)

    @property
    def output_names(self) -> tuple[str, ...]:
        """The tokens that the network's outputs stand for."""
        return self.vocabulary.tokens

    @property
    def num_train(self) -> int:
        """Number of tokens learned from."""
        return len(self.train)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one sequence as a network sees it: (steps,)."""
        return (self.steps,)

    @property
    def num_outputs(self) -> int:
        """Size of the vocabulary."""
        return len(self.vocabulary)

    def count_unknown(self) -> dict[str, int]:
        """Count, in each split, the tokens that the vocabulary lacks."""
        parts = {"train": self.train, "val": self.val, "test": self.test}
        return {name: int((part == 0).sum()) for name, part in parts.items()}  # 0 is the number of <unk>

    def unknown_findings(self) -> list[Finding]:
        """Return what is to be said of unknown tokens, split by split."""
        sizes, level = {"train": len(self.train), "val": len(self.val), "test": len(self.test)}, self.tokenizer.level
        found = [check_split(name, unknown, sizes[name], level) for name, unknown in self.count_unknown().items()]
        return [finding for finding in found if finding is not None]

    def describe_form(self) -> str | None:
        """Say that letters were composed anew, so that none has two tokens; None of nearly every text."""
        if not self._composed:
            return None
        return (
            f"letters are brought to Unicode's form {self.tokenizer.normalize}, which changes its length by "
            f"{self._composed:+,} code points (data.options.normalize=none leaves them as they are)"
        )

    def digests(self) -> dict[str, str]:
        """Return a digest of the tokens of each split."""
        parts = {"train": self.train, "val": self.val, "test": self.test}
        return {
            name: hashlib.blake2b(tokens.numpy().tobytes(), digest_size=12).hexdigest()
            for name, tokens in parts.items()
            if len(tokens)
        }

    def describe(self) -> dict[str, Any]:
        """Return what a report should say of the data, unknown tokens included."""
        return super().describe() | {"findings": [finding.to_dict() for finding in self.unknown_findings()]}

    def example_input(self) -> Tensor:
        """Return one sequence as a batch of one, int64 (steps, 1)."""
        return self.train[: self.steps, None].long()  # (steps,) -> (steps, 1): time first

    def train_dataloader(self) -> TokenLoader:
        """Return the batches to learn from; each epoch begins at another place of the text."""
        kind = Windows if self.partition == "random" else Columns
        # the offset changes with the epoch, so that windows do not repeat
        return kind(self.train, self.batch_size, self.steps, shift=True, seed=self.seed)

    def train_eval_dataloader(self) -> TokenLoader:
        """Return the training split from beginning to end."""
        return _in_whole(self.train)

    def val_dataloader(self) -> TokenLoader | None:
        """Return the validation split from beginning to end; None without one."""
        return _in_whole(self.val) if len(self.val) else None

    def test_dataloader(self) -> TokenLoader | None:
        """Return the test split from beginning to end; None without one."""
        return _in_whole(self.test) if len(self.test) else None

    def _describe(self) -> str:
        """Say how the text was divided, how many tokens are known, and how many occur that are not."""
        parts = {"to learn from": self.train, "for validation": self.val, "for the test": self.test}
        sizes = ", ".join(f"{len(part):,} {name}" for name, part in parts.items() if len(part))
        unknown = ", ".join(
            f"{count / len(part):.1%} {name}"
            for (name, part), count in zip(parts.items(), self.count_unknown().values(), strict=True)
            if count
        )
        rare = f"; unknown: {unknown}" if unknown else ""
        return f"{self.tokenizer.level}s: {sizes}; a vocabulary of {len(self.vocabulary):,}{rare}"

    def _check_length(self, num_train: int) -> None:
        if num_train >= 2 * self.steps:  # two sequences: one to learn from, one to spare
            return
        few = f"{self.name}: {num_train} {self.tokenizer.level}s to learn from are too few"
        if num_train < 4:  # no number of steps would help
            raise UsageError(f"{few}; use a longer text")
        raise UsageError(
            f"{few} for sequences of {self.steps} steps; set data.options.steps to {num_train // 2} or less, "
            "or use a longer text"
        )

    def _fit_batch_size(self, batch_size: int | None) -> int:
        """Check, or choose, how many sequences lie side by side."""
        most = (self.num_train - self.steps) // self.steps  # sequences of the training split, less one for the offset
        if batch_size is None:
            return max(1, min(BATCH_SIZE, most // _FEWEST_BATCHES))
        if not 1 <= batch_size <= most:
            raise UsageError(
                f"batch size {batch_size}: the {self.num_train:,} {self.tokenizer.level}s to learn from of {self.name} "
                f"hold {most} sequences of {self.steps} steps; choose at most {most}, or fewer data.options.steps"
            )
        return batch_size


def _check_shares(val: float, test: float) -> None:
    if isinstance(test, bool) or not isinstance(test, (int, float)) or not 0 <= test < 1:
        raise UsageError(f"test share must be at least 0 and below 1; got {test!r}")
    if val + test >= 1:
        raise UsageError(f"validation share {val} and test share {test} leave nothing to learn from")


def _divide(count: int, val: float, test: float, name: str) -> tuple[slice, slice, slice]:
    """Return the three splits of ``count`` tokens, one after the other."""
    sizes = []
    for part, share in (("validation", val), ("test", test)):
        size = round(share * count)
        if share and size < 2:  # one token predicts nothing
            raise UsageError(
                f"{name}: {part} share {share} holds out {size} of {count:,} tokens, too few to predict one; "
                "enlarge it, use 0, or use a longer text"
            )
        sizes.append(_whole_columns(size))
    end = count - sizes[1]  # the end of the text is the test split, before it validation
    return slice(0, end - sizes[0]), slice(end - sizes[0], end), slice(end, count)


def _hold_out(tokens: Any, fold: Fold, val: float, name: str) -> tuple[Any, tuple[slice, slice, slice]]:
    """Put the tokens of a fold behind the others, as the test split; return them and the three splits."""
    block = fold.block(len(tokens))
    size = _whole_columns(block.stop - block.start)
    if size < 2:
        raise UsageError(
            f"{name}: {fold.of} folds of {len(tokens):,} tokens are too short to predict one; choose fewer"
        )
    stop = block.start + size
    rest = tokens[: block.start] + tokens[stop:]  # both sides joined: one seam, of one wrong transition
    train, held_out, _ = _divide(len(rest), val, 0.0, name)
    return rest + tokens[block.start : stop], (train, held_out, slice(len(rest), len(rest) + size))


def _columns(size: int) -> int:
    """Return the number of columns in which a split of ``size`` tokens is read for evaluation."""
    # at least 2048 tokens a column, as far as the text is long enough
    return max(1, min(_EVALUATION_COLUMNS, (size - 1) // _EVALUATION_HEIGHT))


def _whole_columns(size: int) -> int:
    """Lessen the size of a split so that its columns are of equal height and every token but the first is predicted."""
    return size - (size - 1) % _columns(size) if size else 0  # the columns together and the one first token


def _in_whole(tokens: Tensor) -> Columns:
    return Columns(tokens, _columns(len(tokens)), _EVALUATION_STEPS, whole=True)
