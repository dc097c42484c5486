"""``fathom scratch``: networks written out on NumPy, trained beside PyTorch; and what else is shown from scratch."""

from __future__ import annotations

import argparse
import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fathom.cli.columns import lay_out
from fathom.cli.values import read_count, read_natural, read_positive
from fathom.errors import FathomError, UsageError, unknown
from fathom.lab.tours.pairings import MOST_SAMPLES, PAIRINGS, Pairing
from fathom.outputs import is_special

if TYPE_CHECKING:
    from fathom.lab.tours.tables import TourTable
    from fathom.lab.tours.twin_training import Epoch, TwinOptions, TwinResult

TOURS = {
    "perceptron": "its own rule on pairs of digits and on XOR; updates beside the bound (r²+1)/ρ²",
    "devices": "one device, data parallel, pipeline, parameter server: the same network by every way",
    "stability": "activations and gradients through 50 layers; products of matrices; fp16",
    "bounds": "the bound ‖w‖ ≤ θ and the λ with the same solution; the likelihood behind each loss",
    "pieces": "networks of ReLUs are piecewise linear: their pieces, and how near they come to a function",
}
# precision: a difference of two losses that rounding alone explains
SMALL = {"fp64": 1e-10, "fp32": 1e-4}
FIGURES = (".png", ".svg", ".pdf")
# option: what it goes with
IMAGES = frozenset(name for name, pairing in PAIRINGS.items() if not pairing.is_text)
TEXTS = frozenset(PAIRINGS) - IMAGES
GOES_WITH = {
    "data": IMAGES,
    "size": IMAGES,
    "samples": frozenset(PAIRINGS),
    "text": TEXTS,
    "epochs": frozenset(PAIRINGS) | {"devices"},
    "batch_size": frozenset(PAIRINGS) | {"devices"},
    "lr": frozenset(PAIRINGS) | {"devices"},
    "width": frozenset(name for name, pairing in PAIRINGS.items() if pairing.width is not None),
    "precision": frozenset(PAIRINGS),
    "seed": frozenset(PAIRINGS) | {"devices", "stability", "bounds", "pieces"},
}
DEVICES_EPOCHS, DEVICES_BATCH_SIZE, DEVICES_LR = 3, 60, 0.2  # enough to see that all ways learn the same


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "name", metavar="NAME", nargs="?", help="a network or a topic: perceptron, devices, stability, bounds, pieces"
    )
    parser.add_argument("--data", metavar="SET", help="digits (default), mnist, fashion_mnist or cifar10")
    parser.add_argument("--size", type=read_count, metavar="N", help="height and width that the digits are scaled to")
    parser.add_argument(
        "--samples",
        type=read_count,
        metavar="N",
        help=f"learn from the first N samples, or characters (default: all; {MOST_SAMPLES:,} of sets beside digits)",
    )
    parser.add_argument("--text", metavar="FILE", help="text for rnn, gru, lstm (default: The Time Machine)")
    parser.add_argument("--epochs", type=read_count, metavar="N")
    parser.add_argument("--batch-size", type=read_count, metavar="N")
    parser.add_argument("--lr", type=read_positive, metavar="RATE", help="learning rate")
    parser.add_argument("--width", type=read_count, metavar="N", help="resnet18: channels of the first stage")
    parser.add_argument("--precision", choices=tuple(SMALL), help="fp64 (default) or fp32")
    parser.add_argument("--seed", type=read_natural, metavar="N", help="default: 0")
    parser.add_argument("--out", metavar="FILE", help="losses as .csv, or an image: .png, .svg, .pdf; tables as .csv")


def run(args: argparse.Namespace) -> int:
    """List, train beside PyTorch, or show."""
    if args.name is None:
        # the options are None unless given
        _refuse(args, [option for option in (*GOES_WITH, "out") if getattr(args, option) is not None], "no name")
        _print_list()
        return 0
    if args.name not in PAIRINGS and args.name not in TOURS:
        raise unknown("network or topic", args.name, [*PAIRINGS, *TOURS])
    given = [option for option in GOES_WITH if getattr(args, option) is not None]
    # said, instead of doing nothing
    _refuse(args, [option for option in given if args.name not in GOES_WITH[option]], args.name)
    out = _check_out(args.out, args.name) if args.out is not None else None
    if args.name in TOURS:
        _run_tour(args, out)
    else:
        _run_network(args, PAIRINGS[args.name], out)
    return 0


def _refuse(args: argparse.Namespace, options: list[str], name: str) -> None:
    """Say that an option does nothing here."""
    if options:
        raise UsageError(f"--{options[0].replace('_', '-')} does not go with {name}; see fathom scratch --help")


def _check_out(text: str, name: str) -> Path:
    """Refuse a file that could not be written, before any work is done."""
    path = Path(text)
    endings = (".csv",) if name in TOURS else (".csv", *FIGURES)  # topics give tables, no curves
    if path.suffix.lower() not in endings and not is_special(text):
        raise UsageError(f"--out {text}: for {name} the name must end in {', '.join(endings)}")
    if not path.parent.is_dir():
        raise UsageError(f"--out {text}: there is no folder {path.parent}")
    return path


def _print_list() -> None:
    print("Networks written out on NumPy, trained beside their PyTorch twins:\n")
    for name, pairing in PAIRINGS.items():
        print(f"  {name:<12}{pairing.title}")
    print("\nTopics:\n")
    for name, title in TOURS.items():
        print(f"  {name:<12}{title}")
    print("\nTrain one:   fathom scratch lenet --out losses.png")


# A network ----------------------------------------------------------------------------------------------------------


def _run_network(args: argparse.Namespace, pairing: Pairing, out: Path | None) -> None:
    data = args.data or "digits"
    if not pairing.is_text:
        from fathom.data.sources.catalog import names

        if data not in names():
            raise unknown("data set", data, names())
    from fathom.lab.tours.twin_training import TwinOptions, train_beside_torch

    options = TwinOptions(
        pairing=pairing,
        data=data,
        size=args.size,
        samples=args.samples,
        text=args.text,
        epochs=args.epochs or pairing.epochs,
        batch_size=args.batch_size or pairing.batch_size,
        lr=args.lr or pairing.lr,
        width=args.width or pairing.width,
        precision=args.precision or "fp64",
        seed=args.seed or 0,
    )
    try:
        result = train_beside_torch(
            options, lambda begun: _print_start(options, begun), lambda epoch: _print_epoch(pairing, epoch)
        )
    except ValueError as error:  # a shape that the network cannot take; scratch says it in one line
        raise UsageError(f"{pairing.name}: {error}") from error
    _print_end(options, result)
    if out is not None:
        _write(out, options, result)
        print(f"wrote {out}")


def _print_start(options: TwinOptions, result: TwinResult) -> None:
    pairing = options.pairing
    print(f"{pairing.name}: {pairing.title}; {result.num_parameters:,} parameters")
    print(result.data.title)
    momentum = f", momentum {pairing.momentum:g}" if pairing.momentum else ""
    clip = f", gradients clipped to norm {pairing.clip_norm:g}" if pairing.clip_norm else ""  # None and 0 are off
    print(
        f"SGD, lr {options.lr:g}{momentum}{clip}, batch {options.batch_size}, seed {options.seed}, "
        f"{options.precision}; the same first weights and batches on both sides"
    )
    print(f"\n{'':>5}  {'mean loss':^23}  {'largest':>10}  {_score_title(pairing):^17}  {'time, s':^17}")
    print(
        f"{'epoch':>5}  {'scratch':>11} {'PyTorch':>11}  {'difference':>10}  {'scratch':>8} {'PyTorch':>8}  "
        f"{'scratch':>8} {'PyTorch':>8}",
        flush=True,
    )


def _print_epoch(pairing: Pairing, epoch: Epoch) -> None:
    print(
        f"{epoch.number:>5}  {epoch.loss:>11.6f} {epoch.torch_loss:>11.6f}  {epoch.largest_difference:>10.1e}  "
        f"{_score(pairing, epoch.score):>8} {_score(pairing, epoch.torch_score):>8}  "
        f"{epoch.elapsed_s:>8.2f} {epoch.torch_elapsed_s:>8.2f}",
        flush=True,
    )


def _print_end(options: TwinOptions, result: TwinResult) -> None:
    pairing, small = options.pairing, SMALL[options.precision]
    largest = max(step.difference for step in result.steps)
    last = result.epochs[-1]
    took = sum(epoch.elapsed_s for epoch in result.epochs)
    torch_took = sum(epoch.torch_elapsed_s for epoch in result.epochs)
    print(
        f"\n{len(result.steps):,} steps: the losses differ by {largest:.1e} at most, the weights after the last by "
        f"{result.largest_weight_difference:.1e}"
    )
    first = next((step.step for step in result.steps if step.difference > small), None)  # None: nothing but rounding
    if first is not None:
        print(
            f"Before step {first} they differ by less than {small:g}: rounding. From there on training amplifies it, "
            "as it would any small change."
        )
    print(
        f"{_score_title(pairing)}: {_score(pairing, last.score)} from scratch, "
        f"{_score(pairing, last.torch_score)} by PyTorch"
    )
    print(f"time: {took:.1f} s from scratch, {torch_took:.1f} s by PyTorch ({took / torch_took:.1f}×)")
    for note in result.notes:
        print(note)


def _score_title(pairing: Pairing) -> str:
    return "perplexity" if pairing.is_text else "test accuracy"


def _score(pairing: Pairing, value: float) -> str:
    return f"{value:.3f}" if pairing.is_text else f"{value:.2%}"


def _write(path: Path, options: TwinOptions, result: TwinResult) -> None:
    from fathom.outputs import write_output

    if path.suffix.lower() == ".csv":
        header = ("epoch", "step", "scratch_loss", "torch_loss", "difference")
        # repr: all digits, for programs
        rows = [(s.epoch, s.step, repr(s.scratch), repr(s.torch), repr(s.difference)) for s in result.steps]
        write_output(path, _as_csv([header, *rows]))
        return
    from fathom.cli.scratch_figure import draw

    buffer = io.BytesIO()
    draw(options, result).savefig(buffer, format=path.suffix[1:].lower() or "png")  # a device or a pipe gets PNG
    write_output(path, buffer.getvalue())


# A topic ------------------------------------------------------------------------------------------------------------


def _run_tour(args: argparse.Namespace, out: Path | None) -> None:
    if args.name == "perceptron":
        from fathom.lab.tours.perceptron import tour_perceptron

        tables = tour_perceptron()
    elif args.name == "stability":
        from fathom.lab.tours.stability import tour_stability

        tables = tour_stability(args.seed or 0)
    elif args.name == "bounds":
        from fathom.lab.tours.bounds import tour_bounds

        tables = tour_bounds(args.seed or 0)
    elif args.name == "pieces":
        from fathom.lab.tours.piecewise import tour_pieces

        tables = tour_pieces(args.seed or 0)
    else:
        from fathom.lab.tours.devices import tour_devices
        from fathom.scratch.devices.worker_pool import WorkerError

        try:
            tables = tour_devices(
                args.epochs or DEVICES_EPOCHS,
                args.batch_size or DEVICES_BATCH_SIZE,
                args.lr or DEVICES_LR,
                args.seed or 0,
            )
        except WorkerError as error:
            raise FathomError(str(error)) from error
        except ValueError as error:
            raise UsageError(f"devices: {error}") from error
    for number, table in enumerate(tables):
        print(("\n" if number else "") + table.title + "\n")
        _print_table(table)
    if out is not None:
        from fathom.outputs import write_output

        rows: list[tuple[Any, ...]] = []
        for table in tables:
            rows += [(table.title,), table.header, *table.rows]
        write_output(out, _as_csv(rows))
        print(f"\nwrote {out}")


def _print_table(table: TourTable) -> None:
    right = range(table.num_names, len(table.header))
    print("\n".join(lay_out([table.header, *table.rows], right=right)))


def _as_csv(rows: list[tuple[Any, ...]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
