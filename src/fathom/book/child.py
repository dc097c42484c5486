"""The process that runs the cells; it is started as a plain file, ``python child.py``. See ``kernel``.

The kernel is loaded as a package by itself, not as a part of Fathom: the interpreter may be another environment's,
which has no Fathom, and whose packages must not mix with those beside Fathom.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
NAME = "fathom_kernel"  # not one that the code which runs could mean


def load_kernel() -> None:
    """Make the folder ``kernel`` beside this file the package ``fathom_kernel``."""
    folder = os.path.join(HERE, "kernel")
    found = importlib.util.spec_from_file_location(
        NAME, os.path.join(folder, "__init__.py"), submodule_search_locations=[folder]
    )
    assert found is not None
    assert found.loader is not None
    sys.modules[NAME] = importlib.util.module_from_spec(found)
    found.loader.exec_module(sys.modules[NAME])


if __name__ == "__main__":
    if sys.path and os.path.abspath(sys.path[0] or ".") == HERE:
        del sys.path[0]  # the folder of this file is no place to import from
    load_kernel()
    try:
        import IPython  # noqa: F401
    except ImportError as missing:
        sys.exit(f"no IPython: {missing}")
    importlib.import_module(f"{NAME}.job").main()
