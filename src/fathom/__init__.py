"""Fathom: a deep-learning workbench on PyTorch for people who want to understand what they train.

>>> import fathom
>>> data = fathom.Digits(size=28)
>>> module = fathom.Classifier(fathom.create_model("lenet", input_shape=data.input_shape, num_classes=10), lr=0.1)
>>> trainer = fathom.Trainer(max_epochs=1)
>>> records = trainer.fit(module, data)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fathom.config import Config, make_config
    from fathom.data.arrays import Arrays
    from fathom.data.datasets import CIFAR10, MNIST, Digits, FashionMNIST, SyntheticRegression
    from fathom.data.folder import FolderData, ImageTableData
    from fathom.data.memory import MemoryLoader
    from fathom.data.module import ArrayData, DataModule
    from fathom.data.remote.copies import local_copy
    from fathom.data.tables.module import TableData
    from fathom.data.text import TextData
    from fathom.errors import FathomError, UsageError
    from fathom.models.registry import create as create_model
    from fathom.module import Classifier, LanguageModel, Module, Preprocess, Regressor
    from fathom.recipes.crossval import cross_validate
    from fathom.recipes.distill import distill
    from fathom.recipes.evaluate import evaluate
    from fathom.recipes.fine_tuning import fine_tuning_config
    from fathom.recipes.generate import generate
    from fathom.recipes.predict import predict
    from fathom.recipes.prune import prune
    from fathom.recipes.saved import load_module
    from fathom.recipes.train import resume, train
    from fathom.recipes.tune import resume_tuning, tune
    from fathom.training.callbacks import AverageWeights, Callback, Checkpointing, EarlyStopping
    from fathom.training.schedules import make_schedule
    from fathom.training.trainer import Trainer

# A name is imported when it is first used: `import fathom` alone costs nothing.
_PLACES = {
    "Config": "config",
    "make_config": "config",
    "Arrays": "data.arrays",
    "CIFAR10": "data.datasets",
    "Digits": "data.datasets",
    "FashionMNIST": "data.datasets",
    "MNIST": "data.datasets",
    "SyntheticRegression": "data.datasets",
    "FolderData": "data.folder",
    "ImageTableData": "data.folder",
    "MemoryLoader": "data.memory",
    "ArrayData": "data.module",
    "DataModule": "data.module",
    "local_copy": "data.remote.copies",
    "TableData": "data.tables.module",
    "FathomError": "errors",
    "UsageError": "errors",
    "create_model": "models.registry:create",
    "TextData": "data.text",
    "Classifier": "module",
    "LanguageModel": "module",
    "Module": "module",
    "Preprocess": "module",
    "Regressor": "module",
    "cross_validate": "recipes.crossval",
    "distill": "recipes.distill",
    "evaluate": "recipes.evaluate",
    "fine_tuning_config": "recipes.fine_tuning",
    "generate": "recipes.generate",
    "predict": "recipes.predict",
    "prune": "recipes.prune",
    "load_module": "recipes.saved",
    "resume": "recipes.train",
    "train": "recipes.train",
    "resume_tuning": "recipes.tune",
    "tune": "recipes.tune",
    "AverageWeights": "training.callbacks",
    "Callback": "training.callbacks",
    "Checkpointing": "training.callbacks",
    "EarlyStopping": "training.callbacks",
    "make_schedule": "training.schedules",
    "Trainer": "training.trainer",
}

__all__ = [*_PLACES, "__version__"]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("fathom")
    if name not in _PLACES:
        import difflib

        nearest = difflib.get_close_matches(name, __all__, n=1)
        hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
        raise AttributeError(f"module 'fathom' has no attribute {name!r}{hint}")
    module, _, attribute = _PLACES[name].partition(":")
    value = getattr(importlib.import_module(f"fathom.{module}"), attribute or name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
