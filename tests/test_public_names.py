"""``import fathom`` and its lazily imported names."""

import ast
import doctest
import importlib
from importlib.metadata import version
from pathlib import Path

import pytest

import fathom


@pytest.mark.parametrize("name", fathom.__all__)
def test_every_public_name_resolves(name):
    assert getattr(fathom, name) is not None
    assert name in dir(fathom)


def test_names_for_type_checkers_are_the_lazy_ones():
    tree = ast.parse(Path(fathom.__file__).read_text())
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    declared = {}
    for statement in block.body:
        for alias in statement.names:
            declared[alias.asname or alias.name] = (statement.module, alias.name)
    assert set(declared) | {"__version__"} == set(fathom.__all__)
    for name, (module, attribute) in declared.items():
        assert getattr(fathom, name) is getattr(importlib.import_module(module), attribute)


def test_public_names_have_a_docstring():
    for name in set(fathom.__all__) - {"__version__"}:
        assert (getattr(fathom, name).__doc__ or "").strip(), name


def test_version_is_the_package_s():
    assert fathom.__version__ == version("fathom-workbench")


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(AttributeError, match=r"module 'fathom' has no attribute 'Trainr'; did you mean 'Trainer'\?"):
        fathom.Trainr  # noqa: B018
    with pytest.raises(AttributeError, match=r"has no attribute 'zzz'$"):
        fathom.zzz  # noqa: B018
    assert not hasattr(fathom, "__wrapped__")


def test_star_import_gives_the_public_names():
    names = {}
    exec("from fathom import *", names)
    assert set(fathom.__all__) <= set(names)


def test_the_example_in_the_docstring_runs():
    results = doctest.testmod(fathom)
    assert results.attempted > 3
    assert results.failed == 0
