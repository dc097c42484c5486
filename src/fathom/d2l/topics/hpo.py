"""Hyper-parameter optimisation: a searcher proposes, a scheduler decides what to run, a tuner runs it."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fathom.d2l.frame.hyperparameters import HyperParameters
from fathom.d2l.frame.trainer import Trainer
from fathom.d2l.topics.convolution import LeNet, init_cnn
from fathom.d2l.topics.fashion import FashionMNIST

Configuration = dict[str, Any]


class HPOTrainer(Trainer):
    """A trainer that computes the validation error of its model."""

    def validation_error(self) -> Tensor:
        """Return 1 − accuracy on the validation data, the mean over its batches, on the model's device.

        Shape:   -> ()
        """
        self.model.eval()  # dropout and batch-norm as in use
        accuracies = []
        with torch.no_grad():
            for batch in self.val_dataloader:
                X, y = self.prepare_batch(batch)
                accuracies.append(self.model.accuracy(self.model(X), y))
        return 1 - torch.stack(accuracies).mean()  # stays a tensor: the objective decides when to wait for it


class HPOSearcher(HyperParameters):
    """Proposes configurations."""

    def sample_configuration(self) -> Configuration:
        """Return a configuration to try."""
        raise NotImplementedError

    def update(self, config: Configuration, error: float, additional_info: Any = None) -> None:
        """Learn from the error of a configuration; a searcher that does not learn leaves this alone."""


class RandomSearcher(HPOSearcher):
    """Draws each hyper-parameter by itself.

    Args:
        config_space: name -> a distribution of scipy.stats, or anything with ``rvs()``.
        initial_config: proposed first, if given.
    """

    config_space: Mapping[str, Any]
    initial_config: Configuration | None

    def __init__(self, config_space: Mapping[str, Any], initial_config: Configuration | None = None) -> None:
        self.save_hyperparameters()

    def sample_configuration(self) -> Configuration:
        """Draw a configuration."""
        if self.initial_config is not None:
            first, self.initial_config = dict(self.initial_config), None  # once, then random draws
            return first
        return {name: domain.rvs() for name, domain in self.config_space.items()}  # domains are scipy's distributions


class HPOScheduler(HyperParameters):
    """Decides which configuration runs next, and for how long."""

    def suggest(self) -> Configuration:
        """Return the next configuration to run."""
        raise NotImplementedError

    def update(self, config: Configuration, error: float, info: Any = None) -> None:
        """Take note of the error of a configuration that has run."""
        raise NotImplementedError


class BasicScheduler(HPOScheduler):
    """Runs what the searcher proposes, to the end."""

    searcher: HPOSearcher

    def __init__(self, searcher: HPOSearcher) -> None:
        self.save_hyperparameters()

    def suggest(self) -> Configuration:
        """Return the searcher's next proposal."""
        return self.searcher.sample_configuration()

    def update(self, config: Configuration, error: float, info: Any = None) -> None:
        """Tell the searcher."""
        self.searcher.update(config, error, additional_info=info)


class SuccessiveHalvingScheduler(HPOScheduler):
    """Runs many configurations briefly, and the best 1/eta of them eta times as long, rung by rung.

    Args:
        searcher: proposes those of the lowest rung.
        eta: the factor between rungs.
        r_min, r_max: epochs on the lowest rung and on the highest; they go into a configuration as ``max_epochs``.
        prefact: number of configurations on the highest rung.
    Source:  Karnin, Koren & Somekh 2013; Jamieson & Talwalkar 2016
    """

    searcher: HPOSearcher
    eta: int
    r_min: int
    r_max: int
    prefact: int

    def __init__(self, searcher: HPOSearcher, eta: int, r_min: int, r_max: int, prefact: int = 1) -> None:
        self.save_hyperparameters()
        self.rung_levels = [r_min]
        while self.rung_levels[-1] * eta <= r_max:
            self.rung_levels.append(self.rung_levels[-1] * eta)
        if self.rung_levels[-1] != r_max:
            self.rung_levels.append(r_max)  # the last rung runs to the end whatever eta is
        self.K = len(self.rung_levels) - 1  # the number of the top rung
        # by number of epochs: those not promoted yet
        self.observed_error_at_rungs: dict[int, list[tuple[Configuration, float]]] = defaultdict(list)
        # for the pictures: nothing is ever taken out
        self.all_observed_error_at_rungs: dict[int, list[tuple[Configuration, float]]] = defaultdict(list)
        self.queue: list[Configuration] = []

    def suggest(self) -> Configuration:
        """Return the last configuration of the queue; an empty queue is filled with new ones for the lowest rung."""
        if not self.queue:  # every configuration begins with r_min epochs
            self.queue = [
                {**self.searcher.sample_configuration(), "max_epochs": self.r_min} for _ in range(self._size(0))
            ]
        return self.queue.pop()

    def update(self, config: Configuration, error: float, info: Any = None) -> None:
        """Note the error; once the whole rung has run, queue its best for the next one."""
        level = int(config["max_epochs"])
        self.searcher.update(config, error, additional_info=info)
        self.all_observed_error_at_rungs[level].append((config, error))
        if level >= self.r_max:  # the top rung: nothing to promote to
            return
        self.observed_error_at_rungs[level].append((config, error))
        rung = self.rung_levels.index(level)
        if len(self.observed_error_at_rungs[level]) >= self._size(rung):  # the rung is full: the best go up
            best = self.get_top_n_configurations(level, self._size(rung + 1))
            promoted = [{**config, "max_epochs": self.rung_levels[rung + 1]} for config in best]
            self.queue = promoted + self.queue  # at the beginning: what is left of a rung runs first
            self.observed_error_at_rungs[level] = []

    def get_top_n_configurations(self, rung_level: int, n: int) -> list[Configuration]:
        """Return the ``n`` configurations of least error among those of a rung that were not promoted yet."""
        ranked = sorted(self.observed_error_at_rungs[rung_level], key=lambda pair: pair[1])
        return [config for config, _ in ranked[:n]]

    def _size(self, rung: int) -> int:
        return int(self.prefact * self.eta ** (self.K - rung))  # eta times fewer on each rung, prefact on the top one


class HPOTuner(HyperParameters):
    """Runs trials one after the other and keeps the best.

    ``incumbent`` is the best configuration so far and ``incumbent_error`` its error; ``incumbent_trajectory`` and
    ``cumulative_runtime`` (seconds) have an entry a trial, ``records`` all about each.

    Args:
        objective: called with a configuration as keyword arguments; returns its error, a number or a tensor of one.
    """

    scheduler: HPOScheduler
    objective: Callable[..., Any]

    def __init__(self, scheduler: HPOScheduler, objective: Callable[..., Any]) -> None:
        self.save_hyperparameters()
        self.incumbent: Configuration | None = None  # the best configuration so far
        self.incumbent_error: float | None = None
        self.incumbent_trajectory: list[float] = []  # after each trial: the best error so far, for the curve
        self.cumulative_runtime: list[float] = []
        self.current_runtime = 0.0
        self.records: list[dict[str, Any]] = []

    def run(self, number_of_trials: int) -> None:
        """Run trials, and print configuration, error and seconds of each."""
        for i in range(number_of_trials):
            start = time.perf_counter()
            config = self.scheduler.suggest()
            print(f"Trial {i}: config = {config}")
            error = self.objective(**config)
            # waits for the device: the time is the trial's
            error = error.detach().item() if isinstance(error, Tensor) else float(error)
            self.scheduler.update(config, error)
            runtime = time.perf_counter() - start
            self.bookkeeping(config, error, runtime)
            print(f"    error = {error}, runtime = {runtime}")

    def bookkeeping(self, config: Configuration, error: float, runtime: float) -> None:
        """Note a trial, and whether it is the best."""
        self.records.append({"config": config, "error": error, "runtime": runtime})
        if self.incumbent_error is None or error < self.incumbent_error:  # the first trial, or better than all before
            self.incumbent, self.incumbent_error = config, error
        self.incumbent_trajectory.append(self.incumbent_error)
        self.current_runtime += runtime
        self.cumulative_runtime.append(self.current_runtime)


def hpo_objective_lenet(learning_rate: float, batch_size: int, max_epochs: int = 10) -> Tensor:
    """Train LeNet on Fashion-MNIST, on a GPU if there is one, and return its validation error.

    Shape:   -> ()
    """
    model = LeNet(lr=learning_rate, num_classes=10)
    trainer = HPOTrainer(max_epochs=max_epochs, num_gpus=1)
    data = FashionMNIST(batch_size=int(batch_size))
    model.apply_init([next(iter(data.get_dataloader(True)))[0]], init_cnn)  # LeNet is lazy: sizes come from a batch
    trainer.fit(model=model, data=data)
    return trainer.validation_error()


def rbfkernel(x1: np.ndarray, x2: np.ndarray, ls: float = 4.0) -> np.ndarray:
    """Return the Gaussian kernel exp(−‖a − b‖² / (2 ls)) of every row a of ``x1`` and b of ``x2``.

    Shape:   x1 (N, D), x2 (M, D) -> (N, M); or x1 (N,), x2 (M,)
    """
    first, second = (np.expand_dims(x, 1) if np.ndim(x) == 1 else np.asarray(x) for x in (x1, x2))
    squared = ((first[:, None] - second[None]) ** 2).sum(axis=-1)
    return np.exp(-squared / (2 * ls))
