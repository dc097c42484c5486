"""``fathom train``."""

from __future__ import annotations

import argparse
import threading
from collections.abc import Collection, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fathom.build.kinds.names import check_data, data_kind, read_contents
from fathom.cli.values import (
    one_of,
    read_count,
    read_fraction,
    read_names,
    read_natural,
    read_non_negative,
    read_percent,
    read_positive,
)
from fathom.errors import UsageError
from fathom.models import registry
from fathom.phrases import counted
from fathom.settings.config import Config, make_config, merge, read_config, set_dotted

if TYPE_CHECKING:
    from fathom.build.kinds.names import Contents
    from fathom.recipes.train import Outcome

_BALANCES = ("none", "weights", "sampler")
_CACHES = ("auto", "memory", "none")
_TASKS = ("classification", "regression")
_LEVELS = ("char", "word")
_PRECISIONS = ("auto", "fp32", "bf16", "fp16")
_COMPILE_MODES = ("off", "forward", "step")

# title of a group: option: (setting, how its text is read, metavar, help)
_SETTINGS: dict[str, dict[str, tuple[str, Any, str, str]]] = {
    "data": {
        "--data": (
            "data.name",
            str,
            "NAME",
            "see `fathom data`; a folder of images, a CSV, a text (default: digits)",
        ),
        "--val": ("data.val", read_fraction, "SHARE", "share of the training data kept for validation (default: 0.1)"),
        "--batch-size": ("data.batch_size", read_count, "N", "samples per batch"),
        "--resize": ("data.resize", read_count, "PIXELS", "side that images are brought to"),
        "--augment": ("data.augment", str, "SPEC", "change training images at random: flip,crop:padding=2"),
        "--target": ("data.options.target", str, "COLUMN", "of a CSV: what to predict"),
        "--task": ("data.options.task", one_of("task", _TASKS), "TASK", "of a CSV: classification or regression"),
        "--test": ("data.options.test", str, "FILE", "of a CSV: rows to test with, instead of a part cut off"),
        "--fill": ("data.options.fill", one_of("fill", ("mean", "median")), "HOW", "of a CSV: mean or median"),
        "--level": ("data.options.level", one_of("level", _LEVELS), "LEVEL", "of a text: char or word"),
        "--log-target": ("data.options.log_target", None, "", "of a CSV: learn the logarithm of the target"),
        "--images": ("data.options.images", str, "DIR", "--data is a CSV of file and label: where the images are"),
        "--file-column": ("data.options.file_column", str, "COLUMN", "of that CSV: the files, if not found by itself"),
        "--label-column": ("data.options.label_column", str, "COLUMN", "of that CSV: the labels"),
        "--split-column": ("data.options.split_column", str, "COLUMN", "of that CSV: train, val or test"),
        "--balance": (
            "data.balance",
            one_of("way of balancing", _BALANCES),
            "HOW",
            "the same say for rare classes: weights (in the loss), sampler (draw them as often)",
        ),
        "--max-broken": (
            "data.max_broken",
            read_percent,
            "SHARE",
            "images that may be broken (default: 1%%)",
        ),
        "--cache": ("data.cache", one_of("cache", _CACHES), "WHERE", "decoded images: auto, memory, none"),
        "--workers": ("data.workers", read_natural, "N", "processes that read images"),
    },
    "learning": {
        "--epochs": ("training.epochs", read_count, "N", "passes over the training data"),
        "--lr": ("training.lr", read_positive, "RATE", "learning rate; the peak, under a schedule"),
        "--optimizer": ("training.optimizer", str, "NAME", "sgd, adam, adamw, rmsprop, adagrad, adadelta"),
        "--momentum": ("training.momentum", read_fraction, "M", "of sgd and rmsprop"),
        "--weight-decay": ("training.weight_decay", read_non_negative, "W", "pull of the weights towards 0"),
        "--schedule": ("training.schedule", str, "NAME[:OPTIONS]", "learning-rate schedule, see `fathom schedules`"),
        "--warmup": ("training.warmup", read_non_negative, "N", "linear warm-up: steps; below 1 a share of the run"),
        "--clip-norm": ("training.clip_norm", read_positive, "NORM", "bound on the joint norm of the gradients"),
        "--accumulate": ("training.accumulate", read_count, "N", "batches per optimiser step"),
        "--dropout": ("model.options.dropout", read_fraction, "P", "dropout, in networks that have it"),
        "--label-smoothing": ("training.label_smoothing", read_fraction, "E", "share of a label given to all classes"),
        "--ema": ("training.ema", read_fraction, "DECAY", "keep an exponential moving average of the weights"),
        "--patience": ("training.patience", read_count, "N", "stop after N epochs without a better validation loss"),
        "--init": ("training.init", str, "RULE", "initialiser, such as xavier_uniform or normal:0.01"),
        "--seed": ("seed", read_natural, "N", "of weights, order and all else that is random (default: 0)"),
        "--overfit-batches": (
            "training.overfit_batches",
            read_count,
            "N",
            "learn the first N batches by heart: can it learn at all?",
        ),
    },
    "fine-tuning": {
        "--init-from": ("finetune.init_from", str, "WEIGHTS", "a run, a .safetensors file, torchvision:resnet18"),
        "--freeze": ("finetune.freeze", read_names, "PATTERNS", "what stays as it is: conv1,layer[1-3].* or body"),
        "--body-lr": (
            "finetune.body_lr",
            str,
            "RATE",
            "of what was loaded: a factor of --lr such as 0.1x, or a rate",
        ),
        "--layer-decay": ("finetune.layer_decay", read_positive, "F", "each layer learns at F times the one above it"),
        "--compare-scratch": ("finetune.compare_scratch", None, "", "train from scratch too, on the same budget"),
        "--seeds": ("finetune.seeds", read_count, "N", "repeat that comparison with N seeds (default: 1)"),
    },
    "machine": {
        "--device": ("execution.device", str, "NAME", "auto, cpu, cuda, cuda:1, mps"),
        "--precision": ("execution.precision", one_of("precision", _PRECISIONS), "P", ", ".join(_PRECISIONS)),
        "--compile": ("execution.compile", one_of("compile mode", _COMPILE_MODES), "MODE", ", ".join(_COMPILE_MODES)),
    },
}
_SETTING_OF = {option: dotted for group in _SETTINGS.values() for option, (dotted, *_) in group.items()}

_EXAMPLES = """\
examples:
  fathom train                                      LeNet learns to read digits, in seconds
  fathom train mlp --data fashion_mnist --epochs 5
  fathom train resnet18 --data images/            images/<class>/*.jpg
  fathom train --data labels.csv --images images/  a CSV of file,label beside a folder of images
  fathom train --data house.csv --target SalePrice  a table; an MLP, unless another network is named
  fathom train gru --data book.txt --level char     a text; then: fathom generate last --prefix "the "
  fathom train --data images/ --init-from torchvision:resnet18 --freeze 'conv1,bn1,layer[1-2].*'
  fathom train --set training.clip_value=0.5        a setting without an option of its own
  fathom train --resume last                        go on with a run that was stopped
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.usage = "fathom train [model] [options]"
    parser.epilog = _EXAMPLES
    group = add_settings(parser)
    group.add_argument("--fast-dev-run", action="store_true", help="one batch only: does everything connect?")
    group.add_argument("--resume", metavar="RUN", help="go on with a run that stopped: its folder, its name, or last")
    group.add_argument("--out", metavar="DIR", default="runs", help="where run folders go (default: runs)")


def add_settings(parser: argparse.ArgumentParser, leave_out: Collection[str] = ()) -> argparse._ArgumentGroup:
    """Declare every option that is a setting of a run, for other commands too; give the group for what is not.

    ``leave_out`` names those that make no sense there; "model" is both ways of naming a network.
    """
    if "model" not in leave_out:
        parser.add_argument("model", nargs="?", help="network, see `fathom models` (default: lenet)")
        parser.add_argument("--model", metavar="NAME", dest="model_option", help="the same, as an option")
    for title, options in _SETTINGS.items():
        group = parser.add_argument_group(title)
        for option, (_, read, metavar, text) in options.items():
            if option in leave_out:
                continue
            if read is None:
                group.add_argument(option, action="store_const", const=True, help=text)
            else:
                group.add_argument(option, type=read, metavar=metavar, help=text)
    group = parser.add_argument_group("run")
    group.add_argument("--recipe", metavar="NAME", help="start from a shipped recipe, see `fathom recipes`")
    group.add_argument("--config", metavar="FILE", help="settings as YAML, such as the config.yaml of a run")
    group.add_argument("--set", metavar="NAME=VALUE", action="append", default=[], help="any setting by its full name")
    return group


def data_options() -> dict[str, tuple[str, Any, str, str]]:
    """Return the options that say which data and how they are divided, for other commands to declare."""
    return {**_SETTINGS["data"], "--seed": _SETTINGS["learning"]["--seed"]}


def default_other_options(parser: argparse.ArgumentParser) -> None:
    """Let ``settings`` read what a command with fewer options parsed: nobody gave the others."""
    whole = argparse.ArgumentParser(add_help=False)
    add_arguments(whole)
    own = {action.dest for action in parser._actions}
    parser.set_defaults(**{action.dest: action.default for action in whole._actions if action.dest not in own})


def run(args: argparse.Namespace) -> int:
    """Train, or resume."""
    if args.resume is not None:
        return _resume(args)
    config = settings(args)
    contents = _start_reading(config)
    from fathom.cli.progress import show_progress, show_reading
    from fathom.recipes.train import train

    outcome = train(
        config,
        root=Path(args.out),
        contents=contents.result(),
        on_start=show_progress,
        on_read=show_reading(),
        command=args.command,
    )
    return finish(outcome)


def settings(args: argparse.Namespace, base: Mapping[str, Any] | None = None) -> Config:
    """Lay recipe, file, options and --set over one another, in this order, and validate before torch is imported.

    ``base`` lies below them all.
    """
    from fathom.settings.resolve import resolve

    return resolve(open_settings(args, base))


def open_settings(args: argparse.Namespace, base: Mapping[str, Any] | None = None) -> Config:
    """Return the same, with all that nobody chose still open."""
    model = _model(args)
    from fathom.settings.presets import read_recipe
    from fathom.settings.resolve import apply_kind_defaults
    from fathom.training.schedules import parse_schedule

    tree = merge({}, base or {})
    if args.recipe is not None:
        merge(tree, read_recipe(args.recipe))
    if args.config is not None:
        file = read_config(Path(args.config))
        make_config(file, args.config)
        merge(tree, file)
    for section, name in (("model", model), ("data", args.data)):
        known = tree.setdefault(section, {})
        if name is not None and name != known.get("name", name):
            known["options"] = {}  # they were another network's, another data set's
    if model is not None:
        merge(tree, {"model": {"name": model}})
    for option, dotted in _SETTING_OF.items():
        value = _value(args, option)
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
    config = make_config(tree, "settings")
    if config.finetune.init_from is not None:
        from fathom.settings.origin import apply_origin

        config = make_config(apply_origin(tree, args.out), "settings")
    if "name" not in tree["model"]:
        config = make_config(apply_kind_defaults(tree, data_kind(config.data)), "settings")
    registry.check_name(config.model.name)
    check_data(config.data)
    parse_schedule(config.training.schedule or "constant")
    return config


def given_settings(args: argparse.Namespace) -> list[str]:
    """Name the settings that were typed: what goes on with something has its own."""
    given = [option for option in _SETTING_OF if _value(args, option) is not None]
    given += [option for option in ("--recipe", "--config", "--set", "--fast-dev-run") if _value(args, option)]
    return given + ([model] if (model := _model(args)) else [])


def _model(args: argparse.Namespace) -> str | None:
    """Return the network named, by its place or by --model."""
    if args.model is not None and args.model_option not in (None, args.model):
        raise UsageError(f"two networks are named, {args.model} and --model {args.model_option}; leave one of them out")
    return args.model or args.model_option


def _value(args: argparse.Namespace, option: str) -> Any:
    return getattr(args, option[2:].replace("-", "_"))


def _start_reading(config: Config) -> Future[Contents]:
    """Read the data while torch is being imported: unpacking, hashing and parsing leave the interpreter free."""
    future: Future[Contents] = Future()

    def read() -> None:
        try:
            future.set_result(read_contents(config.data))
        except BaseException as error:
            future.set_exception(error)

    # A daemon: after Ctrl-C nobody waits for a download to finish.
    threading.Thread(target=read, name="read-data", daemon=True).start()
    return future


def _resume(args: argparse.Namespace) -> int:
    if given := given_settings(args):
        raise UsageError(f"--resume goes on with a run's own settings; leave out {given[0]}")
    from fathom.runs.folder.reader import resolve_run
    from fathom.settings.run_config import read_run_config

    path = resolve_run(args.resume, args.out)
    contents = _start_reading(read_run_config(path))
    from fathom.cli.progress import show_progress, show_reading
    from fathom.recipes.train import resume

    return finish(resume(path, contents=contents.result(), on_start=show_progress, on_read=show_reading()))


def finish(outcome: Outcome) -> int:
    """Say what came out and where it is."""
    from fathom.cli.commands.prune import print_pruning
    from fathom.runs.analysis.numbers import decimal

    print_pruning(outcome.path)
    evaluation, training = outcome.evaluation, outcome.config.training
    unit = "token" if "perplexity" in (evaluation or {}) else "sample"
    looked_at = f"({counted((evaluation or {}).get('num_samples', 0), unit)}, evaluated once)"
    if evaluation is not None and "accuracy" in evaluation:
        print(f"test accuracy  {evaluation['accuracy']:.2%}  {looked_at}")
    elif evaluation is not None and "perplexity" in evaluation:
        print(f"test perplexity {evaluation['perplexity']:.4g}  {looked_at}")
    elif evaluation is not None:
        print(f"test RMSE      {decimal(evaluation['rmse'])}  {looked_at}")
    elif training.fast_dev_run:
        print("dry run        one batch went all the way through; nothing was learned")
    elif training.overfit_batches and outcome.records:
        last = outcome.records[-1]
        reached = f"accuracy {last['train_accuracy']:.2%}, " if "train_accuracy" in last else ""
        what = counted(training.overfit_batches, "batch", "batches")
        print(f"by heart       {reached}loss {last['train_loss']:.4g} on {what}; the test split was left alone")
    else:
        print("test accuracy  none, the data have no test split")
    if outcome.comparison is not None:
        from fathom.runs.analysis.from_scratch import judge_start

        print(f"comparison     {' '.join(found.sentence for found in judge_start(outcome.comparison))}")
    print(f"run folder     {outcome.path}")
    print(f"report         {outcome.report}")
    return 1 if (outcome.comparison or {}).get("diverged") else 0
