"""What stands without an option: a network, data, or both. ``fathom train photos/`` needs no --data."""

from __future__ import annotations

import argparse
import os

from fathom.address import is_remote
from fathom.data.sources import catalog
from fathom.errors import UsageError
from fathom.files import expand_home
from fathom.models import registry


def add_data_place(parser: argparse.ArgumentParser) -> None:
    """Declare the place for data behind that of the network; ``sort_places`` then tells which is which."""
    parser.add_argument("data_place", metavar="data", nargs="?", help="the same as --data: photos/, house.csv, digits")


def sort_places(args: argparse.Namespace) -> None:
    """Put the network into ``args.model`` and the data into ``args.data``, in whichever order they stand.

    A known network is one, also where a folder of that name lies about; ``./lenet`` is the folder.

    Raises:  UsageError if data are named twice, or two places hold the same
    """
    first, second = args.model, args.data_place
    if first is not None and second is None and _is_data(first):  # one place: `fathom train photos/`
        first, second = None, first
    # two in the other order: photos/ resnet18
    elif second is not None and registry.is_known(second) and _is_data(first):
        first, second = second, first
    if second is not None:
        if not _is_data(second):
            raise UsageError(
                f"unexpected argument {second!r}: neither a data set (see `fathom data`) nor a file or folder"
            )
        if args.data not in (None, second):  # the same in both places is no contradiction
            raise UsageError(f"two data sets are named, {second} and --data {args.data}; leave one of them out")
        args.data = second
    args.model, args.data_place = first, None  # data_place is used up: later readers look at args.data


def _is_data(text: str) -> bool:
    if registry.is_known(text):
        return False
    # a bare name counts as path only if it exists
    is_path = any(separator in text for separator in (os.sep, os.altsep) if separator) or os.path.exists(
        expand_home(text)
    )
    return is_path or is_remote(text) or text in catalog.names()
