"""From the command line to settings: every option reaches its own, and what is laid over what."""

import argparse

import pytest
import yaml

from fathom.build.configure import configure
from fathom.cli.commands.training import train
from fathom.cli.main import Parser
from fathom.cli.options import chosen_settings
from fathom.errors import UsageError
from fathom.settings.config import config_to_dict


def read_settings(*arguments):
    parser = Parser(prog="fathom train", allow_abbrev=False)
    train.add_arguments(parser)
    return configure(chosen_settings(parser.parse_args([str(argument) for argument in arguments])))


def look_up(config, dotted):
    value = config_to_dict(config)
    for key in dotted.split("."):
        value = value[key]
    return value


# option, its text, the setting, the value; other arguments that it needs
EVERY_OPTION = [
    ("--data", "mnist", "data.name", "mnist"),
    ("--val", "0.2", "data.val", 0.2),
    ("--batch-size", "32", "data.batch_size", 32),
    ("--resize", "32", "data.resize", 32),
    ("--augment", "flip", "data.augment", "flip"),
    ("--workers", "0", "data.workers", 0),
    ("--doctor", "full", "training.doctor", "full"),
    ("--target", "price", "data.options", {"size": 28, "target": "price"}),
    ("--task", "regression", "data.options", {"size": 28, "task": "regression"}),
    ("--test", "more.csv", "data.options", {"size": 28, "test": "more.csv"}),
    ("--fill", "median", "data.options", {"size": 28, "fill": "median"}),
    ("--log-target", None, "data.options", {"size": 28, "log_target": True}),
    ("--images", ".", "data.options", {"images": "."}),
    ("--file-column", "f", "data.options", {"size": 28, "file_column": "f"}),
    ("--label-column", "l", "data.options", {"size": 28, "label_column": "l"}),
    ("--split-column", "s", "data.options", {"size": 28, "split_column": "s"}),
    ("--group-column", "g", "data.options", {"size": 28, "group_column": "g"}),
    ("--time-column", "t", "data.options", {"size": 28, "time_column": "t"}),
    ("--levels", "group/class", "data.options", {"size": 28, "levels": "group/class"}),
    ("--group-by-name", "p.", "data.options", {"size": 28, "group_by_name": "p."}),
    ("--range", "-5,400", "data.options", {"size": 28, "range": [-5.0, 400.0]}),
    ("--missing", "?,-9", "data.options", {"size": 28, "missing": ["?", "-9"]}),
    ("--reweight", "new.csv", "data.options", {"size": 28, "reweight": "new.csv"}),
    ("--balance", "sampler", "data.balance", "sampler"),
    ("--max-broken", "5%", "data.max_broken", 0.05),
    ("--cache", "none", "data.cache", "none"),
    ("--level", "word", "data.options", {"size": 28, "level": "word"}),
    ("--model", "mlp", "model.name", "mlp"),
    ("--epochs", "7", "training.epochs", 7),
    ("--lr", "1e-2", "training.lr", 0.01),
    ("--optimizer", "sgd", "training.optimizer", "sgd"),
    ("--momentum", "0.9", "training.momentum", 0.9),
    ("--weight-decay", "5e-4", "training.weight_decay", 0.0005),
    ("--schedule", "cosine:final=0.1", "training.schedule", "cosine:final=0.1"),
    ("--warmup", "20", "training.warmup", 20.0),
    ("--clip-norm", "1", "training.clip_norm", 1.0),
    ("--accumulate", "4", "training.accumulate", 4),
    ("--dropout", "0.5", "model.options", {"dropout": 0.5}),
    ("--label-smoothing", "0.1", "training.label_smoothing", 0.1),
    ("--ema", "0.99", "training.ema", 0.99),
    ("--patience", "3", "training.patience", 3),
    ("--init", "normal:0.01", "training.init", "normal:0.01"),
    ("--seed", "42", "seed", 42),
    ("--overfit-batches", "2", "training.overfit_batches", 2),
    ("--device", "cpu", "execution.device", "cpu"),
    ("--precision", "bf16", "execution.precision", "bf16"),
    ("--strategy", "fsdp", "execution.strategy", "fsdp"),
    ("--compile", "forward", "execution.compile", "forward"),
    ("--freeze", "0,3.*", "finetune.freeze", ["0", "3.*"]),
    ("--fast-dev-run", None, "training.fast_dev_run", True),
    ("--set", "training.clip_value=0.5", "training.clip_value", 0.5),
    ("--set", "model.options.depth=3", "model.options", {"depth": 3}),
    ("--set", "training.init={conv: normal}", "training.init", {"conv": "normal"}),
    ("--set", "execution.channels_last=false", "execution.channels_last", False),
    ("--set", "training.lr=1e-3", "training.lr", 0.001),
]


# What some of them are of no use without
NEEDED = {"--images": ("--data", __file__), "--max-broken": ("--data", "."), "--cache": ("--data", ".")}


@pytest.mark.parametrize(("option", "text", "setting", "value"), EVERY_OPTION)
def test_every_option_reaches_its_setting_and_no_other(option, text, setting, value):
    needed = NEEDED.get(option, ())
    if option == "--images":  # with it the same file is of another kind, for which all defaults are others
        assert look_up(read_settings(option, text, *needed), setting) == value
        return
    config = read_settings(option, *([] if text is None else [text]), *needed)
    assert look_up(config, setting) == value
    plain, given = config_to_dict(read_settings(*needed)), config_to_dict(config)
    section, _, key = setting.partition(".")
    for name in set(plain) - {section}:
        if setting in ("data.name", "model.name") and name in ("data", "training"):  # defaults depend on these
            continue
        assert given[name] == plain[name], name
    if key and setting not in ("data.name", "training.optimizer"):
        assert {k: v for k, v in given[section].items() if k != key} == {
            k: v for k, v in plain[section].items() if k != key
        }


def test_no_option_is_left_untested():
    parser = argparse.ArgumentParser()
    train.add_arguments(parser)
    declared = {name for action in parser._actions for name in action.option_strings if name.startswith("--")}
    not_settings = {"--help", "--recipe", "--config", "--resume", "--out"}
    not_settings |= {"--init-from", "--body-lr", "--layer-decay", "--compare-scratch", "--seeds"}  # test_fine_tuning.py
    not_settings |= {"--log", "--devices", "--max-restarts"}  # of loggers and launches, tested there
    assert declared - not_settings == {option for option, *_ in EVERY_OPTION}


def test_the_model_is_the_first_word():
    assert read_settings("mlp").model.name == "mlp"
    assert read_settings().model.name == "lenet"


def test_recipe_then_file_then_options_then_set(tmp_path, monkeypatch):
    recipe = {"training": {"epochs": 1, "lr": 0.1, "ema": 0.9, "patience": 1}, "model": {"name": "mlp"}}
    monkeypatch.setattr("fathom.settings.presets.read_recipe", lambda name: recipe)
    file = tmp_path / "settings.yaml"
    file.write_text(yaml.safe_dump({"training": {"lr": 0.2, "ema": 0.8, "patience": 2}}))
    options = ["--recipe", "any", "--config", file, "--ema", 0.7, "--patience", 3, "--set", "training.patience=4"]
    config = read_settings(*options)
    assert config.model.name == "mlp"
    assert (config.training.epochs, config.training.lr, config.training.ema, config.training.patience) == (
        1,
        0.2,
        0.7,
        4,
    )


def test_a_later_set_wins():
    config = read_settings("--set", "training.lr=0.1", "--set", "training.lr=0.2")
    assert config.training.lr == 0.2


def test_options_of_another_network_or_data_set_are_dropped_with_it(tmp_path):
    file = tmp_path / "settings.yaml"
    tree = {"model": {"name": "mlp", "options": {"depth": 3}}, "data": {"name": "digits", "options": {"size": 16}}}
    file.write_text(yaml.safe_dump(tree))
    kept = read_settings("mlp", "--data", "digits", "--config", file)
    assert (kept.model.options, kept.data.options) == ({"depth": 3}, {"size": 16})
    changed = read_settings("lenet", "--data", "mnist", "--config", file, "--dropout", 0.1)
    assert (changed.model.options, changed.data.options) == ({"dropout": 0.1}, {})


def test_a_resolved_configuration_resolves_to_itself(tmp_path):
    config = read_settings("--data", "mnist")
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(config_to_dict(config)))
    assert read_settings("--config", file) == config


def test_everything_left_open_is_filled():
    config = read_settings()
    assert config.data.batch_size
    for name in ("epochs", "optimizer", "lr", "weight_decay", "schedule", "loss"):
        assert getattr(config.training, name) is not None, name


def test_a_folder_needs_no_batch_size_yet(tmp_path):
    assert read_settings("--data", f"{tmp_path}/").data.batch_size is None


@pytest.mark.parametrize(
    "arguments",
    [
        ["--compile", "step", "--accumulate", "2"],
        ["--compile", "step", "--set", "training.clip_value=1"],
        ["--compile", "step", "--set", "training.l1=0.1"],
        ["--compile", "step", "--precision", "fp16"],
        ["--compile", "step", "--optimizer", "adagrad"],
        ["--schedule", "noam:warmup=10", "--warmup", "0.1"],
        ["--label-smoothing", "0.1", "--set", "training.loss=multi_margin"],
    ],
)
def test_contradictions_are_refused(arguments):
    with pytest.raises(UsageError):
        read_settings(*arguments)


def test_a_network_can_be_named_once_only():
    assert read_settings("mlp", "--model", "mlp").model.name == "mlp"
    with pytest.raises(UsageError, match="two networks are named, mlp and --model lenet; leave one of them out"):
        read_settings("mlp", "--model", "lenet")


def test_a_text_gets_a_recurrent_network_and_clipping():
    config = read_settings("--data", "time_machine")
    assert config.model.name == "gru"
    assert config.training.clip_norm == 1.0
    assert config.data.options == {
        "level": "char",
        "steps": 64,
        "partition": "sequential",
        "lower": True,
        "clean": "letters",
    }
    assert read_settings("lstm", "--data", "time_machine", "--level", "word").model.name == "lstm"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "data.options.step=3"], "unknown option of a text 'step'; did you mean 'steps'?"),
        (["--level", "wrd"], "unknown level 'wrd'; did you mean 'word'?"),
        (["--label-smoothing", "0.1"], "label smoothing would make the training perplexity meaningless"),
        (["--set", "training.loss=squared"], "loss squared has no perplexity"),
        (["--compile", "step"], "cannot include clipping"),
    ],
)
def test_what_does_not_go_with_a_text(arguments, message):
    with pytest.raises(UsageError) as caught:
        read_settings("--data", "time_machine", *arguments)
    assert message in str(caught.value)
