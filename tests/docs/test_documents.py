"""What the documents say is true: commands run, code runs, names exist, links lead somewhere."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd
import pytest
from PIL import Image

import fathom
from fathom.build.configure import configure
from fathom.cli.main import make_parser
from fathom.cli.options import OPTIONS, chosen_settings
from fathom.cli.verbs import VERBS
from fathom.data.images.augment.augmentation_spec import AUGMENTATIONS
from fathom.data.sources import catalog
from fathom.losses import LOSSES
from fathom.models import initializers, registry
from fathom.settings import config
from fathom.training import device, optimizers
from fathom.training.schedules import schedule as schedules

ADDRESSES = runpy.run_path(str(Path(__file__).with_name("addresses.py")))
ROOT = Path(__file__).parents[2]
README, README_ZH = ROOT / "README.md", ROOT / "README.zh-CN.md"
GUIDE, BENCHMARKS = ROOT / "docs" / "guide.md", ROOT / "docs" / "benchmarks.md"
IDEAS = ROOT / "docs" / "ideas"
DOCTOR = ROOT / "docs" / "doctor"
DOCUMENTS = [README, README_ZH, *sorted((ROOT / "docs").glob("*.md")), IDEAS / "README.md", DOCTOR / "README.md"]
# CONTRIBUTING and CHANGELOG are not run, but their links must hold. The code of the ideas is that of the source files.
LINKED = [*DOCUMENTS, *(page for page in sorted(IDEAS.glob("*.md")) if page.name != "README.md")]
LINKED += [page for page in sorted(DOCTOR.glob("*.md")) if page.name != "README.md"]
LINKED += [ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
# The Chinese README has the same commands and code as the English one, which a test checks; once is enough.
RUN = [document for document in DOCUMENTS if document != README_ZH]

# Lines of sh blocks that are not ours to run: CI runs the two marked commands, the others set things up or measure.
NOT_RUN = re.compile(
    r"(\. \.venv/bin/activate|python3 -m venv .*|python -m bench.*|python plain\.py|export FATHOM_\w+=.*|"
    r"pip install .*)$"
)
# These neither train nor read a run, and take about a second: the default tests run them too.
QUICK = re.compile(r"fathom (data|schedules)\b")
REAL_DATA = re.compile(r"\b(mnist|fashion_mnist|cifar10|time_machine)\b")


def read(document: Path) -> str:
    return document.read_text(encoding="utf-8")


def blocks(document: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", read(document), flags=re.DOTALL | re.MULTILINE)


def shell_lines(document: Path) -> list[str]:
    """Every command of the sh blocks in order, without comments, continued lines joined."""
    text = "".join(blocks(document, "sh")).replace("\\\n", " ")
    lines = (re.sub(r"(^|\s)#.*$", "", line).strip() for line in text.splitlines())
    return [line for line in lines if line]


def commands(document: Path) -> list[str]:
    return [line for line in shell_lines(document) if not NOT_RUN.match(line)]


def name_of(document: Path) -> str:
    return document.relative_to(ROOT).as_posix()


def prepare(folder: Path, document: Path) -> Path:
    """Put into ``folder`` what the commands speak of: images, class folders, the files that the document shows."""
    rng = np.random.default_rng(0)

    def draw(path: Path, brightness: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((rng.integers(0, 100, (48, 40, 3)) + brightness).astype(np.uint8)).save(path)

    draw(folder / "image.png", 50)
    for number in range(3):
        draw(folder / "folder" / f"{number}.png", 50)
    for brightness, name in enumerate(("healthy", "sick")):
        for number in range(40):
            draw(folder / "leaves" / name / f"{number:04}.jpg", 120 * brightness)
    shutil.make_archive(str(folder / "leaves"), "zip", folder, "leaves")
    towns, years = rng.choice(["Somerst", "NAmes", "Edwards"], 200), rng.integers(1950, 2011, 200)
    houses = pd.DataFrame({"Id": range(1, 201), "Neighborhood": towns, "YearBuilt": years})
    houses.head(20).to_csv(folder / "new.csv", index=False)
    prices = 1000 * (years - 1900) + 20_000 * (towns == "Somerst") + rng.integers(0, 9_000, 200)
    houses.assign(SalePrice=prices).to_csv(folder / "house.csv", index=False)
    verse = "the traveller had more than a touch of whim among his elements, and we distrusted him.\n"
    (folder / "book.txt").write_text(verse * 60, encoding="utf-8")
    (folder / "another.txt").write_text(verse, encoding="utf-8")
    for name, text in re.findall(r"<!-- file: (\S+) -->\n```\w+\n(.*?)^```$", read(document), re.DOTALL | re.MULTILINE):
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def run_line(line: str, folder: Path) -> None:
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", line],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, f"{line}\nexit code {done.returncode}\n{done.stdout[-1500:]}{done.stderr[-1500:]}"


# Commands ------------------------------------------------------------------------------------------------------------


def parse(line: str) -> tuple[str, object]:
    """Read a command as ``fathom`` would, without carrying it out."""
    words = shlex.split(line)
    assert words[0] == "fathom", f"{line!r} is neither a command of fathom nor known as one that is not run"
    verb, *rest = words[1:]
    assert verb in VERBS
    parser, _ = make_parser(verb)
    return verb, parser.parse_args(rest)


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_command_line_can_be_read(document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(prepare(tmp_path, document))
    for line in commands(document):
        verb, args = parse(line)
        if verb == "train" and args.resume is None and "*" not in line:  # type: ignore[attr-defined]
            chosen = configure(chosen_settings(args))  # type: ignore[arg-type]
            known = registry.defaults(chosen.model.name)
            assert set(chosen.model.options) <= set(known), line
            if chosen.data.kind not in ("tables", "images"):  # what they teach is not known before they are read
                assert chosen.training.optimizer in optimizers.NAMES, line


def in_prose(document: Path) -> str:
    return re.sub(r"^```.*?^```$", "", read(document), flags=re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_commands_in_sentences_can_be_read(document: Path) -> None:
    for line in re.findall(r"`(fathom [^`]+)`", in_prose(document)):
        line = line.replace("\n", " ")
        if line.endswith("--help") or len(line.split()) == 2:  # a verb alone names the command
            assert line.split()[1] in (*VERBS, "--help"), line
        else:
            parse(line)


@pytest.mark.parametrize("document", [d for d in DOCUMENTS if d != BENCHMARKS], ids=name_of)
def test_options_in_sentences_exist(document: Path) -> None:
    known = {"--help"}.union(*(option_names(verb) for verb in VERBS))
    for option in re.findall(r"`(--[\w-]+)", in_prose(document)):
        assert option in known, f"no command has the option {option}"


def option_names(verb: str) -> set[str]:
    parser, _ = make_parser(verb)
    parsers = [parser]
    for action in parser._actions:
        parsers += (action.choices or {}).values() if isinstance(action, argparse._SubParsersAction) else []
    return {name for each in parsers for action in each._actions for name in action.option_strings}


QUICK_LINES = {line: document for document in RUN for line in commands(document) if QUICK.match(line)}


@pytest.mark.parametrize("line", QUICK_LINES)
def test_quick_command_runs(line: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    need_data(line, request)
    run_line(line, prepare(tmp_path, QUICK_LINES[line]))


# One process for all commands of a document: to start each anew would take longer than most of them do.
RUNNER = """
import glob, json, sys
from fathom.cli.main import main
for words in json.load(sys.stdin):
    words = [name for word in words for name in (sorted(glob.glob(word)) if "*" in word else [word])]
    print("$ fathom", *words, file=sys.stderr, flush=True)
    code = main(words)
    if code:
        sys.exit(f"exit code {code}")
"""


@pytest.mark.slow
@pytest.mark.parametrize("document", [d for d in RUN if set(commands(d)) - set(QUICK_LINES)], ids=name_of)
def test_commands_run_in_order(document: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    lines = [line for line in commands(document) if not QUICK.match(line)]
    for line in lines:
        need_data(line, request)
    folder, environment, site = prepare(tmp_path, document), None, ADDRESSES["SITE"]
    with contextlib.ExitStack() as stack:
        if any("://" in line for line in lines):
            environment, site = stack.enter_context(ADDRESSES["serve"](folder, tmp_path.with_suffix(".home")))
        done = subprocess.run(
            [sys.executable, "-c", RUNNER],
            input=json.dumps([shlex.split(line.replace(ADDRESSES["SITE"], site))[1:] for line in lines]),
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=1200,
        )
    assert done.returncode == 0, f"{done.stdout[-1500:]}\n{done.stderr[-1500:]}"


def need_data(line: str, request: pytest.FixtureRequest) -> None:
    """Skip, visibly, what needs data that are not on this machine."""
    found = REAL_DATA.search(line)
    if found:
        request.getfixturevalue("shared_data")
        if catalog.describe(found[0]).found is None:
            pytest.skip(f"{found[0]} is not on this machine, and tests download nothing")


def test_the_two_commands_of_the_readme_are_there() -> None:
    for document in (README, README_ZH):
        marked = dict(re.findall(r"<!-- command:(\d) -->\s*```sh\n(.+?)\n```", read(document), flags=re.DOTALL))
        assert set(marked) == {"1", "2"}
        assert all(
            "\n" not in command and command.startswith("python3 -m venv .venv && ") for command in marked.values()
        )
        assert marked["1"].endswith(".venv/bin/fathom train")
        assert marked["2"].endswith(".venv/bin/pytest")


def test_both_readmes_say_the_same_to_the_machine() -> None:
    def parts(document: Path) -> list[object]:
        text = read(document)
        images = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text)
        markers = re.findall(r"<!-- ([\w:]+) -->", text)
        return [shell_lines(document), blocks(document, "python"), images, markers]

    assert parts(README) == parts(README_ZH)
    assert "bench:start" in read(README)


# Code ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "document",
    [d if d.name == "README.md" else pytest.param(d, marks=pytest.mark.slow) for d in RUN if blocks(d, "python")],
    ids=name_of,
)
def test_python_blocks_run(document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(prepare(tmp_path, document))
    monkeypatch.setenv("FATHOM_PROGRESS", "on")  # as a reader sees it
    namespace: dict[str, object] = {"__name__": "document"}
    text = read(document)
    for number, found in enumerate(re.finditer(r"^```python\n(.*?)^```\n", text, flags=re.DOTALL | re.MULTILINE)):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(found[1], f"{document.name}, block {number + 1}", "exec"), namespace)
        shown = re.match(r"\n```text\n(.*?)^```$", text[found.end() :], flags=re.DOTALL | re.MULTILINE)
        if shown is not None:
            expected, actual = masked(shown[1]), masked(printed.getvalue())
            pattern = re.escape(expected).replace("…\\\n", "(?:.*\n)*?")
            assert re.fullmatch(pattern, actual), f"block {number + 1} prints\n{actual}\nand not\n{expected}"


def masked(printed: str) -> str:
    """Leave out what differs from machine to machine: numbers, and how wide they make a column."""
    lines = (
        re.sub(r" +", " ", re.sub(r"[-+]?\d[\d.,]*(e[-+]?\d+)?", "#", line)).rstrip() for line in printed.splitlines()
    )
    return "".join(f"{line}\n" for line in lines)


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_names_of_the_package_exist(document: Path) -> None:
    for path in re.findall(r"`fathom\.([A-Za-z_0-9.]+)", in_prose(document)):
        owner: object = fathom
        for name in path.rstrip(".").split("."):
            if not hasattr(owner, name):
                __import__(f"{owner.__name__}.{name}")  # type: ignore[attr-defined]
            owner = getattr(owner, name)


def test_the_loop_is_drawn_as_in_the_trainer() -> None:
    (drawing,) = re.findall(r"^```text\n(fit\(module, data\).*?)^```$", read(ROOT / "docs/python.md"), re.DOTALL | re.M)
    text = " ".join(drawing.split())
    assert text in " ".join((fathom.Trainer.__doc__ or "").split())


# Names and numbers ---------------------------------------------------------------------------------------------------


def test_guide_lists_every_setting_with_its_option_and_default() -> None:
    table = read(GUIDE).partition("## All settings")[2]
    rows = re.findall(r"^\| `([\w.]+)` \|([^|]*)\| ([^|]+) \| [^|]+ \|$", table, re.MULTILINE)
    settings = _settings(config.Config, "")
    assert [name for name, *_ in rows] == [name for name, _ in settings]
    for (name, option, shown), (_, default) in zip(rows, settings, strict=True):
        if default is None:
            assert shown in ("none", "chosen"), name
        else:
            assert shown == (default if isinstance(default, str) else _as_written(default)), name
        named = set(re.findall(r"`(--[\w-]+)`", option))
        assert named <= options_of(name), name
    listed = set(re.findall(r"`(--[\w-]+)`", table))
    others = {"-h", "--help", "--debug", "--offline", "--recipe", "--config", "--set", "--resume", "--out", "--log"}
    others |= {"--devices", "--max-restarts"}  # of the launch, not of the run
    assert listed | others == option_names("train")


def options_of(setting: str) -> set[str]:
    """The options of ``fathom train`` that set ``setting``, or one entry of it."""
    if setting == "model.name":
        return {"--model"}
    if setting == "training.fast_dev_run":
        return {"--fast-dev-run"}
    every = {name: option.setting for group in OPTIONS.values() for name, option in group.items()}
    return {name for name, dotted in every.items() if f"{dotted}.".startswith(f"{setting}.")}


def _as_written(default: object) -> str:
    if isinstance(default, bool):
        return str(default).lower()
    return f"{default:g}" if isinstance(default, (int, float)) else str(default)


def _settings(node: type[config.ConfigNode], prefix: str) -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for field in msgspec.structs.fields(node):
        kind = field.type
        default = None if field.required else field.default
        if default is msgspec.NODEFAULT:
            default = field.default_factory()
        if isinstance(kind, type) and issubclass(kind, config.ConfigNode):
            found += _settings(kind, f"{prefix}{field.name}.")
        elif field.name != "schema":
            found.append((f"{prefix}{field.name}", default))
    return found


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("schedule", schedules.NAMES),
        ("augmentation", AUGMENTATIONS),
        ("optimizer", optimizers.NAMES),
        ("loss", set(LOSSES) - {"bce_with_logits"}),  # no command can use it: classes there exclude each other
        ("initialiser", initializers.NAMES),
        ("precision", ("fp32", "bf16", "fp16")),
        ("compile mode", set(device.COMPILE_MODES) - {"off"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_guide_names_everything_there_is(kind: str, names: object) -> None:
    text = read(GUIDE)
    for name in names:  # type: ignore[attr-defined]
        assert f"`{name}`" in text or f" {name}`" in text, f"{kind} {name}"


def test_guide_says_what_is_chosen() -> None:
    def chosen(model: str, data: str) -> config.Config:
        return configure({"model": {"name": model}, "data": {"name": data}})

    digits, fashion = chosen("lenet", "digits"), chosen("lenet", "fashion_mnist")
    line = chosen("linear", "synthetic_regression")
    assert (digits.training.epochs, fashion.training.epochs, line.training.epochs) == (30, 10, 10)
    assert (digits.data.batch_size, line.data.batch_size, fashion.data.batch_size) == (64, 10, 256)
    assert (fashion.training.optimizer, fashion.training.weight_decay) == ("adamw", 0.01)
    assert fashion.training.schedule == "one_cycle"
    assert (line.training.optimizer, line.training.lr, line.training.schedule) == ("sgd", 0.03, "constant")
    text = " ".join(read(GUIDE).split())
    assert "30 epochs on digits, 10 elsewhere; batches of 64 on digits, of 10 on synthetic regression, of 256" in text
    assert "weight decay 0.01 and the one-cycle schedule" in text
    assert "plain SGD with a constant learning rate of 0.03" in text


def test_guide_gives_the_parameters_of_each_augmentation() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (`[^|]+) \| [^|]+ \|$", read(GUIDE), re.MULTILINE))
    for name, kind in AUGMENTATIONS.items():
        shown = dict(re.findall(r"`(\w+)=([^`]+)`", rows[name]))
        defaults = {key: getattr(kind, key) for key in kind.__dataclass_fields__}
        assert set(shown) == set(defaults), name
        for key, default in defaults.items():
            if isinstance(default, tuple):
                assert [float(end) for end in shown[key].split("..")] == pytest.approx(default, abs=1e-4)
            else:
                assert type(default)(shown[key]) == default


# Links ---------------------------------------------------------------------------------------------------------------


def anchors(document: Path) -> set[str]:
    """The fragments that GitHub gives to headings."""
    headings = re.findall(
        r"^#+ +(.+)$", re.sub(r"^```.*?^```$", "", read(document), flags=re.DOTALL | re.M), re.MULTILINE
    )
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", LINKED, ids=name_of)
def test_links_lead_somewhere(document: Path) -> None:
    if document == BENCHMARKS and not (ROOT / "docs" / "benchmarks" / "results.json").exists():
        pytest.skip("the page shows what `python -m bench` writes, and that has not been run here")
    for target in re.findall(r"\]\(([^)\s]+)\)", read(document)):
        if target.startswith(("https://", "http://")):
            continue
        path, _, fragment = target.partition("#")
        linked = (document.parent / path).resolve() if path else document
        assert linked.exists(), f"{name_of(document)} links to {target}"
        if fragment:
            assert fragment in anchors(linked), f"{name_of(document)} links to {target}"


def test_images_are_not_heavy() -> None:
    for image in (ROOT / "docs" / "figures").iterdir():
        assert image.stat().st_size < 400_000, image
