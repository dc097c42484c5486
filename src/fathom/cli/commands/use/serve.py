"""``fathom serve``: a model behind HTTP."""

from __future__ import annotations

import argparse
import secrets
import socket

from fathom.cli.arguments import add_code, add_device, add_model, find_model
from fathom.cli.values import read_count, read_natural
from fathom.errors import UsageError

_EXAMPLES = """\
examples:
  fathom serve last
  fathom serve model.onnx --port 9000
  curl http://127.0.0.1:8000/predict -H "Authorization: Bearer TOKEN" -F file=@photo.jpg
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EXAMPLES
    add_model(parser)
    add_code(parser)
    parser.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="to listen at (default: this machine)")
    parser.add_argument(
        "--port", type=read_natural, default=8000, metavar="N", help="0 takes a free one (default: 8000)"
    )
    parser.add_argument(
        "--name", action="append", default=[], metavar="HOST", help="a name that requests may call the server by"
    )
    parser.add_argument("--token", metavar="TEXT", help="what requests must carry (default: a new one, printed)")
    parser.add_argument("--no-token", action="store_true", help="ask for none; on this machine alone")
    parser.add_argument(
        "--most-batch",
        type=read_count,
        default=64,
        metavar="N",
        help="samples of one batch (default: 64)",
    )
    add_device(parser)


def run(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    from fathom.web.guard import listed_hosts
    from fathom.web.server import LOOPBACK, bind, import_web, is_loopback, run_server

    if args.no_token and (args.token is not None or not is_loopback(args.host)):
        raise UsageError("--no-token is for this machine alone, and without --token: others need the token")
    if args.token is not None and (len(args.token) < 8 or not args.token.isascii() or " " in args.token):
        raise UsageError("--token: at least 8 characters of ASCII, without spaces")
    model = find_model(args.run, args.runs)
    import_web()  # a missing library is told before the model is read
    listening = bind(args.host, args.port)
    from fathom.serving.app import make_app
    from fathom.serving.served import open_served

    served = open_served(model, args.device)
    port = listening.getsockname()[1]
    token = None if args.no_token else args.token or secrets.token_urlsafe(24)
    names = {*LOOPBACK, args.host, *args.name} | (set() if is_loopback(args.host) else {socket.gethostname()})
    host = f"[{args.host}]" if ":" in args.host else args.host
    print(f"serving   {served.name}, a {served.kind} of {served.samples.noun}")
    print(f"page      http://{host}:{port}/{'' if token is None else f'#token={token}'}")
    print(f"predict   POST http://{host}:{port}/predict")
    if token is not None:
        print(f"token     {token}   (header: Authorization: Bearer TOKEN)")
    print("stop      Ctrl-C", flush=True)
    run_server(make_app(served, listed_hosts(names, port), token=token, most_batch=args.most_batch), listening)
    return 0
