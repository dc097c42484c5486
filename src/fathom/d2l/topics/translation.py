"""The book's English–French sentence pairs as padded arrays."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fathom.d2l.frame.datamodule import DataModule
from fathom.d2l.topics.download import download_extract
from fathom.d2l.topics.text import Vocab

Arrays = tuple[Tensor, Tensor, Tensor, Tensor]


class MTFraEng(DataModule):
    """Short English sentences and their French translations, one word a token.

    Shape:   batches source (N, num_steps), decoder input (N, num_steps), source length (N,), label (N, num_steps);
        the decoder's input begins with "<bos>", its label is one word ahead
    """

    num_steps: int
    num_train: int
    num_val: int

    def __init__(self, batch_size: int, num_steps: int = 9, num_train: int = 512, num_val: int = 128) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.arrays, self.src_vocab, self.tgt_vocab = self._build_arrays(self._download())

    def _download(self) -> str:
        # a copy under root, where the book's own code would have put it
        own = Path(self.root) / "fra-eng" / "fra.txt"
        path = own if own.is_file() else Path(download_extract("fra-eng")) / "fra.txt"
        return path.read_text(encoding="utf-8")

    def _preprocess(self, text: str) -> str:
        """Set punctuation apart, in lower case."""
        text = text.replace("\u202f", " ").replace("\xa0", " ").lower()
        return re.sub(r"(?<=[^ ])([,.!?])", r" \1", text)  # "go." → "go ."

    def _tokenize(self, text: str, max_examples: int | None = None) -> tuple[list[list[str]], list[list[str]]]:
        """Split lines "source<tab>target" into words.

        As in the book, line number ``max_examples`` still counts, so that there is one example more.
        """
        lines = text.split("\n")
        if max_examples:
            lines = lines[: max_examples + 1]  # one more, as the book's code reads
        # lines without a tab, such as an empty last one, are none
        pairs = [parts for parts in (line.split("\t") for line in lines) if len(parts) == 2]
        source, target = ([_words(pair[side]) for pair in pairs] for side in (0, 1))
        return source, target

    def _build_arrays(
        self, raw_text: str, src_vocab: Vocab | None = None, tgt_vocab: Vocab | None = None
    ) -> tuple[Arrays, Vocab, Vocab]:
        source, target = self._tokenize(self._preprocess(raw_text), self.num_train + self.num_val)
        src, src_vocab = _build_array(source, src_vocab, self.num_steps)
        # the decoder's input begins with "<bos>"
        tgt, tgt_vocab = _build_array(target, tgt_vocab, self.num_steps, ("<bos>",))
        src_length = (src != src_vocab["<pad>"]).sum(1)  # (N,): without padding
        # input up to the last token, target from the second: one step apart
        return (src, tgt[:, :-1], src_length, tgt[:, 1:]), src_vocab, tgt_vocab

    def get_dataloader(self, train: bool) -> Any:
        """Return the first ``num_train`` pairs, shuffled, or the others."""
        rows = slice(0, self.num_train) if train else slice(self.num_train, None)
        return self.get_tensorloader(self.arrays, train, rows)

    def build(self, src_sentences: Sequence[str], tgt_sentences: Sequence[str]) -> Arrays:
        """Turn sentences of one's own into the arrays of a batch."""
        pairs = zip(src_sentences, tgt_sentences, strict=True)
        raw_text = "\n".join(f"{source}\t{target}" for source, target in pairs)
        return self._build_arrays(raw_text, self.src_vocab, self.tgt_vocab)[0]


def _words(sentence: str) -> list[str]:
    return [*(word for word in sentence.split(" ") if word), "<eos>"]  # the end is a word to be predicted


def _build_array(
    sentences: Sequence[list[str]], vocab: Vocab | None, num_steps: int, begin: tuple[str, ...] = ()
) -> tuple[Tensor, Vocab]:
    # a long sentence loses its "<eos>" too
    padded = [[*begin, *words[:num_steps], *["<pad>"] * (num_steps - len(words))] for words in sentences]
    if vocab is None:
        vocab = Vocab(padded, min_freq=2)
    return torch.tensor([vocab[words] for words in padded]), vocab
