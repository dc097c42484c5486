"""The benchmarks run, at tiny sizes; what they measure here means nothing."""

import importlib
import json
import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _bench_importable(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))


def run_bench(out, *options):
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "bench", "--quick", "--rounds", "2", "--threads", "1", "--out", str(out)]
    done = subprocess.run(
        [*command, *options], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads((out / "results.json").read_text())["suites"]


def check_comparison(comparison, names, rounds=2):
    assert [result["name"] for result in comparison["results"]] == names, comparison["skipped"]
    for result in comparison["results"]:
        assert len(result["values"]) == rounds
        assert all(value > 0 for value in result["values"])


@pytest.mark.slow
def test_steps_are_measured_in_turns(tmp_path):
    suites = run_bench(tmp_path, "--only", "step", "--contenders", "fathom_equal")
    (comparison,) = suites["step"]["comparisons"]
    check_comparison(comparison, ["handwritten", "fathom_equal"])
    losses = [result["facts"]["metrics"]["train_loss"] for result in comparison["results"]]
    assert all(0 < loss < 20 for loss in losses)
    assert "fp32" in comparison["results"][1]["facts"]["choices"]["precision"]
    assert (tmp_path / "step.png").stat().st_size > 5_000
    page = (tmp_path / "benchmarks.md").read_text()
    assert "| **Fathom, equal settings** |" in page
    assert "these numbers mean nothing" in page


@pytest.mark.slow
def test_exported_models_are_measured_beside_pytorch(tmp_path):
    suites = run_bench(tmp_path, "--only", "export")
    lenet, resnet18 = suites["export"]["comparisons"]
    for comparison in (lenet, resnet18):
        check_comparison(comparison, ["eager", "onnx"])
    page = (tmp_path / "benchmarks.md").read_text()
    assert "| one image through an exported LeNet: × eager PyTorch's time | ≤ 1.00 |" in page


@pytest.mark.slow
def test_startup_is_measured(tmp_path):
    suites = run_bench(tmp_path, "--only", "startup", "--rounds", "1", "--contenders", "help,first_step,import_fathom")
    (comparison,) = suites["startup"]["comparisons"]
    times = {result["name"]: result["values"] for result in comparison["results"]}
    assert {"torch", "import_fathom", "help", "first_step"} <= set(times)
    assert times["help"][0] < times["first_step"][0]


@pytest.mark.slow
def test_a_table_is_read_and_learned_from(tmp_path):
    suites = run_bench(tmp_path, "--only", "table")
    (comparison,) = suites["table"]["comparisons"]
    check_comparison(comparison, ["handwritten", "fathom_auto"])
    losses = [result["facts"]["metrics"]["val_loss"] for result in comparison["results"]]
    assert losses[0] == pytest.approx(losses[1], rel=0.3)
    assert "| **Fathom** |" in (tmp_path / "benchmarks.md").read_text()


@pytest.mark.slow
def test_a_folder_is_decoded_and_learned_from(tmp_path):
    suites = run_bench(tmp_path, "--only", "folder")
    decode, epochs = suites["folder"]["comparisons"]
    check_comparison(decode, ["pillow", "torchvision", "fathom_auto"])
    check_comparison(epochs, ["memory", "fathom_auto", "fathom_files"])
    losses = [result["facts"]["metrics"]["train_loss"] for result in epochs["results"]]
    assert losses[0] == losses[1] == losses[2]
    assert "| **Fathom, a folder** |" in (tmp_path / "benchmarks.md").read_text()


@pytest.mark.slow
def test_the_watched_run_learns_the_same(tmp_path):
    suites = run_bench(tmp_path, "--only", "doctor")
    (comparison,) = suites["doctor"]["comparisons"]
    check_comparison(comparison, ["unwatched", "watched"])
    losses = [result["facts"]["metrics"]["train_loss"] for result in comparison["results"]]
    assert losses[0] == losses[1]
    assert "| Fathom, --doctor light |" in (tmp_path / "benchmarks.md").read_text()


@pytest.mark.slow
def test_scratch_learns_what_torch_learns(tmp_path):
    suites = run_bench(tmp_path, "--only", "scratch")
    (comparison,) = suites["scratch"]["comparisons"]
    check_comparison(comparison, ["torch", "scratch"])
    losses = [result["facts"]["metrics"]["train_loss"] for result in comparison["results"]]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    assert "| **fathom.scratch, NumPy** |" in (tmp_path / "benchmarks.md").read_text()


@pytest.mark.slow
def test_epochs_are_measured_for_every_network(tmp_path):
    suites = run_bench(tmp_path, "--only", "epoch", "--contenders", "handwritten,torchvision,fathom_equal,fathom_auto")
    names = [
        ["handwritten", "fathom_equal", "fathom_auto", "torchvision", "torchvision_2_workers", "handwritten_tuned"],
        ["handwritten", "fathom_equal", "fathom_auto", "torchvision", "torchvision_2_workers"],
        ["handwritten", "fathom_equal", "fathom_auto", "handwritten_tuned"],
    ]
    for comparison, expected in zip(suites["epoch"]["comparisons"], names, strict=True):
        check_comparison(comparison, expected)
        losses = {result["name"]: result["facts"]["metrics"]["train_loss"] for result in comparison["results"]}
        if "handwritten_tuned" in losses:  # the same weights and the same order: only rounding differs
            assert losses["handwritten_tuned"] == pytest.approx(losses["handwritten"], rel=1e-2)


@pytest.mark.slow
@pytest.mark.parametrize("distribution", ["lightning", "keras", "skorch", "fastai", "pytorch-ignite", "d2l"])
def test_peers_do_the_same_work(tmp_path, distribution):
    try:
        version(distribution)
    except PackageNotFoundError:
        pytest.skip(f"{distribution} is not installed; see bench/requirements-peers.txt")
    name = distribution.removeprefix("pytorch-")
    suites = run_bench(tmp_path, "--only", "step,epoch", "--peers", "--contenders", name)
    comparisons = suites["step"]["comparisons"] + suites["epoch"]["comparisons"][:2]
    for comparison in comparisons:
        assert not comparison["skipped"]
        by_name = {result["name"]: result for result in comparison["results"]}
        assert name in by_name
        if name in ("lightning", "skorch", "ignite"):  # they draw the same random numbers in the same order
            losses = [by_name[n]["facts"]["metrics"]["train_loss"] for n in ("handwritten", name)]
            assert losses[0] == pytest.approx(losses[1], rel=1e-4)


@pytest.mark.slow
def test_accuracy_is_measured_for_every_network(tmp_path):
    accuracy = run_bench(tmp_path, "--only", "accuracy", "--rounds", "1")["accuracy"]
    names = {run["name"] for run in accuracy["runs"]}
    assert {"handwritten_lenet", "fathom_lenet", "model_softmax", "model_mlp", "model_lenet"} <= names
    assert all(0 <= point["test_accuracy"] <= 1 for run in accuracy["runs"] for point in run["curve"])
    assert not accuracy["settings"].get("skipped")


@pytest.mark.slow
def test_memory_is_measured(tmp_path):
    (memory,) = run_bench(tmp_path, "--only", "memory", "--rounds", "1")["memory"]["comparisons"]
    check_comparison(memory, ["handwritten", "fathom_equal", "fathom_auto", "fathom_command"], rounds=1)


@pytest.mark.slow
def test_choices_of_precision_and_layout_are_measured(tmp_path):
    choices = run_bench(tmp_path, "--only", "choices", "--rounds", "1")["choices"]
    networks = {comparison["name"]: comparison for comparison in choices["comparisons"]}
    check_comparison(networks["softmax"], ["plain", "fp32_contiguous", "bf16_contiguous"], rounds=1)
    assert "| lenet |" in (tmp_path / "choices.md").read_text()


def test_failing_contender_is_left_out_with_its_reason(tmp_path):
    harness = importlib.import_module("bench.harness")
    problems = importlib.import_module("bench.problems")
    settings = importlib.import_module("bench.settings").Settings(folder=tmp_path, rounds=1, quick=True)
    broken = harness.Contender("broken", "broken", "bench.contenders.absent", "peer")
    quick = problems.make_quick(problems.REGRESSION)
    with pytest.raises(harness.WorkerError, match=r"No module named 'bench\.contenders\.absent'"):
        harness.Worker(broken, quick, settings, 1)
    missing = harness.Contender("missing", "Missing", "bench.peers.missing", "peer", requires="no-such-distribution")
    settings = importlib.import_module("bench.settings").Settings(folder=tmp_path, peers=True)
    skipped = {}
    assert not list(harness.chosen([missing], settings, "handwritten", skipped))
    assert "no-such-distribution is not installed" in skipped["missing"]


def test_order_rotates():
    harness = importlib.import_module("bench.harness")
    assert [harness.rotated(["a", "b", "c"], by) for by in range(4)] == [
        ["a", "b", "c"],
        ["b", "c", "a"],
        ["c", "a", "b"],
        ["a", "b", "c"],
    ]


def test_ratios_are_taken_round_by_round(tmp_path):
    results = importlib.import_module("bench.results")
    comparison = results.Comparison("lenet", "LeNet", "s", work=100, per="samples", baseline="handwritten")
    by_hand = results.Result("handwritten", "by hand", "handwritten", [10.0, 20.0, 12.0])
    ours = results.Result("fathom_auto", "Fathom", "fathom", [5.0, 8.0, 8.0], facts={"choices": {"precision": "fp32"}})
    comparison.results += [by_hand, ours]
    assert comparison.ratio(ours) == results.Spread(2.0, 1.5, 2.5)
    assert comparison.rate(by_hand).median == pytest.approx(100 / 12)
    run = results.Run("recipe_x", "recipe x", "fathom", 0, [
        {"train_s": 1.0, "test_accuracy": 0.89, "val_accuracy": 0.90},
        {"train_s": 2.0, "test_accuracy": 0.91, "val_accuracy": 0.92},
        {"train_s": 3.0, "test_accuracy": 0.93, "val_accuracy": 0.91},
    ])  # fmt: skip
    assert run.kept_accuracy == 0.91
    assert (run.seconds_to(0.90), run.seconds_to(0.95)) == (2.0, None)
    machine = {"cpu": "CPU", "instructions": [], "cores": 2, "threads": 2, "memory_gib": 8.0, "system": "Linux"}
    settings = {"rounds": 3, "quick": False, "long": False}
    suite = results.Suite("epoch", "2026-01-01", machine, {"torch": "2.15"}, settings, [comparison], [run])
    path = tmp_path / "results.json"
    results.write_results(path, {"epoch": suite})
    assert results.read_results(path) == {"epoch": suite}
    targets = importlib.import_module("bench.targets").targets_section({"epoch": suite})
    assert "| LeNet, as Fathom chooses: × the hand-written loop's images/s | ≥ 1.60 | 2.00 | yes |" in targets
    for language in ("en", "zh"):
        assert "**12 (2.00×)**" in importlib.import_module("bench.headline").headline({"epoch": suite}, language)


def test_only_what_is_between_markers_changes(tmp_path):
    update_sections = importlib.import_module("bench.publish").update_sections
    path = tmp_path / "README.md"
    assert not update_sections(path, {"": "new"})
    path.write_text("before\n<!-- bench:start -->\nold\n<!-- bench:end -->\nafter\n")
    assert update_sections(path, {"": "new", "absent": "never"})
    assert path.read_text() == "before\n<!-- bench:start -->\n\nnew\n\n<!-- bench:end -->\nafter\n"
    assert not update_sections(path, {"": "new"})


@pytest.mark.slow
def test_a_forecast_is_held_against_its_training(tmp_path):
    out = tmp_path / "forecast.json"
    command = [sys.executable, "-m", "bench.forecast", "--only", "digits", "--out", str(out)]
    subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)  # 1: a busy machine
    (run,) = json.loads(out.read_text())["runs"]
    assert run["time_error"] == pytest.approx(run["forecast_s"] / run["took_s"] - 1)
    assert abs(run["memory_error"]) < 0.2
    assert "| LeNet, digits |" in out.with_suffix(".md").read_text()
