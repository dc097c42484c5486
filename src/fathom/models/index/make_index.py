"""Write index.json from the decorators: ``python -m fathom.models.index.make_index``."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from itertools import groupby

import torch

from fathom.models.facts import FASHION, Count, RegisteredModel
from fathom.models.index.index import PATH
from fathom.models.inspection.summary import count_flops, count_parameters
from fathom.models.registration import REGISTERED

# One module a family of networks, simplest first: the order of every list of them.
FAMILIES = (
    "linear",
    "mlp",
    "tabular",
    "lenet",
    "alexnet",
    "vgg",
    "nin",
    "googlenet",
    "resnet",
    "compact",
    "patches.vit",
    "patches.convnext",
    "rnn",
    "gpt",
)


def collect() -> Iterator[RegisteredModel]:
    """Import all families and return what their decorators say, in the order in which they stand in the files."""
    for family in FAMILIES:
        module = importlib.import_module(f"fathom.models.{family}").__name__
        own = [(model, builder) for model, builder in REGISTERED.values() if model.module == module]
        for _, group in groupby(own, key=lambda each: each[1]):
            # Decorators of one function are applied from the lowest up.
            yield from reversed([model for model, _ in group])


def count(model: RegisteredModel) -> RegisteredModel:
    """Return the entry with its counts, measured on the network itself, in the published form and the small one."""
    _, builder = REGISTERED[model.name]
    counts = []
    for form in (model.form, FASHION if model.has_small else None):
        if form is None:
            continue
        with torch.device("meta"):  # all their parameters together would not fit in memory
            net = builder(form.input_shape, form.num_classes, **model.fixed)
        counts.append(Count(form, count_parameters(net), count_flops(net, form.input_shape)))
    return replace(model, counts=tuple(counts))


def to_json() -> str:
    """Return the text that index.json should have: one network a line."""
    rows = [json.dumps(asdict(count(model)), ensure_ascii=False) for model in collect()]
    return "[\n" + ",\n".join(rows) + "\n]\n"


if __name__ == "__main__":
    PATH.write_text(to_json(), encoding="utf-8")
