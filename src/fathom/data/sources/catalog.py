"""The data sets known by name: what each is, where it lies, how to load it. Heavy imports only in functions."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fathom.errors import FathomError, UsageError, unknown

if TYPE_CHECKING:
    from fathom.data.arrays import Arrays


@dataclass(frozen=True)
class Description:
    """What can be known of a data set without loading it.

    ``checksums`` maps a file's name to "algorithm:hex" of its uncompressed content. ``found`` is the file or folder
    that would be read now; None means that it would be downloaded (or made, where there are no files at all).
    """

    name: str
    title: str
    task: str  # "classification", "regression" or "language"
    shape: tuple[int, ...]  # of one sample: (C, H, W) or (D,); empty for a text, whose samples are tokens
    class_names: tuple[str, ...]
    train_size: int
    test_size: int
    licence: str
    source: str
    options: tuple[str, ...] = ()  # accepted by load_arrays
    urls: tuple[str, ...] = ()
    checksums: dict[str, str] = field(default_factory=dict)
    found: Path | None = None


_OPTIONS: dict[str, tuple[str, ...]] = {
    "digits": ("size",),
    "mnist": ("root", "download", "progress"),
    "fashion_mnist": ("root", "download", "progress"),
    "cifar10": ("root", "download", "check", "progress"),
    "synthetic_regression": ("w", "b", "noise", "n", "n_test", "seed"),
}
_TEXTS = ("time_machine",)


def names() -> list[str]:
    """List the data sets that are known by name."""
    return [*_OPTIONS, *_TEXTS]


def is_text(name: str) -> bool:
    """Whether a name is that of a text, which ``load_text`` reads; all others ``load_arrays`` does."""
    return name in _TEXTS


def text_form(name: str) -> dict[str, Any]:
    """Return the options by which a text known by name is read unless others are given; none for other texts."""
    if not is_text(name):
        return {}
    from fathom.data.sources import time_machine

    return dict(time_machine.FORM)


def load_text(name: str) -> str:
    """Read a text by name, downloading it if it is nowhere on this machine.

    Raises:  UsageError for a name that is not that of a text; FathomError if the text cannot be had
    """
    _check_name(name)
    if not is_text(name):
        raise UsageError(f"{name} is not a text; the texts are: {', '.join(_TEXTS)}")
    from fathom.data.sources import time_machine

    return time_machine.load()


def load_arrays(name: str, **options: Any) -> Arrays:
    """Load a data set by name, downloading it if it is nowhere on this machine.

    The options are those of the source's own ``load``; ``describe(name).options`` lists them.

    Raises:  UsageError for an unknown name or option, or a text; FathomError if the data cannot be had
    """
    _check_name(name)
    if is_text(name):
        raise UsageError(f"{name} is a text, for language models: rnn, gru or lstm")
    for option in options:
        if option not in _OPTIONS[name]:
            raise unknown(f"option of data set {name}", option, _OPTIONS[name])
    if name == "digits":
        from fathom.data.sources import digits

        return digits.load(**options)
    if name == "synthetic_regression":
        from fathom.data.sources import synthetic

        return synthetic.load(**options)
    if name == "cifar10":
        from fathom.data.sources import cifar10

        return cifar10.load(**options)
    from fathom.data.sources import idx

    return idx.load(name, **options)


def describe(name: str) -> Description:
    """Return what a data set is and where it is found now, without reading it.

    Raises:  UsageError, with the nearest name, if it is unknown
    """
    _check_name(name)
    if name == "digits":
        return _describe_digits()
    if name == "synthetic_regression":
        return _describe_synthetic()
    if name == "cifar10":
        return _describe_cifar10()
    if name == "time_machine":
        return _describe_time_machine()
    return _describe_idx(name)


def check(name: str) -> str:
    """Check a data set's files: "ok", "absent", "made" (there are none to check) or the reason why they are refused."""
    if name == "synthetic_regression":
        return "made"
    place = describe(name).found
    if place is None:
        return "absent"
    try:
        if name == "digits":
            from fathom.data.sources import digits

            digits.verify(place)
        elif name == "cifar10":
            from fathom.data.sources import cifar10

            cifar10.verify(place)
        elif name == "time_machine":
            from fathom.data.sources import time_machine

            time_machine.verify(place)
        else:
            from fathom.data.sources import idx

            idx.verify(name, place)
    except FathomError as error:
        return str(error)
    return "ok"


def _check_name(name: str) -> None:
    if name not in _OPTIONS and name not in _TEXTS:
        raise unknown("data set", name, names())


def _describe_digits() -> Description:
    from fathom.data.sources import digits

    return Description(
        name="digits",
        title="Handwritten digits of scikit-learn",
        task="classification",
        shape=(1, 8, 8),
        class_names=tuple("0123456789"),
        train_size=1438,
        test_size=359,
        licence="CC BY 4.0",
        source="https://archive.ics.uci.edu/dataset/80",
        options=_OPTIONS["digits"],
        checksums={"digits.csv": f"sha256:{digits.SHA256}"},
        found=digits.locate(),
    )


def _describe_idx(name: str) -> Description:
    from fathom.data.sources import idx

    entry = idx.SETS[name]
    fashion = name == "fashion_mnist"
    return Description(
        name=name,
        title="Fashion-MNIST: articles of clothing" if fashion else "MNIST: handwritten digits",
        task="classification",
        shape=(1, 28, 28),
        class_names=entry.class_names,
        train_size=60_000,
        test_size=10_000,
        licence="MIT" if fashion else "CC BY-SA 3.0",
        source="https://github.com/zalandoresearch/fashion-mnist" if fashion else "http://yann.lecun.com/exdb/mnist/",
        options=_OPTIONS[name],
        urls=tuple(f"{mirror}{file.name}.gz" for mirror in entry.mirrors for file in entry.files),
        checksums={file.name: f"md5:{file.md5}" for file in entry.files},
        found=idx.locate(name),
    )


def _describe_cifar10() -> Description:
    from fathom.data.sources import cifar10

    return Description(
        name="cifar10",
        title="CIFAR-10: small colour photographs",
        task="classification",
        shape=(3, 32, 32),
        class_names=cifar10.CLASS_NAMES,
        train_size=50_000,
        test_size=10_000,
        licence="not stated; cite Krizhevsky 2009",
        source="https://www.cs.toronto.edu/~kriz/cifar.html",
        options=_OPTIONS["cifar10"],
        urls=cifar10.URLS,
        checksums={cifar10.ARCHIVE: f"md5:{cifar10.ARCHIVE_MD5}"}
        | {name: f"md5:{md5}" for name, md5 in cifar10.BATCH_MD5.items()},
        found=cifar10.locate(),
    )


def _describe_synthetic() -> Description:
    return Description(
        name="synthetic_regression",
        title="Linear law y = Xw + b + noise",
        task="regression",
        shape=(2,),
        class_names=(),
        train_size=1000,
        test_size=1000,
        licence="none, made on demand",
        source="Dive into Deep Learning, Synthetic Regression Data",
        options=_OPTIONS["synthetic_regression"],
    )


def _describe_time_machine() -> Description:
    from fathom.data.sources import time_machine

    return Description(
        name="time_machine",
        title="The Time Machine by H. G. Wells, a text",
        task="language",
        shape=(),
        class_names=(),
        train_size=156_091,
        test_size=17_337,
        licence="public domain",
        source="https://www.gutenberg.org/ebooks/35",
        urls=time_machine.URLS,
        checksums={time_machine.FILE: f"sha256:{time_machine.SHA256}"},
        found=time_machine.locate(),
    )
