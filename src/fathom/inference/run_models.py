"""The models of runs, as ``predict`` uses them: of images, of tables, of texts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fathom.data.images.pixels.form import PixelForm
from fathom.data.tables.layer import TableInput
from fathom.data.texts.vocabulary import Tokenizer, Vocabulary
from fathom.errors import UsageError
from fathom.inference.ranking import NUMBER
from fathom.inference.saved import class_names_of
from fathom.module import LanguageModel, Module
from fathom.training.device import find_device


class RunImageModel:
    """A run's model of images on a device.

    Args:
        description: the content of ``model.json``.
        run: its folder, for the message.
    Raises:  UsageError if it is not one
    """

    def __init__(self, module: Module, description: dict[str, Any], run: Path, device: str = "auto") -> None:
        stored, kind = description["input"], description["kind"]
        if stored["kind"] != "image":
            raise UsageError(f"{run}: predict needs a model of images; this one is a {kind} of numbers")
        self.form = PixelForm.of_model(stored)
        self.class_names = class_names_of(description) if kind == "classifier" else []
        # absent in runs of a single-label model, or without a named target
        self.multilabel, self.target = bool(description.get("multilabel")), stored.get("target") or NUMBER
        self.device = find_device(device)
        self.module = module.to(self.device)

    @torch.inference_mode()
    def outputs(self, images: np.ndarray) -> np.ndarray:
        """Return class probabilities (N, classes), or numbers (N, 1), for images as stored (N, C, H, W)."""
        # bytes go over, floats are made on the device
        return self.module.predict_step(torch.from_numpy(images).to(self.device)).cpu().numpy()


class RunTableModel:
    """A run's model of a table on a device."""

    def __init__(self, module: Module, description: dict[str, Any], device: str = "auto") -> None:
        assert isinstance(module.preprocess, TableInput)
        self.layer = module.preprocess
        self.table = self.layer.description
        self.class_names: list[str] = description["class_names"]
        self.multilabel = bool(description.get("multilabel"))
        self.device = find_device(device)
        self.module = module.to(self.device).eval()

    @torch.inference_mode()
    def outputs(self, cells: np.ndarray) -> np.ndarray:
        """Return class probabilities (N, classes), or numbers (N, 1), for the cells float64 (N, columns) of rows."""
        # float64 cells -> float32 features, on the CPU
        return self.module.predict_step(self.layer.encode(cells).to(self.device)).cpu().numpy()


class RunTextModel:
    """A language model on its device."""

    def __init__(self, module: LanguageModel) -> None:
        options = dict(module.tokenizer)
        self.tokenizer = Tokenizer(**options | {"reserved": tuple(options["reserved"])})
        self.vocabulary, self.encoding = Vocabulary(module.tokens), module.encoding
        self.module = module

    @torch.inference_mode()
    def read(self, numbers: Sequence[int], state: Any = None) -> tuple[np.ndarray, Any]:
        """Read tokens by their numbers from a state; return logits (len(numbers), num_tokens) and the next state."""
        # on the device where the weights are
        tokens = torch.tensor(numbers, device=next(self.module.parameters()).device)  # (steps,)
        # a batch of one text
        logits, state = self.module.net(tokens[:, None], state)  # (steps, 1) -> (steps, 1, num_tokens)
        return logits[:, 0].float().cpu().numpy(), state  # (steps, num_tokens); NumPy has no bfloat16
