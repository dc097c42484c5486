"""The grammar of a search's space: what is read, what each name means, what is refused and how."""

import pytest

from fathom.build.configure import configure
from fathom.errors import UsageError
from fathom.settings.settings import Settings
from fathom.tuning.space import apply_values, default_values, parse_space, resolve_space

OPTIONS = {
    "mlp": {"hidden": (256,), "activation": "relu", "dropout": 0.0, "batch_norm": False},
    "lenet": {"activation": "relu", "pooling": "max"},
}


def read(space, tree=None):
    return resolve_space(parse_space(space), Settings(tree or {"model": {"name": "mlp"}}), OPTIONS)


@pytest.mark.parametrize(
    ("space", "setting", "ends"),
    [
        ("lr=1e-4..1:log", "training.lr", [1e-4, 1.0]),
        ("lr=1..10", "training.lr", [1.0, 10.0]),  # a setting that takes fractions is one however its ends are written
        ("batch_size=32..512:log", "data.batch_size", [32, 512]),
        ("batch-size=32..512:log:int", "data.batch_size", [32, 512]),
        ("warmup=0..100:int", "training.warmup", [0, 100]),
        ("training.clip_norm=0.5..5", "training.clip_norm", [0.5, 5.0]),
        ("hidden=64..512:log", "model.options.hidden", [64, 512]),
        ("dropout=0..1", "model.options.dropout", [0.0, 1.0]),
        ("model.options.dropout=0..0.5", "model.options.dropout", [0.0, 0.5]),
        ("hidden=64|[256, 128]|[64,64]", "model.options.hidden", ["64", "[256, 128]", "[64,64]"]),
        ("activation=relu|tanh", "model.options.activation", ["relu", "tanh"]),
        ("model=mlp|lenet", "model.name", ["mlp", "lenet"]),
        ("optimizer=sgd|adam", "training.optimizer", ["sgd", "adam"]),
        ("augment='flip,crop:padding=2'|flip", "data.augment", ["'flip,crop:padding=2'", "flip"]),
        ("data.options.steps=16|32", "data.options.steps", ["16", "32"]),
    ],
)
def test_a_name_means_its_setting(space, setting, ends):
    (dimension,) = read(space)
    assert dimension.setting == setting
    assert dimension.ends() == ends
    assert [type(end) for end in dimension.ends()] == [type(end) for end in ends]


def test_forms_of_a_whole_space_are_the_same():
    text = read("lr=1e-4..1:log,hidden=[64]|[256, 128],dropout=0..0.5")
    assert text == read(["lr=1e-4..1:log", "hidden=[64]|[256, 128], dropout=0..0.5"])
    assert text == read({"lr": "1e-4..1:log", "hidden": "[64]|[256, 128]", "dropout": "0..0.5"})


def test_values_reach_the_configuration():
    model, lr, hidden = read("lr=1e-4..1:log,hidden=64|[256, 128],model=mlp|lenet")
    base = Settings({"training": {"epochs": 3}})
    settings = apply_values(base, {model: "mlp", lr: 0.25, hidden: "[256, 128]"})
    assert settings.get("model") == {"name": "mlp", "options": {"hidden": [256, 128]}}
    assert settings.get("training") == {"lr": 0.25, "epochs": 3}
    assert base == Settings({"training": {"epochs": 3}})


@pytest.mark.parametrize(
    ("space", "line"),
    [
        ("", "space: empty; give name=1e-4..1:log or choices such as relu|tanh"),
        ("lr", "space 'lr': expected name=a range such as 1e-4..1:log or choices such as relu|tanh"),
        ("lr=0.1", "space lr=0.1: a single value cannot be tuned; give a range such as 1e-4..1:log or choices"),
        ("lr=1..0.1", "space lr=1..0.1: low must be below high"),
        ("lr=nan..1", "space lr=nan..1: low must be below high"),
        ("lr=0..1:log", "space lr=0..1:log: a logarithmic range must be above 0"),
        ("lr=a..b", "space lr=a..b: a..b is not low..high with two numbers"),
        ("lr=1..2:lgo", "unknown ending of the range lr=1..2:lgo 'lgo'; did you mean 'log'?"),
        ("lr=1..2,lr=2..3", "space: lr appears twice"),
        ("lr=1..2,training.lr=2..3", "space: training.lr appears twice"),
        ("hidden=a||b", "space hidden=a||b: a choice is empty"),
        ("hidden=4|4", "space hidden=4|4: a choice appears twice"),
        ("droput=0..0.5", "unknown setting to tune 'droput'; did you mean 'dropout'?"),
        ("training.lrr=1..2", "unknown setting to tune 'training.lrr'; did you mean 'training.lr'?"),
        ("momentum=0..1", "space momentum=0..1: training.momentum: expected `float` < 1.0"),
        ("batch_size=0..4", "space batch_size=0..4: data.batch_size: expected `int` >= 1"),
        ("batch_size=1.5..4", "space batch_size=1.5..4: bounds of a range of whole numbers must be whole"),
        ("optimizer=1..3", "space optimizer=1..3: training.optimizer is not a number; give choices such as a|b"),
        ("activation=0..1", "space activation=0..1: activation is not a number; give choices such as a|b"),
        ("precision=fp32|bff16", "space precision=fp32|bff16: unknown execution.precision 'bff16'; did you mean"),
        ("seed=1..9", "space seed=1..9: seed decides how trials are evaluated, so it cannot be tuned"),
        ("val=0.1..0.5", "space val=0.1..0.5: data.val decides how trials are evaluated, so it cannot be tuned"),
    ],
)
def test_what_is_refused_is_one_line(space, line):
    with pytest.raises(UsageError) as caught:
        read(space)
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


def test_defaults_are_taken_where_a_dimension_holds_them():
    config = configure({"model": {"name": "mlp"}, "training": {"lr": 0.003}, "data": {"batch_size": 64}})
    space = "lr=1e-4..1:log,batch_size=128..256,hidden=[64]|[256],dropout=0..0.5,activation=tanh|relu,clip_norm=1..2"
    found = default_values(read(space), config, OPTIONS["mlp"])
    assert found == {"lr": 0.003, "hidden": "[256]", "dropout": 0.0, "activation": "relu"}
