"""Experiments as users run them: what they leave, what they keep, what they refuse, what they say of a diverged arm."""

import json
from pathlib import Path

import numpy as np
import pytest

import fathom.lab
from fathom.cli.main import main
from fathom.errors import UsageError
from fathom.findings import Finding
from fathom.lab import running
from fathom.lab.experiment import Claim, Comparison, Design, Fact, Plot, Reading
from fathom.training.divergence import Diverged


@pytest.fixture(autouse=True)
def in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


class Planted:
    """A claim whose second arm is better by 1, with noise; counts what is measured."""

    def __init__(self, monkeypatch):
        self.measured: list[tuple[str, int]] = []
        self.stops_after: int | None = None
        self.diverges: dict[str, set[int]] = {"nan": set(), "raise": set()}
        monkeypatch.setattr(running, "load_claim", lambda name: self.claim())
        monkeypatch.setattr(running, "claim_files", lambda: {"planted": Path(__file__)})

    def measure(self, arm, seeds, conditions):
        self.seeds = list(seeds)
        for seed in (seed % running.FIRST_SEED for seed in seeds):  # counted from 0 here
            if self.stops_after is not None and len(self.measured) >= self.stops_after:
                raise KeyboardInterrupt
            self.measured.append((arm, seed))
            if arm == "b" and seed in self.diverges["raise"]:
                raise Diverged(Finding("loss.not_finite", "error", "loss is not finite at step 3"))
            value = float(np.random.default_rng(seed).normal()) + (arm == "b") * conditions["gain"] + 0.01 * seed
            yield {"score": float("nan") if arm == "b" and seed in self.diverges["nan"] else value}

    def claim(self):
        return Claim(
            number=1,
            title="Planted",
            statement="b is better than a.",
            place="N0",
            design=Design("arm", "all else", "the same", {"a": "first", "b": "second"}, seeds=8),
            comparisons=[Comparison("b − a", "b", "a", "more", 0.1, measure="score")],
            measure=self.measure,
            plot=Plot("score"),
            settings={"gain": 1.0},
            reading=Reading(("One.", "By {c1}, from {a} to {b}, {seeds} seeds.", "Three."), "nothing"),
        )


@pytest.fixture
def planted(monkeypatch):
    return Planted(monkeypatch)


def test_a_run_leaves_result_figure_and_report(planted):
    result = fathom.lab.run("planted")
    assert result.verdict == "holds"
    assert {path.name for path in result.path.iterdir()} >= {"result.json", "figure.svg", "figure.png", "report.html"}
    content = json.loads((result.path / "result.json").read_text())
    (comparison,) = content["comparisons"]
    assert comparison["mean"] == pytest.approx(1.0)  # the same noise in both arms: pairing takes it out
    assert comparison["outcome"] == "more"
    assert content["sentences"][1].startswith("By +1 (1 … 1), from ")
    assert content["sentences"][1].endswith("8 seeds.")
    page = (result.path / "report.html").read_text()
    assert "Planted" in page
    assert "data:image/svg+xml" in page


def test_an_interrupted_run_goes_on_where_it_stopped(planted):
    planted.stops_after = 11
    with pytest.raises(KeyboardInterrupt):
        fathom.lab.run("planted")
    planted.stops_after = None
    result = fathom.lab.run("planted")
    assert len(planted.measured) == len(set(planted.measured)) == 16  # 2 arms, 8 seeds, each once
    planted.measured.clear()
    assert fathom.lab.run("planted", out="other").content["comparisons"] == result.content["comparisons"]


def test_a_stopped_command_says_how_to_go_on(planted, capsys):
    planted.stops_after = 5
    assert main(["lab", "planted", "--seeds", "6"]) == 130
    assert "stopped; resume with: fathom lab planted --seeds 6" in capsys.readouterr().err
    planted.stops_after = None
    assert main(["lab", "planted", "--seeds", "6"]) == 0
    assert len(planted.measured) == 12


def test_more_seeds_measure_the_further_ones_only_and_again_all(planted):
    fathom.lab.run("planted", seeds=5)
    fathom.lab.run("planted", seeds=7)
    assert sorted(planted.measured[10:]) == [("a", 5), ("a", 6), ("b", 5), ("b", 6)]
    fathom.lab.run("planted", seeds=5, again=True)
    assert len(planted.measured) == 24


def test_what_is_published_is_measured_on_seeds_of_its_own(planted):
    fathom.lab.run("planted", quick=True)
    assert planted.seeds[0] == 0
    fathom.lab.run("planted")
    assert planted.seeds[0] == running.FIRST_SEED


def test_other_settings_have_a_folder_of_their_own(planted):
    first, second = (fathom.lab.run("planted", settings={"gain": gain}) for gain in (1, 2.0))
    assert first.path != second.path
    assert second.comparisons[0]["mean"] == pytest.approx(2.0)


@pytest.mark.parametrize("way", ["nan", "raise"])
def test_a_diverged_seed_is_counted_and_shown(planted, way, capsys):
    planted.diverges[way] = {2, 5}
    assert main(["lab", "planted"]) == 0
    out = capsys.readouterr().out
    assert "second: diverged in 2 of 8 seeds" in out
    content = json.loads(next(Path("runs/lab").glob("planted-*/result.json")).read_text())
    assert content["arms"]["b"]["diverged"] == content["comparisons"][0]["lost"] == 2
    assert content["comparisons"][0]["count"] == 6
    assert "2 of 8" in next(Path("runs/lab").glob("planted-*/report.html")).read_text()


def test_an_arm_that_always_diverges_leaves_the_claim_undecided(planted):
    planted.diverges["nan"] = set(range(8))
    result = fathom.lab.run("planted")
    assert result.verdict == "undecided"
    assert result.comparisons[0]["text"] == "too few pairs"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seeds": 4}, "--seeds 4: an interval needs at least 5 seeds"),
        ({"settings": {"gian": 2}}, "unknown setting of planted 'gian'; did you mean 'gain'"),
        ({"settings": {"gain": "much"}}, "--set gain=much: expected a number"),
        ({"settings": {"gain": -1}}, "must not be negative"),
        ({"data": "digits"}, "--data does not go with planted, which makes its own samples"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_measured(planted, options, message):
    with pytest.raises(UsageError, match=message):
        fathom.lab.run("planted", **options)
    assert planted.measured == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["xr"], "unknown claim 'xr'; did you mean 'xor'?"),
        (["vc_dimension", "--seeds", "9"], "--seeds does not go with vc_dimension: its checks are exact"),
        (["--quick"], "--quick goes with a name"),
        (["all", "--data", "digits"], "go with one claim, not with all"),
        (["xor", "--quick", "--publish"], "--publish goes with the claim's own design"),
        (["xor", "--set", "steps"], "expected name=value"),
        (["dropout_placement", "--data", "nowhere.csv"], "nowhere.csv"),
        (["dropout_placement", "--data", "kinds.csv"], "say which column of kinds.csv to predict: --target NAME"),
        (["dropout_placement", "--target", "kind"], "--target goes with --data"),
        (
            ["dropout_placement", "--data", "numbers.csv", "--target", "c"],
            "the lab compares classifiers; this is regression",
        ),
        (
            ["overfitting_remedies", "--data", "kinds.csv", "--target", "kind"],
            "overfitting_remedies needs images; these are rows",
        ),
        (["dropout_placement", "--data", "few.csv", "--target", "kind"], "the lab needs 200"),
    ],
)
def test_wrong_usage_is_one_line(arguments, message, capsys):
    write_tables()
    assert main(["lab", *arguments]) == 2
    assert message in capsys.readouterr().err


def write_tables():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 600))
    for name, rows in (("kinds.csv", 600), ("few.csv", 60)):
        lines = [f"{x:.3f},{y:.3f},{'up' if x + y > 0 else 'down'}" for x, y in zip(a[:rows], b[:rows], strict=True)]
        Path(name).write_text("\n".join(["a,b,kind", *lines]) + "\n")
    Path("numbers.csv").write_text(
        "\n".join(["a,b,c", *(f"{x:.3f},{y:.3f},{x + y:.3f}" for x, y in zip(a, b, strict=True))])
    )


def test_the_same_question_on_a_table_of_ones_own(capsys):
    write_tables()
    small = ["--seeds", "5", "--set", "epochs=3", "--set", "rates=0.1", "--set", "samples=200", "--json"]
    assert main(["lab", "dropout_placement", "--quick", "--data", "kinds.csv", "--target", "kind", *small]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["data"] == "kinds.csv"
    assert content["settings"]["rates"] == [0.1]
    assert content["arms"]["relu_after"]["means"]["accuracy"]["mean"] > 0.7  # two classes, a straight boundary
    exact = next(comparison for comparison in content["comparisons"] if comparison["title"].startswith("relu"))
    assert exact["differences"] == [0.0] * 5


def test_facts_alone_make_a_verdict(monkeypatch):
    claim = Claim(
        1, "t", "s", "N0", Design("f", "x", "b"), Reading(("", "", ""), ""), facts=lambda _: [Fact("2 = 3", False)]
    )
    monkeypatch.setattr(running, "load_claim", lambda name: claim)
    monkeypatch.setattr(running, "claim_files", lambda: {"planted": Path(__file__)})
    assert fathom.lab.run("planted").verdict == "fails"
