"""Makes the bench and the runner of programs importable, whatever the working directory."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [path for path in (str(HERE.parents[1]), str(HERE)) if path not in sys.path]
