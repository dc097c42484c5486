"""The loops of other libraries: healthy ones are silent, planted faults are found, by the watch and as a script.

``pip install '.[frameworks]'`` brings the libraries; without them these tests are skipped.
"""

import importlib.util
import os
from pathlib import Path

import pytest

import fathom
from fathom.doctor.script import observe_script

FOLDER = Path(__file__).with_name("frameworks")
CODES = {
    "softmax": "loss.softmax_before_cross_entropy",
    "part": "step.parameters_not_updated",  # the optimiser holds the head alone
    "rate": "lr.too_low",
    "high": "lr.too_high",
}
FAULTS = {
    "lightning": ["", "softmax", "part", "rate"],
    "keras": ["", "softmax", "rate", "high"],
    "transformers": ["", "softmax", "part", "rate"],
    "skorch": ["", "softmax", "rate", "high"],
    "fastai": ["", "softmax", "part", "rate"],
}
# these libraries warn of one another and of PyTorch
pytestmark = pytest.mark.filterwarnings("ignore")


def is_there(library):
    return importlib.util.find_spec("accelerate" if library == "transformers" else library) is not None


def script_of(library):
    if not is_there(library):
        pytest.skip(f"{library} is not installed: pip install 'fathom-workbench[frameworks]'")
    return FOLDER / f"{library}_loop.py"


def loud(findings):
    return {finding.code for finding in findings.findings if finding.severity != "note"}


@pytest.mark.parametrize(("library", "fault"), [(name, fault) for name in FAULTS for fault in FAULTS[name]])
def test_watch(library, fault, monkeypatch):
    path = script_of(library)
    monkeypatch.setattr(os, "environ", os.environ.copy())
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with fathom.watch(show=False) as doctor:
        module.main(fault)
    assert (CODES[fault] in loud(doctor.findings)) if fault else (loud(doctor.findings) == set())


@pytest.mark.parametrize("library", FAULTS)
def test_script(library, capfd):
    path = script_of(library)
    report = observe_script(str(path), ["softmax"])
    capfd.readouterr()
    assert report.exit_code == 0
    assert CODES["softmax"] in loud(report.findings)
    assert report.facts["own_failures"] == {}
    assert report.facts["steps"] > 20


def test_every_loop_is_tried():
    assert {path.stem for path in FOLDER.glob("*.py")} == {f"{name}_loop" for name in FAULTS}
