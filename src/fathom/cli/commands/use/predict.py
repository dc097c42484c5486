"""``fathom predict``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from fathom.cli.arguments import add_code, add_device, add_model, find_model
from fathom.cli.findings import show_findings
from fathom.cli.values import OneOf, read_count
from fathom.errors import UsageError
from fathom.outputs import is_stdout
from fathom.progress import Progress, count_of

if TYPE_CHECKING:
    from fathom.inference.predictions import Predictions

FORMATS = ("csv", "excel", "json", "jsonl")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_model(parser)
    add_code(parser)
    parser.add_argument(
        "inputs",
        metavar="FILE|FOLDER",
        nargs="+",
        help="images and their folders, - for a list of images on standard input; CSVs or texts, - for a pipe",
    )
    parser.add_argument("--images", metavar="DIR", help="folder of the images that a CSV among the inputs names")
    parser.add_argument("--file-column", metavar="NAME", help="column of that CSV with the files (default: found)")
    parser.add_argument("--label-column", metavar="NAME", help="column with the labels, if there is one")
    parser.add_argument("--out", metavar="FILE", help="file to write (default: standard output)")
    parser.add_argument(
        "--format",
        type=OneOf("format", FORMATS),
        metavar="NAME",
        help="csv, excel (a CSV without formulas), json or jsonl (default: as --out ends, else csv)",
    )
    parser.add_argument(
        "--encoding", metavar="NAME", help="of texts and tables, such as gb18030 (default: found, as in training)"
    )
    parser.add_argument(
        "--submission", metavar="FILE", help="a competition's sample file: write its columns and ids, filled (CSV)"
    )
    parser.add_argument("--top", type=read_count, default=1, metavar="K", help="write the K most probable classes")
    add_device(parser)


def run(args: argparse.Namespace) -> int:
    """Label every image or row in the order given; a bad one becomes a row with its error, and exit code 1."""
    runs = [name for name in args.inputs if os.path.isfile(os.path.join(name, "run.json"))]
    if runs:  # a pattern that the shell replaced by names: their figures are not what is to be predicted
        raise UsageError(f"one run is expected, and more were given: {', '.join([args.run, *runs])}; name one")
    model = find_model(args.run, args.runs)
    from fathom.inference.image_inputs import label_file_options
    from fathom.inference.predictions import PredictionRequest
    from fathom.recipes.predict import predict_to_file, write_submission

    label_file = label_file_options(args.images, args.file_column, args.label_column)
    request = PredictionRequest(model, args.inputs, args.top, label_file, args.encoding)
    if args.submission is not None:
        # the sample decides the form, so the two options would do nothing
        if args.top != 1 or args.format not in (None, "csv"):
            raise UsageError("--submission has the form of its sample; remove --top and --format")
        watch = _show_progress(args.out)
        rows, note, findings = write_submission(request, args.submission, args.out, device=args.device, watch=watch)
        show_findings(findings)
        print(f"{rows:,} rows of {args.submission} filled{_where(args.out)}; {note}", file=sys.stderr)
        return 0  # a submission is whole or not written
    good, bad, what, score, findings = predict_to_file(
        request,
        args.out,
        device=args.device,
        format=args.format,
        watch=_show_progress(args.out),
    )
    show_findings(findings)
    done = "scored" if what == "lines" else "labelled"  # texts are scored by perplexity
    summary = f"{good:,} of {good + bad:,} {what} {done}" + _where(args.out)
    print(summary + (f"; {bad:,} failed, see the error column" if bad else ""), file=sys.stderr)
    if score is not None and score.labelled:
        accuracy = score.right / score.labelled
        print(f"accuracy {accuracy:.2%}: {score.right:,} of {score.labelled:,} with a label", file=sys.stderr)
    return 1 if bad else 0  # as eval: bad files fail the command, the rest is written


def _where(out: str | None) -> str:
    return f" in {out}" if out else ""


def _show_progress(out: str | None) -> Callable[[Predictions], Iterable[dict[str, Any]]]:
    """Return what passes the rows on and shows how far they are, unless the rows themselves run over the terminal."""
    are_shown = (out is None or is_stdout(out)) and sys.stdout.isatty()  # a bar between printed rows would garble both

    def watch(predictions: Predictions) -> Iterator[dict[str, Any]]:
        if are_shown:
            yield from predictions.rows
            return
        # count(): None where the number is not known beforehand
        with Progress("predicting", predictions.count(), amount=count_of(predictions.what)) as progress:
            for row in predictions.rows:
                yield row
                progress.advance()

    return watch
