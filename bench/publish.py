"""Publishes tables and figures in docs/benchmarks.md, docs/benchmarks/ and the READMEs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bench import figures, tables
from bench.headline import headline
from bench.results import Suite
from bench.settings import ROOT
from bench.targets import targets_section

_SECTIONS: dict[str, Callable[[Suite], str]] = {
    "epoch": tables.epoch_section,
    "step": tables.step_section,
    "startup": tables.startup_section,
    "accuracy": tables.accuracy_section,
    "memory": tables.memory_section,
    "table": tables.table_section,
    "scratch": tables.scratch_section,
    "export": tables.export_section,
    "folder": tables.folder_section,
    "doctor": tables.doctor_section,
}
_IMAGES: dict[str, Callable[[Suite, Path], None]] = {
    "epoch": figures.draw_epochs,
    "step": figures.draw_steps,
    "startup": figures.draw_startup,
    "accuracy": figures.draw_accuracy,
}
_READMES = {"README.md": "en", "README.zh-CN.md": "zh"}


def publish(suites: dict[str, Suite], out: Path, *, update_readme: bool) -> list[Path]:
    """Write the tables and figures of the measured suites under ``out``, with the page beside it.

    Returns: the files written
    """
    out.mkdir(parents=True, exist_ok=True)
    written = [out / "results.json"] if suites else []
    for name, draw in _IMAGES.items():
        if name in suites:
            draw(suites[name], out / f"{name}.png")
            written.append(out / f"{name}.png")
    if "choices" in suites:
        (out / "choices.md").write_text(tables.choices_page(suites["choices"]) + "\n", encoding="utf-8")
        written.append(out / "choices.md")
    sections = {name: make(suites[name]) for name, make in _SECTIONS.items() if name in suites}
    sections["targets"] = targets_section(suites)
    page = out.with_suffix(".md") if update_readme else out / "benchmarks.md"
    if not update_readme:  # a separate page, with nothing but the tables
        page.write_text("".join(f"## {name}\n\n{_mark(name)}\n\n" for name in sections), encoding="utf-8")
    if update_sections(page, sections):
        written.append(page)
    if update_readme:
        for file, language in _READMES.items():
            if update_sections(ROOT / file, {"": headline(suites, language)}):
                written.append(ROOT / file)
    return written


def update_sections(path: Path, sections: dict[str, str]) -> bool:
    """Put texts between their markers ``<!-- bench:NAME:start -->`` and ``<!-- bench:NAME:end -->``.

    Returns: whether the file changed; one that does not exist, or has no markers, is left alone
    """
    if not path.exists():
        return False
    before = text = path.read_text(encoding="utf-8")
    for name, content in sections.items():
        start, end = _markers(name)
        head, found_start, rest = text.partition(start)
        _, found_end, tail = rest.partition(end)
        if found_start and found_end:
            text = f"{head}{start}\n\n{content}\n\n{end}{tail}"
    if text != before:
        path.write_text(text, encoding="utf-8")
    return text != before


def _markers(name: str) -> tuple[str, str]:
    middle = f"{name}:" if name else ""
    return f"<!-- bench:{middle}start -->", f"<!-- bench:{middle}end -->"


def _mark(name: str) -> str:
    return "\n".join(_markers(name))
