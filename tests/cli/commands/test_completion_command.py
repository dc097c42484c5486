import os
import subprocess
import sys

import pytest

from fathom.cli.completion import SHELLS
from fathom.cli.verbs import VERBS
from fathom.data.sources import catalog
from fathom.models import registry


@pytest.fixture
def offered(tmp_path):
    """What is offered at the end of a line, in a folder with one run and one file."""
    (tmp_path / "runs" / "20250301-141500-lenet-digits").mkdir(parents=True)
    (tmp_path / "runs" / "20250301-141500-lenet-digits" / "run.json").write_text("{}")
    (tmp_path / "photo.png").touch()
    answer = tmp_path / "answer"

    def ask(line):
        given = {"_ARGCOMPLETE": "1", "_ARGCOMPLETE_IFS": "\n", "_ARGCOMPLETE_SUPPRESS_SPACE": "1"}
        given |= {"_ARGCOMPLETE_STDOUT_FILENAME": str(answer), "COMP_LINE": line, "COMP_POINT": str(len(line))}
        # a process of its own: argcomplete takes file descriptors 8 and 9 for the shell's
        subprocess.run([sys.executable, "-m", "fathom"], cwd=tmp_path, env=os.environ | given, check=True)
        return [word.strip() for word in answer.read_text().split("\n") if word.strip()]

    return ask


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("fathom ", sorted(VERBS)),
        ("fathom train res", [name for name in registry.names() if name.startswith("res")]),
        ("fathom train --ep", ["--epochs"]),
        ("fathom predict ", ["20250301-141500-lenet-digits", "last"]),
        ("fathom eval last --split v", ["val"]),
        ("fathom predict last ph", ["photo.png"]),
    ],
)
def test_what_may_follow_is_offered(offered, line, words):
    found = set(offered(line)) - {"-h", "--help", "photo.png/", "runs/"}
    if line.endswith("predict "):
        found &= {"20250301-141500-lenet-digits", "last"}
    assert sorted(found) == sorted(words)


def test_data_sets_are_offered_where_data_stand(offered):
    assert set(catalog.names()) <= set(offered("fathom train lenet "))


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_gets_its_lines(fathom, shell):
    result = fathom("completion", shell)
    assert result.code == 0
    assert "_ARGCOMPLETE" in result.out
    assert "fathom" in result.out


def test_bash_takes_them_and_asks_the_program(tmp_path):
    script = """
eval "$(PYTHON -m fathom completion bash)"
fathom() { PYTHON -m fathom "$@"; }
COMP_LINE="fathom eval last --split t" COMP_POINT=26 COMP_TYPE=9 COMP_WORDS=(fathom eval last --split t) COMP_CWORD=4
_python_argcomplete fathom
echo "${COMPREPLY[@]}"
""".replace("PYTHON", sys.executable)
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, cwd=tmp_path, env=os.environ)
    assert sorted(done.stdout.split()) == ["test", "train"], done.stderr
