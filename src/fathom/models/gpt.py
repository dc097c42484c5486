"""A decoder-only transformer that reads a text: causal attention over the last ``context`` tokens, rotary positions.

Its state is the memory of the tokens read: the keys and values of the last ``context`` of them, in every layer. Reading
on from it equals reading everything at once, so evaluation, generation and an export work as for recurrent networks.

Source:  Vaswani et al. 2017; Radford et al. 2019 (norm before each part, GELU, scaled initial weights); Su et al. 2021
    (rotary positions)
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fathom.errors import UsageError
from fathom.models.facts import TEXT, Paper
from fathom.models.options import check_count, check_probability
from fathom.models.registration import register_model

RADFORD = Paper(
    "Radford et al.",
    2019,
    "Language models are unsupervised multitask learners",
    "https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf",
)

_ROTARY_BASE = 10_000.0  # Su et al. 2021, as the sinusoids of Vaswani et al. 2017
_INIT_STD = 0.02  # Radford et al. 2019


def rotate(X: Tensor, positions: Tensor) -> Tensor:
    """Rotate each pair of features by an angle that grows with the position, so that q·k depends on the distance alone.

    Feature i of the first half and feature i of the second are the pair i; its angle is position · base^(−2i/d).

    Shape:   X (N, heads, T, d), positions (T,) -> (N, heads, T, d); d even
    Source:  Su et al. 2021, arXiv:2104.09864, eq. (34), with halves in place of neighbours
    """
    half = X.shape[-1] // 2
    precision = torch.promote_types(X.dtype, torch.float32)  # half precision cannot tell far positions apart
    frequency = _ROTARY_BASE ** (-torch.arange(half, device=X.device, dtype=precision) / half)  # (d/2,)
    angle = positions[:, None] * frequency  # (T, d/2)
    cos, sin = angle.cos().to(X.dtype), angle.sin().to(X.dtype)  # (T, d/2)
    first, second = X[..., :half], X[..., half:]  # (N, heads, T, d/2)
    return torch.cat([first * cos - second * sin, first * sin + second * cos], -1)  # (N, heads, T, d)


class Attend(nn.Module):
    """Mix values by softmax(q·k / √d) over the keys that a query sees: with ``seen`` of None itself and all before it.

    Shape:   q (N, heads, T, d), k (N, heads, S, d), v (N, heads, S, d) -> (N, heads, T, d)
    Equals:  torch.nn.functional.scaled_dot_product_attention
    """

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout

    def forward(self, q: Tensor, k: Tensor, v: Tensor, seen: Tensor | None = None) -> Tensor:
        dropped = self.dropout if self.training else 0.0
        return F.scaled_dot_product_attention(q, k, v, attn_mask=seen, dropout_p=dropped, is_causal=seen is None)


class CausalAttention(nn.Module):
    """Every token looks at itself and the ``context − 1`` tokens before it.

    Shape:   X (N, T, width), past (N, 2, context, width), count (N,)
             -> (N, T, width), past (N, 2, context, width)
    Source:  Vaswani et al. 2017, arXiv:1706.03762, §3.2
    """

    def __init__(self, width: int, heads: int, context: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.context = heads, context
        self.qkv = nn.Linear(width, 3 * width)  # query, key and value in one product
        self.attend = Attend(dropout)
        self.output = nn.Linear(width, width)

    def forward(self, X: Tensor, past: Tensor, count: Tensor, is_start: bool) -> tuple[Tensor, Tensor]:
        """Attend; ``count`` of the tokens in ``past`` are real, the last ones, and none is where ``is_start``."""
        steps = X.shape[1]
        q, k, v = self.qkv(X).chunk(3, -1)  # (N, T, width) each
        window = torch.stack([k, v], 1)  # (N, 2, T, width)
        memory = torch.cat([past, window], 2)  # (N, 2, context + T, width)
        if not is_start:
            k, v = memory.unbind(1)  # (N, context + T, width)
        before = k.shape[1] - steps  # keys of earlier batches
        positions = torch.arange(k.shape[1], device=X.device)  # (before + T,)
        q = rotate(self._split(q), positions[before:])  # (N, heads, T, d)
        k = rotate(self._split(k), positions)  # (N, heads, before + T, d)
        is_triangle = is_start and steps <= self.context  # then torch needs no mask, which is faster
        seen = None if is_triangle else self._seen(positions, before, count)  # (N, 1, T, before + T)
        mixed = self.attend(q, k, self._split(v), seen)  # (N, heads, T, d)
        mixed = mixed.transpose(1, 2).flatten(2)  # (N, T, width)
        return self.output(mixed), memory[:, :, -self.context :]

    def _split(self, X: Tensor) -> Tensor:
        return X.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # (N, heads, T, d)

    def _seen(self, positions: Tensor, before: int, count: Tensor) -> Tensor:
        """Return which keys a query sees: itself, and up to ``context − 1`` real tokens before it."""
        distance = positions[before:, None] - positions  # (T, before + T)
        seen = (distance >= 0) & (distance < self.context)  # (T, before + T)
        is_real = positions >= before - count[:, None]  # (N, before + T); those of this batch always are
        return seen & is_real[:, None, None]  # (N, 1, T, before + T)


class Block(nn.Module):
    """Attention, then a network for each token; each reads the normalised sum so far and adds to it.

    Shape:   X (N, T, width), past (N, 2, context, width), count (N,)
             -> (N, T, width), past (N, 2, context, width)
    """

    def __init__(self, width: int, heads: int, context: int, dropout: float) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = CausalAttention(width, heads, context, dropout)
        self.expand = nn.Linear(width, 4 * width)  # four times as wide, as in Vaswani et al. 2017, §3.3
        self.contract = nn.Linear(4 * width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, X: Tensor, past: Tensor, count: Tensor, is_start: bool) -> tuple[Tensor, Tensor]:
        mixed, past = self.attention(self.norm1(X), past, count, is_start)
        X = X + self.dropout(mixed)  # (N, T, width)
        return X + self.dropout(self.contract(F.gelu(self.expand(self.norm2(X))))), past


class GPT(nn.Module):
    """Tokens in, logits of the next token out, at every step, with the memory that the next batch may go on from.

    Shape:   X int64 (steps, N), state (layers, N, memory)
             -> logits (steps, N, num_tokens), state (layers, N, memory); memory is 2 · context · width + 1, whose last
        number counts the tokens that are remembered, at most ``context``; a state of None remembers nothing
    """

    takes_tokens = True  # time first: samples lie along dimension 1
    # the parameter that reads the tokens, and the dimension along which they lie
    token_dim = ("input.weight", 0)

    def __init__(self, num_tokens: int, *, width: int, layers: int, heads: int, context: int, dropout: float) -> None:
        super().__init__()
        self.width, self.context = width, context
        self.input = nn.Embedding(num_tokens, width)
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(Block(width, heads, context, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.output = nn.Linear(width, num_tokens)
        self._initialize()

    @property
    def state_sizes(self) -> tuple[tuple[int, int], ...]:
        """Layers and width of each state."""
        return ((len(self.blocks), 2 * self.context * self.width + 1),)

    def draw_state(self, size: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        """Return a possible state of ``size`` sequences, at random: each remembers another number of tokens.

        Shape:   -> (layers, size, memory)
        """
        ((layers, width),) = self.state_sizes
        state = torch.randn(layers, size, width, generator=generator)  # (layers, size, memory)
        state[..., -1] = torch.randint(self.context + 1, (size,), generator=generator).float()
        return (state,)

    def forward(self, X: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        is_start = state is None
        if state is None:
            ((layers, size),) = self.state_sizes
            state = self.output.weight.new_zeros(layers, X.shape[1], size)
        pasts, count = state[..., :-1], state[0, :, -1]  # (layers, N, 2 · context · width), (N,)
        tokens = self.dropout(self.input(X.t()))  # (N, T, width)
        after = []
        for block, past in zip(self.blocks, pasts, strict=True):
            past = past.unflatten(-1, (2, self.context, self.width)).to(tokens.dtype)  # (N, 2, context, width)
            tokens, past = block(tokens, past, count, is_start)
            after.append(past.flatten(1))  # (N, 2 · context · width)
        logits = self.output(self.norm(tokens)).transpose(0, 1)  # (steps, N, num_tokens)
        count = (count + X.shape[0]).clamp(max=self.context)  # (N,)
        memory = torch.stack(after).to(state.dtype)  # (layers, N, 2 · context · width)
        return logits, torch.cat([memory, count.expand(len(self.blocks), -1)[..., None]], -1)

    def _initialize(self) -> None:
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
            elif parameter.ndim == 2:  # norms keep their ones
                # what is added to the sum 2 · layers times starts smaller, so that the sum does not grow with the depth
                is_added = name.endswith(("attention.output.weight", "contract.weight"))
                scale = 1 / math.sqrt(2 * len(self.blocks)) if is_added else 1.0
                nn.init.normal_(parameter, std=_INIT_STD * scale)


@register_model(
    "gpt",
    description="decoder-only transformer language model, causal attention",
    paper=RADFORD,
    form=TEXT,
    takes_tokens=True,
)
def gpt(
    input_shape: tuple[int, ...],
    num_classes: int,
    *,
    width: int = 128,
    layers: int = 4,
    heads: int = 4,
    context: int | None = None,
    dropout: float = 0.0,
) -> nn.Module:
    """Build a transformer language model; ``num_classes`` is the size of its vocabulary.

    Args:
        width: of the vector that stands for a token.
        layers: blocks of attention and a network for each token.
        heads: of the attention, each on width / heads features.
        context: how many tokens back it looks, itself included; None for the steps of a training batch.
        dropout: probability of dropping an attention weight, an embedding or what a block adds.

    Shape:   X int64 (steps, N) -> logits (steps, N, num_classes), state (layers, N, memory); state: see ``GPT``
    """
    if len(input_shape) != 1:
        shape = "x".join(map(str, input_shape)) or "()"
        raise UsageError(f"gpt expects texts, of input shape (steps,); got input shape {shape}")
    for option, value in (("width", width), ("layers", layers), ("heads", heads)):
        check_count(option, value)
    if width % (2 * heads):  # rotary positions turn pairs of features
        raise UsageError(f"width must be a multiple of twice the heads, {2 * heads}; got {width}")
    context = check_count("context", input_shape[0] if context is None else context)
    dropout = check_probability("dropout", dropout)
    return GPT(num_classes, width=width, layers=layers, heads=heads, context=context, dropout=dropout)
