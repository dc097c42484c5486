"""``from fathom.d2l.v0 import torch as d2l``: the names of the helper package of the book's earlier editions.

These are what the Chinese edition (d2l 2.0.0) has. Each is imported from its topic file when it is first used.
"""

from __future__ import annotations

from fathom.d2l.frame.names import NEW, OLD
from fathom.d2l.frame.namespace import make_getattr

_REMOVED = {
    "try_gpus": "it is called d2l.try_all_gpus",
    "mse": "use torch.nn.MSELoss",
    "semilogy": "use d2l.plot(…, yscale='log')",
    "data_iter_random": "it is called d2l.seq_data_iter_random",
    "data_iter_consecutive": "it is called d2l.seq_data_iter_sequential",
    "load_data_jay_lyrics": "the chapter now reads The Time Machine: d2l.load_data_time_machine",
    "train_and_predict_rnn": "it is called d2l.train_ch8",
    "FlattenLayer": "use torch.nn.Flatten",
    "GlobalAvgPool2d": "use torch.nn.AdaptiveAvgPool2d(1)",
}

_NOT_COVERED = """
    BERTEncoder BERTModel MaskLM NextSentencePred RandomGenerator SNLIDataset TokenEmbedding batchify
    get_centers_and_contexts get_negatives get_tokens_and_segments load_data_imdb load_data_ptb load_data_snli
    load_data_wiki predict_sentiment predict_snli read_imdb read_ptb read_snli subsample
"""
_REMOVED |= dict.fromkeys(_NOT_COVERED.split(), "the chapters on natural language processing are not covered")

__all__ = list(OLD)


__getattr__ = make_getattr(globals(), OLD, _REMOVED, NEW)


def __dir__() -> list[str]:
    return sorted(__all__)
