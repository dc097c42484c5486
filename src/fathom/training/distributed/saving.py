"""A checkpoint of several processes: written by the first one, or a file by each where weights are cut into pieces."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from safetensors.torch import save as dump_tensors
from torch import Tensor

from fathom.errors import FathomError
from fathom.files import atomic_folder
from fathom.training.checkpoint import entry_of, flatten, make_folder, make_manifest, save_checkpoint
from fathom.training.distributed.world import World


def save_together(world: World, folder: Path, state: dict[str, Any], *, previous: Path | None = None) -> None:
    """Write ``state`` as ``save_checkpoint`` does; all processes call it.

    Raises:  FathomError, in all processes, if one cannot write; the old content then stays
    """
    if not any(_is_cut(tensor) for tensor in _tensors(state)):
        if world.is_first:
            save_checkpoint(folder, state, previous=previous)
        return
    tensors: dict[str, Tensor] = {}
    tree = flatten(state, "", tensors)
    cut = {name: list(tensor.shape) for name, tensor in _named(state, "") if _is_cut(tensor)}
    own = dump_tensors(tensors if world.is_first else {name: tensors[name] for name in cut})
    name = f"state-{world.rank + 1:05d}-of-{world.size:05d}.safetensors"
    if not world.is_first:
        _add(world, Path(world.broadcast(None)), name, own)
        return
    make_folder(folder.parent)
    with atomic_folder(folder, previous=previous) as temporary:
        world.broadcast(str(temporary))
        files = _add(world, temporary, name, own)
        content = json.dumps(tree).encode()
        (temporary / "state.json").write_bytes(content)
        # which tensors are cut, and their whole shapes: what a reader needs to know where the pieces belong
        manifest = make_manifest(files | {"state.json": entry_of(content)}, index=cut)
        (temporary / "manifest.json").write_text(json.dumps(manifest, indent=1))


def _add(world: World, temporary: Path, name: str, content: bytes) -> dict[str, dict[str, Any]]:
    """Write this process's file; return what all wrote, for the manifest."""
    error = ""
    try:
        (temporary / name).write_bytes(content)
    except OSError as failure:
        error = f"process {world.rank}: cannot write {temporary / name}: {failure.strerror}"
    written = world.gather({"name": name, "entry": entry_of(content), "error": error})
    if errors := [each["error"] for each in written if each["error"]]:
        raise FathomError(errors[0])
    return {each["name"]: each["entry"] for each in written}


def _is_cut(tensor: Tensor) -> bool:
    return hasattr(tensor, "to_local")


def _tensors(value: Any) -> Iterator[Tensor]:
    return (tensor for _, tensor in _named(value, ""))


def _named(value: Any, path: str) -> Iterator[tuple[str, Tensor]]:
    """Yield every tensor in nested values by the name that ``flatten`` gives it."""
    if isinstance(value, Tensor):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _named(item, f"{path}/{key}")
    elif isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            yield from _named(item, f"{path}/{i}")
