"""The vision transformer: an image as a sequence of patches, which attend to one another.

Source:  Dosovitskiy et al. 2021, arXiv:2010.11929; the small width is that of Touvron et al. 2021, arXiv:2012.12877
"""

from __future__ import annotations

from collections import OrderedDict
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fathom.errors import UsageError
from fathom.models.facts import IMAGENET, Paper
from fathom.models.options import check_count, check_image, check_probability, use_small
from fathom.models.registration import register_model

PAPER = Paper(
    "Dosovitskiy et al.",
    2021,
    "An image is worth 16x16 words: transformers for image recognition at scale",
    "https://arxiv.org/abs/2010.11929",
)

_STD = 0.02  # Dosovitskiy et al. 2021, of the positions; torchvision's too
_EPS = 1e-6  # of the norms, as published
# width, heads, blocks, side of a patch. The small form is ours: 64 features a head, as published, and 49 patches of 28
# pixels, 64 of 32.
FORMS = {"small": (384, 6, 12, 16), "base": (768, 12, 12, 16), "few pixels": (192, 3, 6, 4)}


class SelfAttention(nn.Module):
    """Every patch looks at all others, with several heads. The parameters have the names of torch's layer.

    Shape:   X (N, T, width) -> (N, T, width)
    Equals:  torch.nn.MultiheadAttention(width, heads, batch_first=True) of X, X, X
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(nn.init.xavier_uniform_(torch.empty(3 * width, width)))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)
        nn.init.zeros_(self.out_proj.bias)

    def forward(self, X: Tensor) -> Tensor:
        qkv = F.linear(X, self.in_proj_weight, self.in_proj_bias)  # (N, T, 3·width)
        # to each head its share of the features
        q, k, v = qkv.unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)  # (N, heads, T, d) each
        mixed = F.scaled_dot_product_attention(q, k, v)  # (N, heads, T, d)
        return self.out_proj(mixed.transpose(1, 2).flatten(2))  # (N, T, width)


class Block(nn.Module):
    """Attention, then a network for each patch; each reads the normalised sum so far and adds to it.

    Shape:   X (N, T, width) -> (N, T, width)
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(width, eps=_EPS)
        self.self_attention = SelfAttention(width, heads)
        self.dropout = nn.Dropout(dropout)
        self.ln_2 = nn.LayerNorm(width, eps=_EPS)
        # four times as wide, as in Vaswani et al. 2017, §3.3; torchvision's names count the activation and the dropout
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(4 * width, width),
            nn.Dropout(dropout),
        )

    def forward(self, X: Tensor) -> Tensor:
        X = X + self.dropout(self.self_attention(self.ln_1(X)))  # (N, T, width)
        return X + self.mlp(self.ln_2(X))  # (N, T, width)


class Encoder(nn.Module):
    """Positions are added, the blocks follow, a norm ends them.

    Shape:   X (N, T, width) -> (N, T, width)
    """

    def __init__(self, positions: int, width: int, heads: int, depth: int, dropout: float) -> None:
        super().__init__()
        self.pos_embedding = nn.Parameter(torch.empty(1, positions, width).normal_(std=_STD))
        self.dropout = nn.Dropout(dropout)
        blocks = ((f"encoder_layer_{i}", Block(width, heads, dropout)) for i in range(depth))
        self.layers = nn.Sequential(OrderedDict(blocks))
        self.ln = nn.LayerNorm(width, eps=_EPS)

    def forward(self, X: Tensor) -> Tensor:
        return self.ln(self.layers(self.dropout(X + self.pos_embedding)))  # (N, T, width)


class VisionTransformer(nn.Module):
    """Patches, and one more place that is asked for the class.

    Shape:   X (N, C, H, W) -> logits (N, num_classes)
    """

    def __init__(
        self, image: tuple[int, int, int], num_classes: int, form: tuple[int, int, int, int], dropout: float
    ) -> None:
        super().__init__()
        channels, height, size = image
        width, heads, depth, side = form
        self.class_token = nn.Parameter(torch.zeros(1, 1, width))
        self.conv_proj = nn.Conv2d(channels, width, kernel_size=side, stride=side)  # a linear map of each patch
        nn.init.trunc_normal_(self.conv_proj.weight, std=(channels * side**2) ** -0.5)  # 1/√(inputs), as torchvision
        nn.init.zeros_(self.conv_proj.bias)  # type: ignore[arg-type]
        positions = (height // side) * (size // side) + 1
        self.encoder = Encoder(positions, width, heads, depth, dropout)
        head = nn.Linear(width, num_classes)
        # torchvision's is zero; small, so that the first step reaches the body too
        nn.init.trunc_normal_(head.weight, std=_STD)
        nn.init.zeros_(head.bias)
        self.heads = nn.Sequential(OrderedDict(head=head))

    def forward(self, X: Tensor) -> Tensor:
        patches = self.conv_proj(X).flatten(2).transpose(1, 2)  # (N, T, width)
        asked = self.class_token.expand(X.shape[0], -1, -1).to(patches.dtype)  # (N, 1, width)
        return self.heads(self.encoder(torch.cat([asked, patches], 1))[:, 0])  # (N, num_classes)


published = partial(register_model, paper=PAPER, form=IMAGENET)


# The count of the base is torchvision's, of vit_b_16; that of the small one is timm's, of vit_small_patch16_224.
@published(
    "vit_small", description="vision transformer, 384 features wide", parameters=22_050_664, fixed={"size": "small"}
)
@published(
    "vit_base", description="vision transformer, 768 features wide", parameters=86_567_656, fixed={"size": "base"}
)
def vit(
    input_shape: tuple[int, ...],
    num_classes: int,
    *,
    size: str = "small",
    small: bool | None = None,
    dropout: float = 0.0,
    depth: int | None = None,
) -> nn.Module:
    """Build a vision transformer. Its weights have torchvision's names.

    Args:
        size: small or base.
        small: patches of 4 pixels, 192 features and six blocks; None means: for images below 64 pixels.
        dropout: probability of dropping what a block adds.
        depth: number of blocks; None for that of the form.

    Shape:   X (N, C, H, W) -> logits (N, num_classes); H and W multiples of the patch's side
    """
    is_small = use_small(small, input_shape)
    width, heads, usual, side = FORMS["few pixels" if is_small else size]
    channels, height, length = check_image(f"vit_{size}", input_shape, minimum=side)
    if height % side or length % side:
        raise UsageError(
            f"vit_{size} cuts images into patches of {side}x{side}; got {height}x{length}: --resize to a multiple"
        )
    check_probability("dropout", dropout)
    depth = usual if depth is None else check_count("depth", depth)
    return VisionTransformer((channels, height, length), num_classes, (width, heads, depth, side), dropout)
