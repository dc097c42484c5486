"""Cures that are settings of a run: which ones mend a finding, from the settings that the run had."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping

import msgspec

from fathom.build.kinds.detection import kind_of
from fathom.doctor.ranking import is_symptom
from fathom.findings import Finding, Plain
from fathom.settings.config import Config, replace_in
from fathom.settings.learning import resolve_learning

Cure = Callable[[Finding, Config], dict[str, Plain]]


def advise(finding: Finding, config: Config) -> Finding:
    """Return a finding with the settings that would mend it in this run, and the options that set them.

    A finding whose cure is no setting stays as it is, and so does what follows from another one.
    """
    cure = None if is_symptom(finding) else CURES.get(finding.code)
    settings = cure(finding, config) if cure is not None else {}
    if not settings:
        return finding
    return msgspec.structs.replace(finding, settings=settings, remedy=options_of(settings))


def options_of(settings: Mapping[str, Plain]) -> str:
    """Write settings as options of ``fathom train``.

    >>> options_of({"training.lr": 0.01, "training.decay_norm_and_bias": False})
    '--lr 0.01 --set training.decay_norm_and_bias=false'
    """
    return " ".join(_option(name, value) for name, value in settings.items())


def _option(setting: str, value: Plain) -> str:
    text = str(value).lower() if isinstance(value, bool) else f"{value:.6g}" if isinstance(value, float) else str(value)
    option = _OPTIONS.get(setting)
    return shlex.join([option, text]) if option else f"--set {shlex.quote(f'{setting}={text}')}"


# their names on the command line; the rest goes by --set
_OPTIONS = {
    "training.lr": "--lr",
    "training.epochs": "--epochs",
    "training.schedule": "--schedule",
    "training.clip_norm": "--clip-norm",
    "training.warmup": "--warmup",
    "training.weight_decay": "--weight-decay",
    "training.patience": "--patience",
    "training.label_smoothing": "--label-smoothing",
    "model.options.dropout": "--dropout",
    "data.augment": "--augment",
    "data.balance": "--balance",
    "data.batch_size": "--batch-size",
    "data.workers": "--workers",
    "training.init": "--init",
}


def _slower(finding: Finding, config: Config) -> dict[str, Plain]:
    """A tenth of the rate; the network's default, where that is lower still."""
    lr, default = config.training.lr, _default_lr(config)
    if lr is None:
        return {}
    return {"training.lr": default if default is not None and default < lr / 10 else float(f"{lr / 10:.6g}")}


def _faster(finding: Finding, config: Config) -> dict[str, Plain]:
    """Ten times the rate; the network's default, where that is higher still."""
    lr, default = config.training.lr, _default_lr(config)
    if lr is None:
        return {}
    return {"training.lr": default if default is not None and default > lr * 10 else float(f"{lr * 10:.6g}")}


def _default_lr(config: Config) -> float | None:
    """Return the rate that the network and its optimiser would have had by default."""
    kind = kind_of(config)
    task = kind.task(config.data.name) or ("regression" if config.training.loss == "squared" else "classification")
    return resolve_learning(replace_in(config, training={"lr": None}), task, kind).training.lr


def _clipped(finding: Finding, config: Config) -> dict[str, Plain]:
    if config.training.clip_norm is None:
        return {"training.clip_norm": 1.0}
    return _slower(finding, config)


def _not_finite(finding: Finding, config: Config) -> dict[str, Plain]:
    """Smaller steps, unless it is the data that hold what is not finite."""
    is_data = finding.cause.startswith(("the batch itself", "the data hold"))
    return {} if is_data else _slower(finding, config)


def _rated(finding: Finding, config: Config) -> dict[str, Plain]:
    """A schedule over the whole run, where the chosen one ends early."""
    return {} if config.training.schedule in ("cosine", "one_cycle") else {"training.schedule": "cosine"}


def _regularised(finding: Finding, config: Config) -> dict[str, Plain]:
    """Stop in time; decay; and what the data and the network have: augmentation of images, dropout."""
    training = config.training
    decay = {"adamw": 0.05}.get(training.optimizer or "", 5e-4)
    settings: dict[str, Plain] = {}
    if (training.weight_decay or 0.0) < decay:
        settings["training.weight_decay"] = decay
    if config.data.kind == "images" and config.data.augment is None:
        settings["data.augment"] = "flip,crop:padding=2"
    if config.model.options.get("dropout", _network_option(config, "dropout")) == 0:  # it has the option, unused
        settings["model.options.dropout"] = 0.3
    if training.patience is None:
        settings["training.patience"] = max(3, (training.epochs or 10) // 5)
    return settings


def _network_option(config: Config, name: str) -> object:
    """Return the default of an option of the network; None where it has no such option."""
    from fathom.models import registry

    return registry.defaults(config.model.name).get(name) if registry.is_known(config.model.name) else None


def _longer(finding: Finding, config: Config) -> dict[str, Plain]:
    """More epochs; where the loss stands still, that is no cure."""
    epochs = config.training.epochs
    # still falling at the end, or few steps in all; a loss that stands still needs something else
    seen = finding.evidence
    falls = "fall" in seen or ("third_quarter" in seen and "chance" not in seen)
    falls = falls or ("steps" in seen and "lowest" not in seen)  # of one batch learned by heart more epochs say nothing
    return {"training.epochs": 3 * epochs} if epochs is not None and falls else {}


def _balanced(finding: Finding, config: Config) -> dict[str, Plain]:
    """Weigh rare classes, where one is known to rule; else the steps were too large."""
    if "largest_class" in finding.evidence and config.data.balance == "none":
        return {"data.balance": "weights"}
    return _slower(finding, config)


def _without_decay(finding: Finding, config: Config) -> dict[str, Plain]:
    return {"training.decay_norm_and_bias": False} if config.training.decay_norm_and_bias else {}


def _initialised(finding: Finding, config: Config) -> dict[str, Plain]:
    """The network's own initial weights, where a rule was chosen; else a warm-up into the same rate."""
    if config.training.init is not None:
        return {"training.init": "kaiming_uniform"}
    return _slower(finding, config)


def _larger_batches(finding: Finding, config: Config) -> dict[str, Plain]:
    size = config.data.batch_size or 0
    return {"data.batch_size": 32} if 0 < size < 32 else {}


def _more_workers(finding: Finding, config: Config) -> dict[str, Plain]:
    return {"data.cache": "memory"} if config.data.kind == "images" and config.data.cache != "memory" else {}


CURES: Mapping[str, Cure] = {
    "lr.too_high": _slower,
    "lr.too_low": _faster,
    "lr.zero": _rated,
    "loss.not_finite": _not_finite,
    "loss.oscillates": _slower,
    "loss.stands_still": _faster,
    "gradient.exploding": _clipped,
    "init.scale": _initialised,
    "init.symmetric": _initialised,
    "fit.overfitting": _regularised,
    "fit.underfitting": _longer,
    "model.collapse": _balanced,
    "model.dead_units": _slower,
    "model.batch_norm_small_batch": _larger_batches,
    "optimizer.decay_on_norm_and_bias": _without_decay,
    "speed.waiting_for_data": _more_workers,
}
