"""``fathom data``: which data sets there are, where they lie, how they are balanced and what they look like."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fathom.cli.columns import print_table
from fathom.data.fetch.paths import cache_root, make_folder, measure_cache
from fathom.data.sources import catalog
from fathom.errors import UsageError, unknown
from fathom.phrases import format_bytes
from fathom.progress import Progress, count_of

if TYPE_CHECKING:
    from fathom.data.arrays import Arrays
    from fathom.data.images.augment.augmentation import Compose

_IN_CACHE = {
    "data": "data sets",
    "remote": "remote copies",
    "archives": "unpacked archives",
    "decoded": "decoded images",
}
# a digit is another one, or none, in the mirror
_SHOWN_AUGMENTATION = {
    "digits": "crop:padding=1:mode=zero",
    "mnist": "crop:padding=2:mode=zero",
    "fashion_mnist": "flip,crop:padding=2:mode=zero",
    "cifar10": "flip,crop:padding=4",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``fathom data``."""
    parser.add_argument(
        "name", nargs="?", help=f"one of {', '.join(catalog.names())}, or sample; without it, a table of all"
    )
    parser.add_argument(
        "sample", nargs="?", metavar="WHAT", help="behind `sample`: photos, house or book; writes small made ones"
    )
    parser.add_argument("--augment", metavar="SPEC", help='what to show augmented, such as "flip,crop:padding=2"')
    parser.add_argument(
        "--out",
        metavar="DIR",
        default=".",
        help="where to write the page of sample images, or the sample (default: here)",
    )
    parser.add_argument("--extract", metavar="DIR", help="write cifar10 as PNG files in class folders; can be resumed")
    parser.add_argument("--seed", type=int, default=0, help="seed of the samples shown (default: 0)")


def run(args: argparse.Namespace) -> int:
    """Carry out ``fathom data``; give the exit code: 1 if a data set that is here is damaged."""
    if args.name == "sample":
        return _write_sample(args)
    if args.sample is not None:
        raise UsageError(f"unexpected argument {args.sample!r}; see fathom data --help")
    if args.extract is not None:
        return _extract(args)
    if args.name is None:
        if args.augment is not None:
            raise UsageError("--augment needs the name of a data set: fathom data NAME --augment SPEC")
        return _list_all()
    return _show(args)


def _write_sample(args: argparse.Namespace) -> int:
    """Write made files, and say what to try on them."""
    from fathom.data.sources.made_files import NEXT, WRITERS

    if args.sample not in WRITERS:
        if args.sample is None:
            raise UsageError(f"fathom data sample: say of what: {', '.join(WRITERS)}")
        raise unknown("sample", args.sample, WRITERS)
    if args.augment is not None or args.extract is not None:
        raise UsageError("fathom data sample takes --out and --seed alone")
    path = WRITERS[args.sample](Path(args.out), args.seed)
    print(f"wrote    {path}\ntry      {NEXT[args.sample].format(path=shlex.quote(str(path)))}")
    return 0


def _list_all() -> int:
    rows, refused = [], []
    for name in catalog.names():
        entry, state = catalog.describe(name), catalog.check(name)
        if state not in ("ok", "absent", "made"):  # anything else is a sentence about what is wrong
            refused.append(state)
            state = "wrong"
        rows.append(  # a text has neither classes nor shape
            (
                name,
                f"{entry.train_size:,}",
                f"{entry.test_size:,}",
                str(len(entry.class_names) or "–"),
                _times(entry.shape) or "text",
                "–" if state == "made" else state,  # made on demand: nothing to sum
                "made on demand" if state == "made" else str(entry.found or "–"),
            )
        )
    header = ("name", "train", "test", "classes", "shape", "checksum", "where")
    if sys.stdout.isatty():  # paths are too long for a column of a terminal
        print_table(header[:-1], [row[:-1] for row in rows], right=(1, 2, 3))
        for row in rows:
            print(f"  {row[0]:<21} {row[-1]}")
    else:
        print_table(header, rows, right=(1, 2, 3))
    _print_cache()
    for reason in refused:
        print(reason, file=sys.stderr)
    return 1 if refused else 0


def _print_cache() -> None:
    """Say what takes room in the cache; any of it can be deleted."""
    sizes = [
        f"{_IN_CACHE[name]} {format_bytes(size)} ({name})"
        for name, size in measure_cache().items()  # folders that are empty or not Fathom's are passed over
        if size and name in _IN_CACHE
    ]
    if sizes:
        print(f"\ncache {cache_root()}: {', '.join(sizes)}; each of these folders can be deleted")


def _show(args: argparse.Namespace) -> int:
    entry = catalog.describe(args.name)
    if entry.task != "classification" and args.augment is not None:
        raise UsageError(f"--augment is for images; {entry.name} has none")
    augment = None
    if entry.task == "classification":
        from fathom.data.images.augment.augmentation_spec import make_augmentation

        # "" would be no augmentation: None alone takes the usual one
        spec = _SHOWN_AUGMENTATION[entry.name] if args.augment is None else args.augment
        augment = make_augmentation(spec)
        if augment is not None:
            augment.check(entry.shape)
    # downloads what is not here
    contents = catalog.load_text(args.name) if entry.task == "language" else catalog.load_arrays(args.name)
    entry = catalog.describe(args.name)  # by now it is found
    print(entry.title)
    if entry.shape:
        print(f"shape    {_times(entry.shape)}")
    print(f"source   {entry.source}")
    print(f"licence  {entry.licence}")
    if entry.found is not None:
        print(f"read     {entry.found}, checksum ok")
    print()
    if isinstance(contents, str):
        _print_tokens(contents)
        return 0
    if entry.task == "regression":
        _print_targets(contents)
        return 0

    arrays = contents
    _print_balance(arrays)
    print(f"\nsamples  {_draw(arrays, entry.name, augment, spec, args)}")
    return 0


def _draw(arrays: Arrays, name: str, augment: Compose | None, spec: str, args: argparse.Namespace) -> Path:
    """Write the page of sample images, plain and, unless ``augment`` is None, augmented."""
    from fathom.data.images.samples import augmented_rows, sample_rows
    from fathom.runs.html.pages.samples import samples_page

    images = (arrays.train_images, arrays.train_labels, arrays.class_names)
    page = samples_page(
        name,
        sample_rows(*images, seed=args.seed),
        # empty rows: no such section on the page
        [] if augment is None else augmented_rows(*images, augment, seed=args.seed),
        augmentation=spec,
        num_classes=len(arrays.class_names),
    )
    make_folder(Path(args.out))
    return page.write(Path(args.out, f"{name}-samples.html"))


def _extract(args: argparse.Namespace) -> int:
    if args.name != "cifar10":
        raise UsageError("--extract is for cifar10: fathom data cifar10 --extract DIR")
    if args.augment is not None:
        raise UsageError("--extract writes the images as they are; leave --augment out")
    from fathom.data.sources.cifar10 import extract_cifar10

    with Progress("extracting", amount=count_of("images")) as progress:
        written = extract_cifar10(args.extract, lambda done, total: progress.update(done, total=total))
    # 60,000: 50,000 to train, 10,000 to test
    print(f"wrote {written:,} images to {args.extract}" + (", the others were there" if written < 60_000 else ""))
    return 0


def _print_balance(arrays: Arrays) -> None:
    import numpy as np

    num_classes = len(arrays.class_names)
    train = np.bincount(arrays.train_labels, minlength=num_classes).tolist()
    # no test labels: zeros
    test = [0] * num_classes if arrays.test_labels is None else np.bincount(arrays.test_labels, minlength=num_classes)
    rows = [(name, f"{a:,}", f"{b:,}") for name, a, b in zip(arrays.class_names, train, test, strict=True)]
    rows.append(("all", f"{sum(train):,}", f"{sum(test):,}"))
    print_table(("class", "train", "test"), rows, right=(1, 2))


def _print_targets(arrays: Arrays) -> None:
    rows = []
    for part, targets in (("train", arrays.train_labels), ("test", arrays.test_labels)):
        if targets is not None:
            rows.append((part, f"{len(targets):,}", f"{targets.mean():.4f}", f"{targets.std():.4f}"))
    print_table(("part", "samples", "mean of y", "std of y"), rows, right=(1, 2, 3))


def _print_tokens(text: str) -> None:
    """Print how long a text is at either level, as it stands and cleaned as the book does it."""
    from collections import Counter

    from fathom.data.texts.vocabulary import Tokenizer

    rows = []
    for level in ("char", "word"):
        for how, tokenizer in (("as it is", Tokenizer(level)), ("letters", Tokenizer(level, True, "letters"))):
            counts = Counter(tokenizer.split(text))
            # ␣: a space would not show; repr for \n, without its quotes
            frequent = " ".join("␣" if token == " " else repr(token)[1:-1] for token, _ in counts.most_common(8))
            rows.append((level, how, f"{counts.total():,}", f"{len(counts):,}", frequent))
    print_table(("level", "cleaned", "tokens", "different", "most frequent"), rows, right=(2, 3))


def _times(shape: Sequence[int]) -> str:
    return "×".join(str(size) for size in shape)
