"""``fathom recipes``, and that every shipped recipe is one that ``fathom train`` takes."""

import pytest
import yaml

from fathom.build.configure import configure
from fathom.models import registry
from fathom.settings.presets import read_recipe, recipe_names, recipe_summary


def test_the_list_names_every_recipe_with_what_it_reaches(fathom):
    result = fathom("recipes")
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    for name in recipe_names():
        assert any(line.startswith(f"{name} ") and line.endswith(recipe_summary(name)) for line in lines)
    assert lines[-1] == "use one: fathom train --recipe NAME; see one: fathom recipes NAME"


@pytest.mark.parametrize("name", recipe_names())
def test_a_recipe_is_shown_as_written_and_valid(name, fathom):
    result = fathom("recipes", name)
    assert result.code == 0
    tree = yaml.safe_load(result.out)
    assert tree == read_recipe(name)
    assert result.out.startswith("#"), "a recipe begins with a comment that says what it reaches"
    config = configure(tree)
    registry.get(config.model.name)


@pytest.mark.parametrize("name", recipe_names())
def test_a_recipe_s_network_learns_a_batch(name, fathom, tmp_path):
    # On what is always there, so that no download is needed; what it reaches on its own data is measured elsewhere.
    data = "digits"
    if read_recipe(name)["data"]["name"] == "time_machine":
        data = tmp_path / "book.txt"
        data.write_text("the traveller had more than a touch of whim among his elements.\n" * 60, encoding="utf-8")
    result = fathom("train", "--recipe", name, "--data", data, "--batch-size", 8, "--fast-dev-run")
    assert result.code == 0, result.err


def test_an_unknown_recipe_is_one_line(fathom):
    result = fathom("recipes", "nosuch")
    assert (result.code, result.out) == (2, "")
    assert result.error.startswith("unknown recipe 'nosuch'")


def test_no_recipe_at_all_is_no_error(fathom, monkeypatch):
    monkeypatch.setattr("fathom.settings.presets.recipe_names", list)
    assert fathom("recipes").code == 0
