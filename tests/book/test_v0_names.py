"""The names of the earlier editions' helper package: all of them are there, and what is not says where it went."""

import inspect

import pytest
import torch
from torch import nn

from fathom.d2l import torch as new
from fathom.d2l.v0 import torch as d2l

# The names that the Chinese edition's package has and the chapters in scope use (d2l 2.0.0)
NAMES = """
    Accumulator AddNorm AdditiveAttention Animator AttentionDecoder BananasDataset Benchmark DATA_HUB DATA_URL Decoder
    DotProductAttention Encoder EncoderBlock EncoderDecoder F Image MaskedSoftmaxCELoss MultiHeadAttention
    PositionWiseFFN PositionalEncoding RNNModel RNNModelScratch Residual Seq2SeqEncoder SeqDataLoader Timer
    TransformerEncoder VOCSegDataset VOC_CLASSES VOC_COLORMAP Vocab abs accuracy annotate arange argmax
    assign_anchor_to_bbox astype bbox_to_rect bleu box_center_to_corner box_corner_to_center box_iou build_array_nmt
    concat copyfile corr2d cos cosh count_corpus data defaultdict download download_all download_extract
    evaluate_accuracy evaluate_accuracy_gpu evaluate_loss exp eye float32 get_data_ch11 get_dataloader_workers
    get_fashion_mnist_labels grad_clipping int32 linreg linspace load_array load_corpus_time_machine load_data_bananas
    load_data_fashion_mnist load_data_nmt load_data_time_machine load_data_voc log masked_softmax math matmul meshgrid
    multibox_detection multibox_prior multibox_target nms nn nn_Module normal np numpy offset_boxes offset_inverse ones
    os plot plt predict_ch3 predict_ch8 predict_seq2seq preprocess_nmt rand randn random re read_csv_labels
    read_data_bananas read_data_nmt read_time_machine read_voc_images reduce_mean reduce_sum reorg_test
    reorg_train_valid reshape resnet18 seq_data_iter_random seq_data_iter_sequential sequence_mask set_axes set_figsize
    sgd show_bboxes show_heatmaps show_images show_list_len_pair_hist show_trace_2d sin sinh size split_batch
    squared_loss stack synthetic_data tanh tensor time to tokenize tokenize_nmt torch torchvision train_2d
    train_batch_ch13 train_ch11 train_ch13 train_ch3 train_ch6 train_ch8 train_concise_ch11 train_epoch_ch3
    train_epoch_ch8 train_seq2seq transforms transpose transpose_output transpose_qkv truncate_pad try_all_gpus try_gpu
    use_svg_display voc_colormap2label voc_label_indices voc_rand_crop zeros
"""


def test_names_are_there():
    assert [name for name in NAMES.split() if getattr(d2l, name, None) is None] == []
    assert set(NAMES.split()) <= set(dir(d2l))


def test_names_that_are_not_there():
    with pytest.raises(AttributeError, match="did you mean 'train_ch3'"):
        d2l.train_ch33  # noqa: B018
    with pytest.raises(AttributeError, match=r"Trainer.* new API: from fathom\.d2l import torch as d2l"):
        d2l.Trainer  # noqa: B018
    with pytest.raises(AttributeError, match=r"it is called d2l\.try_all_gpus"):
        d2l.try_gpus  # noqa: B018
    with pytest.raises(AttributeError, match="natural language processing are not covered"):
        d2l.BERTModel  # noqa: B018
    for name in ("train_ch3", "RNNModel", "load_data_time_machine", "evaluate_accuracy", "SeqDataLoader"):
        with pytest.raises(AttributeError, match=r"fathom\.d2l\.v0\.torch"):
            getattr(new, name)
    assert not hasattr(d2l, "__wrapped__")


def test_signatures_are_the_old_ones():
    """Code that inspects, and the choice of the edition for a file, see the old parameters."""
    assert list(inspect.signature(d2l.Residual).parameters) == [
        *("input_channels", "num_channels", "use_1x1conv", "strides"),
    ]
    assert list(inspect.signature(d2l.MultiHeadAttention).parameters)[:4] == [
        *("key_size", "query_size", "value_size", "num_hiddens"),
    ]
    assert list(inspect.signature(d2l.AdditiveAttention).parameters)[:3] == ["key_size", "query_size", "num_hiddens"]
    assert next(iter(inspect.signature(d2l.PositionWiseFFN).parameters)) == "ffn_num_input"
    assert next(iter(inspect.signature(d2l.download).parameters)) == "url"


def test_networks_made_by_the_old_calls_are_initialised_at_once():
    """No lazy layers: the old code looks at parameters before the first input."""
    for layer in (
        d2l.Residual(3, 4, True, 2),
        d2l.AdditiveAttention(2, 3, 4, 0.1),
        d2l.MultiHeadAttention(4, 4, 4, 4, 2, 0.1),
        d2l.PositionWiseFFN(3, 4, 5),
        d2l.TransformerEncoder(9, 4, 4, 4, 4, [4], 4, 8, 2, 2, 0.1),
    ):
        assert not any(nn.parameter.is_lazy(p) for p in layer.parameters())
        assert sum(p.numel() for p in layer.parameters()) > 0


def test_encoder_decoder_gives_the_state_too():
    class Reader(d2l.Encoder):
        def forward(self, X, *args):
            return X + 1

    class Writer(d2l.Decoder):
        def init_state(self, enc_outputs, *args):
            return enc_outputs

        def forward(self, X, state):
            return X * state, state

    outputs, state = d2l.EncoderDecoder(Reader(), Writer())(torch.ones(2), torch.ones(2) * 3)
    assert outputs.tolist() == [6, 6]
    assert state.tolist() == [2, 2]
    for base, message in ((d2l.Encoder(), "forward"), (d2l.Decoder(), "forward")):
        with pytest.raises(NotImplementedError, match=message):
            base(torch.ones(1), None)
