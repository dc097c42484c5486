"""Attention maps: how much each place looks at each other, head by head, of every attention layer of a network."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from fathom.board.work.opened import as_png, open_model
from fathom.errors import FathomError
from fathom.inference.run_models import RunTextModel
from fathom.module import LanguageModel

MOST_TOKENS = 48  # of a text: more cannot be told apart in a drawing
_MOST_HEADS = 12
_SIDE = 144  # pixels of a map


class _Recorder(TorchFunctionMode):
    """Within it every call of torch's attention leaves its weights here, whichever layer makes it."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Tensor] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is F.scaled_dot_product_attention:
            self.found.append(attention_weights(*args, **(kwargs or {})))
        return func(*args, **(kwargs or {}))


def attention_weights(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    **_: Any,
) -> Tensor:
    """Return the weights with which ``scaled_dot_product_attention`` mixes the values.

    Shape:   query (N, heads, T, d), key (N, heads, S, d) -> (N, heads, T, S)
    """
    scores = query @ key.transpose(-2, -1) * (scale if scale is not None else 1 / math.sqrt(query.shape[-1]))
    if is_causal:
        T, S = scores.shape[-2:]
        attn_mask = torch.ones(T, S, dtype=torch.bool, device=scores.device).tril()
    if attn_mask is not None:
        is_bool = attn_mask.dtype == torch.bool
        scores = scores.masked_fill(~attn_mask, -math.inf) if is_bool else scores + attn_mask
    return scores.softmax(-1)


def record_attention(run: Callable[[], Any]) -> list[Tensor]:
    """Return the weights of each attention layer, as they are called: (heads, T, S) of the first sample."""
    with torch.inference_mode(), _Recorder() as recorder:
        run()
    return [weights[0] for weights in recorder.found if weights.dim() == 4]


def draw_heads(layers: list[Tensor], chosen: int, image: Tensor | None = None) -> dict[str, Any]:
    """Return the maps of one layer's heads; of an image also where the place that is asked for the class looks.

    Shape:   layers (heads, T, S) each, image (C, H, W)
    """
    chosen = min(max(chosen, 0), len(layers) - 1)
    heads = layers[chosen][:_MOST_HEADS].float()  # (heads, T, S)
    drawn: dict[str, Any] = {
        "layers": len(layers),
        "layer": chosen,
        "heads": [as_png(head / head.max().clamp(min=1e-12), side=_SIDE) for head in heads],
        "places": heads.shape[-1],
    }
    if image is not None and (grid := grid_of(heads.shape[-1] - 1, image.shape[-2:])) is not None:
        looks = heads[:, 0, 1:].reshape(-1, *grid)  # (heads, h, w): from the first place to the patches
        drawn["looks"] = [as_png(look / look.max().clamp(min=1e-12), side=_SIDE) for look in looks]
    return drawn


def grid_of(patches: int, size: tuple[int, ...]) -> tuple[int, int] | None:
    """Return rows and columns of an image's patches; None where so many make no grid of the image's form.

    >>> grid_of(49, (28, 28))
    (7, 7)
    """
    rows = round(math.sqrt(patches * size[0] / size[1])) if patches > 0 else 0
    return (rows, patches // rows) if rows and patches % rows == 0 else None


def attend_text(run: str, prefix: str, layer: int = 0) -> dict[str, Any]:
    """Draw a language model's attention over the beginning of a text.

    Raises:  FathomError if the model has no attention
    """
    module = open_model(run).module
    if not isinstance(module, LanguageModel):
        raise FathomError("this model reads no text")
    model = RunTextModel(module)
    tokens = list(model.tokenizer.split(prefix))[:MOST_TOKENS]
    if not tokens:
        raise FathomError("type the beginning of a text")
    numbers = torch.as_tensor(model.vocabulary.encode(tokens))[:, None]  # (T, 1)
    found = record_attention(lambda: model.module(numbers))
    if not found:
        raise FathomError("this network has no attention: it reads one token after the other")
    chosen = min(max(layer, 0), len(found) - 1)
    last = found[chosen][:, -1].mean(0)[: len(tokens)]  # (T,): from the last token, over all heads
    return draw_heads(found, chosen) | {"tokens": tokens, "last": [float(weight) for weight in last]}
