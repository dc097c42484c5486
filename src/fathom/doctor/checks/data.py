"""The data: scale, layout, what two passes and two splits have in common."""

from __future__ import annotations

import math
from collections.abc import Iterator

from fathom.doctor import thresholds
from fathom.doctor.catalog import found
from fathom.doctor.observer.record import LoaderRecord, Record, RootRecord
from fathom.findings import Finding, NotChecked

_NORMALISING = ("BatchNorm", "LayerNorm", "InstanceNorm", "GroupNorm", "Embedding", "RMSNorm")


def check(record: Record) -> Iterator[Finding | NotChecked]:
    """Check inputs of every network, and every loader."""
    for root in record.roots:
        if root.inputs.get("std") is not None and "int" not in root.inputs["dtype"].replace("uint8", ""):  # no indices
            yield from _scale(root)
            yield from _layout(root)
            yield from _other_statistics(root)
        yield from _redrawn(root, record)
    if not record.loaders:
        for code in (
            "data.duplicates_across_splits",
            "data.augmented_validation",
            "data.same_augmentation_in_workers",
            "speed.waiting_for_data",
        ):
            yield NotChecked(code, "no DataLoader was used")
    for loader in record.loaders:
        yield from _second_pass(loader)
        yield from _workers(loader)
        yield from _waiting(loader, record)
    yield from _duplicates(record)


def _scale(root: RootRecord) -> Iterator[Finding]:
    facts = root.inputs
    if not root.first_layer or any(name in root.first_layer for name in _NORMALISING):
        return
    is_image = len(facts["shape"]) == 4 and facts["shape"][1] in (1, 3, 4)
    evidence = {name: facts[name] for name in ("min", "max", "mean", "std")}
    if any(not math.isfinite(value) for value in evidence.values()):
        return
    size = max(abs(facts["min"]), abs(facts["max"]))
    is_flat_image = len(facts["shape"]) == 2 and facts["shape"][1] >= thresholds.LEAST_PIXELS and facts["min"] >= 0
    is_flat = size < thresholds.FLAT_SIZE or abs(facts["mean"]) > thresholds.FAR_FROM_ZERO * facts["std"]
    if (is_image or is_flat_image) and (
        0 < size < thresholds.DARKEST or (facts["std"] < thresholds.FLATTEST and is_flat)
    ):
        yield found(
            "data.scaled_twice",
            f"The images that {root.name} gets lie within {facts['min']:.3g} and {facts['max']:.3g}, with a standard "
            "deviation of "
            f"{facts['std']:.2g}",
            evidence,
            place=root.call_place,
        )
        return
    widest = facts.get("most_feature_std", facts["std"])
    ratio = widest / facts["least_feature_std"] if facts.get("least_feature_std") else 1.0
    if widest > thresholds.LARGE_STD or abs(facts["mean"]) > thresholds.LARGE_MEAN:
        unequal = (
            f"; those of single features from {facts['least_feature_std']:.2g} to {widest:.3g}" if ratio > 10 else ""
        )
        yield found(
            "data.not_scaled",
            f"The inputs of {root.name} lie within {facts['min']:.4g} and {facts['max']:.4g}: mean "
            f"{facts['mean']:.3g}, standard deviation "
            f"{facts['std']:.3g}{unequal}",
            evidence,
            place=root.call_place,
        )


def _layout(root: RootRecord) -> Iterator[Finding]:
    shape = root.inputs["shape"]
    if len(shape) != 4:
        return
    lags, row = root.inputs.get("lags") or [], root.inputs.get("row_lag", 0.0)
    channels = shape[1]
    if channels > 4 and shape[3] in (1, 3, 4) and shape[1] == shape[2]:
        yield found(
            "data.layout",
            f"{root.name} gets inputs of shape {' × '.join(map(str, shape))}: {channels} channels and images "
            f"{shape[3]} pixels wide look "
            "like N × H × W × C",
            {"channels": channels, "width": shape[3]},
            place=root.call_place,
        )
    elif channels == 3 and len(lags) == 4 and lags[2] < thresholds.CHANNEL_PERIOD * min(lags[0], lags[1]) and row > 0:
        yield found(
            "data.layout",
            f"Pixels three apart differ by {lags[2]:.3g} on average, neighbours by {lags[0]:.3g}: the channels lie "
            "within the rows, as after "
            "reshape in place of permute",
            {"lag_1": lags[0], "lag_2": lags[1], "lag_3": lags[2]},
            place=root.call_place,
        )


def _other_statistics(root: RootRecord) -> Iterator[Finding]:
    """Compare the inputs of evaluations with those of training: the first at all, later ones at another scale alone.

    A later one may well be of other samples: the points of a plot, a test of what lies outside.
    """
    if not root.calls_training or root.feeds_others:
        return
    one = root.inputs
    std = max(one["std"], 1e-12)
    for number, other in enumerate(root.evaluation_inputs):
        if other.get("std") is None or len(one["shape"]) != len(other["shape"]):
            continue
        if min(one["shape"][0], other["shape"][0]) < thresholds.LEAST_SAMPLES_TO_COMPARE:
            continue
        shift, spread = abs(one["mean"] - other["mean"]) / std, other["std"] / std
        most_shift, most_spread = (thresholds.SHIFT, thresholds.SPREAD) if number == 0 else thresholds.OTHER_SCALE
        if shift <= most_shift and 1 / most_spread < spread < most_spread:
            continue
        yield found(
            "data.other_statistics_at_prediction",
            f"{root.name} learns from inputs with mean {one['mean']:.3g} and standard deviation {one['std']:.3g} and "
            "is evaluated on "
            f"{other['mean']:.3g} and {other['std']:.3g}",
            {"train_mean": one["mean"], "train_std": one["std"], "mean": other["mean"], "std": other["std"]},
            place=other["place"] or root.call_place,
        )
        return


def _redrawn(root: RootRecord, record: Record) -> Iterator[Finding]:
    """Report samples of an evaluation that come again altered; what a network reconstructs may well be noisy."""
    trained = [one for one in record.roots if one.calls_training]
    shape = tuple(root.inputs.get("shape", ()))
    rebuilds = any(call.is_training and call.facts["target_shape"] == shape for call in record.losses)
    if not root.redrawn or root.feeds_others or len(trained) != 1 or root.repeats_inputs or rebuilds:
        return
    yield found(
        "data.augmented_validation",
        f"The first {root.redrawn['rows']} samples that {root.name} is evaluated on come again in later evaluations, "
        f"each altered a little ({root.redrawn['times']} times)",
        {"rows": root.redrawn["rows"], "evaluations": root.redrawn["times"]},
        place=root.redrawn["place"],
    )


def _second_pass(loader: LoaderRecord) -> Iterator[Finding]:
    if not loader.is_sequential and not loader.is_training and loader.altered_share > thresholds.ALTERED_SHARE:
        yield found(
            "data.augmented_validation",
            f"{loader.altered_share:.0%} of the samples of {loader.dataset} that a second pass gave first were not "
            "among those of the first pass, and are near to them",
            {"altered": loader.altered_share, "passes": loader.passes},
            place=loader.place,
        )
    if not loader.is_sequential or loader.is_training or len(loader.digests) < 2 or len(set(loader.digests)) == 1:
        return
    yield found(
        "data.augmented_validation",
        f"A loader of {loader.dataset} that does not shuffle and is only evaluated on gave another first batch in "
        "each of "
        f"{len(loader.digests)} passes",
        {"passes": len(loader.digests), "different": len(set(loader.digests))},
        place=loader.place,
    )


def _workers(loader: LoaderRecord) -> Iterator[Finding]:
    if loader.seeds_workers_alike:
        yield found(
            "data.same_augmentation_in_workers",
            f"worker_init_fn gives each of {loader.num_workers} workers the same seed: all draw the same numbers",
            {"workers": loader.num_workers},
            place=loader.place,
            remedy="seed by the worker: np.random.seed(torch.initial_seed() % 2**32)",
        )
    if loader.num_workers > 1 and loader.generators and not loader.has_worker_init:
        yield found(
            "data.same_augmentation_in_workers",
            f"Each of {loader.num_workers} workers begins with a copy of {', '.join(loader.generators)} of "
            f"{loader.dataset}: all draw the "
            "same numbers",
            {"workers": loader.num_workers, "generators": ", ".join(loader.generators)},
            place=loader.place,
        )


def _waiting(loader: LoaderRecord, record: Record) -> Iterator[Finding]:
    later = loader.batches - loader.passes
    if later < 10 or not loader.is_training or record.elapsed_s <= 0:
        return
    share, each = (loader.wait_s + loader.first_wait_s) / record.elapsed_s, loader.wait_s / later
    if share > thresholds.WAITING_SHARE and each > thresholds.WAITING_S:
        yield found(
            "speed.waiting_for_data",
            f"{share:.0%} of the time went into waiting for the loader, {1000 * each:.0f} ms a batch with "
            f"{loader.num_workers} workers",
            {"share": share, "ms_per_batch": 1000 * each, "workers": loader.num_workers},
            place=loader.place,
        )


def _duplicates(record: Record) -> Iterator[Finding]:
    trained = [loader for loader in record.loaders if loader.is_training]
    others = [loader for loader in record.loaders if not loader.is_training and len(loader.sample_digests) >= 10]
    for other in others:
        # the folds of a cross-validation have samples in common, and a network each
        learned = [one for one in trained if not one.roots or not other.roots or one.roots & other.roots]
        common = [len(one.sample_digests & other.sample_digests) for one in learned]
        most = max(common, default=0)
        share = most / len(other.sample_digests)
        if share <= thresholds.DUPLICATES:
            continue
        is_meant = share > thresholds.ALL_DUPLICATES  # an evaluation on training samples
        if is_meant and other.num_batches is not None and other.most_batches < other.num_batches:
            continue  # a look at the first batches, such as that by which Keras finds shapes
        if not is_meant and min(common) == 0:
            yield found(
                "data.split_differs",
                f"{most:,} of {len(other.sample_digests):,} samples of the loader that is evaluated on were learned "
                f"from under another split: the network has had {len(learned)} training loaders",
                {"common": most, "share": share, "training_loaders": len(learned)},
                place=other.place,
                cause="the network has already seen samples of the new validation split",
                remedy="one split with a seed of its own, kept for all of the training",
            )
            continue
        yield found(
            "data.duplicates_across_splits",
            f"{most:,} of {len(other.sample_digests):,} samples of the loader that is evaluated on are also learned "
            "from",
            {"common": most, "share": share},
            place=other.place,
            severity="note" if is_meant else "warning",
        )
