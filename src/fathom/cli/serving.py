"""Options of the commands that serve a page: where it listens, in which language, whether a browser is opened."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fathom.board.server import Options


def add_serving(parser: argparse.ArgumentParser) -> None:
    """Declare where and how a page is served."""
    parser.add_argument("--port", type=int, metavar="N", help="port to listen on (default: 8350, or one behind it)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine alone)")
    parser.add_argument("--no-browser", action="store_true", help="open no browser; print the address alone")
    parser.add_argument("--lang", choices=("en", "zh"), default="", help="language (default: the browser's)")


def announce(address: str) -> None:
    """Print the address to open."""
    print(f"{address}\nCtrl-C ends it", flush=True)


def options_of(args: argparse.Namespace, *, read_only: bool = False) -> Options:
    """Return how to serve, with a warning where others can reach it."""
    from fathom.board.server import Options
    from fathom.errors import UsageError
    from fathom.web.server import is_loopback

    if args.port is not None and not 0 <= args.port < 1 << 16:
        raise UsageError(f"--port {args.port}: it is a number up to 65535, or 0 for any that is free")
    if not is_loopback(args.host):
        print(
            f"--host {args.host}: who can reach this machine and has the address sees the runs, unencrypted",
            file=sys.stderr,
        )
    return Options(args.host, args.port, read_only, args.lang, not args.no_browser)
