"""Checkpoints: a folder of safetensors and JSON, written atomically, checked before it is believed.

``state.safetensors`` holds every tensor, ``state.json`` everything else with references to them, ``manifest.json`` the
size and SHA-256 of both. Nothing in it can execute code.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as dump_tensors
from torch import Tensor

from fathom.errors import FathomError
from fathom.files import atomic_folder, describe_failure

SCHEMA = 1
_FORMAT = "fathom-checkpoint"
_PIECES = re.compile(r"state-\d{5}-of-\d{5}\.safetensors")
# In the order in which a resumed run believes them.
_CANDIDATES = ("last", "previous")


class CheckpointError(FathomError):
    """A checkpoint that cannot be used; the message names the file and the reason."""


def save_checkpoint(folder: Path, state: dict[str, Any], *, previous: Path | None = None) -> None:
    """Write ``state`` (nested dicts, lists, tuples, tensors, plain values) to ``folder``.

    What was there before is replaced, or kept as ``previous``; at every instant a whole checkpoint exists.

    Raises:  FathomError if the disk is full or read-only; the old content then stays
    """
    tensors: dict[str, Tensor] = {}
    tree = flatten(state, "", tensors)
    # serialised in memory first: the hashes are of what is meant, not of what a bad disk gave back
    files = {"state.safetensors": dump_tensors(tensors), "state.json": json.dumps(tree).encode()}
    manifest = make_manifest({name: entry_of(content) for name, content in files.items()})
    make_folder(folder.parent)
    with atomic_folder(folder, previous=previous) as temporary:
        for name, content in files.items():
            (temporary / name).write_bytes(content)
        # last: a folder without a manifest is no checkpoint
        (temporary / "manifest.json").write_text(json.dumps(manifest, indent=1))


def entry_of(content: bytes) -> dict[str, Any]:
    """Return what a manifest says of a file."""
    return {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def make_manifest(files: dict[str, dict[str, Any]], **more: Any) -> dict[str, Any]:
    """Return the content of ``manifest.json``."""
    return {"format": _FORMAT, "schema": SCHEMA, "files": files, **more}


def make_folder(folder: Path) -> None:
    """Make a folder, with those above it, if it is not there.

    Raises:  FathomError if the operating system refuses
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise describe_failure("make", folder, error) from error


def load_checkpoint(folder: Path) -> dict[str, Any]:
    """Read what ``save_checkpoint`` wrote, after checking size and SHA-256 of each file.

    Raises:  CheckpointError naming the file that is missing, truncated, altered, foreign or from a newer version
    """
    manifest = _read_manifest(folder / "manifest.json")
    contents: dict[str, bytes] = {}
    # of a run whose weights were cut into pieces, a file from each process
    pieces = sorted(name for name in manifest["files"] if _PIECES.fullmatch(name))
    # these alone: further files of a folder are never opened
    for name in (*(pieces or ["state.safetensors"]), "state.json"):
        path = folder / name
        expected = manifest["files"].get(name)
        if not isinstance(expected, dict):
            raise CheckpointError(f"{folder / 'manifest.json'}: does not list {name}")
        try:
            content = path.read_bytes()
        except OSError as error:
            raise CheckpointError(f"{path}: cannot be read ({error.strerror})") from error
        if len(content) != expected.get("size"):  # size first: it tells a truncated file without hashing gigabytes
            wanted = expected.get("size")
            raise CheckpointError(f"{path}: {len(content)} bytes instead of {wanted}: truncated or altered")
        if hashlib.sha256(content).hexdigest() != expected.get("sha256"):
            raise CheckpointError(f"{path}: its SHA-256 is not the manifest's: altered since it was written")
        contents[name] = content
    try:
        tensors = _join([load_tensors(contents[name]) for name in pieces or ["state.safetensors"]])
        return restore(json.loads(contents["state.json"]), tensors)
    # the hashes agree, so whoever wrote it wrote nonsense; still no traceback
    except (SafetensorError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise CheckpointError(f"{folder}: not a checkpoint of Fathom ({error})") from error


def _join(files: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Return all tensors; of one that stands in several files these are its rows, in their order."""
    tensors = dict(files[0])
    for name in {name for file in files[1:] for name in file}:
        tensors[name] = torch.cat([file[name] for file in files if name in file])
    return tensors


def load_latest(root: Path) -> tuple[dict[str, Any], Path, list[str]]:
    """Load the newest checkpoint under ``root`` that is whole.

    Returns: (state, its folder, one line for each newer one that was refused)
    Raises:  CheckpointError if there is none
    """
    refused: list[str] = []
    for name in _CANDIDATES:
        folder = root / name
        if not folder.is_dir():
            continue
        try:
            return load_checkpoint(folder), folder, refused
        except CheckpointError as error:
            refused.append(str(error))  # told to the user with what was taken instead
    if refused:  # some are there, and none is whole
        raise CheckpointError("; ".join(refused))
    raise CheckpointError(f"{root}: there is no checkpoint to resume from; the run stopped before its first one")


def _read_manifest(path: Path) -> dict[str, Any]:
    try:
        manifest = json.loads(path.read_bytes())
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: not valid JSON ({error})") from error
    if not isinstance(manifest, dict) or manifest.get("format") != _FORMAT:
        raise CheckpointError(f"{path}: not a checkpoint of Fathom")
    schema = manifest.get("schema")
    if isinstance(schema, int) and schema > SCHEMA:
        newer = f"written by a newer Fathom (schema {schema}, this one reads {SCHEMA}); upgrade fathom"
        raise CheckpointError(f"{path}: {newer}")
    if schema != SCHEMA or not isinstance(manifest.get("files"), dict):
        raise CheckpointError(f"{path}: not a checkpoint of Fathom")
    return manifest


def flatten(value: Any, path: str, tensors: dict[str, Tensor]) -> Any:
    """Replace every tensor in ``value`` by a reference and collect it; tuples and keys that JSON lacks are marked."""
    if isinstance(value, Tensor):
        while path in tensors:  # {"a/b": …, "a": {"b": …}}
            path += "'"
        # A copy, since safetensors refuses tensors that share memory (tied weights).
        # Of one that is cut into pieces, the rows that this process has.
        own = value.to_local() if hasattr(value, "to_local") else value
        tensors[path] = own.detach().to("cpu", copy=True).contiguous()
        return {"$tensor": path}
    if isinstance(value, dict):
        # "$" marks what JSON lacks; a user's own key that begins so takes the long form
        if all(isinstance(key, str) and not key.startswith("$") for key in value):
            return {key: flatten(item, f"{path}/{key}", tensors) for key, item in value.items()}
        return {  # optimisers number their parameters: keys that are int
            "$items": [
                [flatten(key, path, tensors), flatten(item, f"{path}/{key}", tensors)] for key, item in value.items()
            ]
        }
    if isinstance(value, (list, tuple)):
        items = [flatten(item, f"{path}/{i}", tensors) for i, item in enumerate(value)]
        return {"$tuple": items} if isinstance(value, tuple) else items

    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise FathomError(f"cannot checkpoint a {type(value).__name__} at {path}; a state holds tensors and plain values")


def restore(tree: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(tree, dict):
        if "$tensor" in tree:  # the marks of flatten, undone
            return tensors[tree["$tensor"]]
        if "$items" in tree:
            return {restore(key, tensors): restore(item, tensors) for key, item in tree["$items"]}
        if "$tuple" in tree:
            return tuple(restore(item, tensors) for item in tree["$tuple"])
        return {key: restore(item, tensors) for key, item in tree.items()}
    if isinstance(tree, list):
        return [restore(item, tensors) for item in tree]
    return tree


def check_weights(module: torch.nn.Module, weights: dict[str, Tensor], source: Path) -> None:
    """Compare ``weights`` with those of ``module``: names, shapes and kinds of numbers must agree.

    Raises:  CheckpointError naming the first difference
    """
    own = module.state_dict()
    for name, tensor in own.items():
        if not isinstance(weights.get(name), Tensor):
            raise CheckpointError(f"{source}: made for another architecture: it has no {name!r}")
        if weights[name].shape != tensor.shape:
            theirs, ours = tuple(weights[name].shape), tuple(tensor.shape)
            raise CheckpointError(f"{source}: made for another architecture: {name!r} is {theirs} there, {ours} here")
        # torch would convert silently, and a run would go on with other numbers
        if weights[name].dtype != tensor.dtype:
            kinds = f"{weights[name].dtype} there, {tensor.dtype} here"
            raise CheckpointError(f"{source}: made for another architecture: {name!r} is {kinds}")
    surplus = sorted(set(weights) - set(own))
    if surplus:
        raise CheckpointError(f"{source}: made for another architecture: {surplus[0]!r} does not exist in this model")


def load_weights(module: torch.nn.Module, weights: dict[str, Tensor], source: Path) -> None:
    """Copy ``weights`` into ``module``.

    Raises:  CheckpointError naming the first difference, see ``check_weights``
    """
    check_weights(module, weights, source)
    own = module.state_dict()
    if any(hasattr(tensor, "full_tensor") for tensor in own.values()):  # cut into pieces, one a process
        from fathom.training.distributed.pieces import spread

        weights = {name: spread(own[name], tensor) for name, tensor in weights.items()}
    module.load_state_dict(weights)
