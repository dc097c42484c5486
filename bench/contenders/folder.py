"""A folder of small JPEGs: bare decode loops beside Fathom's pass, and epochs from files, cache and arrays."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from bench.contenders.fathom_trainer import AtGate
from bench.gate import Gate
from bench.problems import Problem
from fathom.build.configure import configure
from fathom.build.plan import draft
from fathom.data.array_data import ArrayData
from fathom.data.arrays import Arrays
from fathom.data.images.module import ImageData
from fathom.data.images.pixels.form import PixelForm
from fathom.data.images.survey import survey
from fathom.data.loaders.workers import default_workers


def run(problem: Problem, gate: Gate, part: str, how: str) -> None:
    """Decode all images once per round, or train for an epoch per round."""
    root = Path(os.environ["BENCH_FOLDER"], "folder")
    (_decode if part == "decode" else _train)(problem, gate, root, how)


def _decode(problem: Problem, gate: Gate, root: Path, how: str) -> None:
    paths = [str(path) for path in sorted(root.rglob("*.jpg"))]
    workers = default_workers()
    read = {"pillow": _read_with_pillow, "torchvision": _read_with_torchvision}.get(how)
    if how == "torchvision":
        import torchvision.io  # noqa: F401  not in every process anew
    gate.note(workers=workers)
    height, width = problem.input_shape[1:]
    form = (height, width)
    for _ in range(gate.num_epochs):
        gate.start_epoch()
        if read is None:
            found = survey(paths, PixelForm(3, form), keep=True, workers=workers)
        else:
            parts = [paths[i::workers] for i in range(workers)]
            processes = [multiprocessing.get_context("fork").Process(target=read, args=(p,)) for p in parts]
            for process in processes:
                process.start()
            for process in processes:
                process.join()
        gate.end_epoch({})
        found = None  # noqa: F841  the pixels stay until here, as they do in training


def _read_with_pillow(paths: Sequence[str]) -> None:
    from PIL import Image

    for path in paths:
        with Image.open(path) as image:
            np.asarray(image.convert("RGB"))


def _read_with_torchvision(paths: Sequence[str]) -> None:
    from torchvision.io import ImageReadMode, decode_jpeg, read_file

    for path in paths:
        decode_jpeg(read_file(path), mode=ImageReadMode.RGB)


def _train(problem: Problem, gate: Gate, root: Path, how: str) -> None:
    tree = {
        "model": {"name": problem.model},
        "data": {
            "name": str(root),
            "batch_size": problem.batch_size,
            "val": 0.0,
            "cache": "none" if how == "none" else "memory",
        },
        "training": {"epochs": gate.num_epochs, "lr": problem.lr, "optimizer": "sgd", "schedule": "constant"},
        "execution": {"device": "cpu"},
        "seed": problem.seed,
    }
    config = configure(tree)
    made = draft(config)
    if how == "arrays":
        assert isinstance(made.data, ImageData)
        assert made.data.X is not None
        arrays = Arrays(made.data.X.numpy().copy(), made.data.y.numpy(), None, None, made.data.class_names)
        stored = ArrayData(arrays, problem.batch_size, val=0.0)
        stored.form = made.data.form  # type: ignore[attr-defined] # the kind of images asks what the files held
        made.data.close()
        made = draft(config, data=stored)
    plan = made.ready()
    gate.note(choices=plan.execution.describe())
    torch.manual_seed(problem.seed)
    plan.make_trainer([AtGate(gate)]).fit(plan.module, plan.data)
    plan.data.close()
