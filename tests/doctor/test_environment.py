"""`fathom doctor --env`: the versions that a bug report needs, and nothing that names a person or a folder."""

from importlib.metadata import version
from pathlib import Path

import pytest

from fathom.cli.main import main
from fathom.doctor.environment import describe_environment


def test_the_versions_are_those_that_are_installed():
    facts = describe_environment()
    libraries = [value for name, value in facts if name == "library"]
    assert f"numpy {version('numpy')}" in libraries
    assert f"safetensors {version('safetensors')}" in libraries
    assert version("torch") in dict(facts)["torch"]
    assert not any(line.startswith("pytest") for line in libraries)


def test_nothing_in_it_names_a_person_or_a_folder(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("FATHOM_DATA", str(tmp_path / "secret"))
    assert main(["doctor", "--env"]) == 0
    shown = capsys.readouterr().out
    assert "FATHOM_DATA" in shown
    for private in (str(tmp_path), str(Path.home()), "secret", str(Path.cwd()), "/home/"):
        assert private not in shown


@pytest.mark.parametrize("line", [["doctor"], ["doctor", "--env", "last"]])
def test_a_target_or_the_environment(line, capsys):
    assert main(line) == 2
    assert "name a script or a run, or give --env alone" in capsys.readouterr().err
