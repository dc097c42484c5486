"""The programs say what they are, and are what they say."""

import json
import math
import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import program_runner
import pytest
import torch
from bench.doctor.programs import HALVES, PROGRAMS, half_of, read_programs

ALL = read_programs()
BY_NAME = {program.name: program for program in ALL}
FAULTY = [program for program in ALL if program.is_faulty]
# Losses that say nothing about learning: two networks against each other, a sum of forces, nothing to train.
NO_CURVE = {"loss/sigmoid_gan_discriminator_fixed", "step/zero_grad_of_one_network_fixed"}
DOUBLE_SOFTMAX = {"loss/softmax_head_digits": 10, "loss/softmax_in_forward_cnn": 4, "loss/softmax_lstm_tagger": 5}


def test_each_faulty_program_has_a_twin_without_the_fault():
    for program in FAULTY:
        twin = BY_NAME[f"{program.name}_fixed"]
        assert not twin.is_faulty
        assert not twin.lines
        assert program.lines, f"{program.name} marks no line"
        assert twin.half == program.half


def test_there_are_enough_of_them_in_many_styles():
    healthy = [program for program in ALL if not program.is_faulty and not program.is_twin]
    assert len(FAULTY) >= 110
    assert len(healthy) >= 70
    styles = Counter(style for program in FAULTY for style in program.styles)
    assert min(styles[name] for name in ("functions", "sequential", "class", "cnn", "rnn", "regression")) >= 10
    assert {"gan", "multilabel", "lora", "accumulation", "amp", "two_optimizers", "scheduler"} <= set(styles)
    planted = Counter(program.expects[0] for program in FAULTY)
    assert len(planted) == 45  # every row of the catalogue
    assert min(planted.values()) >= 2


def test_the_split_is_fixed_by_name():
    assert half_of("loss/softmax_head_digits") == half_of("softmax_head_digits_fixed")
    names = ("softmax_head_digits", "bf16_autocast", "layers_in_a_list", "raw_measurements")
    assert [HALVES.index(half_of(name)) for name in names] == [0, 1, 1, 1]  # parity of sha256's first byte
    halves = Counter(program.half for program in FAULTY)
    assert min(halves.values()) > 0.4 * len(FAULTY)


def test_no_program_knows_of_fathom():
    for program in ALL:
        text = program.path.read_text(encoding="utf-8")
        assert text.startswith('"""'), program.name
        assert "fathom" not in text.lower(), program.name
        assert "SEED" in text, program.name


def test_folders_are_small():
    counts = Counter(program.path.parent for program in ALL)
    assert max(counts.values()) <= 22


@pytest.fixture
def _random_state():
    """Programs seed the generators of this process; the tests after them should not notice."""
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    yield
    random.setstate(states[0])
    np.random.set_state(states[1])
    torch.set_rng_state(states[2])


@pytest.mark.usefixtures("_random_state")
def test_a_sample_shows_its_faults(monkeypatch):
    monkeypatch.setenv("SEED", "0")
    floor = math.log(1 + 4 / math.e)  # what double softmax over 5 classes cannot pass
    assert min(program_runner.record(str(PROGRAMS / "loss/softmax_lstm_tagger.py"))["losses"]) >= floor - 1e-3
    never = program_runner.record(str(PROGRAMS / "step/never_reaches_a_step.py"))
    assert never["exit"] == 0
    means = torch.tensor(never["losses"]).view(-1, 20).mean(1)  # of each epoch: the same samples in another order
    assert torch.allclose(means, means[:1].expand_as(means), atol=1e-6)
    raising = program_runner.record(str(PROGRAMS / "ports/labels_off_the_end.py"))
    assert raising["exit"] == 1
    assert "out of bounds" in raising["output"]


@pytest.fixture(scope="module")
def runs():
    """All programs, run once with seed 0."""
    command = [sys.executable, str(Path(__file__).with_name("program_runner.py")), *(str(p.path) for p in ALL)]
    environment = os.environ | {"SEED": "0", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {program.name: line for program, line in zip(ALL, lines, strict=True)}


def ends(losses: list[float]) -> tuple[float, float]:
    """Mean loss of the first and of the last tenth of the steps."""
    tenth = max(1, len(losses) // 10)
    return sum(losses[:tenth]) / tenth, sum(losses[-tenth:]) / tenth


@pytest.mark.slow
def test_every_program_ends_as_it_says(runs):
    wrong = {p.name: runs[p.name]["output"][-500:] for p in ALL if runs[p.name]["exit"] != p.exit_code}
    assert wrong == {}


@pytest.mark.slow
def test_programs_are_small(runs):
    slow = {name: run["cpu_s"] for name, run in runs.items() if run["cpu_s"] > 4}
    assert slow == {}


@pytest.mark.slow
def test_twins_learn(runs):
    flat = {}
    for program in ALL:
        if program.is_twin and program.name not in NO_CURVE:
            first, last = ends(runs[program.name]["losses"])
            if not last < 0.85 * first:  # where much of the loss is noise, little can be gained
                flat[program.name] = (first, last)
    assert flat == {}


@pytest.mark.slow
@pytest.mark.parametrize("name", DOUBLE_SOFTMAX)
def test_double_softmax_keeps_to_its_floor(runs, name):
    floor = math.log(1 + (DOUBLE_SOFTMAX[name] - 1) / math.e)
    assert ends(runs[name]["losses"])[1] >= floor - 1e-3
    assert ends(runs[f"{name}_fixed"]["losses"])[1] < 0.5 * floor


@pytest.mark.slow
def test_sigmoid_before_logits_keeps_to_its_floor(runs):
    floor = math.log(1 + math.exp(-1))  # 0.313, where all targets are 1
    assert min(runs["loss/sigmoid_multilabel"]["losses"]) > floor
    assert ends(runs["loss/sigmoid_multilabel_fixed"]["losses"])[1] < floor


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gradient/log_of_zero", "gradient/root_at_zero", "gradient/missing_value_in_a_batch"])
def test_losses_become_not_finite(runs, name):
    assert not math.isfinite(runs[name]["losses"][-1])


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "lr/too_low_adam_gru",
        "lr/too_low_sgd_regression",
        "ports/ten_thousandth_rate_cnn",
        "step/never_reaches_a_step",
        "targets/broadcast_own_huber",
        "init/dead_by_negative_bias",
        "data/divided_by_255_twice",
    ],
)
def test_losses_stay_where_they_were(runs, name):
    first, last = ends(runs[name]["losses"])
    assert last == pytest.approx(first, rel=0.15)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["loss/nll_on_logits", "targets/wrong_sign_log_likelihood"])
def test_losses_fall_below_zero_without_bound(runs, name):
    assert ends(runs[name]["losses"])[1] < -5


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["step/forgotten_zero_grad", "targets/wrong_sign_update", "lr/too_high_sgd_digits", "gradient/exploding_rnn"],
)
def test_the_fault_costs_what_the_twin_gains(runs, name):
    broken, mended = (ends(runs[n]["losses"])[1] for n in (name, f"{name}_fixed"))
    assert not broken < 3 * mended  # NaN too
