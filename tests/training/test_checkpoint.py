"""What is written comes back; what is damaged is refused by name; a failure leaves the old content standing."""

import ast
import contextlib
import errno
import hashlib
import json
import shutil
from pathlib import Path

import pytest
import torch
from torch import nn

import fathom
from fathom import files
from fathom.errors import FathomError
from fathom.training.checkpoint import CheckpointError, load_checkpoint, load_latest, load_weights, save_checkpoint


def equal(a, b) -> bool:
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and a.dtype == b.dtype and a.shape == b.shape and torch.equal(a, b)
    if isinstance(a, dict):
        return isinstance(b, dict) and list(a) == list(b) and all(equal(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(equal, a, b))
    return type(a) is type(b) and (a == b or (a != a and b != b))


STATES = {
    "nested": {"a": {"b": [1, {"c": (torch.arange(3), None)}]}, "text": "ü\n\"'", "yes": True, "half": 0.5},
    "integer and other keys": {0: {"step": torch.tensor(3.0)}, 1: {}, "1": 2, (1, "x"): 3, None: 4, 2.5: 5},
    "tuples": {"betas": (0.9, 0.999), "list": [0.9, (1, [2, ()])]},
    "keys like our marks": {"$tensor": "a", "$items": [1], "$tuple": {"$tuple": (1,)}, "$": torch.ones(2)},
    "paths that meet": {"a/b": torch.zeros(1), "a": {"b": torch.ones(1), 3: torch.ones(2), "3": torch.zeros(2)}},
    "0-dim and empty": {"zero": torch.tensor(7), "none": torch.zeros(0, 3), "nothing": {}, "list": [], "tuple": ()},
    "dtypes": {
        str(dtype): torch.ones(3, 2).to(dtype)
        for dtype in (torch.bfloat16, torch.float16, torch.float64, torch.int64, torch.uint8, torch.bool, torch.int8)
    },
    "not finite": {"inf": float("inf"), "nan": float("nan"), "t": torch.tensor([float("inf"), -0.0])},
    "large numbers": {"n": 2**80, "tiny": 5e-324, "pi": 0.1 + 0.2},
}


@pytest.mark.parametrize("name", STATES)
def test_round_trip(tmp_path, name):
    save_checkpoint(tmp_path / "c", STATES[name])
    assert equal(load_checkpoint(tmp_path / "c"), STATES[name])


def test_round_trip_of_tied_strided_and_tracked_tensors(tmp_path):
    w = nn.Parameter(torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last))
    state = {"w": w, "tied": w, "view": w[0], "t": torch.arange(6).view(2, 3).t(), "wide": torch.ones(1).expand(4)}
    row = torch.arange(5.0)
    state |= {"row": row, "same row": row, "rest of the row": row[2:], "list": [row, row]}
    save_checkpoint(tmp_path / "c", state)
    loaded = load_checkpoint(tmp_path / "c")
    assert all(torch.equal(copy, row) for copy in loaded.pop("list"))
    del state["list"]
    for key, value in state.items():
        assert torch.equal(loaded[key], value)
        assert loaded[key].is_contiguous()
        assert not loaded[key].requires_grad
    loaded["w"].zero_()
    assert loaded["tied"].any()


def test_an_optimisers_state_round_trips(tmp_path):
    module = nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(module.parameters(), amsgrad=True)
    module(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    save_checkpoint(tmp_path / "c", {"optimizer": optimizer.state_dict(), "module": module.state_dict()})
    loaded = load_checkpoint(tmp_path / "c")
    assert equal(loaded["optimizer"], optimizer.state_dict())
    assert set(loaded["optimizer"]["state"]) == {0, 1}


def test_what_cannot_be_saved_is_named(tmp_path):
    with pytest.raises(FathomError, match=r"cannot checkpoint a set at /callbacks/Mine/0"):
        save_checkpoint(tmp_path / "c", {"callbacks": {"Mine": [{1, 2}]}})
    assert list(tmp_path.iterdir()) == []


# Damage ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def saved(tmp_path) -> Path:
    folder = tmp_path / "checkpoints" / "last"
    save_checkpoint(folder, {"place": {"step": 1}, "w": torch.arange(100.0)})
    return folder


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-3])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x10
    path.write_bytes(bytes(content))


def newer(path: Path) -> None:
    path.write_text(json.dumps({"format": "fathom-checkpoint", "schema": 2, "files": ["all new"]}))


DAMAGE = [
    ("state.safetensors", truncate, "bytes instead of .*: truncated or altered"),
    ("state.json", truncate, "bytes instead of .*: truncated or altered"),
    ("manifest.json", truncate, r"not valid JSON"),
    ("state.safetensors", flip, "its SHA-256 is not the manifest's"),
    ("state.json", flip, "its SHA-256 is not the manifest's"),
    ("state.safetensors", Path.unlink, r"cannot be read \(No such file or directory\)"),
    ("state.json", Path.unlink, r"cannot be read \(No such file or directory\)"),
    ("manifest.json", Path.unlink, r"cannot be read \(No such file or directory\)"),
    ("manifest.json", newer, r"written by a newer Fathom \(schema 2, this one reads 1\); upgrade fathom"),
    ("manifest.json", lambda p: p.write_text("{}"), "not a checkpoint of Fathom"),
    ("manifest.json", lambda p: p.write_text("[1]"), "not a checkpoint of Fathom"),
    ("manifest.json", lambda p: p.write_bytes(b"\xff\xfe"), "not valid JSON"),
    ("manifest.json", lambda p: p.write_text("[" * 100_000), "not valid JSON"),
    ("manifest.json", lambda p: p.write_text('{"format": "fathom-checkpoint"}'), "not a checkpoint of Fathom"),
    (
        "manifest.json",
        lambda p: p.write_text('{"format": "fathom-checkpoint", "schema": 1, "files": {}}'),
        "does not list state.safetensors",
    ),
]


@pytest.mark.parametrize(("name", "damage", "message"), DAMAGE)
def test_damage_is_refused_naming_file_and_reason(saved, name, damage, message):
    damage(saved / name)
    with pytest.raises(CheckpointError, match=message) as caught:
        load_checkpoint(saved)
    assert str(saved / name) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [b'{"a": {"$tensor": "/gone"}}', b'{"a": {"$items": [[1]]}}', b'{"a": {"$items": 3}}', b'{"$tensor": ["x"]}', b"{"],
)
def test_a_foreign_file_with_an_honest_manifest_is_refused(saved, content):
    (saved / "state.json").write_bytes(content)
    manifest = json.loads((saved / "manifest.json").read_text())
    manifest["files"]["state.json"] = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (saved / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(CheckpointError, match="not a checkpoint of Fathom"):
        load_checkpoint(saved)


def test_every_single_bit_is_guarded(tmp_path):
    """A flip anywhere in any of the three files is refused, or is in the manifest's own white space or words."""
    folder = tmp_path / "c"
    save_checkpoint(folder, {"w": torch.tensor([1.0])})
    state = load_checkpoint(folder)
    for path in folder.iterdir():
        content = path.read_bytes()
        for place in range(0, len(content), 7):
            for bit in (0, 6):
                altered = bytearray(content)
                altered[place] ^= 1 << bit
                path.write_bytes(bytes(altered))
                with contextlib.suppress(CheckpointError):
                    assert equal(load_checkpoint(folder), state)
                    assert path.name == "manifest.json"
        path.write_bytes(content)


def test_the_previous_good_checkpoint_is_used_and_the_refused_listed(tmp_path):
    last, previous = tmp_path / "last", tmp_path / "previous"
    for step in range(3):
        save_checkpoint(last, {"step": step}, previous=previous)
    state, folder, refused = load_latest(tmp_path)
    assert (state, folder, refused) == ({"step": 2}, last, [])
    truncate(last / "state.json")
    state, folder, refused = load_latest(tmp_path)
    assert (state, folder) == ({"step": 1}, previous)
    assert len(refused) == 1
    assert refused[0].startswith(f"{last / 'state.json'}: ")
    (previous / "manifest.json").unlink()
    with pytest.raises(CheckpointError, match=r"last/state\.json.*; .*previous/manifest\.json"):
        load_latest(tmp_path)
    shutil.rmtree(last)
    shutil.rmtree(previous)
    with pytest.raises(CheckpointError, match="there is no checkpoint to resume from"):
        load_latest(tmp_path)
    save_checkpoint(previous, {"step": 9})  # killed between two renames, where a system cannot exchange
    assert load_latest(tmp_path)[0] == {"step": 9}


# Failures while writing --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("failing", ["state.safetensors", "state.json", "manifest.json", "fsync"])
def test_a_full_disk_leaves_the_old_content_and_no_rubbish(tmp_path, monkeypatch, failing):
    folder, previous = tmp_path / "last", tmp_path / "previous"
    save_checkpoint(folder, {"step": 1}, previous=previous)
    save_checkpoint(folder, {"step": 2}, previous=previous)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    def write(original):
        def write_or_fail(self, content, *arguments):
            if self.name == failing:
                original(self, content[: len(content) // 2], *arguments)
                full()
            return original(self, content, *arguments)

        return write_or_fail

    if failing == "fsync":
        monkeypatch.setattr(files.os, "fsync", full)
    monkeypatch.setattr(Path, "write_bytes", write(Path.write_bytes))
    monkeypatch.setattr(Path, "write_text", write(Path.write_text))
    with pytest.raises(FathomError, match=r"cannot write .*last: no space left on device; free some space") as caught:
        save_checkpoint(folder, {"step": 3}, previous=previous)
    monkeypatch.undo()
    assert "\n" not in str(caught.value)
    assert {path.name for path in tmp_path.iterdir()} == {"last", "previous"}
    assert load_checkpoint(folder) == {"step": 2}
    assert load_checkpoint(previous) == {"step": 1}


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(FathomError, match=r"cannot make .*file"):
        save_checkpoint(tmp_path / "file" / "checkpoints" / "last", {})


def test_keyboard_interrupt_while_writing_leaves_the_old_content(tmp_path, monkeypatch):
    folder = tmp_path / "last"
    save_checkpoint(folder, {"step": 1})

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "write_text", interrupt)
    with pytest.raises(KeyboardInterrupt):
        save_checkpoint(folder, {"step": 2})
    assert load_checkpoint(folder) == {"step": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["last"]


# Weights -----------------------------------------------------------------------------------------------------------


def test_another_architecture_is_refused_by_the_first_difference():
    source = Path("runs/x")
    net = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    with pytest.raises(CheckpointError, match=r"runs/x: made for another architecture: it has no '1\.weight'"):
        load_weights(net, nn.Sequential(nn.Linear(2, 3)).state_dict(), source)
    with pytest.raises(CheckpointError, match=r"'0\.weight' is \(4, 2\) there, \(3, 2\) here"):
        load_weights(net, nn.Sequential(nn.Linear(2, 4), nn.Linear(4, 1)).state_dict(), source)
    with pytest.raises(CheckpointError, match=r"'2\.bias' does not exist in this model"):
        load_weights(net, nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1), nn.Linear(1, 1)).state_dict(), source)
    with pytest.raises(CheckpointError, match=r"it has no '0\.weight'"):
        load_weights(net, dict.fromkeys(net.state_dict(), "text"), source)
    other = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    load_weights(net, other.state_dict(), source)
    assert torch.equal(net[0].weight, other[0].weight)


# Nothing executable -------------------------------------------------------------------------------------------------


def test_the_package_unpickles_nothing_but_cifars_own_files():
    """No module imports a pickle library, calls ``torch.load`` or allows pickled arrays, save the restricted reader.

    ``torch.load(…, weights_only=True)``, which makes tensors and plain values alone, is allowed, and its error.
    """
    allowed = {"data/sources/unpickle.py", "eject/check.py"}  # the last tries the code that it wrote itself
    root = Path(fathom.__file__).parent
    offenders = []
    for path in sorted(root.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if ast.unparse(node) == "from pickle import UnpicklingError":
                continue
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or "", *(alias.name for alias in node.names)]
            elif isinstance(node, ast.Call):
                switched_on = [k.arg or "" for k in node.keywords if ast.unparse(k.value) == "True"]
                names = [ast.unparse(node.func), *switched_on]
                if names[0] == "torch.load" and "weights_only" in switched_on:
                    continue
            banned = {"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
            banned |= {"torch.load", "torch.save", "eval", "exec", "allow_pickle", "yaml.unsafe_load"}
            if any(name.split(".")[0] in banned or name in banned for name in names):
                offenders.append(path.relative_to(root).as_posix())
    assert set(offenders) <= allowed
