"""Translation in the earlier functions: English–French pairs, masked loss, training and prediction."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from fathom.d2l.frame.accumulator import Accumulator
from fathom.d2l.frame.animator import Animator
from fathom.d2l.frame.timing import Timer
from fathom.d2l.topics.download import download_extract
from fathom.d2l.topics.old_data import load_array
from fathom.d2l.topics.old_training import grad_clipping, to_device
from fathom.d2l.topics.seq2seq import init_seq2seq
from fathom.d2l.v0.text import Vocab
from fathom.errors import unknown
from fathom.training.device import tune_allocator

_RESERVED = ("<pad>", "<bos>", "<eos>")


def tokenize(lines: Sequence[str], token: str = "word") -> list[list[str]]:
    """Split each line into tokens.

    Args:
        token: word or char.
    Raises:  UsageError for any other kind
    """
    if token == "word":
        return [line.split() for line in lines]
    if token == "char":
        return [list(line) for line in lines]
    raise unknown("kind of token", token, ("word", "char"))


def read_data_nmt() -> str:
    """Read the English–French pairs, one a line, with a tab between the languages.

    Raises:  FathomError if the data set can be had neither here nor from the network
    """
    with open(os.path.join(download_extract("fra-eng"), "fra.txt"), encoding="utf-8") as file:
        return file.read()


def preprocess_nmt(text: str) -> str:
    """Return the text in lower case with plain spaces, and a space before every ,.!? that has none."""
    # narrow and non-breaking spaces, which French puts before !?; the look-behind takes no second space
    return re.sub(r"(?<=[^ ])(?=[,.!?])", " ", re.sub("[\u202f\xa0]", " ", text).lower())


def tokenize_nmt(text: str, num_examples: int | None = None) -> tuple[list[list[str]], list[list[str]]]:
    """Return the words of the source sentences and their translations.

    Args:
        num_examples: last line to read, counted from 0; None reads all.
    """
    # one more than asked for, as the book's code reads
    lines = text.split("\n")[: num_examples + 1 if num_examples else None]
    pairs = [parts for parts in (line.split("\t") for line in lines) if len(parts) == 2]
    return [source.split(" ") for source, _ in pairs], [target.split(" ") for _, target in pairs]


# a negative count pads nothing: no branch is needed
def truncate_pad(line: list[Any], num_steps: int, padding_token: Any) -> list[Any]:
    """Return a line cut to ``num_steps`` tokens, or padded."""
    return line[:num_steps] + [padding_token] * (num_steps - len(line))


def build_array_nmt(lines: Sequence[Sequence[str]], vocab: Any, num_steps: int) -> tuple[Tensor, Tensor]:
    """Return sentences as token indices, each ended by "<eos>" and cut or padded, and their lengths without padding.

    Shape:   -> int64 (N, num_steps), int64 (N,)
    """
    padding, end = vocab["<pad>"], vocab["<eos>"]
    array = torch.tensor([truncate_pad([*vocab[list(line)], end], num_steps, padding) for line in lines])
    return array, (array != padding).type(torch.int32).sum(1)  # (N, num_steps), (N,)


def load_data_nmt(batch_size: int, num_steps: int, num_examples: int = 600) -> tuple[DataLoader[Any], Vocab, Vocab]:
    """Return shuffled batches of translations, and the vocabularies of both languages; words seen once are "<unk>".

    Shape:   batches: source int64 (N, num_steps), its lengths (N,), target (N, num_steps), its lengths (N,)
    """
    source, target = tokenize_nmt(preprocess_nmt(read_data_nmt()), num_examples)
    vocabs = [Vocab(sentences, min_freq=2, reserved_tokens=_RESERVED) for sentences in (source, target)]
    arrays = [
        array
        for sentences, vocab in zip((source, target), vocabs, strict=True)
        for array in build_array_nmt(sentences, vocab, num_steps)
    ]
    return load_array(arrays, batch_size), vocabs[0], vocabs[1]  # source, its lengths, target, its lengths


def sequence_mask(X: Tensor, valid_len: Tensor, value: float = 0) -> Tensor:
    """Return a copy in which what is beyond each row's length is ``value``.

    Shape:   X (N, T, …), valid_len (N,) -> (N, T, …)
    """
    beyond = torch.arange(X.shape[1], device=X.device) >= valid_len[:, None]  # (N, T)
    # (N, T, 1, …): along further axes
    return X.masked_fill(beyond.reshape(*beyond.shape, *[1] * (X.ndim - 2)), value)


class MaskedSoftmaxCELoss(nn.CrossEntropyLoss):
    """Cross-entropy of sequences that ignores what is beyond each one's length.

    Shape:   pred (N, T, K), label int64 (N, T), valid_len (N,) -> (N,); the sum over a sequence divided by T
    """

    def forward(self, pred: Tensor, label: Tensor, valid_len: Tensor) -> Tensor:  # type: ignore[override]
        """Return the loss of each sequence."""
        # cross_entropy wants the classes second: (N, vocab_size, T)
        losses = nn.functional.cross_entropy(pred.permute(0, 2, 1), label, reduction="none")  # (N, T)
        return sequence_mask(losses, valid_len).mean(dim=1)  # by T, not by the valid length: the book's


def train_seq2seq(net: nn.Module, data_iter: Any, lr: float, num_epochs: int, tgt_vocab: Any, device: Any) -> None:
    """Train an encoder–decoder with Adam and teacher forcing; draw the loss per token, and print it and the speed."""
    if torch.device(device).type == "cpu":
        tune_allocator()
    net.apply(init_seq2seq)
    net.to(device)
    net.train()
    optimizer = torch.optim.Adam(net.parameters(), lr=lr)
    loss = MaskedSoftmaxCELoss()
    animator = Animator(xlabel="epoch", ylabel="loss", xlim=[10, num_epochs])
    for epoch in range(num_epochs):
        timer, metric = Timer(), Accumulator(2)
        for batch in data_iter:
            optimizer.zero_grad()
            X, X_len, Y, Y_len = to_device(batch, device)
            begin = torch.full((len(Y), 1), tgt_vocab["<bos>"], device=Y.device)
            # teacher forcing: the decoder sees the true token before
            output = net(X, torch.cat([begin, Y[:, :-1]], dim=1), X_len)
            Y_hat = output[0] if isinstance(output, tuple) else output  # edition 1.0 leaves the state out
            total = loss(Y_hat, Y, Y_len).sum()
            total.backward()
            grad_clipping(net, 1)  # to a norm of 1, the book's
            optimizer.step()
            metric.add(total.detach(), Y_len.sum())  # loss and tokens, without padding
        mean_loss, speed = metric[0] / metric[1], metric[1] / timer.stop()
        if (epoch + 1) % 10 == 0:
            animator.add(epoch + 1, (mean_loss,))
    print(f"loss {mean_loss:.3f}, {speed:.1f} tokens/sec on {device!s}")


@torch.no_grad()
def predict_seq2seq(
    net: Any,
    src_sentence: str,
    src_vocab: Any,
    tgt_vocab: Any,
    num_steps: int,
    device: Any,
    save_attention_weights: bool = False,
) -> tuple[str, list[Any]]:
    """Translate a sentence, taking the most likely word at each step until "<eos>".

    Returns:  the translation, and the decoder's attention weights at each step if they are to be saved
    """
    net.eval()
    tokens = [*src_vocab[src_sentence.lower().split(" ")], src_vocab["<eos>"]]
    length = torch.tensor([len(tokens)], device=device)
    X = torch.tensor([truncate_pad(tokens, num_steps, src_vocab["<pad>"])], device=device)  # (1, num_steps)
    state = net.decoder.init_state(net.encoder(X, length), length)
    word = torch.tensor([[tgt_vocab["<bos>"]]], device=device)
    words: list[int] = []
    weights: list[Any] = []
    for _ in range(num_steps):
        Y, state = net.decoder(word, state)
        word = Y.argmax(dim=2)  # (1, 1): goes in again as the next token
        if save_attention_weights:
            weights.append(net.decoder.attention_weights)
        if word.item() == tgt_vocab["<eos>"]:
            break
        words.append(int(word.item()))
    return " ".join(tgt_vocab.to_tokens(words)), weights
