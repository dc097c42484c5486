"""How to call what has a ``Shape:`` line in models, losses, images and optimisers, and what need not have one.

Sizes differ from one another wherever they can, so that a wrong dimension is not the right one by chance.
"""

from __future__ import annotations

import pkgutil
import runpy
from pathlib import Path
from typing import Any

import torch
from torch import Generator, Tensor, nn

import fathom.models
from fathom import losses
from fathom.data.images.augment import augmentation, colour, geometry
from fathom.data.tables.column import Column
from fathom.data.tables.layer import TableInput
from fathom.models import (
    alexnet,
    compact,
    googlenet,
    gpt,
    lenet,
    linear,
    mlp,
    nin,
    pooling,
    registry,
    resnet,
    rnn,
    tabular,
    vgg,
)
from fathom.models.inspection.tracer import Tracer
from fathom.models.patches import convnext, vit
from fathom.preprocess import Preprocess, TargetScale
from fathom.training import optimizers

CHECKER = runpy.run_path(str(Path(__file__).with_name("checker.py")))
Call = CHECKER["Call"]

# Every module of the networks is looked through, and these
OTHERS = (
    "fathom.losses",
    "fathom.freezing",
    "fathom.data.images.augment.augmentation",
    "fathom.data.images.augment.geometry",
    "fathom.data.images.augment.colour",
    "fathom.data.tables.layer",
    "fathom.preprocess",
    "fathom.training.optimizers",
)
MODULES = (*(m.name for m in pkgutil.walk_packages(fathom.models.__path__, "fathom.models.")), *OTHERS)

K = 7  # classes
IMAGES = (3, 2, 32, 36)  # (N, C, H, W)
COLOURS = (5, 3, 8, 10)  # (B, C, H, W)
TOKENS, STEPS = 11, 6


def layer(net: nn.Module, *shape: int, **sizes: int) -> Any:
    """Call a layer or a network on numbers of this shape."""
    X = torch.rand(shape)
    return lambda: Call([X], net(X), sizes)


def network(build: Any, shape: tuple[int, ...] = IMAGES, **options: Any) -> Any:
    return layer(build(shape[1:], K, **options), *shape, num_classes=K)


def inception(kind: type[nn.Module], *options: Any) -> Any:
    table = (2, 3, 4, 5, 6, 8)
    return layer(kind(3, table, *options), 2, 3, 9, 10, c1=2, c3=4, c5=6, c_pool=8)


def recurrent() -> Any:
    net = rnn.recurrent((STEPS,), TOKENS, cell="gru", hidden=5, layers=2)
    X = torch.randint(TOKENS, (STEPS, 3))
    return Call([X], net(X), {"num_classes": TOKENS, "layers": 2, "hidden": 5})


def recurrent_net() -> Any:
    net = rnn.RecurrentNet("rnn", TOKENS, hidden=5, layers=2, embedding=4, dropout=0.0)
    X, state = torch.randint(TOKENS, (STEPS, 3)), torch.rand(2, 3, 5)
    return Call([X, state], net(X, state), {"num_tokens": TOKENS})


def transformer(call: Any) -> Any:
    """Call what a transformer of two layers does, on four tokens of each of three texts and a memory of five."""
    net = gpt.gpt((STEPS,), TOKENS, width=8, layers=2, heads=2, context=5)
    return lambda: call(net, torch.randint(TOKENS, (4, 3)), net.draw_state(3, Generator())[0])


def attending(part: Any) -> Any:
    X, past, count = torch.rand(3, 4, 8), torch.rand(3, 2, 5, 8), torch.tensor([0.0, 2.0, 5.0])
    return lambda: Call([X, past, count], part(X, past, count, False), {"width": 8, "context": 5})


def one_hot() -> Any:
    X = torch.randint(TOKENS, (STEPS, 3))
    return Call([X], rnn.OneHot(TOKENS)(X), {"num_tokens": TOKENS})


def traced() -> tuple[Tracer, Tensor]:
    tracer, sample = Tracer(), torch.rand(1, 2, 8, 8)
    tracer.start(sample)
    return tracer, sample


def numbers(loss: Any, *shape: int, **options: Any) -> Any:
    """Call a loss on numbers and numbers."""
    prediction, target = torch.rand(shape), torch.rand(shape)
    return lambda: Call([prediction, target], loss(prediction, target, **options))


def classes(loss: Any, *shape: int) -> Any:
    """Call a loss on scores and classes."""
    scores, target = torch.rand(shape), torch.randint(shape[1], (shape[0], *shape[2:]))
    return lambda: Call([scores, target], loss(scores, target))


def table_input() -> TableInput:
    """Make the first layer of a network for a number with gaps, a date, and categories of both encodings."""
    columns = (
        Column("area", "number", missing=2),
        Column("day", "date", format="ISO8601"),
        Column("town", "category", values=("Ulm", "Jena")),
        Column("street", "category", values=("a", "b", "c"), width=2),
    )
    return TableInput(columns)


def rows(encode: Any) -> Any:
    """Call what encodes cells on those of five rows."""
    raw = torch.tensor([[1.5, 18262.0, 2.0, 3.0]] * 5, dtype=torch.float64)
    return lambda: Call([raw], encode(raw))


def spread() -> Any:
    layer = table_input()
    X = layer.encode(torch.tensor([[1.5, 18262.0, 2.0, 3.0]] * 5, dtype=torch.float64).numpy())
    return Call([X], layer(X), {"num_features": layer.num_features})


def augmented(change: Any) -> Any:
    images = torch.randint(256, COLOURS, dtype=torch.uint8)
    return lambda: Call([images], change(images, Generator().manual_seed(0)))


def boxes() -> Any:
    images = torch.rand(COLOURS)
    return Call([images], augmentation.ResizedCrop().draw_boxes(images, Generator().manual_seed(0)))


def moved(change: Any, *numbers: Tensor, **options: Any) -> Any:
    """Call a change of images by one number an image."""
    images = torch.rand(COLOURS)
    return lambda: Call([images, *numbers], change(images, *numbers, **options))


def parameters(change: Any) -> Any:
    """Call a change of gradients on one parameter."""
    parameter = nn.Parameter(torch.rand(2, 3))
    parameter.grad = torch.rand(2, 3)
    return lambda: Call([parameter], change([parameter], 0.5))


each = torch.arange(COLOURS[0])
ones = torch.ones(COLOURS[0])

CALLS: dict[str, Any] = {
    "fathom.models.alexnet:alexnet": network(alexnet.alexnet),
    "fathom.models.alexnet:alexnet_96": network(alexnet.alexnet_96),
    "fathom.models.alexnet:full_features": layer(alexnet.full_features(2), 1, 2, 63, 70),
    "fathom.models.alexnet:small_features": layer(alexnet.small_features(2), *IMAGES),
    "fathom.models.compact:compact": network(compact.compact),
    "fathom.models.compact:conv_unit": layer(compact.conv_unit(2, 5, pool=True), *IMAGES, C_out=5),
    "fathom.models.compact:Residual": layer(compact.Residual(2), *IMAGES),
    "fathom.models.compact:Scale": layer(compact.Scale(0.5), 3, 4),
    "fathom.models.compact:resnet9": network(compact.resnet9, width=4),
    "fathom.models.googlenet:googlenet": network(googlenet.googlenet),
    "fathom.models.googlenet:ConvUnit": layer(googlenet.ConvUnit(2, 5, (1, 7), True, 2), *IMAGES, C_out=5),
    "fathom.models.googlenet:Inception": inception(googlenet.Inception, googlenet.PLAIN, False),
    "fathom.models.googlenet:ResidualInception": inception(googlenet.ResidualInception),
    "fathom.models.googlenet:halve": layer(googlenet.halve(), 1, 2, 8, 12),
    "fathom.models.lenet:lenet": network(lenet.lenet),
    "fathom.models.linear:linear": network(linear.linear),
    "fathom.models.linear:softmax": network(linear.softmax),
    "fathom.models.mlp:mlp": network(mlp.mlp, hidden=[5, 6]),
    "fathom.models.mlp:ScaledSigmoid": layer(mlp.ScaledSigmoid(), 3, 4),
    "fathom.models.gpt:rotate": lambda: Call([X := torch.rand(3, 2, 5, 4), p := torch.arange(5)], gpt.rotate(X, p)),
    "fathom.models.gpt:Attend": lambda: Call(
        [q := torch.rand(3, 2, 4, 6), k := torch.rand(3, 2, 5, 6), v := torch.rand(3, 2, 5, 6)],
        gpt.Attend(0.0)(q, k, v),
    ),
    "fathom.models.gpt:CausalAttention": attending(gpt.CausalAttention(8, 2, 5, 0.0)),
    "fathom.models.gpt:Block": attending(gpt.Block(8, 2, 5, 0.0)),
    "fathom.models.gpt:GPT": transformer(
        lambda net, X, state: Call([X, state], net(X, state), {"num_tokens": TOKENS, "memory": 81, "layers": 2})
    ),
    "fathom.models.gpt:gpt": transformer(
        lambda net, X, state: Call([X], net(X), {"num_classes": TOKENS, "memory": 81, "layers": 2})
    ),
    "fathom.models.gpt:GPT.draw_state": transformer(
        lambda net, X, state: Call([], state, {"size": 3, "memory": 81, "layers": 2})
    ),
    "fathom.models.rnn:RecurrentNet.draw_state": lambda: Call(
        [],
        *rnn.RecurrentNet("gru", 7, hidden=5, layers=2, embedding=0, dropout=0.0).draw_state(3, Generator()),
        {"layers": 2, "size": 3, "hidden": 5},
    ),
    "fathom.models.mlp:Step": layer(mlp.Step(), 3, 4),
    "fathom.models.patches.convnext:ChannelNorm": layer(convnext.ChannelNorm(2), *IMAGES),
    "fathom.models.patches.convnext:ToLast": layer(convnext.ToLast(), *IMAGES),
    "fathom.models.patches.convnext:Block": layer(convnext.Block(2, 0.1), *IMAGES),
    "fathom.models.patches.convnext:ConvNeXt": layer(
        convnext.ConvNeXt(2, K, ([1, 1], [4, 6]), side=2, scale=0.1), *IMAGES, num_classes=K
    ),
    "fathom.models.patches.convnext:convnext": network(convnext.convnext),
    "fathom.models.patches.vit:SelfAttention": layer(vit.SelfAttention(8, 2), 3, 5, 8),
    "fathom.models.patches.vit:Block": layer(vit.Block(8, 2, 0.0), 3, 5, 8),
    "fathom.models.patches.vit:Encoder": layer(vit.Encoder(5, 8, 2, 1, 0.0), 3, 5, 8),
    "fathom.models.patches.vit:VisionTransformer": layer(
        vit.VisionTransformer((1, 8, 12), K, (8, 2, 1, 4), 0.0), 3, 1, 8, 12, num_classes=K
    ),
    "fathom.models.patches.vit:vit": network(vit.vit, depth=1),
    "fathom.models.tabular:MemberLinear": layer(tabular.MemberLinear(2, 3, 5, 1.0), 2, 4, 3, C=5),
    "fathom.models.tabular:NumberEmbedding": layer(tabular.NumberEmbedding(3, 5), 4, 3, width=5),
    "fathom.models.tabular:Tabular": layer(tabular.Tabular(3, K, [6], 2, 0.0, None, 3).eval(), 4, 3, C=K),
    "fathom.models.tabular:tabular": layer(tabular.tabular((3,), K).eval(), 4, 3, num_classes=K),
    "fathom.models.nin:nin": network(nin.nin),
    "fathom.models.nin:nin_block": layer(nin.nin_block((2, 3, 4, 5), 5, 1, 2), *IMAGES, C_out=5),
    "fathom.models.pooling:AvgPool2d": layer(pooling.AvgPool2d(3), 1, 2, 9, 13, k=3),
    "fathom.models.registry:create": layer(
        registry.create("mlp", input_shape=(4, 5), num_classes=K), 3, 4, 5, num_classes=K
    ),
    "fathom.models.resnet:resnet": network(resnet.resnet, width=4),
    "fathom.models.resnet:BasicBlock": layer(resnet.BasicBlock(2, 5, 2), *IMAGES, C=5, stride=2),
    "fathom.models.resnet:Bottleneck": layer(resnet.Bottleneck(2, 5, 2), *IMAGES, C=5, stride=2),
    "fathom.models.resnet:shortcut": layer(resnet.shortcut(2, 5, 2), *IMAGES, C_out=5, stride=2),
    "fathom.models.rnn:OneHot": one_hot,
    "fathom.models.rnn:RecurrentNet": recurrent_net,
    "fathom.models.rnn:recurrent": recurrent,
    "fathom.models.vgg:vgg": network(vgg.vgg),
    "fathom.models.vgg:make_features": layer(vgg.make_features(2, 11, 4, True), *IMAGES, divisor=4),
    "fathom.models.inspection.tracer:Tracer.start": lambda: Call([torch.rand(1, 2, 8, 8)], None),
    "fathom.models.inspection.tracer:Tracer.receptive_field": lambda: Call(
        [traced()[1]], Tracer.receptive_field(*traced())
    ),
    "fathom.losses:squared": numbers(losses.squared, 3, 2, 4),
    "fathom.losses:half_squared": numbers(losses.half_squared, 3, 2, 4),
    "fathom.losses:l1": numbers(losses.l1, 3, 2, 4),
    "fathom.losses:huber": numbers(losses.huber, 3, 2, 4),
    "fathom.losses:smooth_l1": numbers(losses.smooth_l1, 3, 2, 4),
    "fathom.losses:bce_with_logits": numbers(losses.bce_with_logits, 3, 2, 4),
    "fathom.losses:soft_targets": numbers(losses.soft_targets, 3, 4, temperature=2.0),
    "fathom.losses:cross_entropy": classes(losses.cross_entropy, 3, 4, 5),
    "fathom.losses:multi_margin": classes(losses.multi_margin, 3, 4),
    "fathom.losses:BalancedLoss": classes(losses.BalancedLoss("cross_entropy", [1.0, 2.0, 3.0, 4.0]), 3, 4),
    "fathom.data.images.augment.augmentation:Flip": augmented(augmentation.Flip()),
    "fathom.data.images.augment.augmentation:VerticalFlip": augmented(augmentation.VerticalFlip()),
    "fathom.data.images.augment.augmentation:Crop": augmented(augmentation.Crop(2)),
    "fathom.data.images.augment.augmentation:ResizedCrop": augmented(augmentation.ResizedCrop()),
    "fathom.data.images.augment.augmentation:ResizedCrop.draw_boxes": boxes,
    "fathom.data.images.augment.augmentation:Rotate": augmented(augmentation.Rotate()),
    "fathom.data.images.augment.augmentation:Jitter": augmented(augmentation.Jitter(0.1, 0.1, 0.1, 0.1)),
    "fathom.data.images.augment.augmentation:Cutout": augmented(augmentation.Cutout(3)),
    "fathom.data.images.augment.augmentation:Noise": augmented(augmentation.Noise()),
    "fathom.data.images.augment.augmentation:Compose": augmented(
        augmentation.Compose((augmentation.Flip(), augmentation.Noise()))
    ),
    "fathom.data.tables.layer:TableInput": spread,
    "fathom.data.tables.layer:TableInput.encode": rows(lambda raw: table_input().encode(raw.numpy())),
    "fathom.data.tables.layer:TableInput.encode_cells": rows(table_input().encode_cells),
    "fathom.preprocess:Preprocess": layer(Preprocess([0.5] * 3, [0.2] * 3, (16, 12)), *COLOURS),
    "fathom.preprocess:TargetScale": layer(TargetScale([1.0, 2.0], [0.5, 0.5]), 4, 2),
    "fathom.preprocess:TargetScale.scale": lambda: Call(
        [torch.rand(4, 2)], TargetScale([1.0, 2.0], [0.5, 0.5]).scale(torch.rand(4, 2))
    ),
    "fathom.data.images.augment.geometry:as_float": moved(geometry.as_float),
    "fathom.data.images.augment.geometry:flip": moved(geometry.flip, each > 2, dimension=3),
    "fathom.data.images.augment.geometry:crop": moved(geometry.crop, each % 3, each % 2, padding=1, mode="zero"),
    "fathom.data.images.augment.geometry:resized_crop": moved(geometry.resized_crop, ones, ones, 3 * ones, 4 * ones),
    "fathom.data.images.augment.geometry:rotate": moved(geometry.rotate, 10 * ones, mode="zero"),
    "fathom.data.images.augment.colour:adjust_brightness": moved(colour.adjust_brightness, ones),
    "fathom.data.images.augment.colour:adjust_contrast": moved(colour.adjust_contrast, ones),
    "fathom.data.images.augment.colour:adjust_saturation": moved(colour.adjust_saturation, ones),
    "fathom.data.images.augment.colour:adjust_hue": moved(colour.adjust_hue, 0.1 * ones),
    "fathom.training.optimizers:l1_penalty_": parameters(optimizers.l1_penalty_),
    "fathom.training.optimizers:clip_by_norm_": parameters(optimizers.clip_by_norm_),
    "fathom.training.optimizers:clip_by_value_": parameters(optimizers.clip_by_value_),
    "fathom.training.optimizers:normalize_gradients_": parameters(optimizers.normalize_gradients_),
    "fathom.training.optimizers:project_": parameters(optimizers.project_),
}

REASONS: dict[str, str] = {
    "fathom.models.inspection.summary:run_sample": "passes a sample on to any network",
    "fathom.models.inspection.tracer:tensors_in": "tensors of all shapes, wherever they stand",
    "fathom.models.surgery.widths:replace": "the parameters of any network",
    "fathom.training.optimizers:make_optimizer": "the parameters of any network",
}
