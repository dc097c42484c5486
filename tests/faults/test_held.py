"""The programs held back are complete, and do what they say."""

import json
import math
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from bench.doctor.programs import HELD, PROGRAMS, read_programs

ALL = read_programs(HELD)
BY_NAME = {program.name: program for program in ALL}
FAULTY = [program for program in ALL if program.is_faulty]
# Faults that show in the losses of the training, against the twin's: one of each kind of signal.
WORSE = (
    "losses/returns_minus_values",
    "losses/lstm_head_ends_in_relu",
    "steps/parentheses_forgotten",
    "steps/copied_after_the_optimizer",
    "rates/cnn_at_a_millionth",
    "rates/negative_weights_on_counts",
    "networks/axes_swapped_by_view",
    "networks/hidden_state_made_anew",
    "datasets/byte_images_divided_again",
)


def test_each_faulty_program_has_a_twin_and_marks_its_line():
    for program in FAULTY:
        twin = BY_NAME[f"{program.name}_fixed"]
        assert not twin.is_faulty
        assert not twin.lines
        assert program.lines, program.name
    assert sum(program.is_twin for program in ALL) == len(FAULTY)


def test_every_code_is_covered():
    planted = {program.expects[0] for program in FAULTY}
    others = {program.expects[0] for program in read_programs() if program.is_faulty}
    assert planted == others
    assert len(FAULTY) >= 55
    assert sum(not program.is_faulty and not program.is_twin for program in ALL) >= 50


def test_they_are_apart_from_the_others():
    assert not {program.path for program in ALL} & {program.path for program in read_programs()}
    names = Counter(path.name for path in PROGRAMS.rglob("*.py"))
    assert {program.path.name for program in ALL if names[program.path.name] > 1} == set()
    assert max(Counter(program.path.parent for program in ALL).values()) <= 22
    for program in ALL:
        text = program.path.read_text(encoding="utf-8")
        assert text.startswith('"""')
        assert "fathom" not in text.lower()
        assert "SEED" in text


@pytest.mark.slow
def test_a_sample_suffers_from_its_faults():
    names = [f"{HELD}/{name}{end}" for name in WORSE for end in ("", "_fixed")]
    paths = [str(BY_NAME[name].path) for name in names]
    command = [sys.executable, str(Path(__file__).with_name("program_runner.py")), *paths]
    environment = os.environ | {"SEED": "0", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    runs = [json.loads(line) for line in done.stdout.splitlines()]
    assert [run["exit"] for run in runs] == [0] * len(names)
    for name, broken, mended in zip(WORSE, runs[::2], runs[1::2], strict=True):
        last, best = (sum(run["losses"][-20:]) / 20 for run in (broken, mended))
        assert math.isfinite(best), name
        assert not last < 2 * best, name
