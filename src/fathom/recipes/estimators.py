"""Estimators with scikit-learn's interface: for ``Pipeline``, ``GridSearchCV``, ``cross_val_score``."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_array, check_is_fitted, check_X_y, column_or_1d

from fathom.build.configure import configure
from fathom.build.given.data import loose_settings
from fathom.build.plan import draft
from fathom.data.arrays import Arrays
from fathom.models.own_code import provided
from fathom.settings.settings import Settings, merge
from fathom.training.device import find_device
from fathom.training.progress import TrainingProgress
from fathom.training.random_state import kept_random_state

if TYPE_CHECKING:
    from torch import nn

_BATCH = 4096  # rows of a prediction
_LARGEST_SEED = 2**31 - 1  # numpy.random.RandomState takes 32 bits


class _Estimator(BaseEstimator):
    """What classifier and regressor share."""

    def __init__(
        self,
        net: nn.Module | str | None = None,
        *,
        epochs: int | None = None,
        lr: float | None = None,
        batch_size: int | None = None,
        device: str = "auto",
        random_state: Any = 0,
        verbose: bool = False,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.net = net  # stored as given, unchecked: sklearn.base.clone compares them by identity
        self.epochs = epochs
        self.lr = lr
        self.batch_size = batch_size
        self.device = device
        self.random_state = random_state
        self.verbose = verbose
        self.settings = settings

    def _fit(self, X: np.ndarray, y: np.ndarray, names: tuple[str, ...]) -> None:
        """Train as ``fathom.train`` does, without a folder; ``y`` is int64 (N,), or float64 (N, D) of a regression."""
        seed = int(check_random_state(self.random_state).randint(_LARGEST_SEED))
        # a batch never holds more than there is, as in scikit-learn's own MLPs
        batch_size = None if self.batch_size is None else min(self.batch_size, len(X))
        chosen = {"epochs": self.epochs, "lr": self.lr, "batch_size": batch_size, "device": self.device, "seed": seed}
        # no validation split: GridSearchCV and cross_val_score hold out samples themselves
        tree = loose_settings({"val": 0.0} | chosen | dict(self.settings or {}))
        merge(tree, {"data": {"name": "arrays", "kind": "array_files"}})
        # scikit-learn expects the global generators as they were
        with self._network() as name, kept_random_state(find_device(self.device)):
            merge(tree, {"model": {"name": name}})
            plan = draft(configure(Settings(tree)), Arrays(X, y, None, None, names)).ready()
            trainer = plan.make_trainer([TrainingProgress()] if self.verbose else [])
            self.history_ = trainer.fit(plan.module, plan.data)
        # on the CPU and without a device of its own, the estimator can be pickled anywhere
        self.module_ = plan.module.to("cpu").eval()
        self.net_ = self.module_.net

    def _network(self) -> AbstractContextManager[str]:
        if self.net is None or isinstance(self.net, str):
            return nullcontext(self.net or "mlp")
        return provided(copy.deepcopy(self.net), f"{type(self.net).__name__}_")  # what was given stays as it is

    @torch.inference_mode()
    def _read(self, X: Any) -> np.ndarray:
        check_is_fitted(self, "module_")
        samples = check_array(X, allow_nd=True)
        _check_features(self, X, samples, reset=False)
        samples = _as_floats(samples)
        where = find_device(self.device)
        module = self.module_.to(where)
        # (batch, K) each: probabilities, or numbers of a regression
        found = [module.predict_step(batch.to(where)).cpu() for batch in torch.from_numpy(samples).split(_BATCH)]
        return torch.cat(found).numpy()


class FathomClassifier(ClassifierMixin, _Estimator):
    """A network as a classifier of scikit-learn.

    Args:
        net: an ``nn.Module`` that maps (N, …) to logits; it is copied, and trained from the weights it has. A name, as
            "mlp"; None is a multilayer perceptron.
        epochs, lr, batch_size: None takes what ``fathom.train`` takes.
        device: where it computes.
        random_state: an int, a ``RandomState`` or None, as in scikit-learn.
        verbose: show the progress of ``fit``.
        settings: further settings of ``fathom.train``, as ``{"optimizer": "sgd", "weight_decay": 0.1}``.
    Attributes:
        classes_: the labels.
        net_, module_: the trained network, and with its preprocessing.
        history_: a record for each epoch.

    >>> from sklearn.model_selection import cross_val_score
    >>> cross_val_score(FathomClassifier(epochs=20), X, y)  # doctest: +SKIP
    """

    def fit(self, X: Any, y: Any) -> FathomClassifier:
        """Train on samples X (N, …) and labels y (N,)."""
        samples, y = check_X_y(X, y, allow_nd=True)
        _check_features(self, X, samples, reset=True)
        check_classification_targets(y)
        self.classes_, numbers = np.unique(y, return_inverse=True)  # numbers: (N,), places in classes_
        if len(self.classes_) < 2:
            raise ValueError("y holds one class, and a classifier needs two or more")
        self._fit(_as_floats(samples), numbers.astype(np.int64), tuple(map(str, self.classes_.tolist())))
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each class, (N, classes), in the order of ``classes_``."""
        return self._read(X)

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable label of each sample, (N,)."""
        found = self.predict_proba(X).argmax(1)  # first: it says that nothing is fitted yet
        return self.classes_[found]


class FathomRegressor(RegressorMixin, _Estimator):
    """A network as a regressor of scikit-learn; arguments as for ``FathomClassifier``. Targets are standardised inside.

    >>> FathomRegressor(epochs=20).fit(X, y).score(X, y)  # doctest: +SKIP
    """

    def fit(self, X: Any, y: Any) -> FathomRegressor:
        """Train on samples X (N, …) and numbers y (N,)."""
        samples, y = check_X_y(X, y, allow_nd=True, y_numeric=True)
        _check_features(self, X, samples, reset=True)
        # (N, 1): the trainer wants a column
        self._fit(_as_floats(samples), column_or_1d(y).astype(np.float64)[:, None], ())
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Return a number for each sample, (N,)."""
        return self._read(X)[:, 0]


def _as_floats(X: np.ndarray) -> np.ndarray:
    # images of bytes stay bytes: Fathom scales them itself
    return X if X.dtype == np.uint8 and X.ndim == 4 else np.ascontiguousarray(X, dtype=np.float32)


def _check_features(estimator: Any, given: Any, X: np.ndarray, *, reset: bool) -> None:
    """Note names and number of the features, or compare them with those seen in ``fit``; names are in ``given``."""
    from sklearn.utils import validation

    if hasattr(validation, "validate_data"):  # from scikit-learn 1.6 on
        validation._check_feature_names(estimator, given, reset=reset)
        validation._check_n_features(estimator, X, reset=reset)
    else:
        estimator._check_feature_names(given, reset=reset)  # methods of BaseEstimator until 1.5
        estimator._check_n_features(X, reset=reset)
