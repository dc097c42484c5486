"""Which names each edition of the book's helper package has, and where they are; nothing of them is imported."""

from __future__ import annotations

from fathom.d2l.frame.namespace import Places, place_names

# Topic file -> the names it provides; a key with "=" is a module outside this package. Both editions have these:
_VISION = {
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
}

_NEW_TOPICS = {
    "frame.loaders": "get_dataloader_workers",
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
    "topics.old_data": ("synthetic_data load_array load_data_fashion_mnist get_fashion_mnist_labels"),
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
    **_VISION,
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

# Topic file -> the names it provides; a key with "=" is a module outside this package.
_OLD_TOPICS = {
    "frame.loaders": "get_dataloader_workers",
    # figures
    "frame.display": "use_svg_display set_figsize set_axes plot",
    "frame.figures": "show_images show_heatmaps show_list_len_pair_hist annotate",
    "frame.animator": "Animator",
    # data
    "topics.download": "DATA_HUB DATA_URL download extract download_extract download_all",
    "topics.old_data": ("synthetic_data load_array load_data_fashion_mnist get_fashion_mnist_labels"),
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
    **_VISION,
    "=fathom.d2l.v0.torch": "d2l=.",
}
# The names of torch, of the standard library and of the other packages are the same in both editions.
_OUTSIDE = ("=", "frame.aliases")

NEW: Places = place_names("fathom.d2l", _NEW_TOPICS)
OLD: Places = place_names(
    "fathom.d2l", {key: names for key, names in _NEW_TOPICS.items() if key.startswith(_OUTSIDE)} | _OLD_TOPICS
)
