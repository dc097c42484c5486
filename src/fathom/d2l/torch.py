"""``from fathom.d2l import torch as d2l``: the names of the book's helper package, English edition 1.0.

Names of the earlier editions are in ``fathom.d2l.v0.torch``. A name is imported from its topic file when first used.
"""

from __future__ import annotations

from fathom.d2l.frame.names import NEW, OLD
from fathom.d2l.frame.namespace import make_getattr
from fathom.d2l.topics.tables import prepare_pandas

# Names of the earlier editions that 1.0 dropped or renamed, and of chapters that are not covered.
_REMOVED = {
    "train_ch3": "edition 1.0 trains with d2l.Trainer; the function is in fathom.d2l.v0.torch",
    "train_epoch_ch3": "edition 1.0 has d2l.Trainer.fit_epoch; the function is in fathom.d2l.v0.torch",
    "predict_ch3": "edition 1.0 has d2l.FashionMNIST.visualize; the function is in fathom.d2l.v0.torch",
    "evaluate_accuracy": (
        "edition 1.0 has d2l.Classifier.accuracy and d2l.evaluate_accuracy_gpu; the function is in fathom.d2l.v0.torch"
    ),
    "train_ch8": "edition 1.0 trains d2l.RNNLM with d2l.Trainer; the function is in fathom.d2l.v0.torch",
    "train_epoch_ch8": "edition 1.0 has d2l.Trainer.fit_epoch; the function is in fathom.d2l.v0.torch",
    "predict_ch8": "edition 1.0 has d2l.RNNLMScratch.predict; the function is in fathom.d2l.v0.torch",
    "load_data_time_machine": "edition 1.0 has d2l.TimeMachine; the function is in fathom.d2l.v0.torch",
    "load_corpus_time_machine": "edition 1.0 has d2l.TimeMachine; the function is in fathom.d2l.v0.torch",
    "read_time_machine": "edition 1.0 has d2l.TimeMachine; the function is in fathom.d2l.v0.torch",
    "seq_data_iter_random": "edition 1.0 has d2l.TimeMachine; the function is in fathom.d2l.v0.torch",
    "seq_data_iter_sequential": "edition 1.0 has d2l.TimeMachine; the function is in fathom.d2l.v0.torch",
    "SeqDataLoader": "edition 1.0 has d2l.TimeMachine; the class is in fathom.d2l.v0.torch",
    "count_corpus": "edition 1.0 counts in d2l.Vocab; the function is in fathom.d2l.v0.torch",
    "RNNModel": "edition 1.0 has d2l.RNNLM; the class is in fathom.d2l.v0.torch",
    "RNNModelScratch": "edition 1.0 has d2l.RNNLMScratch; the class is in fathom.d2l.v0.torch",
    "EncoderBlock": "edition 1.0 calls it d2l.TransformerEncoderBlock; the old one is in fathom.d2l.v0.torch",
    "transpose_qkv": "edition 1.0 has d2l.MultiHeadAttention.transpose_qkv; the function is in fathom.d2l.v0.torch",
    "transpose_output": (
        "edition 1.0 has d2l.MultiHeadAttention.transpose_output; the function is in fathom.d2l.v0.torch"
    ),
    "download_all": "edition 1.0 has d2l.download; the function is in fathom.d2l.v0.torch",
}

# Of chapters that Fathom does not cover: word embeddings, BERT and its applications, GANs, reinforcement learning.
_UNCOVERED = """
    read_ptb subsample get_centers_and_contexts RandomGenerator get_negatives batchify load_data_ptb TokenEmbedding
    get_tokens_and_segments BERTEncoder MaskLM NextSentencePred BERTModel load_data_wiki read_imdb load_data_imdb
    predict_sentiment read_snli SNLIDataset load_data_snli predict_snli update_D update_G frozen_lake make_env
    show_value_function_progress show_Q_function_progress
"""
UNCOVERED = dict.fromkeys(
    _UNCOVERED.split(), "it belongs to a chapter that fathom.d2l does not cover; use the book's own package for it"
)

__all__ = list(NEW)


prepare_pandas()  # or else the book's tables fail on columns of strings

__getattr__ = make_getattr(globals(), NEW, _REMOVED | UNCOVERED, OLD)


def __dir__() -> list[str]:
    return sorted(__all__)
