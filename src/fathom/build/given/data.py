"""What a call from Python gives as data and settings, brought into the form of a run's settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, get_args

from fathom.build.kinds.detection import BuiltIn, get_kind
from fathom.data.tables.converted import is_frame, write_frame
from fathom.errors import UsageError, unknown
from fathom.settings.config import DataConfig, ExecutionConfig, FinetuneConfig, TrainingConfig

FOLDER = "data"
"""Beside the runs: where arrays and frames that were given from Python are kept."""

_SECTIONS = {"training": TrainingConfig, "data": DataConfig, "execution": ExecutionConfig, "finetune": FinetuneConfig}
_NOT_LOOSE = ("name", "kind", "versions", "options")  # they are given in another way
_SPLITS = ("train", "val", "test")


class Given(NamedTuple):
    """Settings of the data, and the data where no file holds them."""

    settings: dict[str, Any]
    contents: Any = None


def loose_settings(keywords: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tree of settings that keywords such as ``epochs`` and ``target`` stand for.

    ``model_options`` is a mapping of the network's own options; what is no setting is an option of the data.

    Raises:  UsageError for a name that is neither, with the nearest
    """
    # dropout is the one option of networks common enough
    places: dict[str, tuple[str, ...]] = {"seed": ("seed",), "dropout": ("model", "options", "dropout")}
    for section, fields in _SECTIONS.items():
        places |= {name: (section, name) for name in fields.__struct_fields__ if name not in _NOT_LOOSE}
    # of every built-in kind: which one it is shows later
    options = {option for kind in get_args(BuiltIn) for option in get_kind(kind).option_names}
    tree: dict[str, Any] = {}
    for name, value in keywords.items():
        if name == "model_options":
            tree.setdefault("model", {})["options"] = dict(value)
            continue
        if name not in places and name not in options:
            raise unknown("setting", name, sorted({*places, *options, "model_options"}))
        *sections, last = places.get(name, ("data", "options", name))  # what is no setting belongs to the data
        node = tree
        for section in sections:
            node = node.setdefault(section, {})
        node[last] = str(value) if isinstance(value, Path) else value  # YAML and JSON know no Path
    return tree


def describe_data(data: Any, folder: Path, settings: Mapping[str, Any]) -> Given:
    """Bring data into the form of settings: a name or path as it is, arrays and frames by a file beside the runs.

    Args:
        data: a name, a path; a DataFrame, with ``data.options.target`` in the settings, or two for training and test;
            (X, y), or ((X, y), (X, y)) for training and test; a data set or a loader, or (train, val) or (train, val,
            test), or a dictionary of them; a data module.
        folder: where files are kept.
        settings: those that were given beside it.
    Raises:  UsageError for anything else
    """
    if isinstance(data, (str, Path)):
        return Given({"name": str(data)})
    # by type before by shape: a frame is an array too
    if is_frame(data) or (isinstance(data, (tuple, list)) and len(data) == 2 and all(map(is_frame, data))):
        return _store_frames([data] if is_frame(data) else list(data), folder, settings)
    # (X, y), before the pair of pairs
    if isinstance(data, (tuple, list)) and len(data) == 2 and is_pair_of_arrays(data):
        return _store_arrays(data, None, folder, settings)
    if isinstance(data, (tuple, list)) and len(data) == 2 and all(map(is_pair_of_arrays, data)):
        return _store_arrays(data[0], data[1], folder, settings)
    return _describe_loaders(data, settings)


def _store_frames(frames: Sequence[Any], folder: Path, settings: Mapping[str, Any]) -> Given:
    target = settings.get("data", {}).get("options", {}).get("target")
    names = list(map(str, frames[0].columns))
    if target is None:
        raise UsageError(f"a DataFrame needs target=…, the column to predict; it has {', '.join(names[:20])}")
    if str(target) not in names:
        raise unknown("column", str(target), names)
    paths = [str(store_frame(frame, folder)) for frame in frames]
    return Given({"name": paths[0]} | ({"options": {"test": paths[1]}} if len(paths) > 1 else {}))


def store_frame(frame: Any, folder: Path) -> Path:
    """Write a DataFrame as CSV under a name that follows from its content."""
    import hashlib

    from fathom.files import write_atomically

    if not len(frame):
        raise UsageError("the DataFrame has no rows")
    content = write_frame(frame)
    # 12 hex digits: 48 bits, no two frames collide by chance
    path = folder / f"frame-{hashlib.sha256(content).hexdigest()[:12]}.csv"
    if not path.is_file():  # the same frame again: nothing to write
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
    return path


def _store_arrays(train: Any, test: Any, folder: Path, settings: Mapping[str, Any]) -> Given:
    from fathom.data.given.array_file import store_arrays

    options = settings.get("data", {})
    task = options.get("options", {}).pop("task", None)  # popped: the file records it, the settings need it no more
    share = options.get("val", 0.1)  # 0.1: the default of data.val
    path = store_arrays(folder, tuple(train), test, task=task, share=share, seed=int(settings.get("seed", 0)))
    return Given({"name": str(path), "kind": "array_files"})


def _describe_loaders(data: Any, settings: Mapping[str, Any]) -> Given:
    from fathom.data.given.loader_data import GivenLoaders

    if hasattr(data, "train_dataloader"):  # a data module
        # a test loader is optional
        parts = [data.train_dataloader(), data.val_dataloader(), getattr(data, "test_dataloader", lambda: None)()]
        names, name = tuple(getattr(data, "class_names", ())), getattr(data, "name", type(data).__name__)
    else:
        if isinstance(data, Mapping):  # by name, where a split in the middle is missing
            if not data or not set(data) <= set(_SPLITS) or "train" not in data:
                raise UsageError(
                    f"data: a dictionary has train, and perhaps val and test; got {', '.join(map(str, data))}"
                )
            parts = [data.get(split) for split in _SPLITS]
        else:
            parts = list(data) if isinstance(data, tuple) else [data]
        if len(parts) > len(_SPLITS) or not _gives_batches(parts[0]):
            raise UsageError(
                f"data: a {type(data).__name__} is none: give a folder, a CSV, a DataFrame with target=…, (X, y), a "
                "data set, a loader, or (train, val) of these"
            )
        names, name = (), type(getattr(parts[0], "dataset", parts[0])).__name__  # a loader is named after its data set
    parts += [None] * (len(_SPLITS) - len(parts))  # (train, val, test), None where absent
    train, val, test = parts
    return Given({"name": name, "kind": "given_loaders"}, GivenLoaders(train, val, test, names))


def _gives_batches(part: Any) -> bool:
    if is_array(part) or isinstance(part, (str, bytes)):
        return False
    # loaders iterate, map-style data sets index
    return hasattr(part, "__iter__") or (hasattr(part, "__getitem__") and hasattr(part, "__len__"))


def is_array(data: Any) -> bool:
    """Whether it is an array, a tensor, a Series, a frame, or nested lists of numbers or texts."""
    if isinstance(data, list):
        return bool(data) and isinstance(data[0], (list, tuple, int, float, str, bool))
    return hasattr(data, "__array__") and hasattr(data, "shape")  # Series, frames and tensors have both


def is_pair_of_arrays(data: Any) -> bool:
    """Whether it is (X, y)."""
    return isinstance(data, (tuple, list)) and len(data) == 2 and all(map(is_array, data))
