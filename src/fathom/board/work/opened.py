"""Models and data that the computing process keeps open between two requests."""

from __future__ import annotations

import base64
from collections.abc import Callable
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from fathom.build.kinds.detection import kind_of
from fathom.data.images.decode import read_pixels
from fathom.data.images.pixels.form import PixelForm
from fathom.data.images.pixels.scale import show_as_bytes
from fathom.errors import FathomError
from fathom.recipes.loaded import LoadedModel, load

_KEPT = 2  # models, and data sets: the run in sight and the one before


def open_model(run: str) -> LoadedModel:
    """Return the model of a run, opened once as long as its weights stay the same."""
    files = [path for name in ("model.safetensors", "model.json") if (path := Path(run, name)).exists()]
    return _load(run, tuple(path.stat().st_mtime_ns for path in files))


@lru_cache(maxsize=_KEPT)
def _load(run: str, stamp: tuple[int, ...]) -> LoadedModel:
    return load(Path(run), device="cpu")  # a GPU belongs to the training that may be running


@lru_cache(maxsize=_KEPT)
def open_data(run: str) -> Any:
    """Return what a run was trained on.

    Raises:  FathomError if it is not there any more
    """
    config = open_model(run).config
    return kind_of(config).build(config)


def layers_of(net: nn.Module) -> dict[str, nn.Module]:
    """Return the layers without parts of their own, by name."""
    return {name: layer for name, layer in net.named_modules() if name and not list(layer.children())}


def record_outputs(net: nn.Module, run: Callable[[], Tensor], *, keep_graph: bool = False) -> dict[str, Tensor]:
    """Return what each layer gave while ``run`` ran; of a layer that is used twice the last."""
    found: dict[str, Tensor] = {}

    def note(name: str) -> Callable[..., None]:
        def hook(layer: nn.Module, inputs: Any, output: Any) -> None:
            if isinstance(output, Tensor):
                if keep_graph and output.requires_grad:
                    output.retain_grad()
                found[name] = output

        return hook

    handles = [layer.register_forward_hook(note(name)) for name, layer in layers_of(net).items()]
    try:
        found[""] = run()
    finally:
        for handle in handles:
            handle.remove()
    return found


def read_image(model: LoadedModel, content: str, folder: Path) -> Tensor:
    """Return an image that was sent, in the form that the model reads.

    Shape:   -> as stored (1, C, H, W)
    Raises:  FathomError if it is no image, or the model reads none
    """
    reads = model.description["input"]
    if reads["kind"] != "image":
        raise FathomError(f"this model reads {reads['kind']}, not images")
    try:
        raw = base64.b64decode(content, validate=True)
    except ValueError:
        raise FathomError("the image did not arrive whole") from None
    path = folder / "image"
    path.write_bytes(raw)
    try:
        return torch.from_numpy(read_pixels(path, PixelForm.of_model(reads)))[None]
    except FathomError as error:
        raise FathomError(str(error).replace(str(path), "the image")) from None


def test_image(run: str, index: int) -> Tensor:
    """Return an image of the test split as stored, (1, C, H, W)."""
    data = open_data(run)
    loader = data.test_dataloader()
    if loader is None or index < 0:
        raise FathomError("there is no such image in the test split")
    for X, _ in loader:
        if index < len(X):
            return X[index : index + 1]
        index -= len(X)
    raise FathomError("there is no such image in the test split")


def as_png(image: np.ndarray | Tensor, *, side: int = 0) -> str:
    """Write an image as a PNG in base64; small ones are enlarged to about ``side`` pixels, with hard edges.

    Shape:   image (H, W), (1, H, W), (3, H, W) or (4, H, W); uint8, or floating in 0…1
    """
    pixels = image.detach().numpy() if isinstance(image, Tensor) else image
    pixels = pixels if pixels.dtype == np.uint8 else (pixels.clip(0, 1) * 255).round().astype(np.uint8)
    if pixels.ndim == 3:
        pixels = pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)
    drawn = Image.fromarray(pixels)
    scale = max(1, side // max(drawn.size)) if side else 1
    drawn = drawn.resize((drawn.width * scale, drawn.height * scale), Image.Resampling.NEAREST)
    buffer = BytesIO()
    drawn.save(buffer, format="png")
    return base64.b64encode(buffer.getvalue()).decode()


def shown(model: LoadedModel, X: Tensor) -> np.ndarray:
    """Return a stored image as it can be looked at, uint8 (1 or 3, H, W)."""
    pixels = X[0].numpy()
    scale = getattr(model.module.preprocess, "pixel_scale", None)
    if pixels.dtype != np.uint8 and scale is None:
        return (pixels.clip(0, 1) * 255).round().astype(np.uint8)
    return show_as_bytes(pixels, scale)
