"""The sections of a report that say how to make it again: configuration, command, times, machine, versions."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping

from fathom.runs.analysis.numbers import DASH, duration
from fathom.runs.folder import schema
from fathom.runs.folder.reader import RunReader
from fathom.runs.folder.records import read_text
from fathom.runs.html.markup import Html, element, fold, pairs
from fathom.runs.html.page import Section
from fathom.runs.html.summary import show_time


def show_config(run: RunReader) -> Section:
    """Write the resolved configuration as it stands in the folder."""
    text = read_text(run.path / schema.CONFIG)  # the text itself, in its order
    return Section("config", "Configuration", fold(schema.CONFIG, element("pre", element("code", text), tabindex="0")))


def show_provenance(run: RunReader) -> Section:
    """Write the command, the times, and what the run was made with."""
    info = run.run
    command = info.get("command")
    # quoted, to be pasted into a shell
    line = shlex.join(map(str, command)) if isinstance(command, list) else str(command or "")
    times = {
        "started": show_time(info.get("created")),
        "finished": show_time(info.get("finished")),
        "training time": duration(run.train_s),
        "seed": info.get("seed", DASH),
    }
    blocks = [_show_group("Run", times), *(_show_group(key.title(), info.get(key)) for key in ("machine", "versions"))]
    shell = element("pre", element("code", line), class_="command", tabindex="0") if line else ""
    choices = _show_group("Choices made by Fathom", info.get("choices"), "pairs long")
    together = _show_group("Processes", info.get("processes"), "pairs long")  # of a run of several
    return Section("provenance", "Provenance", shell, element("div", *blocks, class_="columns"), together, choices)


def _show_group(title: str, entries: object, class_: str = "pairs") -> Html:
    if not isinstance(entries, Mapping) or not entries:
        return Html("")
    shown = pairs(((name, _show_value(value)) for name, value in entries.items()), class_)
    return element("div", element("h3", title), shown, class_="group")


def _show_value(value: object) -> str | Html:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)  # lists and numbers as JSON
