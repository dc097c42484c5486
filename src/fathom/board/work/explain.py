"""Where a classifier looks: Grad-CAM where there are feature maps, occlusion where there are none."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from fathom.board.work.opened import record_outputs
from fathom.module import Module

_PATCHES = 12  # places of the patch along each side


def explain(module: Module, X: Tensor, target: int) -> tuple[np.ndarray, str]:
    """Return how much each place of an image speaks for an output, 0…1, and the method.

    Shape:   X as stored (1, C, H, W) -> (H, W)
    """
    heat = grad_cam(module, X, target)
    if heat is not None:
        return heat, "Grad-CAM"
    return occlusion(module, X, target), "occlusion"


def grad_cam(module: Module, X: Tensor, target: int) -> np.ndarray | None:
    """Weigh the last feature maps by the mean gradient of the output in each; None without maps of several pixels.

    Source:  Selvaraju et al. 2017, "Grad-CAM", eqs. (1) and (2)
    """
    net = module.net
    with torch.enable_grad():
        inputs = module.preprocess(X).detach().clone().requires_grad_()  # (1, C, H, W)
        found = record_outputs(net, lambda: net(inputs), keep_graph=True)
    score = found.pop("")[0, target]
    maps = [
        output for output in found.values() if output.ndim == 4 and min(output.shape[2:]) > 1 and output.requires_grad
    ]
    if not maps:
        return None
    score.backward()
    last = maps[-1]
    if last.grad is None:
        return None
    weights = last.grad.mean(dim=(2, 3), keepdim=True)  # (1, K, 1, 1)
    heat = (weights * last).sum(1, keepdim=True).relu().detach()  # (1, 1, h, w)
    heat = torch.nn.functional.interpolate(heat, X.shape[2:], mode="bilinear", align_corners=False)[0, 0]  # (H, W)
    return (heat / heat.max().clamp(min=1e-12)).numpy()


def occlusion(module: Module, X: Tensor, target: int) -> np.ndarray:
    """Cover one place after another with the image's mean; what the probability loses there is its weight.

    Source:  Zeiler & Fergus 2014, "Visualizing and Understanding Convolutional Networks", §4.2
    """
    height, width = X.shape[2:]
    size = max(1, height // 6), max(1, width // 6)  # a patch of a sixth of each side
    rows = np.linspace(0, height - size[0], min(_PATCHES, height)).round().astype(int)
    columns = np.linspace(0, width - size[1], min(_PATCHES, width)).round().astype(int)
    mean = X.float().mean(dim=(2, 3), keepdim=True).to(X.dtype)  # (1, C, 1, 1)
    covered = []
    for row in rows:
        for column in columns:
            copy = X.clone()
            copy[:, :, row : row + size[0], column : column + size[1]] = mean
            covered.append(copy)
    with torch.inference_mode():
        said = module.predict_step(torch.cat([X, *covered]))  # (1 + n, classes)
    lost: Any = (said[0, target] - said[1:, target]).clamp(min=0).numpy()  # (n,)
    heat, times = np.zeros((height, width)), np.zeros((height, width))
    for loss, (row, column) in zip(lost, [(r, c) for r in rows for c in columns], strict=True):
        heat[row : row + size[0], column : column + size[1]] += loss
        times[row : row + size[0], column : column + size[1]] += 1
    heat /= np.maximum(times, 1)
    return heat / max(float(heat.max()), 1e-12)


def over(image: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Lay a heat map over an image.

    Shape:   image uint8 (1 or 3, H, W), heat (H, W) -> uint8 (3, H, W)
    """
    grey = np.repeat(image, 3, axis=0) if len(image) == 1 else image  # (3, H, W)
    colour = np.array([1.0, 0.45, 0.05])[:, None, None]  # orange: told from grey by all kinds of sight
    share = 0.75 * heat[None]
    return ((1 - share) * grey * 0.8 + share * 255 * colour).clip(0, 255).astype(np.uint8)
