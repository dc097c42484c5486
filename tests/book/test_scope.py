"""What the book's code takes from the package, edition by edition: every name, and every member of its classes."""

import inspect

import pytest
import torch

from fathom.d2l import torch as new
from fathom.d2l.v0 import torch as old

# The names that both editions' cells use, in the chapters in scope, and those that only one uses.
BOTH = """
    Accumulator AdditiveAttention Animator AttentionDecoder Benchmark DATA_HUB DATA_URL Decoder DotProductAttention
    Encoder EncoderDecoder Image MultiHeadAttention PositionalEncoding Residual Seq2SeqEncoder Timer VOC_COLORMAP Vocab
    abs accuracy arange argmax astype bbox_to_rect bleu box_center_to_corner box_corner_to_center concat corr2d cos cosh
    download download_extract evaluate_accuracy_gpu evaluate_loss exp eye float32 get_data_ch11 get_dataloader_workers
    int32 linreg linspace load_array load_data_bananas load_data_fashion_mnist load_data_voc log matmul meshgrid
    multibox_detection multibox_prior multibox_target normal numpy ones plot plt rand read_csv_labels read_voc_images
    reduce_sum reorg_test reorg_train_valid reshape resnet18 set_figsize sgd show_bboxes show_heatmaps show_images
    show_trace_2d sin sinh size squared_loss stack tanh tensor train_2d train_batch_ch13 train_ch11 train_ch13
    train_concise_ch11 transpose try_all_gpus try_gpu use_svg_display zeros
"""
ENGLISH = """
    Classifier DataModule FashionMNIST GRU HPOScheduler HPOTrainer HPOTuner HyperParameters LeNet LinearRegression
    LinearRegressionScratch MTFraEng Module ProgressBoard RNN RNNLM RNNLMScratch RNNScratch RandomSearcher ResNeXtBlock
    Seq2Seq SoftmaxRegression SyntheticRegressionData TimeMachine Trainer add_to_class check_shape cpu expand_dims
    extract gpu hpo_objective_lenet init_cnn init_seq2seq int64 nn_Module num_gpus randn reduce_mean sigmoid swapaxes to
"""
CHINESE = """
    RNNModel RNNModelScratch get_fashion_mnist_labels grad_clipping load_corpus_time_machine load_data_nmt
    load_data_time_machine predict_ch3 predict_ch8 predict_seq2seq read_time_machine seq_data_iter_random
    seq_data_iter_sequential sequence_mask set_axes synthetic_data tokenize train_ch3 train_ch6 train_ch8
    train_epoch_ch3 train_seq2seq truncate_pad
"""


@pytest.mark.parametrize(("module", "names"), [(new, BOTH + ENGLISH), (old, BOTH + CHINESE)], ids=["new", "old"])
def test_every_name_that_the_cells_use_is_there(module, names):
    assert [name for name in names.split() if not hasattr(module, name)] == []


# The attributes and methods that cells read, call or override, of an object made as the book makes it.
NEW_MEMBERS = [
    (
        lambda: new.Module(),
        "forward plot apply_init loss configure_optimizers validation_step board training_step "
        "plot_train_per_epoch plot_valid_per_epoch",
    ),
    (lambda: new.Classifier(), "loss layer_summary validation_step accuracy"),
    (
        lambda: new.DataModule(),
        "get_dataloader get_tensorloader train_dataloader val_dataloader root num_workers",
    ),
    (
        lambda: new.ProgressBoard(),
        "data xlabel ylabel axes xlim draw yscale display colors fig figsize ls raw_points xscale ylim",
    ),
    (
        lambda: new.SyntheticRegressionData(torch.ones(2), 1),
        "get_dataloader num_train b X batch_size y w num_val noise",
    ),
    (lambda: new.LinearRegression(0.1), "forward net loss configure_optimizers lr get_w_b"),
    (lambda: new.LinearRegressionScratch(2, 0.1), "forward loss configure_optimizers lr b w sigma num_inputs"),
    (lambda: new.SoftmaxRegression(10, 0.1), "forward net lr num_outputs"),
    (lambda: new.FashionMNIST(), "get_dataloader train batch_size val text_labels visualize resize"),
    (lambda: new.Vocab(["a"]), "to_tokens idx_to_token token_to_idx unk token_freqs"),
    (lambda: new.RNNScratch(2, 3), "forward num_hiddens W_xh W_hh b_h sigma num_inputs"),
    (lambda: new.RNN(2, 3), "forward rnn num_hiddens num_inputs"),
    (
        lambda: new.RNNLMScratch(new.RNNScratch(2, 3), 2, 0.1),
        "forward rnn predict lr validation_step training_step init_params vocab_size output_layer b_q W_hq one_hot",
    ),
    (lambda: new.RNNLM(new.RNN(2, 3), 2, 0.1), "output_layer init_params linear"),
    (lambda: new.GRU(2, 3, 1), "rnn num_hiddens dropout num_layers num_inputs"),
    (lambda: new.Decoder(), "forward init_state"),
    (lambda: new.Seq2SeqEncoder(5, 2, 3, 1), "forward rnn embedding"),
    (
        lambda: new.Seq2Seq(new.Encoder(), new.Decoder(), 0, 0.1),
        "configure_optimizers lr validation_step encoder decoder tgt_pad predict_step",
    ),
    (lambda: new.AdditiveAttention(2, 0.1), "forward dropout W_k W_q w_v"),
    (
        lambda: new.MultiHeadAttention(4, 2, 0.1),
        "forward attention W_q W_k transpose_output num_heads transpose_qkv W_v W_o",
    ),
    (lambda: new.PositionalEncoding(2, 0.1), "forward dropout P"),
    (lambda: new.LeNet(), "net lr num_classes"),
    (lambda: new.Residual(2, True), "forward conv1 conv2 conv3 bn1 bn2"),
    (lambda: new.ResNeXtBlock(4, 2, 1, True), "forward conv1 conv2 conv3 conv4 bn1 bn2 bn3 bn4"),
    (
        lambda: new.TransformerEncoder(5, 4, 8, 2, 1, 0.1),
        "forward num_hiddens embedding blks pos_encoding",
    ),
    (lambda: new.HPOTrainer(1), "validation_error"),
    (lambda: new.RandomSearcher({}), "sample_configuration config_space initial_config update"),
    (lambda: new.BasicScheduler(new.RandomSearcher({})), "suggest searcher update"),
    (
        lambda: new.HPOTuner(None, None),
        "run scheduler incumbent records bookkeeping current_runtime incumbent_error objective incumbent_trajectory "
        "cumulative_runtime",
    ),
    (
        lambda: new.SuccessiveHalvingScheduler(new.RandomSearcher({}), 2, 1, 4),
        "update suggest searcher get_top_n_configurations r_max K r_min queue prefact eta rung_levels "
        "all_observed_error_at_rungs observed_error_at_rungs",
    ),
]
SHARED_MEMBERS = [
    ("Timer", (), "sum stop start cumsum avg tik times"),
    ("Animator", (), "add axes Y X config_axes fig fmts"),
    ("Accumulator", (2,), "data add reset"),
    ("Benchmark", (), "description"),
]
OLD_MEMBERS = [
    (lambda: old.Vocab(["a"]), "token_freqs to_tokens idx_to_token token_to_idx unk"),
    (
        lambda: old.RNNModel(torch.nn.RNN(5, 3), 5),
        "forward rnn num_hiddens vocab_size linear begin_state num_directions",
    ),
    (
        lambda: old.RNNModelScratch(5, 3, "cpu", lambda *sizes: [], lambda *sizes: (), lambda *inputs: None),
        "init_state num_hiddens vocab_size begin_state params forward_fn",
    ),
    (lambda: old.EncoderDecoder(old.Encoder(), old.Decoder()), "forward encoder decoder"),
    (lambda: old.Decoder(), "forward init_state"),
    (lambda: old.Seq2SeqEncoder(5, 2, 3, 1), "forward rnn embedding"),
    (lambda: old.AdditiveAttention(2, 2, 3, 0.1), "forward dropout W_k W_q w_v"),
    (lambda: old.MultiHeadAttention(4, 4, 4, 4, 2, 0.1), "forward attention W_q W_k num_heads W_v W_o"),
    (lambda: old.PositionalEncoding(2, 0.1), "forward dropout P"),
    (lambda: old.Residual(2, 2, True), "forward conv1 conv2 conv3 bn1 bn2"),
]


def lacking(thing, members):
    return [member for member in members.split() if not hasattr(thing, member)]


@pytest.mark.parametrize(("make", "members"), NEW_MEMBERS + OLD_MEMBERS)
def test_every_member_that_the_cells_touch_is_there(clothes, make, members):
    assert lacking(make(), members) == []


@pytest.mark.parametrize("module", [new, old], ids=["new", "old"])
@pytest.mark.parametrize(("name", "arguments", "members"), SHARED_MEMBERS)
def test_every_member_of_the_tools_is_there(module, name, arguments, members):
    assert lacking(getattr(module, name)(*arguments), members) == []


def test_attention_keeps_its_weights(clothes):
    encoder = new.TransformerEncoder(5, 4, 8, 2, 1, 0.1)
    encoder(torch.zeros(1, 3, dtype=torch.int64), None)
    assert len(encoder.attention_weights) == 1
    for module in (new, old):
        attention = module.DotProductAttention(0.0)
        attention(torch.ones(1, 1, 2), torch.ones(1, 3, 2), torch.ones(1, 3, 2))
        assert attention.attention_weights.shape == (1, 1, 3)
        assert "attention_weights" in dict(inspect.getmembers(module.AttentionDecoder, inspect.isdatadescriptor))


def test_a_trainer_has_what_cells_read_while_it_trains():
    trainer = new.Trainer(max_epochs=1)
    trainer.fit(new.LinearRegression(0.1), new.SyntheticRegressionData(torch.ones(2), 1.0, num_train=8, num_val=8))
    members = (
        "fit train_dataloader val_dataloader fit_epoch model prepare_batch clip_gradients optim max_epochs "
        "prepare_model train_batch_idx val_batch_idx gradient_clip_val epoch gpus prepare_data num_gpus "
        "num_val_batches num_train_batches"
    )
    assert lacking(trainer, members) == []


def test_texts_have_what_cells_read(shared_data):
    text = new.TimeMachine(batch_size=4, num_steps=8)
    members = "get_dataloader vocab build num_train Y num_steps X batch_size num_val"
    assert lacking(text, members) == []
    corpus = old.SeqDataLoader(4, 8, use_random_iter=False, max_tokens=1000)
    assert lacking(corpus, "batch_size corpus data_iter_fn vocab num_steps") == []
