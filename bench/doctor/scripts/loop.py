"""Times the training of a script, and writes the seconds into the file that the environment names."""

import os
import time
from pathlib import Path


def timed(train):
    """Run the training."""
    began = time.perf_counter()
    train()
    if "LOOP_FILE" in os.environ:
        Path(os.environ["LOOP_FILE"]).write_text(str(time.perf_counter() - began), encoding="utf-8")
