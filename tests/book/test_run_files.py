"""Running files in a process of their own: cells, figures, errors, magics, signals, and the transcript."""

import html
import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest
from PIL import Image

from fathom.book.cells import Cell
from fathom.book.documents import Document
from fathom.book.run import RunOptions, run_file
from fathom.book.workspace import Workspace
from fathom.cli.main import main
from fathom.data.sources import idx

CHAPTER = """\
# Sums & <signs>
```{.python .input}
%%tab pytorch
%matplotlib inline
import matplotlib.pyplot as plt
from d2l import torch as d2l
import torch
import os
x = torch.arange(3)
print('<b>', x.sum().item())
x + 1
```

```{.python .input}
%%tab all
plt.plot([1, 2]);
if tab.selected('mxnet'):
    wrong()
fig, axes = plt.subplots()
axes.plot([3, 1])
plt.show()
x;
```

```{.python .input}
%%tab pytorch
!pip install nothing
%pip install nothing
!echo from a shell
os.system('echo below python')
os.path.exists(os.path.join('..', 'data'))
```

## Failing
```{.python .input}
%%tab pytorch
def invert(y):
    return 1 / y

invert(0)
```

```{.python .input}
%%tab pytorch
open('made.txt', 'w').write('kept')
```
"""


@pytest.fixture(scope="module")
def chapter(tmp_path_factory):
    """The record and folder of a chapter whose fourth cell of five fails."""
    folder = tmp_path_factory.mktemp("chapter")
    (folder / "a.md").write_text(CHAPTER)
    record = run_file(folder / "a.md", folder / "out", RunOptions(keep_going=True))
    return record, folder / "out"


def texts(cell, kind):
    return [output.text for output in cell.outputs if output.kind == kind]


def test_cells_run_in_order_and_one_that_fails_is_named_by_its_line(chapter):
    record, _ = chapter
    assert [cell.status for cell in record.cells] == ["passed", "passed", "passed", "failed", "passed"]
    assert record.status == "failed"
    line = CHAPTER.splitlines().index("    return 1 / y") + 1
    assert record.cells[3].error == f"line {line} of a.md: ZeroDivisionError: division by zero"
    (traceback,) = texts(record.cells[3], "error")
    assert traceback.startswith('Traceback (most recent call last):\n  File "<cell 4>", line 4, in <module>\n')
    assert 'File "<cell 4>", line 2, in invert\n    return 1 / y\n' in traceback


def test_prints_results_and_semicolons_are_as_in_jupyter(chapter):
    record, _ = chapter
    assert texts(record.cells[0], "stdout") == ["<b> 3\n"]
    assert texts(record.cells[0], "result") == ["tensor([1, 2, 3])"]
    assert texts(record.cells[1], "result") == []


def test_figures_are_saved_and_shown(chapter):
    record, out = chapter
    assert sorted(path.name for path in (out / "figures").iterdir()) == ["cell-02-1.png", "cell-02-2.png"]
    with Image.open(out / "figures" / "cell-02-1.png") as image:
        assert min(image.size) > 300
    assert [output.file for output in record.cells[1].outputs] == ["figures/cell-02-1.png", "figures/cell-02-2.png"]


def test_installers_are_skipped_visibly_and_other_commands_run(chapter):
    cell = chapter[0].cells[2]
    skipped = "".join(texts(cell, "note"))
    assert "skipped: !pip install nothing" in skipped
    assert "skipped: %pip install nothing" in skipped
    assert texts(cell, "stdout") == ["from a shell\n"]
    assert "below python\n" in texts(cell, "stderr")
    assert texts(cell, "result") == ["True"]


def test_what_is_printed_below_python_belongs_to_its_cell(tmp_path):
    cells = [f"import os\nos.write(2, b'cell {number}')" for number in range(1, 31)]
    (tmp_path / "a.py").write_text("\n# %%\n".join(["", *cells]))
    record = run_file(tmp_path / "a.py", tmp_path / "out", RunOptions())
    assert ["".join(texts(cell, "stderr")) for cell in record.cells] == [f"cell {n}" for n in range(1, 31)]


def test_files_that_the_code_wrote_are_kept_and_links_are_not(chapter):
    _, out = chapter
    left = [path.relative_to(out / "work").as_posix() for path in (out / "work").rglob("*")]
    assert left == ["code", "code/made.txt"]


@pytest.mark.parametrize("call", ["d2l.FashionMNIST()", "d2l.load_data_fashion_mnist(256)"])
def test_the_clothes_lie_where_torchvision_looks_for_them(tmp_path, shared_data, monkeypatch, call):
    raw = tmp_path / "home" / "data" / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for file in idx.SETS["fashion_mnist"].files:
        (raw / file.name).write_bytes(b"")  # inflated before
    monkeypatch.setenv("FATHOM_HOME", str(tmp_path / "home"))
    workspace = Workspace(tmp_path / "work")
    workspace.make(Document(tmp_path / "a.py", "python", (Cell(1, "", 1, call),)), tmp_path / "out")
    found = workspace.data / "FashionMNIST" / "raw"
    assert sorted(path.name for path in found.iterdir()) == sorted(path.name for path in raw.iterdir())


@pytest.mark.parametrize("root", ["./data", "data", "data/"])
def test_data_are_found_in_the_folder_beside_the_code_too(tmp_path, monkeypatch, root):
    own = tmp_path / "own"
    for path, text in ((own / "a.csv", "own"), (tmp_path / "data" / "a.csv", "mine"), (own / "tables" / "b.csv", "b")):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    monkeypatch.setenv("FATHOM_DATA", str(own))
    document = Document(tmp_path / "a.py", "python", (Cell(1, "", 1, f"FashionMNIST(root='{root}')"),))
    workspace = Workspace(tmp_path / "out" / "work")
    workspace.make(document, tmp_path / "out")
    assert (workspace.code / "data" / "a.csv").read_text(encoding="utf-8") == "mine"
    assert (workspace.code / "data" / "b.csv").read_text(encoding="utf-8") == "b"
    (workspace.code / "data" / "made.csv").write_text("made", encoding="utf-8")
    assert workspace.clean()
    assert [path.name for path in workspace.folder.rglob("*") if path.is_file()] == ["made.csv"]
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == ["a.csv"]


def test_d2l_is_ours(chapter):
    assert chapter[0].api == "new"


def test_the_page_is_whole_escaped_and_needs_nothing_else(chapter):
    _, out = chapter
    page = (out / "transcript.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert page.rstrip().endswith("</html>")
    assert "<b> 3" not in page
    assert "&lt;b&gt; 3" in page
    assert "Sums &amp; &lt;signs&gt;" in page
    assert "default-src &#x27;none&#x27;" in html.escape(page)
    assert re.findall(r'(?:src|href)="(?!data:|#)', page) == []
    assert page.count('src="data:image/png;base64,') == 2
    assert 'href="#cell-4"' in page
    assert 'id="cell-4"' in page


def test_the_json_says_the_same(chapter):
    record, out = chapter
    data = json.loads((out / "transcript.json").read_text(encoding="utf-8"))
    assert data["status"] == "failed"
    assert [cell["status"] for cell in data["cells"]] == [cell.status for cell in record.cells]
    assert all(cell["seconds"] >= 0 for cell in data["cells"])
    assert data["cells"][1]["outputs"][0] == {
        "kind": "figure",
        "text": "<Figure size 640x480 with 1 Axes>",
        "file": "figures/cell-02-1.png",
    }


# Files and the command --------------------------------------------------------------------------------------------


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Write a file, run it by ``fathom book run``, give exit code, output, errors and the transcript's cells."""
    monkeypatch.chdir(tmp_path)

    def call(source, *options, name="a.py"):
        (tmp_path / name).write_text(source, encoding="utf-8")
        code = main(["book", "run", name, *options])
        captured = capsys.readouterr()
        data = json.loads((tmp_path / "transcripts" / "a" / "transcript.json").read_text(encoding="utf-8"))
        return code, captured.out, captured.err, data

    return call


def test_a_script_runs_like_a_script(run, tmp_path):
    (tmp_path / "neighbour.py").write_text("value = 7\n")
    (tmp_path / "table.csv").write_text("a,b\n")
    source = (
        "import os, sys\nfrom neighbour import value\n"
        "if __name__ == '__main__':\n"
        "    print(value, os.path.basename(__file__), len(sys.argv), open('table.csv').read())\n"
        "sys.exit()\n"
    )
    code, out, err, data = run(source)
    assert (code, err) == (0, "")
    assert "7 a.py 1 a,b" in out
    assert "1 of 1 cells ran" in out
    assert data["status"] == "done"
    assert not (tmp_path / "transcripts" / "a" / "work").exists()


def test_a_relative_pythonpath_is_meant_from_here(run, tmp_path, monkeypatch):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "made_up_library.py").write_text("value = 7\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["lib", os.environ.get("PYTHONPATH", "")]))
    code, out, _, _ = run("import made_up_library\nprint(made_up_library.value)\n")
    assert (code, "7\n" in out) == (0, True)


def test_a_notebook_that_fails_in_the_middle_keeps_its_transcript(run):
    cells = ["print('before')", "undefined_name", "print('after')"]
    made = [{"cell_type": "code", "metadata": {}, "source": s, "outputs": [], "execution_count": None} for s in cells]
    notebook = {"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
    code, out, err, data = run(json.dumps(notebook), name="a.ipynb")
    assert code == 1
    assert err == "fathom: a.ipynb: cell 2: line 1: NameError: name 'undefined_name' is not defined\n"
    assert [cell["status"] for cell in data["cells"]] == ["passed", "failed", "not run"]
    assert "after" not in out


def test_a_failing_exit_and_a_syntax_error_are_failures(run):
    code, _, err, _ = run("x = 1\nraise SystemExit(3)\n")
    assert (code, err) == (1, "fathom: a.py: cell 1: line 2 of a.py: SystemExit: 3\n")
    code, _, err, data = run("x = 1\ny = = 2\n")
    assert code == 1
    assert err.startswith("fathom: a.py: cell 1: line 2 of a.py: SyntaxError: ")
    assert "y = = 2" in data["cells"][0]["outputs"][0]["text"]


def test_a_process_that_dies_is_a_failure_of_its_cell(run):
    code, _, err, data = run("# %%\nprint('x')\n# %%\nimport os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")
    assert code == 1
    assert err == "fathom: a.py: cell 2: the process was killed by SIGKILL; it may have run out of memory\n"
    assert [cell["status"] for cell in data["cells"]] == ["passed", "failed"]


def test_a_file_that_runs_too_long_is_stopped_where_it_is(run):
    start = time.monotonic()
    code, _, err, data = run("import time\nprint('here', flush=True)\ntime.sleep(60)\n", "--timeout", "3")
    assert time.monotonic() - start < 30
    assert code == 1
    assert err == "fathom: a.py: cell 1: stopped after 3 s (--timeout), at line 3 of a.py\n"
    assert data["cells"][0]["outputs"][0]["text"] == "here\n"


def test_output_without_end_is_cut(run):
    code, _, _, data = run("for i in range(30_000):\n    print('0123456789')\n")
    assert code == 0
    kept = sum(len(output["text"]) for output in data["cells"][0]["outputs"])
    assert 200_000 <= kept < 201_000
    assert data["cells"][0]["outputs"][-1]["text"] == "… 130,000 more characters left out\n"


def test_a_picture_drawn_live_is_kept_once(run):
    source = (
        "from IPython.display import display, clear_output\nimport matplotlib.pyplot as plt\n"
        "fig, axes = plt.subplots()\nplt.close(fig)\n"
        "for step in range(5):\n    axes.plot([step, 0]); print(step)\n    display(fig); clear_output(wait=True)\n"
        "# %%\nhandle = display('first', display_id=True)\nhandle.update('second')\n"
    )
    code, _, _, data = run(source)
    assert code == 0
    assert [(o["kind"], o["text"]) for o in data["cells"][0]["outputs"]] == [
        ("stdout", "4\n"),
        ("figure", "<Figure size 640x480 with 1 Axes>"),
    ]
    assert data["cells"][1]["outputs"] == [{"kind": "result", "text": "'second'", "file": ""}]


def test_code_that_asks_for_a_window_draws_for_the_transcript(run):
    source = (
        "import matplotlib\nmatplotlib.use('TkAgg')\nfrom matplotlib import pyplot as plt\nplt.plot([1]);\nplt.show()\n"
    )
    code, _, err, data = run(source)
    assert (code, err) == (0, "")
    assert [output["kind"] for output in data["cells"][0]["outputs"]] == ["figure"]


def test_cuda_is_stood_in_for_by_the_cpu(run):
    source = (
        "import torch\nfrom d2l import torch as d2l\nx = torch.ones(4, device='cuda:1').cuda()\n"
        "i = 0\nprint(x.device, torch.device(f'cuda:{i}'), torch.nn.Linear(1, 1).cuda().weight.device)\n"
        "parts = torch.nn.parallel.scatter(x, d2l.try_all_gpus())\nprint([len(part) for part in parts])\n"
    )
    code, out, _, _ = run(source, "--cpu-stand-in")
    assert code == 0
    assert "cpu cpu cpu\n[2, 2]\n" in out
    assert "cuda in this cell stands for the CPU" in out


def test_the_api_follows_the_names_that_the_code_uses(run):
    code, out, _, data = run("from d2l import torch as d2l\nprint(d2l.__name__, d2l.train_ch3.__name__)\n")
    assert (code, data["api"]) == (0, "old")
    assert "fathom.d2l.v0.torch train_ch3" in out
    code, out, _, data = run("import d2l.torch\nprint(d2l.torch.__name__)\n", "--api", "old")
    assert (code, data["api"]) == (0, "old")


def test_another_edition_of_the_package_is_refused(run):
    code, _, err, _ = run("from d2l import mxnet as d2l\n")
    assert code == 1
    assert err.endswith("ImportError: d2l.mxnet is not here: Fathom has the book's PyTorch edition, d2l.torch\n")


def test_pandas_is_as_the_book_expects_it(run):
    source = (
        "import pandas as pd\nframe = pd.DataFrame({'a': ['x', None], 'b': [1.5, 2.0]})\n"
        "print(frame.dtypes['a'], pd.get_dummies(frame, dummy_na=True).values.dtype)\n"
        "print(frame.mean().to_dict(), frame.fillna(frame.mean()).values.tolist())\n"
        "try:\n    frame.mean(numeric_only=False)\nexcept TypeError:\n    print('refused')\n"
    )
    code, out, _, _ = run(source)
    assert code == 0
    assert "object float64\n{'b': 1.75} [['x', 1.5], [None, 2.0]]\nrefused\n" in out


def test_the_address_of_what_cannot_be_had_is_named(tmp_path):
    url = "http://127.0.0.1:9/files/pets.zip"  # nobody listens there
    (tmp_path / "a.py").write_text(f"import urllib.request\nurllib.request.urlopen({url!r})\n")
    record = run_file(tmp_path / "a.py", tmp_path / "out")
    assert record.cells[0].error.startswith("line 2 of a.py: URLError: ")
    assert record.cells[0].error.endswith(f"; fetch {url} by hand and place it in the folder that FATHOM_DATA names")


# What goes wrong before anything runs ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["run", "missing.py"], 1, "cannot read missing.py: no such file or directory"),
        (["run", "a.txt"], 2, "a.txt cannot be run"),
        (["run", "a.py", "--api", "nwe"], 2, "unknown api 'nwe'; did you mean 'new'?"),
        (["run", "a.py", "--timeout", "-1"], 2, "'-1' is not a number of seconds above 0"),
        (["run", "a.py", "--out", "full"], 1, "full is not empty and holds no transcript"),
        (["run", "a.py", "--out", "a.py"], 1, "a.py is a file; choose another folder"),
        (["run", "a.py", "full/a.py"], 2, "two files have the same name"),
        (["run", "a.py", "--timout", "3"], 2, "unknown option '--timout'; did you mean '--timeout'?"),
        (["rnu", "a.py"], 2, "rnu"),
        (["check"], 2, "no checkout of the book"),
        (["check", "full"], 2, "full is not a checkout of the book"),
    ],
)
def test_wrong_usage(tmp_path, monkeypatch, capsys, arguments, code, message):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FATHOM_BOOK_EN", raising=False)
    monkeypatch.delenv("FATHOM_BOOK_ZH", raising=False)
    (tmp_path / "full").mkdir()
    for name in ("a.py", "full/a.py"):
        (tmp_path / name).write_text("print(1)\n")
    assert main(["book", *arguments]) == code
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_the_child_and_keeps_the_transcript(tmp_path, number, code):
    # a second, so that the parent has heard of the cell that runs
    script = "import os, time\ntime.sleep(1)\nopen('pid', 'w').write(str(os.getpid()))\ntime.sleep(60)\n"
    (tmp_path / "a.py").write_text(script)
    command = [sys.executable, "-m", "fathom", "book", "run", "a.py"]
    parent = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    pid = tmp_path / "transcripts" / "a" / "work" / "code" / "pid"
    try:
        deadline = time.monotonic() + 60
        while not (pid.exists() and pid.read_text()):
            assert time.monotonic() < deadline
            assert parent.poll() is None
            time.sleep(0.05)
        child = int(pid.read_text())
        parent.send_signal(number)
        _, err = parent.communicate(timeout=60)
    finally:
        parent.kill()
        parent.wait()
    assert (parent.returncode, err) == (code, "fathom: stopped\n")
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
    data = json.loads((tmp_path / "transcripts" / "a" / "transcript.json").read_text())
    assert (data["cells"][0]["status"], data["cells"][0]["error"]) == ("failed", "stopped by a signal")
