"""Classifiers as most experiments need them: a set, some samples a seed, perhaps wrong labels; trained as ensembles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from fathom.lab.data import LabData
from fathom.lab.ensembles import Ensemble, Recipe, stack_draws, train_ensemble, tune_lr

_MOST_TESTED = 1000  # samples of the test pool a seed: a standard error of 1 % at 90 %, which pairing takes out


@dataclass(frozen=True)
class Task:
    """What is learned.

    Attributes:
        samples: of training, a seed.
        noise: share of the training labels that is drawn anew from all classes.
    """

    data: LabData
    samples: int
    noise: float = 0.0

    def sample(self, seeds: Sequence[int]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return X (S, N, F), y (S, N), X_test, y_test of these seeds."""
        X, y, X_test, y_test = stack_draws([self.data.draw(seed, self.samples, _MOST_TESTED) for seed in seeds])
        if self.noise:
            y = torch.stack([self._spoil(labels, seed) for labels, seed in zip(y, seeds, strict=True)])
        return X, y, X_test, y_test

    def _spoil(self, labels: Tensor, seed: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        is_wrong = torch.rand(len(labels), generator=generator) < self.noise
        return torch.where(is_wrong, torch.randint(self.data.num_classes, labels.shape, generator=generator), labels)

    def tune(self, recipe: Recipe, rates: Sequence[float]) -> Recipe:
        """Return the recipe with the best learning rate of the grid, on seeds of its own."""
        return tune_lr(recipe, rates, self.sample, self.data.num_classes)

    def train(self, recipe: Recipe, seeds: Sequence[int]) -> tuple[Ensemble, tuple[Tensor, ...]]:
        """Train a member for each seed; return them and their samples."""
        found = self.sample(seeds)
        return train_ensemble(found[0], found[1], recipe, seeds, num_outputs=self.data.num_classes), found

    def measure(self, recipe: Recipe, seeds: Sequence[int], rates: Sequence[float] = ()) -> Iterator[dict[str, float]]:
        """Tune the learning rate where there is a grid, train, and yield what each member reaches.

        Returns: accuracy on test samples, train_accuracy (on the labels as given), gap between them, norm of the
            weights, lr
        """
        if rates:
            recipe = self.tune(recipe, rates)
        ensemble, (X, y, X_test, y_test) = self.train(recipe, seeds)
        accuracy, train_accuracy = ensemble.accuracy(X_test, y_test), ensemble.accuracy(X, y)
        norm = sum(weight.detach().square().sum((1, 2)) for weight in ensemble.weights)
        assert isinstance(norm, Tensor)
        for test, train, size in zip(accuracy.tolist(), train_accuracy.tolist(), norm.sqrt().tolist(), strict=True):
            yield {"accuracy": test, "train_accuracy": train, "gap": train - test, "norm": size, "lr": recipe.lr}
