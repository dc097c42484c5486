"""Looking into data for ``fathom check``: one look a kind of data."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import torch
from torch import Tensor

from fathom.build.data import build_data
from fathom.data.images.decode import read_image
from fathom.data.images.folder_listing import FileList
from fathom.data.images.module import ImageData
from fathom.data.images.sheets import sample_sheet
from fathom.data.images.survey import OnRead
from fathom.data.module import ArrayData
from fathom.data.tables.module import TableData
from fathom.data.texts.module import TextData
from fathom.doctor.check import Check, Level, Split, enumerate_names
from fathom.phrases import counted
from fathom.runs.analysis.numbers import decimal
from fathom.settings.config import Config

_SAMPLE_SIDE = 64
_SAMPLES = 8  # images of each class
_FAR = 10.0  # deviations from the mean
_SKEW = 1.5
_MISSING = 0.5
_UNKNOWN = 0.05  # share of unknown tokens worth a warning
_GIVES_AWAY = 0.999
_KEY_SHARE = 0.1  # a category of more values than this share of the rows separates classes by chance


def inspect_arrays(config: Config) -> Check:
    """Look into a data set known by name."""
    data = build_data(config)
    assert isinstance(data, ArrayData)
    X, y = data.X.numpy(), data.y.numpy()
    test = data.test if data.test is not None else (None, None)
    everything = torch.arange(len(X))
    splits = [("train", X, y, everything if data.train_index is None else data.train_index)]
    if data.val_index is not None:
        splits.append(("val", X, y, data.val_index))
    if test[0] is not None and test[1] is not None:
        splits.append(("test", test[0].numpy(), test[1].numpy(), torch.arange(len(test[0]))))
    found = Check(
        data.name,
        "named",
        "images" if X.ndim == 4 else "samples",
        [Split(name, len(rows), _flat(b[rows]), _digest_rows(a, rows.numpy())) for name, a, b, rows in splits],
        class_names=data.class_names,
    )
    found.facts = [("one sample", "×".join(map(str, data.input_shape))), ("task", data.task)]
    mean, std = data.statistics()
    found.facts.append(("mean of each channel" if X.ndim == 4 else "means", _numbers(mean)))
    found.facts.append(("deviations", _numbers(std)))
    if X.ndim == 4:
        _look_for_blank(found, data)
        found.sheet = _draw(X, y, data.class_names, config.seed)
    return found


def _look_for_blank(found: Check, data: ArrayData) -> None:
    flat = data.X.flatten(1)
    blank = int((flat.amax(1) == flat.amin(1)).sum())
    if blank:
        found.add("warning", f"of one colour throughout: {counted(blank, 'image')} of the training data")


def inspect_images(config: Config, on_read: OnRead | None = None) -> Check:
    """Decode every image, and divide them as training would."""
    # However many are broken: they are what is looked for. Nothing is kept, for no epoch follows.
    options = msgspec.structs.replace(config.data, max_broken=1.0, cache="none")
    data = build_data(msgspec.structs.replace(config, data=options), on_read=on_read)
    assert isinstance(data, ImageData)
    digests = data.survey.digests
    indices = (("train", data.train_index), ("val", data.val_index), ("test", data.test_index))
    found = Check(
        data.name,
        "images",
        "images",
        [Split(n, len(i), data.y[i].numpy(), digests[i.numpy()]) for n, i in indices if i is not None],
        class_names=data.class_names,
        broken=data.broken,
    )
    sizes = np.unique(data.survey.sizes[data.survey.is_readable], axis=0)
    shown = f"{len(sizes):,} different" if len(sizes) > 3 else ", ".join(f"{h}×{w}" for h, w in sizes.tolist())
    found.facts = [("sizes", shown), ("sides", f"{sizes.min()} to {sizes.max()} pixels")][: len(sizes)]
    found.facts.append(("a network gets", "×".join(map(str, data.input_shape))))
    mean, std = data.statistics()
    found.facts += [("mean of each channel", _numbers(mean)), ("deviations", _numbers(std))]
    if data.broken:
        names = enumerate_names([f"{path} ({why})" if why else path for path, why in data.broken])
        found.add("error", f"{counted(len(data.broken), 'file')} cannot be read: {names}")
    for note in data.notes:
        if note.startswith(("passed over: ", "mislabelled")) or ": left out: " in note:
            found.add("note", note)
    found.sheet = _draw_files(data.train, data.class_names, config.seed)
    return found


def _draw_files(files: FileList, names: Sequence[str], seed: int) -> bytes | None:
    rng = np.random.default_rng(seed)
    chosen = [
        i
        for label in range(len(names))
        for i in rng.permutation(np.flatnonzero(files.labels == label))[:_SAMPLES].tolist()
    ]
    if not chosen:
        return None
    images = np.stack([read_image(files.paths[i], 3, (_SAMPLE_SIDE, _SAMPLE_SIDE)) for i in chosen])
    return _draw(images, files.labels[chosen], names, seed)


def _draw(images: np.ndarray, labels: np.ndarray, names: Sequence[str], seed: int) -> bytes:
    with tempfile.TemporaryDirectory(prefix="fathom-") as folder:
        path = sample_sheet(images, labels, names, Path(folder, "sheet.png"), per_class=_SAMPLES, seed=seed)
        return path.read_bytes()


def inspect_table(config: Config) -> Check:
    """Look into a table: its columns, what is missing, what lies far out, what gives the target away."""
    data = build_data(config)
    assert isinstance(data, TableData)
    target = (data.y if data.scale is None else data.scale(data.y)[:, 0]).numpy()
    indices = (("train", data.train_index), ("val", data.val_index), ("test", data.test_index))
    digests = _digest_table(data.X, data.y)
    found = Check(
        data.name,
        "table",
        "rows",
        [Split(n, len(rows), target[rows.numpy()], digests[rows.numpy()]) for n, rows in indices if rows is not None],
        class_names=data.class_names,
    )
    found.facts = [("task", f"{data.task} of {data.target.name} ({data.target.reason})")]
    found.facts.append(("columns used", f"{len(data.layer.columns):,}, {data.layer.num_features:,} inputs"))
    description = data.layer.describe()
    found.columns, found.left_out = list(description["columns"]), list(description["left_out"])
    for note in data.notes:
        if not note.startswith("task: "):
            found.add("note", note)
    _look_at_columns(found, data)
    if data.scale is not None:
        _look_at_target(found, data, target)
    return found


def _look_at_columns(found: Check, data: TableData) -> None:
    train = data.train_index
    y = data.y[train].flatten().double().numpy()
    X = data.X[train].double().numpy()
    plain = [column for column in data.layer.columns if column.kind != "category"]
    far = []
    for k, column in enumerate(plain):
        if float(np.abs(X[:, k]).max()) > _FAR:
            far.append(f"{column.name} ({np.abs(X[:, k]).max():.0f})")
        if _gives_away(X[:, k], y, data.task):
            found.add("warning", f"leakage: {column.name} alone tells {data.target.name}; is it known beforehand?")
    for k, column in enumerate(data.layer.ordered_categories):
        codes = X[:, data.layer.num_dense + k].astype(np.int64)
        if len(column.values) <= _KEY_SHARE * len(y) and _codes_give_away(codes, y, data.task):
            found.add("warning", f"leakage: {column.name} alone tells {data.target.name}; is it known beforehand?")
    if far:
        text = f"values more than {_FAR:.0f} deviations from the mean, in {enumerate_names(far)}"
        found.add("warning", f"{text}; a mistake, or a matter for a logarithm")
    empty = [
        f"{column.name} ({column.missing / len(y):.0%})"
        for column in data.layer.columns
        if column.missing > _MISSING * len(y)
    ]
    if empty:
        found.add("warning", f"mostly missing: {enumerate_names(empty)}")


def _gives_away(values: np.ndarray, y: np.ndarray, task: str) -> bool:
    """Whether a column of numbers orders the target: perfectly correlated by rank, or classes in one run each."""
    if task == "regression":
        ranks = [np.unique(split, return_inverse=True)[1].astype(np.float64) for split in (values, y)]
        if min(split.std() for split in ranks) == 0:
            return False
        return abs(float(np.corrcoef(ranks[0], ranks[1])[0, 1])) > _GIVES_AWAY and len(np.unique(values)) > 2
    order = np.lexsort((y, values))
    labels, ordered = y[order], values[order]
    changes = int((labels[1:] != labels[:-1]).sum())
    mixed = bool(((ordered[1:] == ordered[:-1]) & (labels[1:] != labels[:-1])).any())
    return not mixed and changes == len(np.unique(labels)) - 1


def _codes_give_away(codes: np.ndarray, y: np.ndarray, task: str) -> bool:
    """Whether the target is known once the category is."""
    counts = np.bincount(codes)
    if task == "regression":
        sums, squares = np.bincount(codes, y), np.bincount(codes, y * y)
        within = float((squares - sums**2 / np.maximum(counts, 1)).sum())
        return within < (1 - _GIVES_AWAY) * float(((y - y.mean()) ** 2).sum())
    table = np.zeros((len(counts), int(y.max()) + 1))
    np.add.at(table, (codes, y.astype(np.int64)), 1)
    return float(table.max(1).sum()) > _GIVES_AWAY * len(y) and len(np.unique(y)) > 1


def _look_at_target(found: Check, data: TableData, target: np.ndarray) -> None:
    values = target[data.train_index.numpy()].astype(np.float64)
    measures = (values.min(), np.median(values), values.max(), values.std())
    low, middle, high, deviation = (decimal(float(value)) for value in measures)
    found.facts.append((data.target.name, f"{low} to {high}, median {middle}, std {deviation}"))
    skew = float((((values - values.mean()) / values.std()) ** 3).mean())
    if skew > _SKEW and values.min() > 0 and not data.target.log:
        found.add("warning", f"{data.target.name} is skewed ({skew:.1f}): a few large values will rule the loss; "
                  "try --log-target")  # fmt: skip


def inspect_text(config: Config) -> Check:
    """Look into a text: its splits, its vocabulary, and what of the later splits that does not know."""
    data = build_data(config)
    assert isinstance(data, TextData)
    splits = [("train", data.train), ("val", data.val), ("test", data.test)]
    found = Check(data.name, "text", "tokens", [Split(name, len(tokens)) for name, tokens in splits if len(tokens)])
    found.facts = [("level", data.tokenizer.level), ("vocabulary", f"{len(data.vocabulary):,} tokens")]
    for name, unknown in data.count_unknown().items():
        size = len(dict(splits)[name])
        if unknown and size:
            level: Level = "warning" if unknown > _UNKNOWN * size else "note"
            found.add(level, f"{unknown:,} of {size:,} tokens of the {name} split ({unknown / size:.1%}) are unknown")
    return found


def _digest_rows(array: np.ndarray, rows: np.ndarray) -> np.ndarray:
    flat = np.ascontiguousarray(array.reshape(len(array), -1))
    digests = [hashlib.blake2b(flat[i].tobytes(), digest_size=16).digest() for i in rows]
    return _as_numbers(np.array(digests, dtype="V16"))


def _digest_table(X: Tensor, y: Tensor) -> np.ndarray:
    """Digest each row as the network sees it, with its target."""
    import pandas as pd

    whole = np.concatenate([X.numpy(), y.numpy().reshape(len(X), -1).astype(np.float32)], axis=1)
    return pd.util.hash_pandas_object(pd.DataFrame(whole), index=False).to_numpy()


def _as_numbers(digests: np.ndarray) -> np.ndarray:
    """Take the first eight bytes as a number, which can be sorted: by chance two are the same once in 2⁶⁴."""
    return digests.view(np.uint64)[::2] if len(digests) else np.zeros(0, np.uint64)


def _flat(labels: np.ndarray) -> np.ndarray:
    return labels if labels.ndim == 1 else labels[:, 0].astype(np.float64)


def _numbers(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.4g}" for value in values[:8]) + (" …" if len(values) > 8 else "")
