"""``fathom train``."""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fathom.config import Config, make_config, merge, read_config, set_dotted
from fathom.data import catalog
from fathom.errors import UsageError
from fathom.models import registry
from fathom.recipes.settings import is_folder

if TYPE_CHECKING:
    from fathom.data.arrays import Arrays
    from fathom.recipes.train import Outcome

# option: (setting, type, metavar, help)
_SETTINGS: dict[str, tuple[str, Any, str, str]] = {
    "--data": ("data.name", str, "NAME", "data set, see `fathom data`, or a folder of class folders (default: digits)"),
    "--epochs": ("training.epochs", int, "N", "passes over the training data"),
    "--batch-size": ("data.batch_size", int, "N", "examples per batch"),
    "--lr": ("training.lr", float, "RATE", "learning rate; the peak, under a schedule"),
    "--optimizer": ("training.optimizer", str, "NAME", "sgd, adam, adamw, rmsprop, adagrad, adadelta"),
    "--momentum": ("training.momentum", float, "M", "of sgd and rmsprop"),
    "--schedule": ("training.schedule", str, "NAME[:OPTIONS]", "learning-rate schedule; see `fathom schedules`"),
    "--warmup": ("training.warmup", float, "N", "linear warm-up: steps, or below 1 a share of the run"),
    "--weight-decay": ("training.weight_decay", float, "W", "weight decay"),
    "--dropout": ("model.options.dropout", float, "P", "dropout, in networks that have it"),
    "--label-smoothing": ("training.label_smoothing", float, "E", "mix targets with the uniform distribution"),
    "--augment": ("data.augment", str, "SPEC", "such as flip,crop:padding=2"),
    "--ema": ("training.ema", float, "DECAY", "keep an exponential moving average of the weights"),
    "--patience": ("training.patience", int, "N", "stop after N epochs without a better validation loss"),
    "--clip-norm": ("training.clip_norm", float, "NORM", "bound on the joint norm of the gradients"),
    "--accumulate": ("training.accumulate", int, "N", "batches per optimiser step"),
    "--init": ("training.init", str, "RULE", "initialiser, such as xavier_uniform or normal:0.01"),
    "--val": ("data.val", float, "SHARE", "share of the training data held out for validation (default: 0.1)"),
    "--resize": ("data.resize", int, "PIXELS", "side to resize images to"),
    "--seed": ("seed", int, "N", "of weights, order and everything else random (default: 0)"),
    "--device": ("execution.device", str, "NAME", "auto, cpu, cuda, cuda:1, mps"),
    "--precision": ("execution.precision", str, "P", "auto, fp32, bf16, fp16"),
    "--compile": ("execution.compile", str, "MODE", "auto, off, forward, step"),
    "--workers": ("data.workers", int, "N", "processes that read files (file-backed data)"),
    "--overfit-batches": (
        "training.overfit_batches",
        int,
        "N",
        "learn the first N batches by heart: can it learn at all?",
    ),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("model", nargs="?", help="network; see `fathom models` (default: lenet)")
    for option, (_, kind, metavar, text) in _SETTINGS.items():
        parser.add_argument(option, type=kind, metavar=metavar, help=text)
    parser.add_argument("--recipe", metavar="NAME", help="start from a shipped recipe; see `fathom recipes`")
    parser.add_argument("--config", metavar="FILE", help="YAML file of settings, as config.yaml of a run")
    parser.add_argument("--set", metavar="NAME=VALUE", action="append", default=[], help="any setting by its full name")
    parser.add_argument("--fast-dev-run", action="store_true", help="one batch only: does everything connect?")
    parser.add_argument("--resume", metavar="RUN", help="go on with a run that stopped")
    parser.add_argument("--out", metavar="DIR", default="runs", help="where run folders go (default: runs)")


def run(args: argparse.Namespace) -> int:
    """Train, or resume."""
    if args.resume is not None:
        return _resume(args)
    config = settings(args)
    arrays = _start_reading(config)
    from fathom.cli.progress import show_progress
    from fathom.recipes.train import train

    outcome = train(
        config,
        root=Path(args.out),
        arrays=arrays.result() if arrays else None,
        on_start=show_progress,
        command=["fathom", *sys.argv[1:]],
    )
    return _finish(outcome)


def settings(args: argparse.Namespace) -> Config:
    """Lay recipe, file, options and --set over one another, in this order, and validate before torch is imported."""
    from fathom.recipes.defaults import resolve
    from fathom.recipes.shipped import read_recipe
    from fathom.training.schedules import parse_schedule

    tree: dict[str, Any] = {}
    if args.recipe is not None:
        merge(tree, read_recipe(args.recipe))
    if args.config is not None:
        merge(tree, read_config(Path(args.config)))
    if args.model is not None:
        if args.model != tree.get("model", {}).get("name", args.model):
            tree["model"] = {}
        merge(tree, {"model": {"name": args.model}})
    for option, (dotted, *_) in _SETTINGS.items():
        value = getattr(args, option[2:].replace("-", "_"))
        if value is not None:
            *sections, key = dotted.split(".")
            nested: dict[str, Any] = {key: value}
            for section in reversed(sections):
                nested = {section: nested}
            merge(tree, nested)
    if args.fast_dev_run:
        merge(tree, {"training": {"fast_dev_run": True}})
    for assignment in args.set:
        set_dotted(tree, assignment)
    config = resolve(make_config(tree, "settings"))
    registry.get(config.model.name)
    if not is_folder(config.data.name):
        catalog.describe(config.data.name)
    parse_schedule(config.training.schedule or "constant")
    return config


def _start_reading(config: Config) -> Future[Arrays] | None:
    """Read the data while torch is being imported: unpacking and hashing leave the interpreter free."""
    if is_folder(config.data.name):
        return None
    pool = ThreadPoolExecutor(1, thread_name_prefix="read-data")
    future = pool.submit(catalog.load_arrays, config.data.name, **config.data.options)
    pool.shutdown(wait=False)
    return future


def _resume(args: argparse.Namespace) -> int:
    given = [o for o in _SETTINGS if getattr(args, o[2:].replace("-", "_")) is not None]
    given += [f"--{name}" for name in ("recipe", "config") if getattr(args, name) is not None]
    given += ["--set"] if args.set else []
    given += [args.model] if args.model else []
    if given:
        raise UsageError(f"--resume goes on with a run's own settings; leave out {given[0]}")
    from fathom.runs.reader import resolve_run

    path = resolve_run(args.resume, args.out)
    from fathom.recipes.settings import read_run_config

    arrays = _start_reading(read_run_config(path))
    from fathom.cli.progress import show_progress
    from fathom.recipes.train import resume

    return _finish(resume(path, arrays=arrays.result() if arrays else None, on_start=show_progress))


def _finish(outcome: Outcome) -> int:
    evaluation = outcome.evaluation
    if evaluation is not None and "accuracy" in evaluation:
        print(f"test accuracy  {evaluation['accuracy']:.2%}  ({evaluation['num_samples']:,} examples, looked at once)")
    elif evaluation is not None:
        print(f"test RMSE      {evaluation['rmse']:.4g}  ({evaluation['num_samples']:,} examples, looked at once)")
    print(f"run folder     {outcome.path}")
    print(f"report         {outcome.report}")
    return 0
