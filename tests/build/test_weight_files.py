"""Files of weights: nothing in them runs, damage is named, torchvision's come over http into its own cache."""

import hashlib
import http.server
import pickle
import threading

import pytest
import safetensors.torch
import torch
from torchvision.models import ResNet18_Weights

from fathom.build.weight_files import read_origin
from fathom.errors import FathomError, UsageError
from fathom.models.registry import create
from fathom.models.torchvision_names import PUBLISHED
from fathom.settings.origin import find_origin

TENSORS = {"fc.weight": torch.ones(2, 3), "fc.bias": torch.zeros(2)}


def read(path):
    return read_origin(find_origin(str(path)))


def test_safetensors_and_state_dicts_of_torch_are_read(tmp_path):
    safetensors.torch.save_file(TENSORS, tmp_path / "a.safetensors")
    torch.save(TENSORS, tmp_path / "b.pth")
    torch.save({"epoch": 3, "state_dict": {f"module.{name}": t for name, t in TENSORS.items()}}, tmp_path / "c.pt")
    safetensors.torch.save_file(
        {f"net.{name}": t for name, t in TENSORS.items()} | {"preprocess.mean": torch.zeros(1)},
        tmp_path / "d.safetensors",
    )
    for path in tmp_path.iterdir():
        found = read(path)
        assert found.tensors.keys() == TENSORS.keys(), path
        assert all(torch.equal(found.tensors[name], tensor) for name, tensor in TENSORS.items())


class Trap:
    def __reduce__(self):
        return print, ("it ran",)


def test_pickle_that_would_run_code_is_refused_with_advice(tmp_path, capsys):
    torch.save({"fc.weight": TENSORS["fc.weight"], "trap": Trap()}, tmp_path / "a.pth")
    torch.save(torch.nn.Linear(2, 2), tmp_path / "b.pt")
    for name in ("a.pth", "b.pt"):
        with pytest.raises(UsageError, match=r"reading it could run code; .*safetensors\.torch\.save_file"):
            read(tmp_path / name)
    (tmp_path / "c.pth").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(FathomError, match=r"c\.pth: (holds more|truncated)"):
        read(tmp_path / "c.pth")
    assert "it ran" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.safetensors", b"", "truncated, altered or not a safetensors file"),
        ("a.safetensors", b"\x10" * 40, "truncated, altered or not a safetensors file"),
        ("a.pth", b"", "truncated, altered or not a file of weights|holds more than tensors"),
        ("a.pth", b"hello", "holds more than tensors|truncated"),
        ("a.txt", b"hello", "not a file of weights"),
    ],
)
def test_damaged_files_are_named(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FathomError, match=message):
        read(tmp_path / name)


def test_other_content_and_numbers_that_are_not_finite_are_refused(tmp_path):
    torch.save([1, 2], tmp_path / "a.pt")
    with pytest.raises(UsageError, match="not a state dict"):
        read(tmp_path / "a.pt")
    safetensors.torch.save_file({"w": torch.tensor([1.0, float("nan")])}, tmp_path / "b.safetensors")
    with pytest.raises(FathomError, match="w holds numbers that are not finite"):
        read(tmp_path / "b.safetensors")
    safetensors.torch.save_file({}, tmp_path / "c.safetensors")
    with pytest.raises(FathomError, match="holds no weights"):
        read(tmp_path / "c.safetensors")
    with pytest.raises(UsageError, match="no such file"):
        find_origin(str(tmp_path / "missing.safetensors"))


def test_names_of_torchvision_are_checked():
    with pytest.raises(UsageError, match="unknown network of torchvision 'resnet19'; did you mean 'resnet18'"):
        find_origin("torchvision:resnet19")
    with pytest.raises(UsageError, match="weights of torchvision's resnet18 'V1'"):
        read("torchvision:resnet18:V1")
    with pytest.raises(UsageError, match="torchvision's weights are named torchvision:resnet18"):
        find_origin("resnet18")


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A loopback server with a file of ResNet-18's weights, in the place of torchvision's; gives what was asked for."""
    folder = tmp_path / "served"
    folder.mkdir()
    with torch.device("meta"):
        net = create("resnet18", input_shape=(3, 224, 224), num_classes=1000, **PUBLISHED["resnet18"].options)
    torch.save({name: torch.full(t.shape, 0.5, dtype=t.dtype) for name, t in net.state_dict().items()}, folder / "w")
    digest = hashlib.sha256((folder / "w").read_bytes()).hexdigest()
    file = (folder / "w").rename(folder / f"resnet18-{digest[:8]}.pth")
    asked = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(folder))

        def log_message(self, *arguments):
            asked.append(self.path)

    place = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=place.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{place.server_port}/{file.name}"
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(ResNet18_Weights.DEFAULT, "_value_", _moved(ResNet18_Weights.DEFAULT.value, url))
    yield file, asked, place
    place.shutdown()
    place.server_close()


def _moved(weights, url):
    return type(weights)(url=url, transforms=weights.transforms, meta=weights.meta)


def test_torchvision_weights_are_downloaded_once_into_its_cache(server, tmp_path, capfd):
    file, asked, _ = server
    found = read("torchvision:resnet18")
    cached = tmp_path / "home" / "hub" / "checkpoints" / file.name
    assert cached.read_bytes() == file.read_bytes()
    assert found.outputs[:2] == ("tench", "goldfish")
    assert found.tensors["fc.weight"].shape == (1000, 512)
    assert "downloading http://127.0.0.1" in capfd.readouterr().err
    read("torchvision:resnet18:IMAGENET1K_V1")
    assert asked == [f"/{file.name}"]
    cached.write_bytes(cached.read_bytes()[:-1])
    with pytest.raises(FathomError, match="not the one in its name: damaged; delete it"):
        read("torchvision:resnet18")


def test_weights_damaged_on_the_way_leave_nothing_behind(server, tmp_path, capfd):
    file, _, _ = server
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(FathomError, match="damaged on the way or at its source"):
        read("torchvision:resnet18")
    assert list((tmp_path / "home" / "hub" / "checkpoints").iterdir()) == []


def test_without_a_network_the_line_says_where_the_file_belongs(server, capfd):
    _, _, place = server
    place.shutdown()
    place.server_close()
    with pytest.raises(
        FathomError, match=r"cannot download http.*refused.*; without a network, put resnet18-.*TORCH_HOME"
    ):
        read("torchvision:resnet18")
