"""The networks by name. Nothing of PyTorch is imported before a network is made."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fathom.errors import UsageError, unknown
from fathom.models.options import check_count

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Entry:
    """What is known about a network without building it.

    Attributes:
        name: the name in the registry.
        target: ``module:function`` of its builder.
        description: one line.
        paper: authors of the paper it comes from.
        year: of that paper.
        input_shape: of the published form, (channels, height, width), (features,) or, of tokens, (steps,).
        num_classes: of the published form; of tokens, the size of the vocabulary.
        has_small: whether the builder takes ``small``, a form for images of 28 or 32 pixels.
        parameters: published count at that input shape and number of classes, where there is one.
        options: what the name stands for among the builder's options; these cannot be given again.
        takes_tokens: whether it reads a text, int64 (steps, N), and gives logits at every step.
    """

    name: str
    target: str
    description: str
    paper: str
    year: int
    input_shape: tuple[int, ...]
    num_classes: int
    has_small: bool = False
    parameters: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    takes_tokens: bool = False

    @property
    def is_for_small(self) -> bool:
        """Whether the published form looks at small images, of 28 pixels."""
        return len(self.input_shape) == 3 and self.input_shape[-1] <= 32


FEATURES = ((2,), 1)
FASHION = ((1, 28, 28), 10)
IMAGENET = ((3, 224, 224), 1000)
TEXT = ((32,), 28)  # 32 steps; the letters, the space and "unknown"

LEGENDRE = ("Legendre", 1805)
COX = ("Cox", 1958)
RUMELHART = ("Rumelhart, Hinton & Williams", 1986)
LECUN = ("LeCun, Bottou, Bengio & Haffner", 1998)
KRIZHEVSKY = ("Krizhevsky", 2014)  # the single tower that torchvision publishes, not the two of 2012
SIMONYAN = ("Simonyan & Zisserman", 2015)
LIN = ("Lin, Chen & Yan", 2014)
SZEGEDY = ("Szegedy et al.", 2015)
IOFFE = ("Ioffe & Szegedy", 2015)
SZEGEDY_V3 = ("Szegedy et al.", 2016)
SZEGEDY_V4 = ("Szegedy et al.", 2017)
HE = ("He, Zhang, Ren & Sun", 2016)
SPRINGENBERG = ("Springenberg et al.", 2015)
PAGE = ("Page", 2018)
ELMAN = ("Elman", 1990)
CHO = ("Cho et al.", 2014)
HOCHREITER = ("Hochreiter & Schmidhuber", 1997)

# name, builder, options the name stands for, description, (paper, year), published form, published parameters
_Row = tuple[str, str, dict[str, Any], str, tuple[str, int], tuple[tuple[int, ...], int], int | None]
_SIGMOID = {"activation": "sigmoid", "pooling": "avg"}
# torchvision publishes the form with batch norm alone
_V1, _V3, _RESIDUAL = ({"variant": variant, "as_torchvision": False} for variant in ("v1", "v3", "residual"))
_ROWS: tuple[_Row, ...] = (
    ("linear", "linear:linear", {}, "linear regression: features to outputs", LEGENDRE, FEATURES, 3),
    ("softmax", "linear:softmax", {}, "softmax regression: pixels to logits", COX, FASHION, 7_850),
    ("mlp", "mlp:mlp", {}, "multilayer perceptron", RUMELHART, FASHION, 203_530),
    ("lenet", "lenet:lenet", {}, "LeNet-5 with ReLU and max-pooling", LECUN, FASHION, 61_706),
    ("lenet_sigmoid", "lenet:lenet", _SIGMOID, "LeNet-5 with sigmoid and average pooling", LECUN, FASHION, 61_706),
    ("alexnet", "alexnet:alexnet", {}, "five convolutions, three dense layers", KRIZHEVSKY, IMAGENET, 61_100_840),
    ("vgg11", "vgg:vgg", {"depth": 11}, "blocks of 3x3 convolutions", SIMONYAN, IMAGENET, 132_863_336),
    ("vgg13", "vgg:vgg", {"depth": 13}, "blocks of 3x3 convolutions", SIMONYAN, IMAGENET, 133_047_848),
    ("vgg16", "vgg:vgg", {"depth": 16}, "blocks of 3x3 convolutions", SIMONYAN, IMAGENET, 138_357_544),
    ("vgg19", "vgg:vgg", {"depth": 19}, "blocks of 3x3 convolutions", SIMONYAN, IMAGENET, 143_667_240),
    ("nin", "nin:nin", {}, "1x1 convolutions for dense layers", LIN, IMAGENET, None),
    (
        "googlenet",
        "googlenet:googlenet",
        _V1,
        "nine Inception blocks",
        SZEGEDY,
        IMAGENET,
        6_998_552,
    ),
    ("googlenet_bn", "googlenet:googlenet", {"variant": "bn"}, "... with batch norm", IOFFE, IMAGENET, None),
    ("googlenet_v3", "googlenet:googlenet", _V3, "... factorised", SZEGEDY_V3, IMAGENET, None),
    (
        "googlenet_residual",
        "googlenet:googlenet",
        _RESIDUAL,
        "... residual",
        SZEGEDY_V4,
        IMAGENET,
        None,
    ),
    ("resnet18", "resnet:resnet", {"depth": 18}, "residual blocks", HE, IMAGENET, 11_689_512),
    ("resnet34", "resnet:resnet", {"depth": 34}, "residual blocks", HE, IMAGENET, 21_797_672),
    ("resnet50", "resnet:resnet", {"depth": 50}, "residual bottlenecks", HE, IMAGENET, 25_557_032),
    ("resnet101", "resnet:resnet", {"depth": 101}, "residual bottlenecks", HE, IMAGENET, 44_549_160),
    ("resnet152", "resnet:resnet", {"depth": 152}, "residual bottlenecks", HE, IMAGENET, 60_192_808),
    ("compact", "compact:compact", {}, "two convolutions on 2x2 patches", SPRINGENBERG, FASHION, None),
    ("resnet9", "compact:resnet9", {}, "small, quick residual network", PAGE, FASHION, None),
    ("rnn", "rnn:recurrent", {"cell": "rnn"}, "recurrent language model, tanh", ELMAN, TEXT, None),
    ("gru", "rnn:recurrent", {"cell": "gru"}, "recurrent language model, gated units", CHO, TEXT, None),
    ("lstm", "rnn:recurrent", {"cell": "lstm"}, "recurrent language model, memory cells", HOCHREITER, TEXT, None),
)

_REGISTRY = {
    name: Entry(
        name, f"fathom.models.{target}", about, *source, *form, form is IMAGENET, parameters, options, form is TEXT
    )
    for name, target, options, about, source, form, parameters in _ROWS
}


def names() -> list[str]:
    """The names of all networks, simplest first."""
    return list(_REGISTRY)


def get(name: str) -> Entry:
    """The entry of a network.

    Raises:  UsageError for an unknown name, with the nearest one
    """
    if name not in _REGISTRY:
        raise unknown("model", name, _REGISTRY)
    return _REGISTRY[name]


def defaults(name: str) -> dict[str, Any]:
    """The options that a network takes, each with its default. Imports PyTorch."""
    entry = get(name)
    parameters = inspect.signature(_builder(entry)).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY and p.name not in entry.options}


def create(
    name: str,
    *,
    input_shape: Sequence[int],
    num_classes: int,
    widths: Mapping[str, Sequence[int]] | None = None,
    **options: Any,
) -> nn.Module:
    """Build a network by name.

    Args:
        widths: layers to be narrower than the builder makes them, as pruning leaves them; see ``widths.narrow``.

    Shape:   (N, *input_shape) -> logits (N, num_classes); a network that takes tokens: see ``RecurrentNet``
    Raises:  UsageError for an unknown name or option, a value that makes no sense, an input too small for the network

    >>> create("lenet", input_shape=(1, 28, 28), num_classes=10, activation="tanh")  # doctest: +SKIP
    """
    entry = get(name)
    known = defaults(name)
    for option in options:
        if not known:
            raise UsageError(f"{name} takes no options; got {option!r}")
        if option not in known:
            raise unknown(f"option of {name}", option, known)
    shape = tuple(check_count("input_shape", size) for size in input_shape)
    net = _builder(entry)(shape, check_count("num_classes", num_classes), **entry.options, **options)
    if widths:
        importlib.import_module("fathom.models.surgery.widths").narrow(net, widths)
    return net


def _builder(entry: Entry) -> Callable[..., nn.Module]:
    module, function = entry.target.split(":")
    return getattr(importlib.import_module(module), function)
