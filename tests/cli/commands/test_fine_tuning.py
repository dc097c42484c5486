"""``fathom train --init-from``: from run to run, resumed without its source, compared with training from scratch."""

import argparse
import json
import shutil
import signal
from pathlib import Path

import pytest
import safetensors.torch
import torch
import yaml

from fathom.build.configure import configure
from fathom.cli.commands.training.train import add_arguments
from fathom.cli.options import chosen_settings
from fathom.inference.saved import load_module
from fathom.recipes.train import resume, train
from fathom.series import base as series
from fathom.series.from_scratch import paired_difference
from fathom.settings.config import replace_in
from fathom.settings.origin import parse_body_lr
from fathom.training.callbacks import Callback
from fathom.training.signals import Interrupted


def newest(folder):
    return max(folder.glob("runs/*/run.json"), key=lambda file: file.stat().st_mtime).parent


@pytest.fixture
def source(trained, tmp_path):
    """A finished run of LeNet on digits."""
    return shutil.copytree(trained.path, tmp_path / "source")


def test_run_brings_network_size_normalisation_and_rows(fathom, source, tmp_path):
    result = fathom("train", "--init-from", source, "--epochs", 1, "--freeze", "0,3", "--layer-decay", 0.5)
    assert result.code == 0, result.err
    assert "10 of 10 tensors, 100.0% of the numbers" in result.out
    assert "reused by name: 10 of 10: 0, 1, 2" in result.out
    assert "frozen: 2,572 of 61,706 parameters, in 0, 3" in result.out
    run = newest(tmp_path)
    config = yaml.safe_load((run / "config.yaml").read_text())
    given = json.loads((source / "model.json").read_text())
    assert config["model"]["name"] == "lenet"
    assert config["finetune"]["head"] == ["11.weight", "11.bias"]
    assert config["finetune"]["body_lr"] == "0.3x"
    assert json.loads((run / "model.json").read_text())["input"] == given["input"]
    before, after = load_module(source)[0].state_dict(), load_module(run)[0].state_dict()
    assert [name for name in before if torch.equal(before[name], after[name])] == [
        *("net.0.weight", "net.0.bias", "net.3.weight", "net.3.bias"),
        *("preprocess.mean", "preprocess.std"),
    ]
    page = (run / "report.html").read_text()
    assert "Starting weights" in page
    assert "0.00075 down to 0.000375 for the body, 0.005 for the head" in page


def test_file_needs_its_network_named(fathom, source, tmp_path):
    file = tmp_path / "weights.safetensors"
    safetensors.torch.save_file(load_module(source)[0].net.state_dict(), file)
    assert "name the network too" in fathom("train", "--init-from", file).error
    result = fathom("train", "lenet", "--init-from", file, "--fast-dev-run")
    assert result.code == 0, result.err
    assert "starting from weights.safetensors: 10 of 10 tensors" in result.out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["mlp"], "holds a lenet, not a mlp; leave the network out"),
        (["--freeze", "11.wight"], "freeze '11.wight': no parameter matches; similar names: 11.weight"),
        (
            ["--body-lr", "fast"],
            "body_lr 'fast': give a factor of --lr above 0, such as 0.1, or a rate, such as =0.001",
        ),
        (["--body-lr", "0x"], "use --freeze body"),
        (["--layer-decay", "2"], "finetune.layer_decay"),
        (["--seeds", "3"], "add --compare-scratch"),
        (["--compare-scratch", "--fast-dev-run"], "--compare-scratch compares on the test split"),
        (["--freeze", "*"], "all are frozen|nothing to train"),
    ],
)
def test_mistakes_are_named_and_leave_no_run(fathom, source, tmp_path, options, message):
    result = fathom("train", *options, "--init-from", source)
    assert result.code == 2, result.err
    assert any(part in result.error for part in message.split("|"))
    assert not list(tmp_path.glob("runs/*"))


def test_options_of_fine_tuning_need_weights(fathom):
    for options in (["--body-lr", "0.1x"], ["--layer-decay", 0.5], ["--compare-scratch"]):
        assert "add --init-from with the weights" in fathom("train", *options).error
    assert fathom("train", "--freeze", "0", "--fast-dev-run").code == 0  # random features
    assert "there is no run" in fathom("train", "--init-from", "nothing").error


@pytest.mark.parametrize(
    ("given", "rate"), [("0.1", 0.0005), (0.1, 0.0005), ("0.1x", 0.0005), ("=0.1", 0.1), ("=1e-4", 1e-4), (2, 0.01)]
)
def test_a_number_is_a_factor_and_a_rate_says_so(given, rate):
    assert parse_body_lr(given, lr=0.005) == pytest.approx(rate, rel=1e-12)


def test_a_body_faster_than_its_head_is_warned_of(fathom, source, tmp_path):
    for text, times in (("=0.1", 20), ("2", 2)):
        result = fathom("train", "--init-from", source, "--lr", 0.005, "--body-lr", text, "--fast-dev-run")
        assert result.code == 0, result.err
        assert f"the body learns {times} times as fast as its head" in result.out
        found = json.loads((newest(tmp_path) / "findings.json").read_text())["findings"]
        assert "run.fast_body" in [finding["code"] for finding in found]
    for text in ("0.1", "=0.001", "1"):
        result = fathom("train", "--init-from", source, "--lr", 0.005, "--body-lr", text, "--fast-dev-run")
        assert result.code == 0, result.err
        assert "warning" not in result.out


def test_what_torchvision_brings_and_what_was_chosen_stays():
    config = configure({"finetune": {"init_from": "torchvision:vgg11_bn"}, "data": {"name": "cifar10"}})
    assert (config.model.name, config.model.options) == ("vgg11", {"small": False, "batch_norm": True})
    assert (config.data.resize, config.finetune.body_lr) == (224, "0.1x")
    chosen = {"data": {"resize": 64, "mean": None}, "finetune": {"init_from": "torchvision:alexnet", "body_lr": 0.2}}
    config = configure(chosen)
    assert (config.data.resize, config.finetune.body_lr, config.data.mean) == (64, 0.2, [0.485, 0.456, 0.406])


def test_options_reach_their_settings(source):
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    options = ["--body-lr", "0.2x", "--layer-decay", "0.5", "--compare-scratch", "--seeds", "3"]
    tuning = configure(chosen_settings(parser.parse_args(["--init-from", str(source), *options]))).finetune
    assert (tuning.init_from, tuning.body_lr, tuning.layer_decay) == (str(source), "0.2x", 0.5)
    assert (tuning.compare_scratch, tuning.seeds) == (True, 3)


class StopAt(Callback):
    def __init__(self, step):
        self.step = step

    def on_step_end(self, trainer):
        if trainer.step == self.step:
            signal.raise_signal(signal.SIGTERM)


def tuning_settings(source, **finetune):
    return {"training": {"epochs": 2}, "finetune": {"init_from": str(source), **finetune}}


def test_resume_is_exact_and_needs_the_source_no_more(source, tmp_path):
    settings = tuning_settings(source, freeze=["body"], layer_decay=0.5)
    whole = train(settings, root=tmp_path / "whole")
    with pytest.raises(Interrupted):
        train(settings, root=tmp_path / "part", on_start=lambda plan: [StopAt(25)])
    shutil.rmtree(source)
    (path,) = (tmp_path / "part").iterdir()
    resumed = resume(path)
    expected, got = (load_module(outcome.path)[0].state_dict() for outcome in (whole, resumed))
    assert all(torch.equal(expected[name], got[name]) for name in expected)


def test_comparison_with_scratch_goes_on_after_a_stop(source, tmp_path):
    settings = tuning_settings(source, compare_scratch=True, seeds=2)
    calls = []

    def stop_the_third(plan):
        calls.append(plan)
        return [StopAt(5)] if len(calls) == 3 else []

    with pytest.raises(Interrupted, match=r"stopped in fine-tuning with seed 1; .* resume with: fathom train --resume"):
        train(settings, root=tmp_path / "runs", on_start=stop_the_third)
    (path,) = (tmp_path / "runs").iterdir()
    kept = json.loads((path / "comparison.json").read_text())
    assert not kept["complete"]
    assert "That is one seed" in (path / "report.html").read_text()
    outcome = resume(path)
    found = outcome.comparison
    assert found["complete"]
    assert found["fine_tuned"][0] == outcome.evaluation["accuracy"]
    assert found["scratch"][0] == kept["scratch"][0]
    assert len(list(path.glob("scratch/*"))) == 2
    assert len(list(path.glob("repeats/*"))) == 1
    plain = train(
        {"model": {"name": "lenet"}, "data": {"resize": 28}, "training": {"epochs": 2}, "seed": 1},
        root=tmp_path / "plain",
    )
    assert found["scratch"][1] == plain.evaluation["accuracy"]
    assert "over 2 seeds (95% interval" in (path / "report.html").read_text()
    with pytest.raises(Exception, match="this run is finished"):
        resume(path)


def test_a_run_of_the_comparison_that_diverges_is_left_out_and_said(source, fathom, monkeypatch):
    usual, begun = series.train_run, []

    def train_hot(config, *, root, name, **options):
        begun.append(f"{root.name}/{name}")
        if begun[-1] == "scratch/seed-0":
            config = replace_in(config, training={"lr": 1e12})
        return usual(config, root=root, name=name, **options)

    monkeypatch.setattr(series, "train_run", train_hot)
    result = fathom("train", "--init-from", source, "--epochs", 1, "--compare-scratch", "--seeds", 2)
    assert result.code == 1
    assert "That is one seed" in result.out
    assert "Training from scratch diverged in 1 of 2 seeds: loss is not finite" in result.out
    (path,) = (file.parent for file in Path("runs").glob("*/run.json"))
    found = json.loads((path / "comparison.json").read_text())
    assert found["complete"]
    assert found["scratch"][0] is None
    assert found["difference"] == pytest.approx(found["fine_tuned"][1] - found["scratch"][1])
    page = (path / "report.html").read_text()
    assert "diverged in 1 of 2 seeds" in page
    # Gone on with, it is not tried again.
    (path / "comparison.json").write_text(json.dumps(found | {"complete": False}))
    begun.clear()
    assert fathom("train", "--resume", path).code == 1
    assert begun == []


def test_interval_is_student_s_of_the_differences():
    found = paired_difference([0.9, 0.8, 0.85], [0.8, 0.75, 0.7])
    # differences 0.1, 0.05, 0.15: mean 0.1, standard deviation 0.05; t(0.975, 2 degrees) = 4.3027
    assert found["difference"] == pytest.approx(0.1)
    assert found["high"] - found["low"] == pytest.approx(2 * 4.30265 * 0.05 / 3**0.5, rel=1e-5)
    assert paired_difference([0.9], [0.8])["low"] is None
