"""Which split comes from where, in one line. Loads without torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fathom.data.splits.division import Division


def describe_origins(
    names: Sequence[str],
    origins: Mapping[str, str],
    division: Division,
    seed: int,
    how: str = "at random",
    what: str = "images",
) -> str:
    """Say of each split which folder or column it comes from, or that it was cut from the training split.

    Args:
        how: they were cut, see ``Cutter.how``.
        what: the samples are.

    >>> describe_origins(["train", "val"], {"train": "folder Training"}, Division(0.1), 0)
    'splits: train from folder Training; val cut from it at random (10 %, stratified, seed 0)'
    """
    parts = [
        f"{', '.join(name for name in names if origins.get(name) == origin)} from {origin}"
        for origin in dict.fromkeys(origins.values())
    ]
    cut = [name for name in names if name not in origins and name != "train"]
    if cut and division.fold is None:
        source = "it" if parts == [f"train from {origins.get('train')}"] else "train" if origins else f"all {what}"
        share = f"{100 * division.val:.3g} %" + " each" * (len(cut) > 1)
        drawn = "" if how == "as the newest" else f", stratified, seed {seed}"
        parts.append(f"{', '.join(cut)} cut from {source} {how} ({share}{drawn})")
    elif cut:
        parts.append("the rest by folds")
    if not parts:
        parts.append(f"all {what} are for training, as was asked for")
    return f"splits: {'; '.join(parts)}"
