"""A network for tables: several small perceptrons that learn side by side, as one tensor product a layer.

One network's answer on a small table depends much on how its weights began; the mean of several depends less. All
members are trained by the same steps, on the same batches, and their layers are multiplied in one batched product.

Where the data say so, each member is kept from one part of the rows (``holds_out``). A row that was learned from is
then answered by the one member that never saw it: every row of a small table serves to learn from *and* to validate.

Source:  ensembles in one network: Gorishniy et al. 2024, arXiv:2410.24210 (TabM); periodic embeddings of numbers:
         Gorishniy et al. 2022, arXiv:2203.05556; smooth clipping: Holzmüller et al. 2024, arXiv:2407.04491 (RealMLP)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fathom.answers import IN_NO_PART
from fathom.errors import UsageError
from fathom.models.facts import FEATURES, Paper
from fathom.models.options import check_choice, check_count, check_probability
from fathom.models.registration import register_model

PAPER = Paper(
    "Gorishniy, Kotelnikov & Babenko",
    2024,
    "TabM: Advancing tabular deep learning with parameter-efficient ensembling",
    "https://arxiv.org/abs/2410.24210",
)

LEARNING = ("together", "apart", "held_out")
# of a number's waves, radians a deviation: RealMLP's 2π · 0.1. Faster ones fit the noise between rows of small tables
_FREQUENCY = 0.2 * math.pi
_CLIP = 3.0  # standard deviations; beyond, a number grows no further than to this


class MemberLinear(nn.Module):
    """An affine map a member, all in one batched product.

    Shape:   X (M, N, D) -> (M, N, C)
    """

    def __init__(self, members: int, num_inputs: int, num_outputs: int, gain: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(members, num_inputs, num_outputs) * gain / math.sqrt(num_inputs))
        self.bias = nn.Parameter(torch.zeros(members, 1, num_outputs))

    def forward(self, X: Tensor) -> Tensor:
        return torch.baddbmm(self.bias, X, self.weight)


class NumberEmbedding(nn.Module):
    """What a number is near to: cosines of several frequencies, then a learned affine map of them.

    A perceptron learns slowly what changes fast along one number; the cosines have fast changes to offer.

    Shape:   X (N, D) -> (N, D · width)
    Source:  Gorishniy et al. 2022, arXiv:2203.05556, §3.3; with phases as in RealMLP
    """

    def __init__(self, num_numbers: int, width: int, frequencies: int = 8) -> None:
        super().__init__()
        self.frequency = nn.Parameter(torch.randn(num_numbers, frequencies) * _FREQUENCY)  # radians a deviation
        self.bias_phase = nn.Parameter((torch.rand(num_numbers, frequencies) * 2 - 1) * math.pi)
        self.weight = nn.Parameter(torch.randn(num_numbers, frequencies, width) / math.sqrt(frequencies))
        self.bias = nn.Parameter(torch.zeros(num_numbers, width))

    def forward(self, X: Tensor) -> Tensor:
        waves = torch.cos(X[:, :, None] * self.frequency + self.bias_phase)  # (N, D, frequencies)
        # a product a number: (D, N, frequencies) with (D, frequencies, width)
        mixed = torch.baddbmm(self.bias[:, None], waves.transpose(0, 1), self.weight)  # (D, N, width)
        return mixed.transpose(0, 1).flatten(1)  # (N, D · width)


class Tabular(nn.Module):
    """See ``tabular``.

    Shape:   X (N, D) -> (N, C); the mean of the members' answers, or ``by_member`` in training each of them, (N, M, C)
    """

    def __init__(
        self,
        num_inputs: int,
        num_outputs: int,
        hidden: Sequence[int],
        members: int,
        dropout: float,
        embedding: NumberEmbedding | None,
        num_numbers: int,
    ) -> None:
        super().__init__()
        self.members, self.num_numbers = members, num_numbers
        self.by_member = self.holds_out = False
        self.embedding = embedding
        widths = [num_inputs + (embedding.bias.numel() if embedding is not None else 0), *hidden]
        # 2: He et al. 2015 for ReLUs
        self.layers = nn.ModuleList(MemberLinear(members, *pair, math.sqrt(2)) for pair in pairwise(widths))
        # a tenth: at first all classes are about as probable, whatever the member
        self.head = MemberLinear(members, widths[-1], num_outputs, 0.1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, X: Tensor) -> Tensor:
        part = X[:, -1] if self.holds_out else None  # (N,) which member is kept from the row
        X = X[:, :-1] if self.holds_out else X.flatten(1)  # (N, D)
        X = X / torch.sqrt(1 + (X / _CLIP) ** 2)  # the identity near 0, ±3 far out: one outlier moves nobody
        if self.embedding is not None:
            X = torch.cat([X, self.embedding(X[:, : self.num_numbers])], 1)  # (N, D + numbers · width)
        hidden = X.expand(self.members, *X.shape)  # (M, N, D'), a view
        for layer in self.layers:
            hidden = self.dropout(F.relu(layer(hidden)))  # (M, N, width)
        answers = self.head(hidden).transpose(0, 1)  # (N, M, C)
        if part is None:
            return answers if self.training and self.by_member else self._mean(answers)
        is_kept_from = part[:, None] == torch.arange(self.members, device=part.device)  # (N, M)
        if self.training and self.by_member:
            # no gradient reaches the member that is kept from a row; its loss still counts in what is reported
            return torch.where(is_kept_from[:, :, None], answers.detach(), answers)
        own = torch.where(is_kept_from[:, :, None], answers, 0.0).sum(1)  # (N, C), of the member that never saw the row
        return torch.where((part == IN_NO_PART)[:, None], self._mean(answers), own)

    def _mean(self, answers: Tensor) -> Tensor:
        """Return the mean answer: of numbers and of a single logit as they are, of classes as probabilities.

        Shape:   (N, M, C) -> (N, C); of classes the logarithm of the mean probability, which a softmax leaves as it is
        """
        if answers.shape[-1] == 1:
            return answers.mean(1)
        return answers.log_softmax(-1).logsumexp(1) - math.log(self.members)


@register_model(
    "tabular",
    description="several perceptrons side by side, for tables",
    paper=PAPER,
    form=FEATURES,
    parameters=152_760,
)
def tabular(
    input_shape: tuple[int, ...],
    num_classes: int,
    *,
    hidden: int | Sequence[int] = (128, 128),
    members: int = 8,
    dropout: float = 0.2,
    embedding: int = 8,
    numbers: int | None = None,
    learning: str = "together",
) -> nn.Module:
    """Build perceptrons that learn side by side; what they answer is the mean.

    Args:
        hidden: widths of the hidden layers of each, first to last.
        members: how many there are.
        dropout: probability of dropping a hidden unit.
        embedding: numbers that an input number is spread out to, beside itself; 0 for none.
        numbers: how many of the inputs, the first ones, are numbers; None: all. A table's own are filled in.
        learning: "together", by the loss of the mean; "apart", each member by its own loss; "held_out", apart, and the
            last input says which member is kept from a row. The training of a table fills it in.

    Shape:   X (N, D) -> (N, num_classes); in training, unless together, (N, members, num_classes)
    """
    widths = [hidden] if isinstance(hidden, int) else list(hidden)
    if not widths:
        raise UsageError(f"hidden must be one or more layer widths, such as 128 or [128, 128]; got {hidden!r}")
    for width in widths:
        check_count("hidden", width)
    check_count("members", members)
    check_probability("dropout", dropout)
    check_choice("learning", learning, LEARNING)
    holds_out = learning == "held_out"
    num_inputs = math.prod(input_shape) - holds_out
    num_numbers = num_inputs if numbers is None else numbers
    has_embedding = bool(embedding and num_numbers)
    net = Tabular(
        num_inputs,
        num_classes,
        widths,
        members,
        dropout,
        NumberEmbedding(num_numbers, embedding) if has_embedding else None,
        num_numbers,
    )
    net.holds_out, net.by_member = holds_out, learning != "together"
    return net
