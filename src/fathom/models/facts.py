"""What is known about a network without building it. Loads without PyTorch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Paper:
    """Where a network was published."""

    authors: str
    year: int
    title: str
    url: str = ""

    def __str__(self) -> str:
        return f"{self.authors} {self.year}"


@dataclass(frozen=True)
class Form:
    """What a network takes and gives.

    Attributes:
        input_shape: of one sample: (channels, height, width), (features,) or, of tokens, (steps,).
        num_classes: number of outputs; of tokens, the size of the vocabulary.
    """

    input_shape: tuple[int, ...]
    num_classes: int


FEATURES = Form((2,), 1)
FASHION = Form((1, 28, 28), 10)  # Fashion-MNIST; the small forms are counted at this size too
IMAGENET = Form((3, 224, 224), 1000)
TEXT = Form((32,), 28)  # the 32 steps of the book; the letters, the space and "unknown"


@dataclass(frozen=True)
class Count:
    """How large a network is in one of its forms.

    Attributes:
        parameters: values in all parameters.
        flops: of a forward pass of one sample; a multiply-add is two.
    """

    form: Form
    parameters: int
    flops: int


@dataclass(frozen=True)
class RegisteredModel:
    """What is known about a network without building it.

    Attributes:
        name: the name in the registry.
        module: the Python module of its builder.
        description: one line.
        paper: where it was published.
        form: the published one.
        parameters: published count in that form, where there is one.
        fixed: what the name stands for among the builder's options; these cannot be given again.
        options: the others, each with its default.
        takes_tokens: whether it reads a text, int64 (steps, N), and gives logits at every step.
        counts: in the published form, then in the small one; empty for networks of other packages.
    """

    name: str
    module: str
    description: str = ""
    paper: Paper | None = None
    form: Form | None = None
    parameters: int | None = None
    fixed: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    takes_tokens: bool = False
    counts: tuple[Count, ...] = ()

    @property
    def has_small(self) -> bool:
        """Whether the builder takes ``small``, a form for images of 28 or 32 pixels."""
        return "small" in self.options

    @property
    def is_for_small(self) -> bool:
        """Whether the published form looks at small images: of 28 pixels, or of CIFAR-10's 32."""
        return self.form is not None and len(self.form.input_shape) == 3 and self.form.input_shape[-1] <= 32
