"""The magics of the book's own tools, and those of installers."""

from __future__ import annotations

from typing import Any

from IPython.core.magic import Magics, cell_magic, line_magic, magics_class

FRAMEWORK = "pytorch"


class Tab:
    """The object that the book's source asks which framework it is run with."""

    def selected(self, *frameworks: str) -> bool:
        """Return whether PyTorch is among them."""
        return FRAMEWORK in frameworks

    def interact_select(self, *frameworks: object) -> None:
        """The choice is made."""


@magics_class
class BookMagics(Magics):
    """Magics of the book's own tools, and of installers."""

    shell: Any  # the Shell, which imports this file

    @cell_magic
    def tab(self, line: str, cell: str) -> None:
        """Run a cell if it is for PyTorch."""
        if {FRAMEWORK, "all"} & {name.strip() for name in line.split(",")}:
            self.shell.run_cell(cell).raise_error()
        else:
            self.shell.to_parent.write("note", f"skipped: a cell for {line.strip()}\n")

    @line_magic
    def load_ext(self, line: str) -> None:
        """Load an extension; d2l is redirected already, and the book's tabs are built in."""
        name = line.strip()
        if name == "d2lbook.tab" or name.startswith("fathom.d2l"):
            return
        self.shell.extension_manager.load_extension(name)

    @line_magic
    def pip(self, line: str) -> None:
        """Skip."""
        self.shell.skip(f"%pip {line}")

    @line_magic
    def conda(self, line: str) -> None:
        """Skip."""
        self.shell.skip(f"%conda {line}")

    @line_magic
    def mamba(self, line: str) -> None:
        """Skip."""
        self.shell.skip(f"%mamba {line}")
