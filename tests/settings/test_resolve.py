"""Settings that nobody chose, and settings that contradict each other."""

import subprocess
import sys

import msgspec
import pytest

from fathom.build.configure import configure
from fathom.data.sources import catalog
from fathom.errors import UsageError
from fathom.models import registry
from fathom.settings.config import config_to_dict, pin_split, split_seed, unresolved_settings


@pytest.mark.parametrize("data", catalog.names())
def test_every_pair_of_network_and_data_is_filled_once_and_for_all(data):
    for model in registry.names():
        config = configure({"model": {"name": model}, "data": {"name": data}})
        assert unresolved_settings(config) == []
        assert configure(config) is config
        assert configure(config_to_dict(config)) == config


def test_what_was_chosen_stays():
    chosen = {
        "data": {"name": "digits", "batch_size": 7, "options": {"size": 9}},
        "training": {
            "epochs": 3,
            "optimizer": "sgd",
            "lr": 0.5,
            "weight_decay": 0.25,
            "schedule": "constant",
            "loss": "multi_margin",
        },
    }
    tree = config_to_dict(configure(chosen))
    for section, values in chosen.items():
        for name, value in values.items():
            assert tree[section][name] == value


def test_digits_are_scaled_for_convolutions_only():
    sizes = {m: configure({"model": {"name": m}}).data.options["size"] for m in ("mlp", "softmax", "lenet")}
    assert sizes == {"mlp": 8, "softmax": 8, "lenet": 28}


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        ({"seed": 2**63}, "below 2"),
        ({"training": {"fast_dev_run": True, "overfit_batches": 1}}, "exclude each other"),
        ({"training": {"warmup": 2.5}}, "must be a whole number of steps"),
        ({"training": {"warmup": 2, "schedule": "cosine:warmup_steps=3"}}, "both set a warm-up"),
        ({"training": {"l1": 0.1}, "execution": {"compile": "step"}}, "cannot include an L1 penalty"),
        ({"training": {"clip_value": 0.1}, "execution": {"compile": "step"}}, "cannot include clipping"),
        (
            {"training": {"optimizer": "adagrad"}, "execution": {"compile": "step"}},
            "cannot include the optimizer adagrad",
        ),
        ({"training": {"label_smoothing": 0.1, "loss": "multi_margin"}}, "label smoothing"),
        ({"training": {"schedule": "cosin"}}, "unknown schedule 'cosin'; did you mean 'cosine'"),
    ],
)
def test_contradictions_are_refused(tree, words):
    with pytest.raises(UsageError, match=words):
        configure(tree)


def test_whole_and_partial_warm_ups_are_taken():
    for warmup in (0, 0.5, 1, 20.0):
        assert configure({"training": {"warmup": warmup}}).training.warmup == warmup


def test_settings_load_without_torch():
    modules = "fathom.build.configure, fathom.settings.presets, fathom.cli.options"
    code = f"import {modules}, sys; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_splits_follow_the_seed_unless_they_are_pinned():
    config = configure({"seed": 3})
    assert split_seed(config) == 3
    assert split_seed(msgspec.structs.replace(config, seed=4)) == 4
    assert split_seed(msgspec.structs.replace(pin_split(config), seed=4)) == 3
    assert split_seed(configure({"seed": 3, "data": {"split_seed": 7}})) == 7
    differ = {
        key for key, value in config_to_dict(configure({"seed": 4})).items() if value != config_to_dict(config)[key]
    }
    assert differ == {"seed"}
