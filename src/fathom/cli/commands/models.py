"""``fathom models``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fathom.cli.tables import lay_out

if TYPE_CHECKING:
    from fathom.models.registry import Entry

_ABOUT_FLOPS = """
FLOPs of one forward pass of one sample: a multiply-add is two; convolutions, dense and recurrent layers only."""
SMALL_INPUT, SMALL_CLASSES = (1, 28, 28), 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("name", nargs="?", help="show the layers of this network")
    parser.add_argument("--input", metavar="CxHxW", help="shape of one sample, such as 3x32x32; steps of a text")
    parser.add_argument("--classes", type=int, metavar="N", help="number of classes; size of the vocabulary")
    parser.add_argument(
        "--set", action="append", default=[], metavar="OPTION=VALUE", help="set an option of the network"
    )


def run(args: argparse.Namespace) -> int:
    """List the networks, or the layers of one."""
    from fathom.errors import UsageError

    if args.name is None:
        if args.input or args.classes is not None or args.set:
            raise UsageError("--input, --classes and --set go with a name: fathom models lenet --classes 2")
        _list_networks()
    else:
        _show_network(args)
    return 0


def _list_networks() -> None:
    from fathom.models import registry
    from fathom.runs.analysis.numbers import count, short

    rows: list[tuple[str, ...]] = []
    for name in registry.names():
        entry = registry.get(name)
        forms: list[tuple[str, Sequence[int], int]] = [(name, entry.input_shape, entry.num_classes)]
        if entry.has_small:
            forms.append((f"{name} (small)", SMALL_INPUT, SMALL_CLASSES))
        for label, shape, num_classes in forms:
            # Meta: the parameters of all these networks together would not fit in memory.
            layers = _layers(entry, shape, num_classes, {}, device="meta")
            parameters, flops = _total(layers, "parameters"), _total(layers, "flops")
            rows.append(
                (label, _by(shape), str(num_classes), count(parameters), short(flops), f"{entry.paper} {entry.year}")
            )
    _print_table(("network", "input", "outputs", "parameters", "FLOPs", "paper"), rows, right=(1, 2, 3, 4))
    print(_ABOUT_FLOPS)
    print("The small form is taken for images below 64 pixels. The layers of one: fathom models NAME")


def _show_network(args: argparse.Namespace) -> None:
    from fathom.models import registry
    from fathom.runs.analysis.numbers import count

    entry = registry.get(args.name)
    options = _parse_options(args.set)
    shape, num_classes = entry.input_shape, entry.num_classes
    if entry.has_small and options.get("small") is True:
        shape, num_classes = SMALL_INPUT, SMALL_CLASSES
    if args.input:
        shape = _parse_shape(args.input)
        if entry.has_small and min(shape[1:], default=64) < 64:
            num_classes = SMALL_CLASSES
    if args.classes is not None:
        num_classes = args.classes
    # Meta needs no memory but a second to load, which only a large input repays.
    layers = _layers(entry, shape, num_classes, options, device="meta" if max(shape) > 64 else "cpu")

    settings = {**entry.options, **registry.defaults(args.name), **options}
    print(f"{entry.name}: {entry.description} ({entry.paper} {entry.year})")
    print(f"input {_by(shape)}, outputs {num_classes}")
    if settings:
        print("options " + ", ".join(f"{option}={_show(value)}" for option, value in settings.items()))
    print()
    rows = [
        (
            layer["name"],
            layer["type"],
            _by(layer["output_shape"]),
            count(layer["parameters"]),
            count(layer["flops"]),
            "all" if layer["receptive_field"] is None else count(layer["receptive_field"]),
        )
        for layer in layers
    ]
    parameters, flops = _total(layers, "parameters"), _total(layers, "flops")
    rows.append(("total", "", "", count(parameters), count(flops), ""))
    _print_table(("layer", "type", "output", "parameters", "FLOPs", "receptive field"), rows, right=(2, 3, 4, 5))
    print(_ABOUT_FLOPS)
    if not entry.takes_tokens:
        print("Receptive field: pixels in height or width that one value sees, padding included.")


def _layers(
    entry: Entry, shape: Sequence[int], num_classes: int, options: dict[str, Any], device: str
) -> list[dict[str, Any]]:
    import torch

    from fathom.models import registry
    from fathom.models.inspection.summary import layer_table

    with torch.device(device):
        net = registry.create(entry.name, input_shape=shape, num_classes=num_classes, **options)
    return layer_table(net, shape)


def _parse_shape(text: str) -> tuple[int, ...]:
    from fathom.errors import UsageError

    sizes = text.lower().split("x")
    if not all(size.isdecimal() and int(size) for size in sizes):
        raise UsageError(f"--input {text!r}: expected CxHxW such as 3x32x32, or a number of features")
    return tuple(int(size) for size in sizes)


def _parse_options(assignments: Sequence[str]) -> dict[str, Any]:
    """Read ``option=value``; ``model.options.option=value``, which ``fathom train`` takes, is the same."""
    from fathom.errors import UsageError
    from fathom.settings.config import set_dotted

    tree: dict[str, Any] = {}
    for assignment in assignments:
        option, equals, _ = assignment.removeprefix("model.options.").partition("=")
        if not equals or not option.isidentifier():
            raise UsageError(f"--set {assignment!r}: expected option=value, for example dropout=0.2")
        set_dotted(tree, f"model.options.{assignment.removeprefix('model.options.')}")
    return tree["model"]["options"] if tree else {}


def _total(layers: list[dict[str, Any]], key: str) -> int:
    return sum(layer[key] for layer in layers)


def _by(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))


def _show(value: Any) -> str:
    if value is None:
        return "auto"
    if isinstance(value, bool):
        return str(value).lower()
    return str(list(value)) if isinstance(value, tuple) else str(value)


def _print_table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]], right: tuple[int, ...]) -> None:
    """Print a table: with Rich on a terminal, else as aligned text."""
    if sys.stdout.isatty():
        from rich.box import SIMPLE_HEAD
        from rich.console import Console
        from rich.table import Table

        table = Table(box=SIMPLE_HEAD, pad_edge=False)
        for index, title in enumerate(header):
            table.add_column(title, justify="right" if index in right else "left", overflow="fold")
        for row in rows:
            table.add_row(*row)
        Console(markup=False).print(table)
        return
    print("\n".join(lay_out([header, *rows], right=right)))
