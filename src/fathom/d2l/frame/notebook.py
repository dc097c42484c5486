"""``d2l`` in a notebook, where the edition shows only as the cells use it."""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from fathom.d2l.frame.edition import MODULES, find_evidence


class UndecidedEdition(ModuleType):
    """``d2l.torch`` of either edition: the first use that fits only one of them decides which.

    Until then, a name that both editions have is taken from the new one, where most are the same object.

    Args:
        read_sources: returns the code of the notebook that is known so far.
    """

    def __init__(self, read_sources: Callable[[], list[str]]) -> None:
        super().__init__("d2l.torch", "The book's helper package, in the edition that the notebook uses.")
        self._read_sources = read_sources
        self._edition: ModuleType | None = None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name != "__all__":  # asked by the interpreter and by tools, about this module
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}", name=name)
        return getattr(self._edition or self._decide(name), name)

    def __dir__(self) -> Iterable[str]:
        editions = [self._edition] if self._edition else [importlib.import_module(m) for m in MODULES.values()]
        return sorted({name for edition in editions for name in dir(edition)})

    def _decide(self, name: str) -> ModuleType:
        """Return the edition to take ``name`` from, and keep it if the code leaves no doubt."""
        editions = {api: importlib.import_module(module) for api, module in MODULES.items()}
        evidence = find_evidence(self._read_sources())
        if evidence is None:
            having = [api for api, edition in editions.items() if name in dir(edition)]
            evidence = having[0] if len(having) == 1 else None
        if evidence is None:
            return editions["new"]
        self._edition = editions[evidence]
        return self._edition


def notebook_sources(shell: Any) -> list[str]:
    """Return the code of the notebook: the cells run so far, and those of its file where the front end names it."""
    cells = [str(cell) for cell in shell.user_ns.get("In", [])]
    # VS Code sets a variable in the notebook, Jupyter's server one in the kernel's environment.
    file = shell.user_ns.get("__vsc_ipynb_file__") or os.environ.get("JPY_SESSION_NAME", "")
    return cells + [shell.transform_cell(source) for source in _read_code(Path(file))]


def _read_code(file: Path) -> list[str]:
    """Return the code cells of a notebook's file; none if it cannot be read, because the run cells are enough."""
    if file.suffix != ".ipynb":
        return []
    try:
        cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
        return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    except (OSError, ValueError, KeyError, TypeError):
        return []
