"""The settings of one run of the benchmarks, and the environment of every measured process."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# What could make one process faster or slower than another; all get the same.
_DROPPED = ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "LD_PRELOAD")
_DROPPED_PREFIXES = ("OMP_", "KMP_", "GOMP_", "MKL_", "MALLOC_", "GLIBC_TUNABLES", "TORCH")


@dataclass(frozen=True)
class Settings:
    """Options of a run.

    Args:
        folder: temporary folder with the data as raw files, logs and compiler caches.
        contenders: measure only those whose name starts with one of these, and the baseline; empty for all.
        networks: of the suites epoch and choices, only these; empty for all.
        seeds: of the accuracy suite; None takes its own defaults.
    """

    folder: Path
    rounds: int = 5
    threads: int = 1
    quick: bool = False
    peers: bool = False
    long: bool = False
    compile: bool = False
    contenders: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    seeds: int | None = None

    def environment(self) -> dict[str, str]:
        """Return the environment variables of every measured process."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if name not in _DROPPED and not name.startswith(_DROPPED_PREFIXES)
        }
        return kept | {
            "OMP_NUM_THREADS": str(self.threads),
            "MKL_NUM_THREADS": str(self.threads),
            "CUDA_VISIBLE_DEVICES": "",
            "TORCHINDUCTOR_CACHE_DIR": str(self.folder / "inductor"),  # so that compiling is always paid for
            "KERAS_BACKEND": "torch",
            "MPLBACKEND": "Agg",
            "PYTHONWARNINGS": "ignore",
            "BENCH_FOLDER": str(self.folder),
        }
