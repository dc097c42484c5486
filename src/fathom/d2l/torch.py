"""``from fathom.d2l import torch as d2l``: the names of the book's helper package, English edition 1.0.

Names of the earlier editions are in ``fathom.d2l.v0.torch``. A name is imported from its topic file when first used.
"""

from __future__ import annotations

from fathom.d2l.frame.namespace import make_getattr, place_names
from fathom.d2l.topics.tables import prepare_pandas

# Topic file -> the names it provides; a key with "=" is a module outside this package.
_TOPICS = {
    # the frame
    "frame.hyperparameters": "HyperParameters add_to_class",
    "frame.board": "ProgressBoard",
    "frame.module": "Module Classifier",
    "frame.datamodule": "DataModule",
    "frame.trainer": "Trainer",
    # figures
    "frame.display": "use_svg_display set_figsize set_axes plot",
    "frame.figures": "show_images show_heatmaps show_list_len_pair_hist annotate",
    # data
    "topics.synthetic": "SyntheticRegressionData",
    "topics.fashion": "FashionMNIST",
    "topics.text": "TimeMachine Vocab",
    "topics.translation": "MTFraEng",
    # networks
    "topics.linear": "LinearRegressionScratch LinearRegression SoftmaxRegression SGD",
    "topics.convolution": "corr2d init_cnn LeNet Residual ResNeXtBlock",
    "topics.recurrent": "RNNScratch RNNLMScratch RNN RNNLM GRU",
    "topics.seq2seq": "Encoder Decoder EncoderDecoder Seq2SeqEncoder Seq2Seq init_seq2seq bleu",
    "topics.attention": "masked_softmax DotProductAttention AdditiveAttention AttentionDecoder MultiHeadAttention",
    "topics.transformer": "PositionalEncoding PositionWiseFFN AddNorm TransformerEncoderBlock TransformerEncoder",
    "frame.checks": "check_len check_shape",
    # both generations
    "topics.download": "DATA_HUB DATA_URL download extract download_extract",
    "frame.devices": "cpu gpu num_gpus try_gpu try_all_gpus",
    "frame.timing": "Timer Benchmark",
    "frame.accumulator": "Accumulator",
    "frame.animator": "Animator",
    "topics.old_data": (
        "synthetic_data load_array load_data_fashion_mnist get_dataloader_workers get_fashion_mnist_labels"
    ),
    "topics.old_training": (
        "linreg squared_loss sgd accuracy evaluate_loss evaluate_accuracy_gpu train_ch6 grad_clipping"
    ),
    "topics.old_text": (
        "tokenize read_data_nmt preprocess_nmt tokenize_nmt truncate_pad build_array_nmt load_data_nmt sequence_mask "
        "MaskedSoftmaxCELoss train_seq2seq predict_seq2seq"
    ),
    "topics.optimization": "train_2d show_trace_2d get_data_ch11 train_ch11 train_concise_ch11",
    "topics.hpo": (
        "HPOTrainer HPOSearcher RandomSearcher HPOScheduler BasicScheduler HPOTuner hpo_objective_lenet "
        "SuccessiveHalvingScheduler rbfkernel"
    ),
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
    # other names for functions of torch and methods of tensors
    "=torch": (
        "ones_like ones zeros_like zeros tensor arange sin sinh cos cosh tanh linspace exp log normal rand randn "
        "matmul int32 int64 float32 concat=cat stack abs eye sigmoid batch_matmul=bmm torch=."
    ),
    "frame.aliases": (
        "numpy size reshape to reduce_sum argmax astype transpose reduce_mean expand_dims swapaxes repeat meshgrid"
    ),
    "=torch.nn": "nn=. nn_Module=Module",
    "=torch.nn.functional": "F=.",
    "=torch.utils.data": "data=.",
    "=torchvision": "torchvision=. transforms",
    "=matplotlib.pyplot": "plt=.",
    "=numpy": "np=.",
    "=pandas": "pd=.",
    "=PIL.Image": "Image=.",
    "=IPython.display": "display=.",
    "=matplotlib_inline.backend_inline": "backend_inline=.",
    "=requests": "requests=.",
    "=scipy.spatial": "distance_matrix",
    "=collections": "collections=. defaultdict",
    "=hashlib": "hashlib=.",
    "=inspect": "inspect=.",
    "=math": "math=.",
    "=os": "os=.",
    "=random": "random=.",
    "=re": "re=.",
    "=shutil": "shutil=.",
    "=sys": "sys=.",
    "=tarfile": "tarfile=.",
    "=time": "time=.",
    "=zipfile": "zipfile=.",
    "=fathom.d2l.torch": "d2l=.",
}

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

_PLACES = place_names("fathom.d2l", _TOPICS)
__all__ = list(_PLACES)


def _old_names() -> list[str]:
    from fathom.d2l.v0 import torch as old

    return list(old.__all__)


prepare_pandas()  # or else the book's tables fail on columns of strings

__getattr__ = make_getattr(globals(), _PLACES, _REMOVED | UNCOVERED, _old_names)


def __dir__() -> list[str]:
    return sorted(__all__)
