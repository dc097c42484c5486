"""What the computing process does: predictions, feature maps, images of the data."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from fathom.board.views.findings import show_cards
from fathom.board.work.attention import attend_text, draw_heads, record_attention
from fathom.board.work.explain import explain, over
from fathom.board.work.near_rows import nearest_rows, seen_by_network
from fathom.board.work.opened import (
    as_png,
    layers_of,
    open_data,
    open_model,
    read_image,
    record_outputs,
    shown,
    test_image,
)
from fathom.board.work.range_test import sweep_rates
from fathom.board.work.searches import describe_search
from fathom.doctor.check import check
from fathom.errors import FathomError
from fathom.findings import Findings
from fathom.inference.generation import generate
from fathom.recipes.loaded import LoadedModel
from fathom.runs.html.language import speaking

_TOP = 5
_SIDE = 160  # pixels of an image that is shown large
_NEAREST, _COMPARED = 6, 4000  # training samples shown, and among how many they are looked for
_MOST_MAPS = 32
_BATCH = 512
_DRAWN = 32  # images of a training batch


def predict_image(run: str, image: str | None = None, index: int | None = None) -> dict[str, Any]:
    """Predict an image that was sent, or one of the test split; with where the model looks, and what is near it."""
    model = open_model(run)
    X = _image(model, run, image, index)
    with torch.inference_mode():
        said = model.module.predict_step(X)[0]  # (classes,), or (1,)
    answers = _answers(model, said)
    picture = shown(model, X)
    result: dict[str, Any] = {"answers": answers, "image": as_png(picture, side=_SIDE)}
    result |= _heat(model, X, said, picture)
    try:
        result["nearest"] = _nearest(model, run, X)
    except FathomError as error:  # the data are gone; the prediction stands
        result["without_nearest"] = str(error)
    return result


def _heat(model: LoadedModel, X: Tensor, said: Tensor, picture: np.ndarray) -> dict[str, Any]:
    """Draw where a classifier looks for the class that it says; nothing of other models."""
    if not model.class_names or model.description.get("multilabel"):
        return {}
    target = int(said.argmax()) if len(said) > 1 else 0
    heat, method = explain(model.module, X, target)
    return {"heat": as_png(over(picture, heat), side=_SIDE), "method": method, "looked_for": model.class_names[target]}


def predict_row(run: str, row: Mapping[str, str]) -> dict[str, Any]:
    """Predict a row of a table, given as text a column."""
    import pandas as pd

    model = open_model(run)
    if model.description["input"]["kind"] != "table":
        raise FathomError(f"this model reads {model.description['input']['kind']}, not rows of a table")
    given = pd.DataFrame([{name: text or None for name, text in row.items()}])
    table, encoded = seen_by_network(model, lambda: model.predict(given, top=_top(model)))
    result: dict[str, Any] = {"cells": [[name, str(table.rows[0].get(name, ""))] for name in table.columns]}
    try:
        result["nearest_rows"] = nearest_rows(model, run, encoded)
    except FathomError as error:  # the data are gone; the prediction stands
        result["without_nearest"] = str(error)
    return result


def continue_text(run: str, prefix: str, length: int, temperature: float, seed: int) -> dict[str, Any]:
    """Let a language model go on."""
    found = generate(Path(run), prefix, length, temperature=temperature, seed=seed, device="cpu")
    return {"text": found.text, "unknown": [str(token) for token in found.unknown]}


def test_samples(run: str, indices: Sequence[int]) -> dict[str, Any]:
    """Draw images of the test split, with what the model loses on each."""
    model, data = open_model(run), open_data(run)
    rows = data.splits.get("test") if hasattr(data, "splits") else None
    if model.description["input"]["kind"] != "image" or rows is None:
        raise FathomError("the test split holds no images")
    if any(not 0 <= index < len(rows) for index in indices):
        raise FathomError("there is no such sample in the test split")
    drawn = [as_png(image, side=96) for image in data.test_images(list(indices))]
    return {"images": drawn, **_losses(model, rows, indices)}


def _losses(model: LoadedModel, rows: Any, indices: Sequence[int]) -> dict[str, Any]:
    """Return −log of the probability of each sample's label; nothing where the images stay in files."""
    if rows.X is None or model.description.get("multilabel") or len(model.class_names) < 3 or not indices:
        return {}
    places = torch.tensor(indices) if rows.index is None else rows.index[torch.tensor(indices)]  # (n,)
    with torch.inference_mode():
        said = model.module.predict_step(rows.X[places])  # (n, classes)
    of_label = said.gather(1, rows.y[places].long()[:, None])[:, 0]  # (n,)
    return {"losses": (-of_label.clamp(min=1e-12).log()).tolist()}


def training_batch(run: str) -> dict[str, Any]:
    """Draw the first training batch as the network sees it, after augmentation."""
    model, data = open_model(run), open_data(run)
    if model.description["input"]["kind"] != "image":
        raise FathomError("only images are drawn")
    X, y = next(iter(data.train_dataloader()))  # (B, C, H, W), (B,)
    names = model.class_names
    labels = [
        names[int(label)] if names and label.ndim == 0 and not label.is_floating_point() else "" for label in y[:32]
    ]
    return {
        "images": [as_png(shown(model, X[i : i + 1]), side=96) for i in range(len(labels))],
        "labels": labels,
        "augment": model.config.data.augment,
    }


def check_data(run: str, language: str) -> dict[str, Any]:
    """Check the data of a run as ``fathom check`` does; return the findings as markup."""
    checked = check(open_model(run).config)
    found = Findings.gravest_first(checked.findings, checked.not_checked)
    with speaking(language):
        return {"html": str(show_cards(found))}


def maps(
    run: str, layer: str = "", image: str | None = None, index: int | None = None, attention: int = 0
) -> dict[str, Any]:
    """Draw the kernels of the first convolution, a layer's feature maps, one step of a convolution in numbers.

    Args:
        attention: which attention layer's maps are drawn, where there are any.
    """
    model = open_model(run)
    X = _image(model, run, image, 0 if image is None and index is None else index)
    net, module = model.module.net, model.module
    picture = shown(model, X)
    with torch.inference_mode():
        inputs = module.preprocess(X)  # (1, C, H, W)
        found = record_outputs(net, lambda: net(inputs))
    names = [name for name, output in found.items() if name and output.ndim == 4]
    convolutions = {name: part for name, part in layers_of(net).items() if isinstance(part, nn.Conv2d)}
    chosen = layer if layer in names else next(iter(names), "")
    result: dict[str, Any] = {"layers": names, "layer": chosen, "image": as_png(picture, side=_SIDE)}
    result |= _heat(model, X, module.predict_step(X)[0].detach(), picture)
    if chosen:
        output = found[chosen][0]  # (K, h, w)
        result["maps"] = [as_png(_stretch(each), side=72) for each in output[:_MOST_MAPS]]
        result["shape"] = list(output.shape)
    if convolutions:
        name, first = next(iter(convolutions.items()))
        kernels = first.weight.detach()  # (K, C, kh, kw)
        result["kernels"] = [
            as_png(_stretch(kernels[k], centred=True), side=56) for k in range(min(_MOST_MAPS, len(kernels)))
        ]
        result["kernel_layer"] = name
        result["step"] = _one_step(first, inputs)
    if attended := record_attention(lambda: net(inputs)):
        result["attention"] = draw_heads(attended, attention, inputs[0])
    return result


def _one_step(layer: nn.Conv2d, inputs: Tensor) -> dict[str, Any] | None:
    """Return one place of a convolution in numbers: the window, the kernel, their products, the bias, the sum."""
    kh, kw = (int(side) for side in layer.kernel_size)
    if kh * kw > 49 or layer.groups != 1 or isinstance(layer.padding, str):  # more numbers than one can follow
        return None
    pad = [int(side) for side in layer.padding]
    padded = nn.functional.pad(inputs, (pad[1], pad[1], pad[0], pad[0]))[0, 0]  # (H', W'), the first channel
    row, column = padded.shape[0] // 2 - kh // 2, padded.shape[1] // 2 - kw // 2
    window, kernel = padded[row : row + kh, column : column + kw], layer.weight.detach()[0, 0]  # (kh, kw) both
    bias = float(layer.bias.detach()[0]) if layer.bias is not None else 0.0
    return {
        "window": window.tolist(), "kernel": kernel.tolist(), "sum": float((window * kernel).sum()), "bias": bias,
        "channels": layer.in_channels, "place": [row, column],
    }  # fmt: skip


def _stretch(values: Tensor, *, centred: bool = False) -> np.ndarray:
    """Bring values to 0…1: from the lowest to the highest, or with zero in the middle."""
    array = values.float().numpy()
    if centred:
        most = float(np.abs(array).max()) or 1.0
        array = 0.5 + array / (2 * most)
    else:
        low, high = float(array.min()), float(array.max())
        array = (array - low) / ((high - low) or 1.0)
    return array if array.ndim == 2 or len(array) in (1, 3) else array[0]


def _image(model: LoadedModel, run: str, image: str | None, index: int | None) -> Tensor:
    if image is None:
        return test_image(run, index or 0)
    with tempfile.TemporaryDirectory(prefix="fathom-") as folder:
        return read_image(model, image, Path(folder))


def _top(model: LoadedModel) -> int:
    return max(1, min(_TOP, len(model.class_names)))


def _answers(model: LoadedModel, said: Tensor) -> list[list[Any]]:
    names = model.class_names
    if not names:
        return [["", float(said.flatten()[0])]]
    if len(said) == 1:  # one output stands for two classes
        said = torch.stack([1 - said[0], said[0]])
    values, places = said.sort(descending=True)
    return [[names[int(place)], float(value)] for value, place in zip(values[:_TOP], places[:_TOP], strict=True)]


_features: dict[str, tuple[Tensor, Tensor, Tensor]] = {}  # of one run: (n, D) of unit length, labels, indices


def _nearest(model: LoadedModel, run: str, X: Tensor) -> list[dict[str, Any]]:
    """Find the training images whose features, before the last layer, point most nearly the same way."""
    linear = [name for name, layer in layers_of(model.module.net).items() if isinstance(layer, nn.Linear)]
    data = open_data(run)
    rows = data.X
    if not linear or rows is None:
        return []
    if run not in _features:
        order = data.train_index if data.train_index is not None else torch.arange(len(rows))
        chosen = order[torch.randperm(len(order), generator=torch.Generator().manual_seed(0))[:_COMPARED]]  # (n,)
        parts = [_before(model, linear[-1], rows[part]) for part in chosen.split(_BATCH)]
        _features.clear()
        _features[run] = torch.cat(parts), data.y[chosen], chosen
    known, labels, places = _features[run]
    likeness = known @ _before(model, linear[-1], X)[0]  # (n,)
    best = likeness.topk(min(_NEAREST, len(likeness))).indices
    names = model.class_names
    return [
        {
            "image": as_png(shown(model, rows[places[i]][None]), side=84),
            "label": names[int(labels[i])] if names and labels[i].ndim == 0 else "",
            "likeness": float(likeness[i]),
        }
        for i in best
    ]


def _before(model: LoadedModel, layer: str, X: Tensor) -> Tensor:
    """Return what enters a linear layer, at unit length: (N, …) -> (N, D)."""
    found: list[Tensor] = []
    part = layers_of(model.module.net)[layer]
    handle = part.register_forward_pre_hook(lambda _, inputs: found.append(inputs[0].flatten(1)))
    try:
        with torch.inference_mode():
            model.module(X)
    finally:
        handle.remove()
    return nn.functional.normalize(found[-1], dim=1)


TASKS: dict[str, Callable[..., dict[str, Any]]] = {
    "predict_image": predict_image,
    "predict_row": predict_row,
    "continue_text": continue_text,
    "test_samples": test_samples,
    "training_batch": training_batch,
    "maps": maps,
    "attend_text": attend_text,
    "check_data": check_data,
    "sweep_rates": sweep_rates,
    "describe_search": describe_search,
}
