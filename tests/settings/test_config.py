"""Settings: what is refused and how, what survives being written and read again."""

import subprocess
import sys

import msgspec
import pytest
import yaml

from fathom.build.configure import configure
from fathom.errors import FathomError, UsageError
from fathom.settings.config import SCHEMA, config_from_dict, config_to_dict
from fathom.settings.reading import read_settings, read_tree
from fathom.settings.settings import Settings, merge, set_dotted


def test_defaults_are_a_valid_configuration():
    config = configure({})
    assert (config.model.name, config.data.name, config.seed, config.schema) == ("lenet", "digits", 0, SCHEMA)


def test_a_tree_survives_the_round_trip_through_yaml():
    tree = {
        "model": {"name": "mlp", "options": {"width": [256, 128], "activation": "relu"}},
        "data": {"name": "mnist", "batch_size": 128, "augment": "flip,crop:padding=2"},
        "training": {"lr": 1e-5, "epochs": 3, "init": {"0": "normal:0.01"}},
        "execution": {"compile": "off", "precision": "bf16"},
        "seed": 17,
    }
    config = configure(tree)
    written = yaml.safe_dump(config_to_dict(config))
    assert config_from_dict(yaml.safe_load(written)) == config
    assert config.training.lr == 1e-5
    assert config.model.options["width"] == [256, 128]


def test_a_configuration_cannot_be_changed():
    config = configure({})
    with pytest.raises(AttributeError):
        config.seed = 1
    with pytest.raises(AttributeError):
        config.training.lr = 1.0
    assert msgspec.structs.replace(config, seed=1).seed == 1
    a, b = configure({"data": {"name": "mnist"}}), configure({"data": {"name": "mnist"}})
    a.model.options["x"] = 1
    assert b.model.options == {}


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"trainig": {}}, "unknown setting 'trainig'; did you mean 'training'?"),
        ({"training": {"epoch": 3}}, r"unknown setting 'training\.epoch'; did you mean 'training\.epochs'?"),
        ({"training": {"epochs": -1}}, r"training\.epochs: expected `int` >= 0"),
        ({"training": {"epochs": 1.5}}, r"training\.epochs: expected `int \| null`, got `float`"),
        ({"training": {"epochs": True}}, r"training\.epochs: expected `int \| null`, got `bool`"),
        ({"training": {"lr": -1}}, r"training\.lr: expected `float` > 0"),
        ({"training": {"lr": float("nan")}}, r"training\.lr: expected"),
        ({"training": {"momentum": 1.0}}, r"training\.momentum: expected `float` < 1"),
        ({"training": {"label_smoothing": -0.1}}, r"training\.label_smoothing: expected"),
        ({"data": {"val": 1}}, r"data\.val: expected `float` < 1"),
        ({"data": {"batch_size": "big"}}, r"data\.batch_size: expected"),
        ({"model": "lenet"}, "setting model: expected named settings, found 'lenet'"),
        ({"model": None}, "setting model: expected named settings"),
        ({"model": {"options": [1]}}, r"model\.options: expected"),
        ({"execution": {"precision": "bf17"}}, r"unknown execution\.precision 'bf17'; did you mean 'bf16'?"),
        ({"execution": {"compile": False}}, r"unknown execution\.compile 'False'"),
        ({"seed": -1}, "seed: expected `int` >= 0"),
        ({"schema": "x"}, "schema: expected `int"),
    ],
)
def test_wrong_settings_are_named(tree, message):
    with pytest.raises(UsageError, match=message) as caught:
        Settings(tree)
    assert "\n" not in str(caught.value)


def test_a_newer_schema_is_refused_before_its_unknown_names_are():
    with pytest.raises(FathomError, match=r"here: written by a newer Fathom \(schema 3, this one reads 2\)") as caught:
        Settings({"schema": SCHEMA + 1, "hologram": {}}, "here")
    assert caught.value.exit_code == 1


class TestFiles:
    def write(self, tmp_path, text):
        path = tmp_path / "settings.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def test_what_people_write(self, tmp_path):
        tree = read_tree(
            self.write(
                tmp_path,
                "# mine\ntraining: {lr: 1e-3, weight_decay: 5E-4, nesterov: true}\nexecution:\n  compile: off\n"
                "model: {options: {p: .5, n: 012, e: 1e, s: '1e-3', v: no, q: 1.5e+3}}\n",
            )
        )
        assert tree["training"] == {"lr": 0.001, "weight_decay": 0.0005, "nesterov": True}
        assert tree["execution"] == {"compile": "off"}
        assert tree["model"]["options"] == {"p": 0.5, "n": 10, "e": "1e", "s": "1e-3", "v": "no", "q": 1500.0}
        assert Settings(tree).get("training.lr") == 0.001

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("training: [", "not valid YAML at line 1"),
            ("a: 1\n\tb: 2", "not valid YAML at line 2"),
            ("- 1\n- 2", "expected settings like 'training: {epochs: 10}', found list"),
            ("", "found NoneType"),
            ("training: {lrr: 1}", r"unknown setting 'training\.lrr'; did you mean 'training\.lr'?"),
            ("model: lenet", "setting model: expected named settings, found 'lenet'"),
            (b"\xff\xfe\x00", "it is not UTF-8 text"),
            ("!!python/object/apply:os.system ['true']", "not valid YAML"),
        ],
    )
    def test_a_bad_file_is_named_with_the_reason(self, tmp_path, text, message):
        path = self.write(tmp_path, text)
        with pytest.raises(FathomError, match=message) as caught:
            read_settings(path)
        assert str(caught.value).startswith(f"{path}: ")
        assert "\n" not in str(caught.value)

    def test_a_missing_file_and_a_newer_one(self, tmp_path):
        with pytest.raises(FathomError, match=r"nowhere\.yaml: cannot be read \(No such file or directory\)"):
            read_settings(tmp_path / "nowhere.yaml")
        with pytest.raises(FathomError, match="written by a newer Fathom"):
            read_settings(self.write(tmp_path, "schema: 9\nwarp: {speed: 9}"))


class TestSet:
    @pytest.mark.parametrize(
        ("assignment", "expected"),
        [
            ("training.clip_norm=1.0", {"training": {"clip_norm": 1.0}}),
            ("training.lr=1e-3", {"training": {"lr": 0.001}}),
            ("training.lr = 2e-3", {"training": {"lr": 0.002}}),
            ("seed=3", {"seed": 3}),
            ("execution.compile=off", {"execution": {"compile": "off"}}),
            ("execution.allocator=false", {"execution": {"allocator": False}}),
            ("model.options.dropout=0.5", {"model": {"options": {"dropout": 0.5}}}),
            ("model.options={width: [1, 2]}", {"model": {"options": {"width": [1, 2]}}}),
            ("training.schedule=step:every=3,gamma=0.1", {"training": {"schedule": "step:every=3,gamma=0.1"}}),
            ("training.init=normal:0.01", {"training": {"init": "normal:0.01"}}),
            ("training.ema=", {"training": {"ema": None}}),
        ],
    )
    def test_values_are_yaml(self, assignment, expected):
        tree = {}
        set_dotted(tree, assignment)
        assert tree == expected
        Settings(tree)

    @pytest.mark.parametrize(
        ("assignment", "message"),
        [
            ("training.clip_norm", "expected section.name=value"),
            ("=3", "expected section.name=value"),
            ("training..lr=3", "expected section.name=value"),
            ("training.clip=1", r"did you mean 'training\.clip_norm'?"),
            ("training=5", "setting training: expected named settings, found 5"),
            ("training.lr=[1", "is not a YAML value"),
            ("execution.precision=fp8", r"unknown execution\.precision 'fp8'"),
        ],
    )
    def test_wrong_assignments_are_named(self, assignment, message):
        with pytest.raises(UsageError, match=message):
            set_dotted({}, assignment)

    def test_later_wins_and_neighbours_stay(self):
        tree = {"training": {"lr": 0.1, "epochs": 3}}
        set_dotted(tree, "training.lr=0.5")
        assert tree == {"training": {"lr": 0.5, "epochs": 3}}


def test_merging_leaves_what_is_merged_alone():
    recipe = {"model": {"name": "mlp", "options": {"width": 64}}, "seed": 1}
    tree = merge({}, recipe)
    merge(tree, {"model": {"options": {"width": 128, "depth": 2}}, "data": {"name": "mnist"}})
    assert tree == {
        "model": {"name": "mlp", "options": {"width": 128, "depth": 2}},
        "seed": 1,
        "data": {"name": "mnist"},
    }
    assert recipe == {"model": {"name": "mlp", "options": {"width": 64}}, "seed": 1}


def test_torch_is_not_needed():
    code = "import sys, fathom.settings.config; assert 'torch' not in sys.modules and 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_names_of_optimisers_stand_once():
    from typing import get_args

    from fathom.choices import OptimizerName
    from fathom.training import optimizers

    assert set(get_args(OptimizerName)) == set(optimizers.NAMES)
