"""``fathom forecast``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from fathom.build.configure import configure
from fathom.cli.columns import lay_out
from fathom.cli.options import add_settings, chosen_settings, default_other_options
from fathom.cli.places import add_data_place, sort_places
from fathom.cli.reading import start_reading
from fathom.cli.values import read_positive

if TYPE_CHECKING:
    from fathom.recipes.forecast import Forecast

# they ask for several runs, or for none
_LEFT_OUT = ("--overfit-batches", "--compare-scratch", "--seeds")
_EXAMPLES = """\
examples:
  fathom forecast resnet18 --data fashion_mnist --epochs 10    how long will that take, and how much memory?
  fathom forecast photos/ --batch-size 256 --json              the same for programs
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options: those of ``fathom train`` and two of its own."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.usage = "fathom forecast [model] [data] [options of train]"
    parser.epilog = _EXAMPLES
    group = add_settings(parser, _LEFT_OUT)
    add_data_place(parser)
    group.add_argument(
        "--probe", type=read_positive, metavar="SECONDS", help="how long to train for the forecast (default: 5)"
    )
    group.add_argument("--json", action="store_true", help="print the forecast as JSON")
    default_other_options(parser)


def run(args: argparse.Namespace) -> int:
    """Measure a few steps; print what the whole will take."""
    sort_places(args)
    config = configure(chosen_settings(args))
    contents = start_reading(config)
    from fathom.cli.progress import show_reading
    from fathom.recipes.forecast import PROBE_S, forecast

    found = forecast(
        config, contents=contents.result(), seconds=args.probe or PROBE_S, on_read=None if args.json else show_reading()
    )
    if args.json:
        from fathom.runs.folder.records import to_json

        print(to_json({"schema": 1} | found.to_dict(), indent=1))
    else:
        print("\n".join(_describe(found)))
    return 0


def _describe(found: Forecast) -> list[str]:
    from fathom.phrases import counted, format_bytes
    from fathom.runs.analysis.numbers import duration

    low, high = found.interval
    training = found.config.training
    most = "at most " if found.may_end_early else ""
    rows = [["time", f"{most}{duration(found.seconds)}", f"{duration(low)} to {duration(high)} in 95 of 100 runs"]]
    rows += [[f"  {part.name}", duration(part.size), part.about] for part in found.time]
    rows += [["", "", ""], ["memory", format_bytes(found.peak), "peak of the process"]]
    rows += [[f"  {part.name}", format_bytes(part.size), part.about] for part in found.memory]
    if found.device_memory is not None:
        rows.append(["on the device", format_bytes(found.device_memory), "held by the allocator"])
    facts = f"{counted(training.epochs or 0, 'epoch')}, batches of {found.config.data.batch_size:,}, {found.device}"
    return [
        f"{found.model} on {found.data}: {facts}",
        "",
        *(line.rstrip() for line in lay_out(rows, right=(1,))),
        "",
        f"measured on {counted(found.measured, 'step')} of {found.num_steps:,}, with the machine as busy as it is now",
    ]
