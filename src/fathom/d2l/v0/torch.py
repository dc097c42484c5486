"""``from fathom.d2l.v0 import torch as d2l``: the names of the helper package of the book's earlier editions.

These are what the Chinese edition (d2l 2.0.0) has. Each is imported from its topic file when it is first used.
"""

from __future__ import annotations

from fathom.d2l import torch as new
from fathom.d2l.frame.namespace import make_getattr, place_names

# Topic file -> the names it provides; a key with "=" is a module outside this package.
_TOPICS = {
    # figures
    "frame.display": "use_svg_display set_figsize set_axes plot",
    "frame.figures": "show_images show_heatmaps show_list_len_pair_hist annotate",
    "frame.animator": "Animator",
    # data
    "topics.download": "DATA_HUB DATA_URL download extract download_extract download_all",
    "topics.old_data": (
        "synthetic_data load_array load_data_fashion_mnist get_fashion_mnist_labels get_dataloader_workers"
    ),
    "v0.text": (
        "Vocab count_corpus read_time_machine load_corpus_time_machine seq_data_iter_random seq_data_iter_sequential "
        "SeqDataLoader load_data_time_machine"
    ),
    "topics.old_text": (
        "tokenize read_data_nmt preprocess_nmt tokenize_nmt truncate_pad build_array_nmt load_data_nmt sequence_mask "
        "MaskedSoftmaxCELoss train_seq2seq predict_seq2seq"
    ),
    # training
    "frame.devices": "cpu gpu num_gpus try_gpu try_all_gpus",
    "frame.timing": "Timer Benchmark",
    "frame.accumulator": "Accumulator",
    "topics.old_training": (
        "linreg squared_loss sgd grad_clipping accuracy evaluate_accuracy evaluate_accuracy_gpu evaluate_loss "
        "train_epoch_ch3 train_ch3 predict_ch3 train_ch6"
    ),
    "v0.rnn": "RNNModelScratch RNNModel predict_ch8 train_epoch_ch8 train_ch8",
    "topics.optimization": "train_2d show_trace_2d get_data_ch11 train_ch11 train_concise_ch11",
    # networks
    "topics.convolution": "corr2d",
    "v0.seq2seq": "Encoder Decoder AttentionDecoder EncoderDecoder Seq2SeqEncoder",
    "topics.seq2seq": "bleu",
    "topics.attention": "masked_softmax DotProductAttention",
    "topics.transformer": "PositionalEncoding",
    "v0.attention": (
        "Residual AdditiveAttention MultiHeadAttention transpose_qkv transpose_output PositionWiseFFN AddNorm "
        "EncoderBlock TransformerEncoder"
    ),
    # vision
    "topics.vision": (
        "resnet18 split_batch train_batch_ch13 train_ch13 read_csv_labels copyfile reorg_train_valid reorg_test"
    ),
    "topics.segmentation": (
        "read_voc_images VOC_COLORMAP VOC_CLASSES voc_colormap2label voc_label_indices voc_rand_crop VOCSegDataset "
        "load_data_voc"
    ),
    "topics.detection": (
        "box_corner_to_center box_center_to_corner bbox_to_rect multibox_prior show_bboxes box_iou "
        "assign_anchor_to_bbox offset_boxes multibox_target offset_inverse nms multibox_detection read_data_bananas "
        "BananasDataset load_data_bananas"
    ),
    "=fathom.d2l.v0.torch": "d2l=.",
}
# The names of torch, of the standard library and of the other packages are the same in both editions.
_OUTSIDE = ("=", "frame.aliases")

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

_PLACES = place_names("fathom.d2l", {key: names for key, names in new._TOPICS.items() if key.startswith(_OUTSIDE)})
_PLACES |= place_names("fathom.d2l", _TOPICS)
__all__ = list(_PLACES)


def _new_names() -> list[str]:
    return list(new.__all__)


__getattr__ = make_getattr(globals(), _PLACES, _REMOVED, _new_names)


def __dir__() -> list[str]:
    return sorted(__all__)
