"""index.json, from which names, facts and sizes are read without PyTorch, says what the decorators and networks say."""

from dataclasses import replace
from pathlib import Path

import pytest

import fathom.models
from fathom.models.index import make_index
from fathom.models.index.index import PATH, read_index

ADVICE = "write it anew: python -m fathom.models.index.make_index"
QUICK = ("linear", "softmax", "mlp", "lenet", "lenet_sigmoid", "alexnet", "compact", "resnet9", "gru")


def test_the_index_says_what_the_decorators_say() -> None:
    stated = list(make_index.collect())
    assert [replace(model, counts=()) for model in read_index().values()] == stated, ADVICE
    assert [model.name for model in stated] == list(read_index()), ADVICE


def test_every_decorator_is_collected() -> None:
    folder = Path(fathom.models.__file__).parent
    marks = ("@register_model(", "@published(")
    found = [path for path in folder.rglob("*.py") if any(mark in path.read_text() for mark in marks)]
    families = {".".join(path.relative_to(folder).with_suffix("").parts) for path in found}
    assert families - {"registration"} == set(make_index.FAMILIES)


@pytest.mark.parametrize("name", QUICK)
def test_counts_are_those_of_the_network(name: str) -> None:
    (model,) = [model for model in make_index.collect() if model.name == name]
    assert read_index()[name] == make_index.count(model), ADVICE


@pytest.mark.slow
def test_the_file_is_what_would_be_written() -> None:
    assert PATH.read_text(encoding="utf-8") == make_index.to_json(), ADVICE
