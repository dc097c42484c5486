"""How well and how soon: test accuracy over the epochs and over seeds.

Settings were chosen on a validation split; here the test split is looked at after every epoch, with the clock stopped,
only to draw the curve.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from bench import field
from bench.harness import Contender, Worker, WorkerError, chosen, say
from bench.problems import LENET, MLP, RESNET18, Problem, make_quick
from bench.results import Run, Suite
from bench.settings import Settings

MODELS = ("softmax", "mlp", "lenet")
_EPOCHS = 10
_MODEL_SEEDS, _RECIPE_SEEDS = 3, 5
# Training with more arithmetic than this takes minutes on two cores: left to --long.
_LONG_TRAINING_FLOPS = 2e13


def run(settings: Settings, suite: Suite) -> None:
    """Train every contender once a seed, seeds in the outer loop."""
    plan = list(_plan(settings))
    most = max(seeds for *_, seeds in plan)
    for seed in range(most):
        for contender, problem, epochs, seeds in plan:
            if seed < seeds and contender.name not in suite.settings.setdefault("skipped", {}):
                try:
                    suite.runs.append(_train(contender, replace(problem, seed=seed), epochs, settings))
                except WorkerError as error:
                    suite.settings["skipped"][contender.name] = str(error)
                    say(f"accuracy: {contender.label} skipped: {error}")


def _plan(settings: Settings) -> Iterator[tuple[Contender, Problem, int, int]]:
    """Return (contender, problem, epochs, seeds)."""
    entries: list[tuple[Contender, Problem, int, int]] = []
    for problem, title in ((LENET, "LeNet as in the book"), (MLP, "MLP as in the book")):
        entries += [(contender, problem, _EPOCHS, _MODEL_SEEDS) for contender in _pair(problem, title)]
    if settings.long:
        # As many images as make the comparison of precisions meaningful in the time there is.
        problem = replace(RESNET18, num_samples=6_400)
        entries += [(contender, problem, 3, 2) for contender in _pair(problem, "ResNet-18, 6,400 images")]
    for name in MODELS:
        contender = _recipe(f"model_{name}", f"`fathom train {name}`", settings, model=name)
        entries.append((contender, LENET, 0, _MODEL_SEEDS))
    for name in _recipe_names(settings):
        contender = _recipe(f"recipe_{name}", f"recipe `{name}`", settings, recipe=name)
        entries.append((contender, LENET, 0, _RECIPE_SEEDS))
    skipped: dict[str, str] = {}
    kept = {c.name for c in chosen([entry[0] for entry in entries], settings, "", skipped)}
    for contender, problem, epochs, seeds in entries:
        if contender.name in kept:
            if settings.quick:
                problem, epochs, seeds = make_quick(problem), min(epochs, 1), 1
            yield contender, problem, epochs, settings.seeds or seeds


def _pair(problem: Problem, title: str) -> tuple[Contender, Contender]:
    by_hand = field.handwritten(f"handwritten_{problem.name}", f"{title}, hand-written", test=True)
    return by_hand, field.fathom(f"fathom_{problem.name}", f"{title}, Fathom", {}, test=True)


def _recipe(name: str, label: str, settings: Settings, **options: Any) -> Contender:
    return Contender(name, label, "bench.contenders.fathom_recipe", "fathom", {**options, "invented": settings.quick})


def _recipe_names(settings: Settings) -> Iterator[str]:
    """Return the shipped recipes for Fashion-MNIST; the long ones only if asked for."""
    from bench.sizes import measure_recipes

    for name, training_flops in measure_recipes(settings).items():
        if settings.long or training_flops <= _LONG_TRAINING_FLOPS:
            yield name


def _train(contender: Contender, problem: Problem, epochs: int, settings: Settings) -> Run:
    curve: list[dict[str, float]] = []
    elapsed = 0.0
    with Worker(contender, problem, settings, epochs) as worker:
        while (reply := worker.run_round()) is not None:
            elapsed += reply["elapsed_s"]
            metrics = {
                k: v for k, v in reply["metrics"].items() if k in ("test_accuracy", "val_accuracy", "train_loss")
            }
            curve.append({"train_s": round(elapsed, 4), **metrics})
    if not curve:
        raise WorkerError("it trained no epoch")
    run = Run(contender.name, contender.label, contender.group, problem.seed, curve)
    say(f"accuracy: {run.label}, seed {run.seed}: {run.kept_accuracy:.2%} after {run.train_s:.1f} s")
    return run
