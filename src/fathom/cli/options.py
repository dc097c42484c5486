"""The settings of a run as options of the command line, for every command that takes them. Loads without torch.

An option is its setting and a line of help: how its text is read, and which names it takes, follow from the type of the
setting.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args, get_origin

from fathom.choices import Fill, Level
from fathom.cli.values import (
    OneOf,
    read_count,
    read_fraction,
    read_names,
    read_natural,
    read_non_negative,
    read_percent,
    read_positive,
    read_range,
)
from fathom.errors import UsageError
from fathom.settings.config import Count, Fraction, Natural, NonNegative, Positive
from fathom.settings.settings import Settings, choices_of, field_type, merge, nested, set_dotted


class Option(NamedTuple):
    """An option: the setting it stands for, what its value is called, a line of help, how its text is read."""

    setting: str
    metavar: str
    help: str
    read: Callable[[str], Any] | None = None  # None: by the setting's type


_TASKS = ("classification", "multilabel", "regression")  # of files of rows; a text's is language

OPTIONS: dict[str, dict[str, Option]] = {
    "data": {
        "--data": Option("data.name", "NAME", "see `fathom data`; a folder of images, a CSV, a text (default: digits)"),
        "--val": Option("data.val", "SHARE", "share of the training data kept for validation (default: 0.1)"),
        "--batch-size": Option("data.batch_size", "N", "samples per batch"),
        "--resize": Option("data.resize", "PIXELS", "side length that images are resized to"),
        "--augment": Option("data.augment", "SPEC", "random changes to training images: flip,crop:padding=2"),
        "--target": Option("data.options.target", "COLUMN", "of a CSV: the column to predict", str),
        "--task": Option(
            "data.options.task",
            "TASK",
            "of a CSV: classification, regression, or of images multilabel",
            OneOf("task", _TASKS),
        ),
        "--test": Option("data.options.test", "FILE", "of a CSV: test rows, instead of a split of the file", str),
        "--reweight": Option(
            "data.options.reweight", "FILE", "of a CSV: draw training rows as the rows of FILE are distributed", str
        ),
        "--missing": Option(
            "data.options.missing", "MARKS", "of a CSV: further marks for missing cells: '?,-999'", read_names
        ),
        "--fill": Option("data.options.fill", "HOW", "of a CSV: mean or median", OneOf("fill", get_args(Fill))),
        "--level": Option("data.options.level", "LEVEL", "of a text: char or word", OneOf("level", get_args(Level))),
        "--log-target": Option("data.options.log_target", "", "of a CSV: learn the logarithm of the target"),
        "--images": Option(
            "data.options.images", "DIR", "--data is a CSV of file and label: where the images are", str
        ),
        "--file-column": Option("data.options.file_column", "COLUMN", "of that CSV: the files (default: found)", str),
        "--label-column": Option(
            "data.options.label_column", "COLUMN", "of that CSV: the labels, or A,B,C for several", str
        ),
        "--split-column": Option(
            "data.options.split_column",
            "COLUMN",
            "of a CSV: train, val or test for each row; none: divide at random",
            str,
        ),
        "--group-column": Option(
            "data.options.group_column", "COLUMN", "of a CSV: rows that stay together when data are split", str
        ),
        "--time-column": Option("data.options.time_column", "COLUMN", "of a CSV: hold the newest rows out", str),
        "--levels": Option(
            "data.options.levels", "LEVELS", "of folders, from the outside: group/class, class/split, */class", str
        ),
        "--group-by-name": Option(
            "data.options.group_by_name",
            "REGEX",
            "of images: what in their paths stays together, as --group-column",
            str,
        ),
        "--range": Option(
            "data.options.range", "LO,HI", "of images: values that are 0 and 1 (default: ends of the data)", read_range
        ),
        "--balance": Option(
            "data.balance", "HOW", "class balancing: weights (in the loss) or sampler (draw rare classes as often)"
        ),
        "--max-broken": Option("data.max_broken", "SHARE", "images that may be broken (default: 50%%)", read_percent),
        "--cache": Option("data.cache", "WHERE", "where decoded images are kept: auto, memory, none"),
        "--workers": Option("data.workers", "N", "processes that read images", read_natural),
    },
    "learning": {
        "--epochs": Option("training.epochs", "N", "passes over the training data", read_count),
        "--lr": Option("training.lr", "RATE", "learning rate; the peak, under a schedule"),
        "--optimizer": Option("training.optimizer", "NAME", ", ".join(choices_of("training.optimizer"))),
        "--momentum": Option("training.momentum", "M", "of sgd and rmsprop"),
        "--weight-decay": Option("training.weight_decay", "W", "weight decay (L2)"),
        "--schedule": Option("training.schedule", "NAME[:OPTIONS]", "learning-rate schedule, see `fathom schedules`"),
        "--warmup": Option("training.warmup", "N", "linear warm-up: steps; below 1 a share of the run"),
        "--clip-norm": Option("training.clip_norm", "NORM", "clip the gradients to this norm"),
        "--accumulate": Option("training.accumulate", "N", "batches per optimiser step"),
        "--dropout": Option(
            "model.options.dropout", "P", "dropout probability, in networks that have it", read_fraction
        ),
        "--label-smoothing": Option("training.label_smoothing", "E", "share of a label spread over all classes"),
        "--ema": Option("training.ema", "DECAY", "keep an exponential moving average of the weights"),
        "--patience": Option("training.patience", "N", "stop after N epochs without a better validation loss"),
        "--init": Option("training.init", "RULE", "initialiser, such as xavier_uniform or normal:0.01", str),
        "--seed": Option("seed", "N", "seed of weights, data order and everything else that is random (default: 0)"),
        "--doctor": Option(
            "training.doctor",
            "LEVEL",
            "how closely a run watches itself: off, light (default), full; in a series off",
        ),
        "--overfit-batches": Option(
            "training.overfit_batches", "N", "overfit the first N batches: can the network learn at all?", read_count
        ),
    },
    "fine-tuning": {
        "--init-from": Option("finetune.init_from", "WEIGHTS", "a run, a .safetensors file, torchvision:resnet18"),
        "--freeze": Option("finetune.freeze", "PATTERNS", "layers to freeze: conv1,layer[1-3].* or body", read_names),
        "--body-lr": Option(
            "finetune.body_lr", "RATE", "of loaded layers: a factor of --lr such as 0.1, or a rate such as =0.001", str
        ),
        "--layer-decay": Option(
            "finetune.layer_decay", "F", "each layer learns at F times the rate of the one above", read_positive
        ),
        "--compare-scratch": Option("finetune.compare_scratch", "", "train from scratch too, on the same budget"),
        "--seeds": Option("finetune.seeds", "N", "repeat that comparison with N seeds (default: 1)"),
    },
    "machine": {
        "--device": Option("execution.device", "NAME", "auto, cpu, cuda, cuda:1, mps"),
        "--precision": Option("execution.precision", "P", ", ".join(choices_of("execution.precision"))),
        "--strategy": Option("execution.strategy", "S", "of several processes: auto, ddp, fsdp (weights in pieces)"),
        "--compile": Option("execution.compile", "MODE", ", ".join(choices_of("execution.compile"))),
    },
}
# all groups in one: names are unique
_ALL = {name: option for group in OPTIONS.values() for name, option in group.items()}
# by annotated type, so that Count and Natural differ; str last: what may be a number is read as one
_READERS: tuple[tuple[Any, Callable[[str], Any]], ...] = (
    (Count, read_count),
    (Natural, read_natural),
    (Positive, read_positive),
    (NonNegative, read_non_negative),
    (Fraction, read_fraction),
    (str, str),
)
_CALLED = {
    "balance": "class balancing",
    "compile": "compile mode",
    "doctor": "level of the doctor",
}  # what a setting is called where it is unknown


def add_settings(parser: argparse.ArgumentParser, leave_out: Collection[str] = ()) -> argparse._ArgumentGroup:
    """Declare every option that is a setting of a run; return the group for what is not.

    ``leave_out`` names those that make no sense there; "model" is both ways of naming a network.
    """
    if "model" not in leave_out:
        parser.add_argument("model", nargs="?", help="network, see `fathom models` (default: lenet)")
        parser.add_argument("--model", metavar="NAME", dest="model_option", help="the same, as an option")
    for title, options in OPTIONS.items():
        group = parser.add_argument_group(title)
        declare(group, {name: option for name, option in options.items() if name not in leave_out})
    group = parser.add_argument_group("run")
    group.add_argument("--recipe", metavar="NAME", help="start from a shipped recipe, see `fathom recipes`")
    group.add_argument("--config", metavar="FILE", help="settings as YAML, such as the config.yaml of a run")
    group.add_argument("--set", metavar="NAME=VALUE", action="append", default=[], help="any setting by its full name")
    return group


def declare(parser: argparse._ActionsContainer, options: Mapping[str, Option]) -> None:
    """Declare options that are settings."""
    for name, option in options.items():
        read = option.read or _reader(option.setting)
        if read is None:
            # a switch: absent is None, not false
            parser.add_argument(name, action="store_const", const=True, help=option.help)
        else:
            parser.add_argument(name, type=read, metavar=option.metavar, help=option.help)


def data_options() -> dict[str, Option]:
    """Return the options that say which data and how it is divided."""
    return {**OPTIONS["data"], "--seed": OPTIONS["learning"]["--seed"]}  # the seed draws the splits


def default_other_options(parser: argparse.ArgumentParser) -> None:
    """Let ``chosen_settings`` read what a command with fewer options parsed: nobody gave the others."""
    own = {action.dest for action in parser._actions}  # of this command's parser
    names = ["model", "model_option", "recipe", "config", *map(_attribute, _ALL)]
    parser.set_defaults(**{name: None for name in names if name not in own})
    parser.set_defaults(
        **{name: default for name, default in (("set", []), ("fast_dev_run", False)) if name not in own}
    )


def chosen_settings(args: argparse.Namespace, base: Settings | None = None) -> Settings:
    """Lay recipe, file, options and --set over one another, in this order.

    ``base`` lies below them all.

    Raises:  UsageError for two networks, an unknown name or a value of the wrong type
    """
    from fathom.settings.presets import read_recipe
    from fathom.settings.reading import read_settings

    tree = base.to_dict() if base is not None else {}
    if args.recipe is not None:
        merge(tree, read_recipe(args.recipe))
    if args.config is not None:
        merge(tree, read_settings(Path(args.config)).to_dict())
    model = named_model(args)
    for section, name in (("model", model), ("data", args.data)):  # another network or other data than the file's
        known = tree.get(section, {})
        if name is not None and name != known.get("name", name):
            # options of another network would be unknown to this one
            tree[section] = {key: value for key, value in known.items() if key not in ("options", "kind", "versions")}
    if model is not None:
        merge(tree, {"model": {"name": model}})
    for name, option in _ALL.items():  # over recipe and file, under --set
        value = getattr(args, _attribute(name))
        if value is not None:
            merge(tree, nested(option.setting.split("."), value))
    if args.fast_dev_run:
        merge(tree, {"training": {"fast_dev_run": True}})
    for assignment in args.set:
        set_dotted(tree, assignment)
    return Settings(tree)


def given_options(args: argparse.Namespace) -> list[str]:
    """Return the options that were typed, for a command that goes on with settings of its own."""
    given = [name for name in _ALL if getattr(args, _attribute(name)) is not None]
    # an empty list counts as not given
    given += [name for name in ("--recipe", "--config", "--set", "--fast-dev-run") if getattr(args, _attribute(name))]
    return given + ([model] if (model := named_model(args)) else [])


def named_model(args: argparse.Namespace) -> str | None:
    """Return the network named, by its place or by --model.

    Raises:  UsageError if both name one
    """
    # the same name twice is no contradiction
    if args.model is not None and args.model_option not in (None, args.model):
        raise UsageError(f"two networks are named, {args.model} and --model {args.model_option}; leave one of them out")
    return args.model or args.model_option


def _attribute(option: str) -> str:
    return option[2:].replace("-", "_")  # as argparse derives it


def _reader(setting: str) -> Callable[[str], Any] | None:
    """Return how the text of a setting is read; None for a switch."""
    kind = field_type(setting)
    kinds = (kind, *get_args(kind))  # X | None: its parts
    if bool in kinds or setting.endswith(".log_target"):  # log_target is an option of the data, without a type
        return None
    if any(get_origin(each) is Literal for each in kinds):
        last = setting.rpartition(".")[2]
        return OneOf(_CALLED.get(last, last), choices_of(setting))
    return next(read for known, read in _READERS if known in kinds)  # the first reader whose type the setting has
