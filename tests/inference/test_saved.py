"""A model at rest: all that ``predict`` needs is in ``model.json`` and ``model.safetensors``."""

import json

import pytest
import torch

from fathom.errors import FathomError
from fathom.inference.saved import describe_model, load_module, read_weights, save_weights
from fathom.models import registry
from fathom.module import Classifier, Regressor
from fathom.preprocess import Preprocess


def make_classifier(name="mlp", size=None, **options):
    torch.manual_seed(0)
    shape = (1, *size) if size else (1, 8, 8)
    net = registry.create(name, input_shape=shape, num_classes=3, **options)
    module = Classifier(net, class_names=("a", "b", "c"), preprocess=Preprocess([0.2], [0.4], size))
    return module, describe_model(module, name, options, (1, 8, 8), 3)


def save(folder, module, description):
    (folder / "model.json").write_text(json.dumps(description))
    save_weights(folder / "model.safetensors", module)


@pytest.mark.parametrize(
    ("name", "size", "options"),
    [("mlp", None, {"batch_norm": True, "dropout": 0.5}), ("lenet", (28, 28), {"activation": "tanh"})],
)
def test_a_saved_module_comes_back_whole(name, size, options, tmp_path):
    module, description = make_classifier(name, size, **options)
    X = torch.randint(0, 256, (16, 1, 8, 8), dtype=torch.uint8)
    module(X)  # moves batch-norm's running statistics away from their beginning
    save(tmp_path, module, description)
    loaded, read = load_module(tmp_path)
    assert read == json.loads(json.dumps(description))
    assert not loaded.training
    assert loaded.class_names == ("a", "b", "c")
    with torch.no_grad():
        assert torch.equal(loaded(X), module.eval()(X))
        assert torch.equal(loaded.predict_step(X), module(X).softmax(1))


def test_a_regressor_comes_back_whole(tmp_path):
    net = registry.create("linear", input_shape=(2,), num_classes=1)
    module = Regressor(net)
    save(tmp_path, module, describe_model(module, "linear", {}, (2,), 1))
    loaded, description = load_module(str(tmp_path))
    assert description["input"] == {"kind": "features", "features": 2}
    X = torch.randn(5, 2)
    assert torch.equal(loaded(X), module(X))


def test_the_description_counts_what_there_is():
    module, description = make_classifier("lenet", (28, 28))
    assert description["parameters"] == sum(p.numel() for p in module.parameters())
    assert description["model"]["input_shape"] == [1, 28, 28]
    assert description["input"]["height"] == 8  # as stored, before Preprocess resizes
    assert description["input"]["size"] == [28, 28]


def test_equal_weights_give_equal_files(tmp_path):
    for name in ("one", "two"):
        save_weights(tmp_path / name, make_classifier()[0])
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_every_kind_of_number_is_kept(tmp_path):
    module = torch.nn.Module()
    for dtype in (torch.float32, torch.bfloat16, torch.float16, torch.int64, torch.uint8, torch.bool):
        module.register_buffer(f"of_{str(dtype).removeprefix('torch.')}", torch.tensor([[0, 1]]).to(dtype))
    module.register_buffer("scalar", torch.tensor(3))
    module.register_buffer("turned", torch.arange(6).view(2, 3).T)
    save_weights(tmp_path / "weights", module)
    read = read_weights(tmp_path / "weights")
    for name, value in module.state_dict().items():
        assert read[name].dtype == value.dtype
        assert torch.equal(read[name], value)


@pytest.fixture
def flipped(tmp_path):
    """Write weights with one bit flipped, at a place counted from the end of the header."""
    path = tmp_path / "weights"
    save_weights(path, make_classifier("softmax")[0])
    whole = path.read_bytes()
    header = 8 + int.from_bytes(whole[:8], "little")

    def flip(place):
        changed = bytearray(whole)
        changed[header + place] ^= 4
        path.write_bytes(changed)
        return path

    return flip


@pytest.mark.parametrize("place", [0, 1, 401, 600, -1 - 300, -40])
def test_a_flipped_bit_is_found(place, flipped):
    path = flipped(place)
    with pytest.raises(FathomError, match=f"^{path}: .*altered") as caught:
        read_weights(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FathomError, match=r"nothing\.safetensors: cannot be read \(No such file or directory\)"):
        read_weights(tmp_path / "nothing.safetensors")
