"""What is drawn of a network at one moment: its decision surface, each unit's own, weights, gradients."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from fathom.board.play.parts import losses, rows_of
from fathom.board.play.settings import PlaySettings
from fathom.data.array_data import ArrayData
from fathom.module import Classifier

SIDE = 48  # places of the decision surface along each side
UNIT_SIDE = 24  # and of a unit's own
REACH = 1.5  # the plane is drawn from −1.5 to 1.5, or as far as the points go


def reach_of(data: ArrayData) -> float:
    """Return how far the plane is drawn from its middle."""
    X = data.splits["train"].X
    assert X is not None
    return max(REACH, float(X.abs().max()) * 1.05) if X.shape[1] == 2 else REACH


def describe_points(settings: PlaySettings, data: ArrayData) -> dict[str, Any]:
    """Return what does not change during training: the points, the plane, the layers' sizes."""
    splits = {}
    for name in ("train", "val"):
        X, y = rows_of(data, name)
        is_plane = X.shape[1] == 2
        splits[name] = [[*map(float, x), int(label)] for x, label in zip(X, y, strict=True)] if is_plane else []
    inputs = list(settings.features) if settings.points != "digits" else []
    return {
        "points": splits, "reach": reach_of(data), "inputs": inputs, "layers": list(settings.layers),
        "classes": len(data.class_names), "side": SIDE, "unit_side": UNIT_SIDE,
    }  # fmt: skip


def _grid(side: int, reach: float) -> Tensor:
    at = torch.linspace(-reach, reach, side)
    rows, columns = torch.meshgrid(-at, at, indexing="ij")  # the first row is the top
    return torch.stack([columns.flatten(), rows.flatten()], dim=1)  # (side², 2)


class Painter:
    """Draws frames of one network."""

    def __init__(self, settings: PlaySettings, module: Classifier, data: ArrayData) -> None:
        self.module, self.data = module, data
        self.is_plane = settings.points != "digits"
        reach = reach_of(data)
        self._large, self._small = _grid(SIDE, reach), _grid(UNIT_SIDE, reach)
        layers = list(module.net.children())
        self._linear = [layer for layer in layers if isinstance(layer, nn.Linear)]
        self._gradients: list[float] = []
        # what a unit gives: after its activation, which follows a linear layer and perhaps a normalisation
        kinds = (nn.ReLU, nn.Tanh, nn.Sigmoid, nn.GELU, nn.Identity)
        self._activations = [layer for layer in layers[1:] if isinstance(layer, kinds)]

    def note_gradients(self) -> None:
        """Keep the norm of each layer's gradient."""
        self._gradients = [float(layer.weight.grad.norm()) for layer in self._linear if layer.weight.grad is not None]

    def paint(self) -> dict[str, Any]:
        """Return surfaces, weights, gradients and losses."""
        training = self.module.training
        self.module.eval()
        frame: dict[str, Any] = losses(self.module, self.data)
        with torch.inference_mode():
            if self.is_plane:
                frame["surface"] = self._surface()
                frame["units"] = self._units()
            else:
                frame["units"] = [[_bytes(row / (row.abs().max() + 1e-9)) for row in self._linear[0].weight.detach()]]
        self.module.train(training)
        frame["weights"] = [[round(float(w), 4) for w in layer.weight.detach().flatten()] for layer in self._linear]
        frame["gradients"] = self._gradients
        return frame

    def _surface(self) -> str:
        """Return at each place the probability of the second class, or of several the likeliest with its margin."""
        said = self.module(self._large).softmax(1)  # (side², classes)
        if said.shape[1] == 2:
            return _bytes(2 * said[:, 1] - 1)
        best = said.max(1)
        # tens are the class, units how sure: 0…9 each
        code = best.indices * 10 + (best.values * 9).round().long()
        return base64.b64encode(code.clamp(0, 255).to(torch.uint8).numpy().tobytes()).decode()

    def _units(self) -> list[list[str]]:
        found = self._outputs(self._small)  # of each layer (unit side², units)
        return [[_bytes(unit / (unit.abs().max() + 1e-9)) for unit in output.T] for output in found]

    def _outputs(self, X: Tensor) -> list[Tensor]:
        """Return what each hidden layer gives."""
        found: list[Tensor] = []

        def note(layer: nn.Module, inputs: Any, output: Tensor) -> None:
            found.append(output)

        handles = [layer.register_forward_hook(note) for layer in self._activations]
        with torch.inference_mode():
            self.module(X)
        for handle in handles:
            handle.remove()
        return found

    def statistics(self) -> dict[str, Any]:
        """Return what the doctor's comments rest on: units that give nothing, units at a bound."""
        found = self._outputs(rows_of(self.data, "train")[0])
        return {
            "dead": [float((output.abs().max(0).values == 0).float().mean()) for output in found],
            "bound": [float((output.abs().mean(0) > 0.95).float().mean()) for output in found],
        }


def _bytes(values: Tensor) -> str:
    """Write values of −1…1 as bytes in base64."""
    scaled = ((values.float() + 1) * 127.5).round().clamp(0, 255)
    return base64.b64encode(np.asarray(scaled, dtype=np.uint8).tobytes()).decode()
