"""Figures of the pages in docs/doctor: ``python -m bench.doctor.figures``.

For each fault a program of tests/faults and its mended twin are run: their training losses become a figure, and what
the doctor says of the program stands below it. ``python -m fathom.doctor.make_pages docs/doctor`` then puts both into
the page.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from bench.doctor.forks import Server
from bench.doctor.programs import Program, read_programs
from bench.doctor.runs import environment_of
from bench.settings import ROOT
from fathom.files import write_atomically

_OUT = ROOT / "docs" / "doctor" / "figures"
_POINTS = 60  # of a curve: as many as its 300 pixels show
_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 420, 190, 52, 12, 30
_COLOURS = {"fault": "#c8442b", "mended": "#2a6fc8"}  # 4.5 : 1 on white, and told apart on black


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the programs and write what the pages need; with codes as arguments, those alone."""
    wanted = list(sys.argv[1:] if arguments is None else arguments)
    stored = _OUT / "examples.json"
    _OUT.mkdir(parents=True, exist_ok=True)
    examples: dict[str, Any] = json.loads(stored.read_text(encoding="utf-8")) if stored.exists() else {}
    candidates: dict[str, list[Program]] = {}
    for program in sorted(read_programs(), key=lambda program: program.half):  # those of the calibration first
        if program.is_faulty:
            candidates.setdefault(program.expects[0], []).append(program)
    chosen: dict[str, Program] = {}
    server = Server()
    for code, programs in sorted(candidates.items()):
        for program in programs if not wanted or code in wanted else ():
            if found := _finding(server, program, code):
                examples[code], chosen[code] = found, program
                break
    server.close()
    for code, curves in _losses(chosen).items():
        examples[code] |= _draw(code, curves)
    write_atomically(stored, json.dumps(dict(sorted(examples.items())), ensure_ascii=False, indent=1) + "\n")
    print(*sorted(set(candidates) - set(examples)), sep="\n")
    return 0


def _finding(server: Server, program: Program, code: str) -> dict[str, Any] | None:
    """Return what the doctor says of a program under this very code."""
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "findings.json"
        server.ask(program, 0, answer)
        content = json.loads(answer.read_text(encoding="utf-8"))
    for finding in content["findings"]:
        if finding["code"] == code:
            return {"program": program.name, "message": finding["message"]}
    return None


def _losses(programs: dict[str, Program]) -> dict[str, dict[str, list[float]]]:
    """Return the training losses of each program, and those of its twin."""
    runner = ROOT / "tests" / "faults" / "program_runner.py"
    paths = {
        (code, name): str(path)
        for code, program in programs.items()
        for name, path in (
            ("fault", program.path),
            ("mended", program.path.with_name(f"{program.path.stem}_fixed.py")),
        )
    }
    with tempfile.TemporaryDirectory() as folder:
        environment = environment_of(0, Path(folder))
        command = [sys.executable, str(runner), *paths.values()]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    curves: dict[str, dict[str, list[float]]] = {}
    for (code, name), line in zip(paths, done.stdout.splitlines(), strict=True):
        curves.setdefault(code, {})[name] = json.loads(line)["losses"]
    return curves


def _draw(code: str, curves: dict[str, list[float]]) -> dict[str, Any]:
    """Draw the losses, if there are any; say what the figure shows."""
    if min(len(values) for values in curves.values()) < 3:
        return {"figure": False}
    write_atomically(_OUT / f"{code}.svg", make_figure(curves))
    return {"figure": True} | {f"{name}_last": _plain(median(values[-5:])) for name, values in curves.items()}


def make_figure(curves: dict[str, list[float]]) -> str:
    """Return an SVG of training losses against the share of the steps; logarithmic where they span a hundredfold."""
    thin = {name: _thinned(values) for name, values in curves.items()}
    values = [v for points in thin.values() for v in points if math.isfinite(v)]
    low, high = min(values), max(values)
    is_log = low > 0 and high > 100 * low
    scale = math.log10 if is_log else float
    bottom, top = scale(low), scale(high)
    span = (top - bottom) or 1.0
    width, height = _WIDTH - _LEFT - 70, _HEIGHT - _TOP - _BOTTOM

    def place(index: int, count: int, value: float) -> tuple[float, float]:
        return _LEFT + width * index / max(1, count - 1), _TOP + height * (1 - (scale(value) - bottom) / span)

    parts = [_text(_LEFT - 6, _TOP + 8, _number(high), "end"), _text(_LEFT - 6, _TOP + height, _number(low), "end")]
    parts.append(
        _text(_LEFT + width / 2, _HEIGHT - 8, "steps" + (", loss on a logarithmic axis" if is_log else ""), "middle")
    )
    axis = f"M{_LEFT} {_TOP}V{_TOP + height}H{_LEFT + width}"
    parts.append(f'<path d="{axis}" fill="none" stroke="#888"/>')
    labels: list[float] = []
    for name, points in thin.items():
        shown = [place(i, len(points), v) for i, v in enumerate(points) if math.isfinite(v)]
        line = " ".join(f"{x:.0f},{y:.1f}" for x, y in shown)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{_COLOURS[name]}" stroke-width="2"/>')
        x, y = shown[-1]
        if len(shown) < len(points):  # it is not finite from here on
            parts.append(f'<circle cx="{x:.0f}" cy="{y:.1f}" r="4" fill="{_COLOURS[name]}"/>')
        height_of_text = _apart(y + 4, labels)
        labels.append(height_of_text)
        parts.append(_text(_LEFT + width + 6, height_of_text, name, "start", _COLOURS[name]))
    title = f"Training loss of a program with the fault and of the same without it, {len(curves['fault'])} steps"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'role="img" font-family="sans-serif" font-size="12"><title>{title}</title>{"".join(parts)}</svg>\n'
    )


def _thinned(values: list[float]) -> list[float]:
    """Return medians over equal stretches; one that is mostly not finite stays so."""
    count = min(_POINTS, len(values))
    edges = [round(i * len(values) / count) for i in range(count + 1)]
    return [median(_with_infinity(values[a:b])) for a, b in pairwise(edges)]


def _with_infinity(values: Iterable[float]) -> list[float]:
    return [v if v == v else math.inf for v in values]


def _apart(y: float, others: list[float]) -> float:
    """Return a height for a label that does not lie on another one."""
    near = [other for other in others if abs(other - y) < 13]
    return y if not near else (near[0] - 13 if near[0] > _TOP + 26 else near[0] + 13)


def _text(x: float, y: float, text: str, anchor: str, colour: str = "#777") -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" fill="{colour}">{text}</text>'


def _number(value: float) -> str:
    return f"{value:.3g}".replace("e+0", "e").replace("e+", "e")


def _plain(value: float) -> float | None:
    return float(f"{value:.4g}") if math.isfinite(value) else None


if __name__ == "__main__":
    sys.exit(main())
