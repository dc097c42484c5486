"""Networks that Fathom does not ship: registered in a script, and provided by an installed package."""

import doctest
import os
import subprocess
import sys

import pytest
import torch
from torch import nn

import fathom
from fathom.errors import FathomError, UsageError
from fathom.models import registration, registry

NETS = '''
"""A package of somebody else's."""
import torch
from torch import nn
from fathom import register_model

def make(input_shape, num_classes, *, width=8):
    """A small network of somebody else's.

    More about it.
    """
    return nn.Sequential(
        nn.Conv2d(input_shape[0], width, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(),
        nn.Linear(4 * width, num_classes),
    )

@register_model("decorated_one", description="decorated", fixed={"depth": 1})
@register_model("decorated_two", description="decorated", fixed={"depth": 2})
def decorated(input_shape, num_classes, *, depth, width=8):
    return make(input_shape, num_classes, width=depth * width)

wrong = 3

def takes_nothing():
    return nn.Identity()

def gives_nothing(input_shape, num_classes):
    return None
'''
ENTRY_POINTS = """[fathom.models]
mynet = mynets.nets:make
decorated_one = mynets.nets:decorated
decorated_two = mynets.nets:decorated
not_a_builder = mynets.nets:wrong
no_such_builder = mynets.nets:missing
takes_nothing = mynets.nets:takes_nothing
gives_nothing = mynets.nets:gives_nothing
lenet = mynets.nets:make
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package on sys.path with the metadata of an installed one; gone afterwards."""
    site = tmp_path / "site"
    (site / "mynets").mkdir(parents=True)
    (site / "mynets" / "__init__.py").touch()
    (site / "mynets" / "nets.py").write_text(NETS)
    info = site / "mynets-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mynets\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    monkeypatch.syspath_prepend(str(site))
    registration.entry_points_by_name.cache_clear()
    yield site
    for module in [name for name in sys.modules if name.partition(".")[0] == "mynets"]:
        del sys.modules[module]
    registration.entry_points_by_name.cache_clear()


@pytest.fixture
def mine():
    """A network registered here, as a script or notebook does."""

    @fathom.register_model("mine", description="one dense layer")
    def build(input_shape, num_classes, bias=True):
        return nn.Sequential(nn.Flatten(), nn.Linear(torch.Size(input_shape).numel(), num_classes, bias=bias))

    return build


# In a script or notebook --------------------------------------------------------------------------------------------


def test_a_registered_network_is_made_by_name(mine):
    net = fathom.create_model("mine", input_shape=(1, 4, 4), num_classes=3, bias=False)
    assert net(torch.zeros(2, 1, 4, 4)).shape == (2, 3)
    assert net[1].bias is None
    assert registry.get("mine").description == "one dense layer"
    assert registry.defaults("mine") == {"bias": True}
    assert registry.names()[-1] == "mine"
    with pytest.raises(UsageError, match="unknown option of mine 'bais'; did you mean 'bias'"):
        fathom.create_model("mine", input_shape=(1, 4, 4), num_classes=3, bais=False)


def test_a_class_may_be_the_builder():
    @fathom.register_model("mine")
    class Net(nn.Module):
        """A class."""

        def __init__(self, input_shape, num_classes, *, width=4):
            super().__init__()
            self.layers = nn.Sequential(nn.Linear(*input_shape, width), nn.Linear(width, num_classes))

        def forward(self, X):
            return self.layers(X)

    net = fathom.create_model("mine", input_shape=(5,), num_classes=3, width=6)
    assert isinstance(net, Net)
    assert net(torch.zeros(2, 5)).shape == (2, 3)
    assert registry.get("mine").description == "A class"


def test_a_run_of_a_registered_network_is_read_where_it_is_registered(mine, tmp_path):
    outcome = fathom.train(
        fathom.Settings(
            {"model": {"name": "mine"}, "data": {"name": "digits"}, "training": {"fast_dev_run": True}}, "test"
        ),
        root=tmp_path,
    )
    module, _ = fathom.load_module(outcome.path)
    assert isinstance(module.net[1], nn.Linear)
    del registration.REGISTERED["mine"]  # as in another process
    with pytest.raises(
        FathomError, match=r"the network 'mine' is neither Fathom's nor provided by an installed package"
    ):
        fathom.load_module(outcome.path)


def test_a_cell_may_run_again_and_names_are_not_stolen(mine, package):
    def build(input_shape, num_classes):
        return nn.Identity()

    fathom.register_model("mine")(build)
    assert registry.defaults("mine") == {}
    with pytest.raises(UsageError, match="'lenet' is already a network of Fathom; choose another name"):
        fathom.register_model("lenet")(build)
    with pytest.raises(UsageError, match="'mynet' is already a network of mynets"):
        fathom.register_model("mynet")(build)
    build.__module__ = "elsewhere"
    with pytest.raises(UsageError, match="'mine' is already a network of "):
        fathom.register_model("mine")(build)


@pytest.mark.parametrize("name", ["", "two words", "../up", "1net", "a=b"])
def test_names_that_cannot_be_typed_or_stored_are_refused(name):
    with pytest.raises(UsageError, match="the name of a network must be letters"):
        fathom.register_model(name)


def test_a_builder_that_cannot_be_called_is_refused():
    with pytest.raises(UsageError, match=r"'mine' is built by builder\(input_shape, num_classes, \*\*options\)"):
        fathom.register_model("mine")(lambda: nn.Identity())
    with pytest.raises(UsageError, match="missing a required argument: 'width'"):
        fathom.register_model("mine")(lambda shape, classes, width: nn.Identity())
    assert not registry.is_known("mine")


def test_the_example_in_the_docstring_runs():
    tests = doctest.DocTestFinder().find(fathom.register_model, "register_model", globs={})
    results = [doctest.DocTestRunner().run(test) for test in tests]
    assert sum(result.attempted for result in results) > 3
    assert sum(result.failed for result in results) == 0


# Of an installed package --------------------------------------------------------------------------------------------


def test_a_plugin_is_listed_without_importing_the_package(package, capsys):
    from fathom.cli.main import main

    assert "mynet" in registry.names()
    registry.check_name("mynet")
    assert main(["models"]) == 0
    assert "mynets 1.2" in capsys.readouterr().out
    assert registry.get("lenet").module == "fathom.models.lenet", "a name of Fathom's own is Fathom's"
    assert "mynets" not in sys.modules


def test_a_plugin_is_imported_when_asked_for(package):
    net = fathom.create_model("mynet", input_shape=(1, 8, 8), num_classes=3, width=5)
    assert net(torch.zeros(2, 1, 8, 8)).shape == (2, 3)
    assert net[0].out_channels == 5
    assert registry.get("mynet").description == "A small network of somebody else's"
    assert registry.defaults("mynet") == {"width": 8}


def test_a_decorated_builder_brings_what_it_says_of_itself(package):
    net = fathom.create_model("decorated_two", input_shape=(1, 8, 8), num_classes=3)
    assert net[0].out_channels == 16
    assert registry.get("decorated_two").description == "decorated"
    assert registry.defaults("decorated_one") == {"width": 8}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("not_a_builder", "the network 'not_a_builder' of the package mynets: mynets.nets:wrong is not a builder"),
        ("no_such_builder", "cannot load mynets.nets:missing .AttributeError"),
        ("takes_nothing", "takes_nothing.. cannot be called so"),
        ("gives_nothing", "mynets.nets:gives_nothing gave NoneType, not an nn.Module"),
    ],
)
def test_a_plugin_that_is_broken_is_one_clear_line(package, name, message):
    with pytest.raises(FathomError, match=message) as caught:
        fathom.create_model(name, input_shape=(1, 8, 8), num_classes=3)
    assert "\n" not in str(caught.value)


def test_two_packages_with_one_name_are_told_apart_by_nobody(package):
    info = package / "other-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[fathom.models]\nmynet = other:make\n")
    registration.entry_points_by_name.cache_clear()
    with pytest.raises(FathomError, match="'mynet' is provided by two packages, mynets and other"):
        registry.get("mynet")


def test_the_layers_of_a_plugin_are_shown(package, capsys):
    from fathom.cli.main import main

    assert main(["models", "mynet", "--input", "1x8x8", "--classes", "10"]) == 0
    start = "mynet: A small network of somebody else's\ninput 1x8x8, outputs 10\noptions width=8\n"
    assert capsys.readouterr().out.startswith(start)
    assert main(["models", "mynet"]) == 2
    message = "mynet has no published size; add --input CxHxW and --classes N"
    assert message in capsys.readouterr().err


def test_the_command_line_trains_it_and_refuses_the_run_without_its_package(package, tmp_path):
    def command(*arguments, path):
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, path))}
        done = subprocess.run(
            [sys.executable, "-m", "fathom", *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        return done.returncode, done.stdout + done.stderr

    assert sys.path[0] == str(package)
    arguments = ("train", "mynet", "--data", "digits", "--epochs", "1", "--set", "model.options.width=4", "--out", "r")
    code, output = command(*arguments, path=sys.path)
    assert code == 0, output
    assert "test accuracy" in output
    (run,) = (tmp_path / "r").glob("*mynet*")
    module, _ = fathom.load_module(run)
    assert module.net[0].out_channels == 4

    code, output = command("eval", str(run), path=sys.path[1:])
    assert code == 1, output
    assert "the network 'mynet' is neither Fathom's nor provided by an installed package" in output
    code, output = command("train", "mynet", "--data", "digits", path=sys.path[1:])
    assert code == 2, output
    assert "unknown model 'mynet'" in output
