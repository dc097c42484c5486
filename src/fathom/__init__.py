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

from fathom.version import VERSION as __version__

if TYPE_CHECKING:
    from fathom.data.array_data import ArrayData
    from fathom.data.arrays import Arrays
    from fathom.data.fetch.copies import local_copy
    from fathom.data.images.module import ImageData
    from fathom.data.images.options import ImageOptions
    from fathom.data.loaders.memory import MemoryLoader
    from fathom.data.module import DataModule
    from fathom.data.sources.datasets import CIFAR10, MNIST, Digits, FashionMNIST, SyntheticRegression
    from fathom.data.splits.division import Division
    from fathom.data.splits.folds import Fold
    from fathom.data.tables.fit import TableOptions
    from fathom.data.tables.module import TableData
    from fathom.data.texts.module import TextData
    from fathom.data.texts.options import TextOptions
    from fathom.doctor.watch import watch
    from fathom.errors import FathomError, UsageError
    from fathom.inference.generation import generate
    from fathom.inference.saved import load_module
    from fathom.models.registration import register_model
    from fathom.models.registry import create as create_model
    from fathom.module import Classifier, LanguageModel, Module, Regressor
    from fathom.preprocess import Preprocess
    from fathom.recipes.estimators import FathomClassifier, FathomRegressor
    from fathom.recipes.evaluate import evaluate
    from fathom.recipes.forecast import forecast
    from fathom.recipes.from_python import resume, train
    from fathom.recipes.loaded import load
    from fathom.recipes.predict import predict
    from fathom.recipes.prune import Finetuning, prune
    from fathom.runs.html.notebook import show
    from fathom.series.crossval import cross_validate
    from fathom.series.distill import distill
    from fathom.settings.config import Config
    from fathom.settings.settings import Settings
    from fathom.training.callbacks import (
        AverageWeights,
        BoundWeights,
        Callback,
        Checkpointing,
        ClipValue,
        EarlyStopping,
        NormalizeGradients,
    )
    from fathom.training.loggers.files import CSVLogger, TensorBoardLogger
    from fathom.training.loggers.services import MLflowLogger, WandbLogger
    from fathom.training.rehearsal import Rehearsal
    from fathom.training.schedules.schedule import make_schedule
    from fathom.training.schedules.torch_schedule import TorchSchedule
    from fathom.training.trainer import Trainer
    from fathom.tuning.tune import TuningSession, resume_tuning, tune

# A name is imported when it is first used: `import fathom` alone costs nothing.
_PLACES = {
    "Config": "settings.config",
    "Settings": "settings.settings",
    "Arrays": "data.arrays",
    "CIFAR10": "data.sources.datasets",
    "Digits": "data.sources.datasets",
    "FashionMNIST": "data.sources.datasets",
    "MNIST": "data.sources.datasets",
    "SyntheticRegression": "data.sources.datasets",
    "ImageData": "data.images.module",
    "ImageOptions": "data.images.options",
    "MemoryLoader": "data.loaders.memory",
    "ArrayData": "data.array_data",
    "DataModule": "data.module",
    "local_copy": "data.fetch.copies",
    "Division": "data.splits.division",
    "Fold": "data.splits.folds",
    "TableData": "data.tables.module",
    "TableOptions": "data.tables.fit",
    "FathomError": "errors",
    "UsageError": "errors",
    "create_model": "models.registry:create",
    "register_model": "models.registration",
    "TextData": "data.texts.module",
    "TextOptions": "data.texts.options",
    "Classifier": "module",
    "LanguageModel": "module",
    "Module": "module",
    "Preprocess": "preprocess",
    "Regressor": "module",
    "cross_validate": "series.crossval",
    "distill": "series.distill",
    "FathomClassifier": "recipes.estimators",
    "FathomRegressor": "recipes.estimators",
    "evaluate": "recipes.evaluate",
    "forecast": "recipes.forecast",
    "generate": "inference.generation",
    "predict": "recipes.predict",
    "Finetuning": "recipes.prune",
    "prune": "recipes.prune",
    "load": "recipes.loaded",
    "show": "runs.html.notebook",
    "load_module": "inference.saved",
    "resume": "recipes.from_python",
    "train": "recipes.from_python",
    "TuningSession": "tuning.tune",
    "resume_tuning": "tuning.tune",
    "tune": "tuning.tune",
    "AverageWeights": "training.callbacks",
    "Callback": "training.callbacks",
    "Checkpointing": "training.callbacks",
    "ClipValue": "training.callbacks",
    "NormalizeGradients": "training.callbacks",
    "BoundWeights": "training.callbacks",
    "EarlyStopping": "training.callbacks",
    "CSVLogger": "training.loggers.files",
    "MLflowLogger": "training.loggers.services",
    "TensorBoardLogger": "training.loggers.files",
    "WandbLogger": "training.loggers.services",
    "Rehearsal": "training.rehearsal",
    "watch": "doctor.watch",
    "make_schedule": "training.schedules.schedule",
    "TorchSchedule": "training.schedules.torch_schedule",
    "Trainer": "training.trainer",
}

__all__ = [*_PLACES, "__version__"]


_ROOMS = ("lab",)  # rooms that are spoken of by their own name: fathom.lab.run


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f"fathom.{name}")
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
