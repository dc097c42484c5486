"""The ``Shape:`` lines of the helper package: every function and layer on tensors has one, and calls agree with it."""

from __future__ import annotations

import inspect
import pkgutil
import runpy
from pathlib import Path

import pytest
import torch
from torch import nn

import fathom.d2l
from fathom.d2l import torch as new
from fathom.d2l.topics import fashion, segmentation
from fathom.d2l.v0 import torch as old

CHECKER = runpy.run_path(str(Path(__file__).parents[1] / "shapes" / "checker.py"))
Call = CHECKER["Call"]
# ``torch`` modules hold the other modules' names; the aliases are torch's own functions, of any shape.
MODULES = [
    module.name
    for module in pkgutil.walk_packages(fathom.d2l.__path__, "fathom.d2l.")
    if not module.name.endswith((".torch", ".aliases"))
]
MEMBERS = CHECKER["members"](MODULES)
N, T, D, K, H = 3, 5, 4, 6, 8


def draw(*shape):
    return torch.rand(*shape)


def tokens(*shape, below=K):
    return torch.randint(below, shape)


def call(function, *inputs, **sizes):
    return Call(inputs, function(*inputs), sizes)


def encoded(layer, *inputs, **sizes):
    """A layer that returns a state, of which outputs may be a list over time."""
    outputs, state = layer(*inputs)
    return Call(inputs, (torch.stack(list(outputs)) if isinstance(outputs, list) else outputs, state), sizes)


LENGTHS = torch.tensor([1, 2, 4])
QUERIES, KEYS, VALUES = draw(N, 2, D), draw(N, 7, D), draw(N, 7, 9)
CALLS = {
    "topics.attention:masked_softmax": lambda: call(new.masked_softmax, draw(N, 2, T), LENGTHS),
    "topics.attention:DotProductAttention": lambda: call(new.DotProductAttention(0.0), QUERIES, KEYS, VALUES, LENGTHS),
    "topics.attention:AdditiveAttention": lambda: call(
        new.AdditiveAttention(H, 0.0), draw(N, 2, 3), KEYS, VALUES, LENGTHS
    ),
    "topics.attention:MultiHeadAttention": lambda: call(
        new.MultiHeadAttention(H, 2, 0.0), draw(N, 2, 3), KEYS, VALUES, LENGTHS, num_hiddens=H
    ),
    "topics.attention:MultiHeadAttention.transpose_qkv": lambda: call(
        new.MultiHeadAttention(H, 2, 0.0).transpose_qkv, draw(N, T, H), h=2, d=H // 2
    ),
    "topics.attention:MultiHeadAttention.transpose_output": lambda: call(
        new.MultiHeadAttention(H, 2, 0.0).transpose_output, draw(2 * N, T, H // 2), h=2, d=H // 2, N=N
    ),
    "topics.transformer:PositionalEncoding": lambda: call(new.PositionalEncoding(D, 0.0), draw(N, T, D)),
    "topics.transformer:PositionWiseFFN": lambda: call(new.PositionWiseFFN(H, 7), draw(N, T, D), ffn_num_outputs=7),
    "topics.transformer:AddNorm": lambda: call(new.AddNorm(D, 0.0), draw(N, T, D), draw(N, T, D)),
    "topics.transformer:TransformerEncoderBlock": lambda: call(
        new.TransformerEncoderBlock(D, H, 2, 0.0), draw(N, T, D), LENGTHS
    ),
    "topics.transformer:TransformerEncoder": lambda: call(
        new.TransformerEncoder(K, D, H, 2, 2, 0.0), tokens(N, T), LENGTHS, num_hiddens=D
    ),
    "topics.convolution:corr2d": lambda: call(new.corr2d, draw(7, 9), draw(2, 3)),
    "topics.convolution:Residual": lambda: call(new.Residual(D, True, 2), draw(N, 2, 7, 10), num_channels=D, strides=2),
    "topics.convolution:ResNeXtBlock": lambda: call(
        new.ResNeXtBlock(D, 2, 1, True, 2), draw(N, 2, 7, 10), num_channels=D, strides=2
    ),
    "topics.recurrent:RNNScratch": lambda: encoded(new.RNNScratch(D, H), draw(T, N, D), num_inputs=D, num_hiddens=H),
    "topics.recurrent:RNNLMScratch": lambda: call(
        new.RNNLMScratch(new.RNNScratch(K, H), K), tokens(N, T), vocab_size=K
    ),
    "topics.recurrent:RNNLMScratch.one_hot": lambda: call(
        new.RNNLMScratch(new.RNNScratch(K, H), K).one_hot, tokens(N, T), vocab_size=K
    ),
    "topics.recurrent:RNNLMScratch.output_layer": lambda: call(
        new.RNNLMScratch(new.RNNScratch(K, H), K).output_layer, draw(T, N, H), vocab_size=K
    ),
    "topics.recurrent:RNNLM.output_layer": lambda: call(
        new.RNNLM(new.RNN(K, H), K).output_layer, draw(T, N, H), vocab_size=K
    ),
    "topics.recurrent:RNN": lambda: encoded(new.RNN(D, H), draw(T, N, D), num_hiddens=H),
    "topics.seq2seq:Seq2SeqEncoder": lambda: encoded(
        new.Seq2SeqEncoder(K, D, H, 2), tokens(N, T), num_hiddens=H, num_layers=2
    ),
    "topics.linear:LinearRegressionScratch": lambda: call(new.LinearRegressionScratch(D, 0.1), draw(N, D)),
    "topics.linear:LinearRegressionScratch.loss": lambda: call(
        new.LinearRegressionScratch(D, 0.1).loss, draw(N, 1), draw(N, 1)
    ),
    "topics.linear:LinearRegression": lambda: call(new.LinearRegression(0.1), draw(N, D)),
    "topics.linear:LinearRegression.loss": lambda: call(new.LinearRegression(0.1).loss, draw(N, 1), draw(N, 1)),
    "frame.module:Classifier.accuracy": lambda: call(new.Classifier().accuracy, draw(N, K), tokens(N)),
    "frame.module:Classifier.loss": lambda: call(new.Classifier().loss, draw(N, K), tokens(N)),
    "frame.loaders:ToImages": lambda: call(fashion.ToImages((9, 8)), tokens(N, 1, 4, 6, below=256).to(torch.uint8)),
    "topics.detection:box_corner_to_center": lambda: call(new.box_corner_to_center, draw(N, 4)),
    "topics.detection:box_center_to_corner": lambda: call(new.box_center_to_corner, draw(N, 4)),
    "topics.detection:multibox_prior": lambda: Call(
        [X := draw(N, 3, 4, 5)], new.multibox_prior(X, [0.5, 0.2], [1, 2, 0.5]), {"A": 4}
    ),
    "topics.detection:box_iou": lambda: call(new.box_iou, boxes(N), boxes(T)),
    "topics.detection:assign_anchor_to_bbox": lambda: Call(
        [truth := boxes(2), anchors := boxes(T)],
        new.assign_anchor_to_bbox(truth, anchors, torch.device("cpu")),
    ),
    "topics.detection:offset_boxes": lambda: call(new.offset_boxes, boxes(N), boxes(N)),
    "topics.detection:offset_inverse": lambda: call(new.offset_inverse, boxes(N), draw(N, 4)),
    "topics.detection:multibox_target": lambda: call(
        new.multibox_target, boxes(T)[None], torch.cat([torch.zeros(2, 2, 1), boxes(4).reshape(2, 2, 4)], dim=2)
    ),
    "topics.detection:nms": lambda: Call([found := boxes(T), scores := draw(T)], new.nms(found, scores, 0.5)),
    "topics.detection:multibox_detection": lambda: call(
        new.multibox_detection, draw(2, K, T).softmax(1), draw(2, 4 * T), boxes(T)[None]
    ),
    "topics.old_training:linreg": lambda: call(old.linreg, draw(N, D), draw(D, 1), draw(1)),
    "topics.old_training:squared_loss": lambda: call(old.squared_loss, draw(N, 1), draw(N)),
    "topics.old_training:count_correct": lambda: call(
        inspect.getmodule(old.accuracy).count_correct, draw(N, K, 2), tokens(N, 2)
    ),
    "topics.old_text:sequence_mask": lambda: call(new.sequence_mask, draw(N, T, 2), LENGTHS),
    "topics.old_text:MaskedSoftmaxCELoss": lambda: call(
        new.MaskedSoftmaxCELoss(), draw(N, T, K), tokens(N, T), LENGTHS
    ),
    "topics.old_data:synthetic_data": lambda: Call([w := draw(D)], new.synthetic_data(w, 1.0, N), {"num_examples": N}),
    "topics.segmentation:voc_colormap2label": lambda: Call([], segmentation.voc_colormap2label()),
    "topics.segmentation:voc_label_indices": lambda: call(
        new.voc_label_indices, torch.zeros(3, 4, 5, dtype=torch.uint8), segmentation.voc_colormap2label()
    ),
    "topics.segmentation:voc_rand_crop": lambda: Call(
        [image := draw(3, 6, 7), label := draw(3, 6, 7)],
        new.voc_rand_crop(image, label, 4, 5),
        {"height": 4, "width": 5},
    ),
    "topics.vision:resnet18": lambda: call(new.resnet18(K, 2), draw(N, 2, 16, 16), in_channels=2, num_classes=K),
    "topics.vision:split_batch": lambda: Call(
        [X := draw(4, 2), y := draw(4)],
        [parts[0] for parts in new.split_batch(X, y, [torch.device("cpu")] * 2)],
        {"D": 2},
    ),
    "topics.vision:train_batch_ch13": lambda: trained(draw(N, D), tokens(N)),
    "v0.attention:transpose_qkv": lambda: Call([X := draw(N, T, H)], old.transpose_qkv(X, 2), {"h": 2, "d": H // 2}),
    "v0.attention:transpose_output": lambda: Call(
        [X := draw(2 * N, T, H // 2)], old.transpose_output(X, 2), {"h": 2, "d": H // 2, "N": N}
    ),
    "v0.attention:EncoderBlock": lambda: call(old.EncoderBlock(D, D, D, D, [D], D, H, 2, 0.0), draw(N, T, D), LENGTHS),
    "v0.attention:TransformerEncoder": lambda: call(
        old.TransformerEncoder(K, D, D, D, D, [D], D, H, 2, 2, 0.0), tokens(N, T), LENGTHS, num_hiddens=D
    ),
    "v0.seq2seq:Seq2SeqEncoder": lambda: encoded(
        old.Seq2SeqEncoder(K, D, H, 2), tokens(N, T), num_hiddens=H, num_layers=2
    ),
    "v0.rnn:RNNModel": lambda: call(old.RNNModel(nn.GRU(K, H), K), tokens(N, T), torch.zeros(1, N, H), vocab_size=K),
}


def boxes(num):
    """Boxes of which the right lower corner lies beyond the left upper one."""
    corners = draw(num, 2)
    return torch.cat([corners, corners + draw(num, 2) + 0.1], dim=1)


def trained(X, y):
    net = nn.Linear(D, K)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    loss = nn.CrossEntropyLoss(reduction="none")
    return Call([X, y], new.train_batch_ch13(net, X, y, loss, optimizer, [torch.device("cpu")]))


@pytest.mark.parametrize("name", MEMBERS)
def test_every_function_on_tensors_says_its_shapes(name):
    CHECKER["parse"](CHECKER["shape_line"](MEMBERS[name]))


@pytest.mark.parametrize("name", CALLS)
def test_the_shapes_are_true(name):
    CHECKER["check"](MEMBERS[f"fathom.d2l.{name}"], CALLS[name]())
