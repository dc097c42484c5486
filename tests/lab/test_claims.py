"""The claims: each is whole, is published as its file says, and has a page that shows what is there now."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from fathom.cli.main import main, make_parser
from fathom.data.sources import catalog
from fathom.lab import make_pages
from fathom.lab.ensembles import Ensemble, Recipe, train_ensemble
from fathom.lab.published import all_published, changed_verdict, read_published
from fathom.lab.registry import claim_files, load_claim
from fathom.lab.results import describe_claim, reword
from fathom.lab.running import Request, run_claim
from fathom.lab.statistics import LEAST_SEEDS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs" / "lab"
NAMES = sorted(claim_files())


@pytest.mark.parametrize("name", NAMES)
def test_claim_is_whole(name):
    claim = load_claim(name)
    assert claim.measure or claim.facts
    assert all([claim.title, claim.statement, claim.place, claim.reading.would_change])
    assert all(claim.reading.sentences)
    assert all(claim.reading.chinese)
    assert re.match(r"N[0-4]\b", claim.place)
    assert min(claim.design.seeds, claim.design.quick_seeds) >= LEAST_SEEDS
    assert set(claim.quick) <= set(claim.settings)
    assert bool(claim.measure) == bool(claim.design.arms) == bool(claim.comparisons)
    for comparison in claim.comparisons:
        assert comparison.first in claim.design.arms
        assert not isinstance(comparison.second, str) or comparison.second in claim.design.arms
        assert comparison.margin > (1 if comparison.is_ratio else 0)
    assert not claim.plot.x or len(claim.plot.x) == len(claim.design.arms)


def test_numbers_tell_claims_apart():
    numbers = [load_claim(name).number for name in NAMES]
    assert len(set(numbers)) == len(numbers)


@pytest.mark.parametrize("name", NAMES)
def test_published_result_is_that_of_the_claim_as_it_stands(name):
    content = read_published(name)
    if content is None:
        pytest.skip("not published yet")
    claim = load_claim(name)
    assert content == reword(content, claim), "run python -m fathom.lab.make_pages"
    assert {key: content[key] for key in describe_claim(claim)} == describe_claim(claim)
    assert [c["margin"] for c in content["comparisons"]] == [c.margin for c in claim.comparisons]
    assert len(content["seeds"]) == (claim.design.seeds if claim.measure else 0)
    assert content["size"] == "full"
    assert content["settings"] == {k: list(v) if isinstance(v, tuple) else v for k, v in claim.settings.items()}
    assert "{" not in "".join([*content["sentences"], *content["chinese"]])  # a name that was put in place of nothing


@pytest.mark.parametrize("content", all_published(), ids=lambda content: content["name"])
def test_page_is_up_to_date(content):
    page = DOCS / f"{content['name']}.md"
    assert page.read_text(encoding="utf-8") == make_pages.page_of(content), "run python -m fathom.lab.make_pages"
    assert (DOCS / "figures" / f"{content['name']}.svg").stat().st_size < 60_000


@pytest.mark.parametrize(
    ("name", "write"), [("README.md", make_pages.table), ("README.zh-CN.md", make_pages.chinese_table)]
)
def test_overview_is_up_to_date(name, write):
    text = (DOCS / name).read_text(encoding="utf-8")
    assert write(all_published()) in text, "run python -m fathom.lab.make_pages"


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_commands_of_the_overview_can_be_read(name):
    lines = re.findall(r"^fathom lab(.*?)(?:#.*)?$", (DOCS / name).read_text(encoding="utf-8"), re.MULTILINE)
    assert len(lines) == 3
    for line in lines:
        args = make_parser("lab")[0].parse_args(line.split())
        assert args.name is None or args.name in NAMES


def test_the_table_shows_every_published_verdict(capsys):
    assert main(["lab"]) == 0
    out = capsys.readouterr().out
    for content in all_published():
        assert content["name"] in out
        assert content["verdict"]["text"] in out


def test_the_table_needs_no_torch():
    code = "import sys; from fathom.cli.main import main; main(['lab']); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_the_lab_is_reached_from_the_package():
    code = "import fathom; print(fathom.lab.run.__doc__)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "Run an experiment of the lab" in done.stdout


def test_members_of_an_ensemble_are_what_they_would_be_alone():
    import torch

    generator = torch.Generator().manual_seed(0)
    X, y = torch.randn(3, 90, 6, generator=generator), torch.randint(3, (3, 90), generator=generator)
    recipe = Recipe((8, 8), dropout=0.3, norm_place="before", epochs=3, batch_size=16)
    together = train_ensemble(X, y, recipe, [4, 5, 6], num_outputs=3)
    alone = train_ensemble(X[1:2], y[1:2], recipe, [5], num_outputs=3)
    for a, b in zip(together.parameters(), alone.parameters(), strict=True):
        torch.testing.assert_close(a[1:2], b)


@pytest.mark.parametrize(("place", "activation"), [(p, a) for p in ("before", "after") for a in ("relu", "tanh")])
def test_a_member_is_a_network_of_torch(place, activation):
    import torch
    from torch import nn

    kinds = {"relu": nn.ReLU, "tanh": nn.Tanh}
    ensemble = Ensemble([1], 5, 3, Recipe((7,), activation=activation, norm_place=place))
    inner = [nn.BatchNorm1d(7), kinds[activation]()]
    twin = nn.Sequential(nn.Linear(5, 7), *(inner if place == "before" else inner[::-1]), nn.Linear(7, 3))
    with torch.no_grad():
        for layer, weight, bias in zip((twin[0], twin[3]), ensemble.weights, ensemble.biases, strict=True):
            layer.weight.copy_(weight[0].T)
            layer.bias.copy_(bias[0, 0])
    X = torch.randn(16, 5, generator=torch.Generator().manual_seed(2))
    for training in (True, False):  # the second time with the running statistics of the first
        torch.testing.assert_close(ensemble.train(training)(X[None])[0], twin.train(training)(X))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_quick_measurement_gives_the_published_verdict(name, tmp_path, monkeypatch):
    """An exact claim must; of others a change is reported: few seeds and other machines may say less, or otherwise."""
    claim = load_claim(name)
    if claim.data in catalog.names() and claim.data != "digits" and catalog.describe(claim.data).found is None:
        pytest.skip(f"{claim.data} is not on this machine, and tests download nothing")
    monkeypatch.chdir(tmp_path)
    content = run_claim(name, Request(quick=True)).content
    change = changed_verdict(content)
    assert change is None or content["arms"], change
    if change is not None:
        pytest.xfail(f"another verdict than published: {change}")
