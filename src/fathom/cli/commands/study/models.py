"""``fathom models``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fathom.cli.columns import print_table
from fathom.cli.values import OneOf, read_count, read_positive
from fathom.models.hardware import HARDWARE, Hardware

if TYPE_CHECKING:
    from fathom.models.facts import Form, RegisteredModel

COST_OPTIONS = ("batch_size", "hardware", "flops", "bandwidth", "optimizer", "half")
OPTIMIZERS = ("sgd", "momentum", "adam", "adamw")
_ABOUT_FLOPS = """
FLOPs of a forward pass of a sample, a multiply-add as two; convolutions, dense, recurrent and attention layers only."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("name", nargs="?", help="show the layers of this network")
    parser.add_argument("--input", metavar="CxHxW", help="shape of one sample, such as 3x32x32; steps of a text")
    parser.add_argument("--classes", type=int, metavar="N", help="number of classes; size of the vocabulary")
    parser.add_argument(
        "--set", action="append", default=[], metavar="OPTION=VALUE", help="set an option of the network"
    )

    parser.add_argument("--cost", action="store_true", help="forecast FLOPs, memory and time of a step of training")
    parser.add_argument("--batch-size", type=read_count, metavar="N", help="samples of that step (default: 64)")
    parser.add_argument(
        "--hardware",
        type=OneOf("hardware", tuple(HARDWARE)),
        metavar="NAME",
        help=f"{', '.join(HARDWARE)} (default: cpu8)",
    )
    parser.add_argument(
        "--flops", type=read_positive, metavar="F", help="FLOP/s instead of the hardware's, such as 1e12"
    )
    parser.add_argument(
        "--bandwidth", type=read_positive, metavar="B", help="bytes/s of memory instead of the hardware's"
    )
    parser.add_argument("--optimizer", type=OneOf("optimizer", OPTIMIZERS), metavar="NAME", help=", ".join(OPTIMIZERS))
    parser.add_argument("--half", action="store_true", help="numbers of two bytes, and the speed of half precision")


def run(args: argparse.Namespace) -> int:
    """List the networks, or the layers of one."""
    from fathom.errors import UsageError

    given = [f"--{name.replace('_', '-')}" for name in COST_OPTIONS if getattr(args, name)]  # 0 and False are not given
    if args.cost and args.name is None:
        raise UsageError("--cost goes with a name: fathom models lenet --cost")
    if given and not args.cost:
        raise UsageError(f"{given[0]} goes with --cost")
    if args.cost:
        _show_cost(args)
    elif args.name is None:
        if args.input or args.classes is not None or args.set:
            raise UsageError("--input, --classes and --set go with a name: fathom models lenet --classes 2")
        _list_networks()
    else:
        _show_network(args)
    return 0


def _list_networks() -> None:
    from fathom.models import registry
    from fathom.models.facts import FASHION
    from fathom.runs.analysis.numbers import count, short

    rows: list[tuple[str, ...]] = []
    for name in registry.builtin_names():
        model = registry.get(name)
        for counted in model.counts:  # published sizes: ImageNet's, Fashion-MNIST's, or both
            form = counted.form
            label = f"{name} (small)" if form == FASHION != model.form else name  # only where the two forms differ
            size = (_by(form.input_shape), str(form.num_classes))
            rows.append((label, *size, count(counted.parameters), short(counted.flops), str(model.paper)))
    for name, package in registry.plugins():  # installed ones are not imported to be listed
        rows.append((name, "", "", "", "", f"package {package}"))
    print_table(("network", "input", "outputs", "parameters", "FLOPs", "paper"), rows, right=(1, 2, 3, 4))
    print(_ABOUT_FLOPS)
    print("The small form is taken for images below 64 pixels. The layers of one: fathom models NAME")


def _choose_form(model: RegisteredModel, args: argparse.Namespace, options: dict[str, Any]) -> Form:
    """Return the sizes to show a network at: the published ones, those of the small form, or those given."""
    from fathom.errors import UsageError
    from fathom.models.facts import FASHION, Form
    from fathom.models.options import SMALL_BELOW

    form = model.form
    if model.has_small and options.get("small") is True:
        form = FASHION
    shape = _parse_shape(args.input) if args.input else form.input_shape if form else None
    num_classes = args.classes if args.classes is not None else form.num_classes if form else None
    if shape is None or num_classes is None:
        raise UsageError(f"{model.name} has no published size; add --input CxHxW and --classes N")
    # a small input without --classes: the small form's classes
    if args.input and args.classes is None and model.has_small and min(shape[1:], default=SMALL_BELOW) < SMALL_BELOW:
        num_classes = FASHION.num_classes
    return Form(shape, num_classes)


def _show_cost(args: argparse.Namespace) -> None:
    import torch

    from fathom.cli.model_cost import print_cost
    from fathom.models import registry
    from fathom.models.inspection.cost import training_cost

    model, options = registry.get(args.name), _parse_options(args.set)
    form = _choose_form(model, args, options)
    with torch.device("meta"):  # meta: shapes alone, no memory
        net = registry.create(model.name, input_shape=form.input_shape, num_classes=form.num_classes, **options)
    batch_size, number_bytes = args.batch_size or 64, 2 if args.half else 4  # bytes of a number
    optimizer = args.optimizer or "adamw"
    cost = training_cost(net, form.input_shape, batch_size, optimizer=optimizer, number_bytes=number_bytes)
    print(f"{model.name}: input {_by(form.input_shape)}, outputs {form.num_classes}, {optimizer}")
    print_cost(cost, batch_size, _find_processor(args), half=args.half)


def _find_processor(args: argparse.Namespace) -> Hardware:
    """Return the speeds asked for: those of a data sheet, or given ones."""
    sheet = HARDWARE[args.hardware or "cpu8"]
    flops = args.flops or (sheet.half_flops if args.half else sheet.flops)
    if args.flops is None and args.bandwidth is None:
        return replace(sheet, flops=flops)  # the data sheet's bandwidth and name stay
    return Hardware("a processor", flops, flops, args.bandwidth or sheet.bandwidth, "as given")


def _show_network(args: argparse.Namespace) -> None:
    from fathom.models import registry
    from fathom.runs.analysis.numbers import count

    model = registry.get(args.name)
    options = _parse_options(args.set)
    form = _choose_form(model, args, options)
    shape, num_classes = form.input_shape, form.num_classes
    # Meta needs no memory but a second to load, which only a large input repays.
    layers = _layers(model.name, form, options, device="meta" if max(shape) > 64 else "cpu")

    settings = {**model.fixed, **model.options, **options}  # what the user set wins
    print(f"{model.name}: {model.description}{f' ({model.paper})' if model.paper else ''}")
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
            # None: a layer that sees all of the input
            "all" if layer["receptive_field"] is None else count(layer["receptive_field"]),
        )
        for layer in layers
    ]
    parameters, flops = _total(layers, "parameters"), _total(layers, "flops")
    rows.append(("total", "", "", count(parameters), count(flops), ""))
    print_table(("layer", "type", "output", "parameters", "FLOPs", "receptive field"), rows, right=(2, 3, 4, 5))
    print(_ABOUT_FLOPS)
    if not model.takes_tokens:
        print("Receptive field: pixels in height or width that one value sees, padding included.")


def _layers(name: str, form: Form, options: dict[str, Any], device: str) -> list[dict[str, Any]]:
    import torch

    from fathom.models import registry
    from fathom.models.inspection.summary import layer_table

    with torch.device(device):
        net = registry.create(name, input_shape=form.input_shape, num_classes=form.num_classes, **options)
    return layer_table(net, form.input_shape)


def _parse_shape(text: str) -> tuple[int, ...]:
    from fathom.errors import UsageError

    sizes = text.lower().split("x")
    if not all(size.isdecimal() and int(size) for size in sizes):  # isdecimal: no sign; int() != 0: no empty side
        raise UsageError(f"--input {text!r}: expected CxHxW such as 3x32x32, or a number of features")
    return tuple(int(size) for size in sizes)


def _parse_options(assignments: Sequence[str]) -> dict[str, Any]:
    """Read ``option=value``; ``model.options.option=value``, which ``fathom train`` takes, is the same."""
    from fathom.errors import UsageError
    from fathom.settings.settings import set_dotted

    tree: dict[str, Any] = {}
    for assignment in assignments:
        # the short form, without its section
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
