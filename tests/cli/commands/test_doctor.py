"""``fathom doctor``: a script in a process of its own, and a run."""

import argparse
import json
import os
import subprocess
import sys

import pytest

from fathom.cli.commands.inspection import doctor
from fathom.cli.main import main, make_parser
from fathom.doctor import runner
from fathom.errors import UsageError

TRAINS = """
import sys, torch; torch.manual_seed(0)
model = torch.nn.Linear(4, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for step in range({steps}):
    optimizer.zero_grad()
    model(torch.ones(8, 4)).square().mean().backward()
    optimizer.step()
{end}
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["fathom"])
    monkeypatch.setattr(sys, "path", ["", *sys.path[1:]])
    return tmp_path


def observe(here, text, *options):
    (here / "s.py").write_text(text)
    code = runner.main([str(here / "out.json"), *options, "s.py", "--lr", "0.1"])
    return code, json.loads((here / "out.json").read_text())


@pytest.mark.parametrize(
    ("end", "code"), [("", 0), ("sys.exit(3)", 3), ("sys.exit('over')", 1), ("raise ValueError('no')", 1)]
)
def test_the_exit_code_is_that_of_the_script(here, end, code, capsys):
    got, content = observe(here, TRAINS.format(steps=3, end=end))
    assert got == code
    assert content["steps"] == 3
    error = capsys.readouterr().err
    if "ValueError" in end:
        assert error.startswith('Traceback (most recent call last):\n  File "s.py", line 9')
        assert "fathom" not in error
        assert content["failure"]["place"] == "s.py:9"


def test_a_script_sees_itself_as_python_would_run_it(here, capsys):
    _, content = observe(here, "import sys; print(__name__, sys.argv, sys.path[0])")
    assert capsys.readouterr().out.split("\n")[0] == f"__main__ ['s.py', '--lr', '0.1'] {here}"
    assert content["findings"] == []
    assert content["not_checked"][0].keys() == {"code", "reason"}


def test_a_time_limit_ends_a_script_that_never_ends(here):
    code, content = observe(here, "while True:\n    try: pass\n    except Exception: pass", "--time-limit", "0.1")
    assert (code, content["stopped_early"]) == (0, "--time-limit 0.1")


def test_a_limit_of_epochs_ends_the_training_before_the_next_one(here, capsys):
    text = """
import torch
from torch.utils.data import DataLoader, TensorDataset
loader = DataLoader(TensorDataset(torch.randn(8, 4)), batch_size=4)
model = torch.nn.Linear(4, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for epoch in range(100):
    for x, in loader:
        optimizer.zero_grad(); model(x).square().mean().backward(); optimizer.step()
    print("epoch", epoch)
"""
    _, content = observe(here, text, "--epochs-limit", "2")
    assert (content["steps"], content["stopped_early"]) == (4, "--epochs-limit 2")
    assert capsys.readouterr().out == "epoch 0\nepoch 1\n"


@pytest.mark.slow
def test_the_command_prints_findings_and_writes_json(here):
    wrong = TRAINS.format(steps=12, end="").replace("    optimizer.zero_grad()\n", "")
    (here / "s.py").write_text(wrong)
    command = [sys.executable, "-m", "fathom", "doctor", "--json", "f.json", "s.py", "--debug"]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ, check=False)
    assert done.returncode == 1, done.stderr
    assert "error    s.py:7: On 5 of 5 steps" in done.stdout
    assert "[step.gradients_not_cleared]" in done.stdout
    content = json.loads((here / "f.json").read_text())
    assert [f["code"] for f in content["findings"]] == ["step.gradients_not_cleared"]
    assert set(content["findings"][0]) == {"code", "severity", "message", "evidence", "cause", "remedy", "place"}
    assert content["exit_code"] == 0


@pytest.mark.parametrize(
    ("typed", "kept", "is_debugged"),
    [
        (["doctor", "s.py", "--debug", "x"], ["--debug", "x"], False),
        (["doctor", "--debug", "s.py", "--debug"], ["--debug"], True),
        (["--debug", "doctor", "s.py"], [], True),
    ],
)
def test_debug_behind_the_script_is_the_scripts(here, monkeypatch, capsys, typed, kept, is_debugged):
    seen = []

    def observe(script, arguments, **options):
        seen.append(list(arguments))
        raise UsageError("enough")

    monkeypatch.setattr("fathom.doctor.script.observe_script", observe)
    assert main(typed) == 2
    assert seen == [kept]
    assert ("Traceback" in capsys.readouterr().err) is is_debugged


@pytest.mark.parametrize(
    ("given", "kept", "json_file", "seconds"),
    [
        (["--lr", "3", "--json", "f.json", "--time-limit=9"], ["--lr", "3"], "f.json", 9.0),
        (["--json", "f.json", "--", "--json", "own.json"], ["--json", "own.json"], "f.json", None),
        (["--", "--time-limit", "7"], ["--time-limit", "7"], None, None),
    ],
)
def test_options_of_the_doctor_behind_the_script(given, kept, json_file, seconds):
    typed = argparse.Namespace(command=["fathom", "doctor", "s.py", *given])
    args = make_parser("doctor")[0].parse_args(["s.py", *given], typed)
    doctor._take_limits(args)
    assert (args.arguments, args.json, args.time_limit) == (kept, json_file, seconds)


def test_wrong_usage_is_one_line(here, capsys):
    assert main(["doctor", "missing.py"]) == 2
    assert main(["doctor", "nowhere"]) == 2
    assert main(["doctor", "--time-limit", "0", "s.py"]) == 2
    assert main(["doctor", "last", "again"]) == 2
    assert main(["doctor", "s.py", "--time-limit", "0"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 5
    assert lines[0] == "fathom: missing.py: no such file"


def test_a_run_is_read_from_its_folder(here, capsys):
    arguments = [
        "train",
        "softmax",
        "--data",
        "digits",
        "--epochs",
        "2",
        "--lr",
        "0.1",
        "--out",
        "r",
        "--device",
        "cpu",
    ]
    assert main(arguments) == 0
    capsys.readouterr()
    assert main(["doctor", "last", "--runs", "r", "--json", "f.json", "--all"]) == 0
    printed, content = capsys.readouterr().out, json.loads((here / "f.json").read_text())
    codes = {check["code"] for check in content["not_checked"]}
    assert "run.not_deterministic" in codes  # it takes two runs
    assert not codes & {"loss.not_finite", "lr.zero"}
    assert "it takes two runs: fathom diverge A B: run.not_deterministic" in printed
