"""What a bug report needs to know of a machine: versions, devices, arithmetic. No names of people or folders."""

from __future__ import annotations

import importlib.util
import os
import platform
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from fathom.build.machine import cpu_name
from fathom.data.loaders.workers import available_cores
from fathom.version import VERSION

DISTRIBUTION = "fathom-workbench"
# variables that change what Fathom or torch does, whose values name nobody
_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "FATHOM_PROGRESS", "PYTORCH_ALLOC_CONF")
_PLACES = ("FATHOM_HOME", "FATHOM_DATA", "PYTHONPATH", "LD_PRELOAD")  # of these only that they are set: they hold paths
_LEFT_OUT = ("pytest", "ruff", "mypy", "types-", "import-linter", "hypothesis", "playwright", "moto")  # for development
_ARITHMETIC = ("BLAS_INFO", "LAPACK_INFO", "USE_MKL", "USE_MKLDNN", "USE_OPENMP")


def describe_environment() -> list[tuple[str, str]]:
    """Return names and values, in the order in which a reader asks for them."""
    import torch

    return [
        ("fathom", f"{VERSION}, {_installation()}"),
        ("python", f"{platform.python_version()}, {platform.python_implementation()}, {_environment()}"),
        ("system", platform.platform()),
        ("processor", f"{cpu_name()}, {available_cores()} of {os.cpu_count()} cores usable"),
        ("memory", _memory()),
        *_devices(),
        ("torch", f"{torch.__version__}, CUDA build {torch.version.cuda or 'none'}, {torch.get_num_threads()} threads"),
        ("arithmetic", _arithmetic()),
        *(("library", line) for line in _libraries()),
        *((name, os.environ[name]) for name in _VARIABLES if name in os.environ),
        *((name, "is set") for name in _PLACES if os.environ.get(name)),
    ]


def _installation() -> str:
    """Say how Fathom is there; of its path only what follows the packages' folder, which names nobody."""
    place = Path(importlib.util.find_spec("fathom").origin or "").parts  # type: ignore[union-attr]
    return "installed as a package" if "site-packages" in place else "run from its source"


def _environment() -> str:
    if "CONDA_PREFIX" in os.environ:
        return "conda"
    return "virtual environment" if sys.prefix != sys.base_prefix else "no virtual environment"


def _memory() -> str:
    try:
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return "unknown"
    return f"{size / 2**30:.1f} GiB"


def _devices() -> Iterator[tuple[str, str]]:
    import torch

    from fathom.training.device import cpu_computes_bf16, find_device

    for number in range(torch.cuda.device_count()):
        found = torch.cuda.get_device_properties(number)
        size = f"{found.total_memory / 2**30:.0f} GiB, capability {found.major}.{found.minor}"
        yield f"cuda:{number}", f"{found.name}, {size}"
    if torch.backends.mps.is_available():
        yield "mps", "available"
    # what `--device auto --precision auto` has to choose from
    yield "device", f"{find_device()} chosen; the processor computes bf16: {'yes' if cpu_computes_bf16() else 'no'}"


def _arithmetic() -> str:
    """Say which libraries torch multiplies matrices with, and which instructions they use."""
    import torch

    # "…, BLAS_INFO=mkl, BUILD_TYPE=Release, …" in the last line of what torch shows
    built = dict(part.strip().split("=", 1) for part in torch.__config__.show().split(",") if part.count("=") == 1)
    facts = [f"{name}={built[name]}" for name in _ARITHMETIC if name in built]
    return ", ".join([f"CPU capability {torch.backends.cpu.get_cpu_capability()}", *facts])


def _libraries() -> Iterator[str]:
    """Yield names and versions of what Fathom depends on, also of its extras."""
    try:
        needed = requires(DISTRIBUTION) or []
    except PackageNotFoundError:  # run from a copy of the source that was never installed
        needed = ["torchvision", "numpy", "pandas", "scikit-learn", "safetensors", "onnxruntime"]
    # "starlette>=0.49.1; extra == 'board'" -> starlette; an extra that names another one is in it by its libraries
    names = {line.split(";")[0].split("[")[0].split("<")[0].split(">")[0].split("=")[0].strip() for line in needed}
    for name in sorted(names - {"torch", DISTRIBUTION}, key=str.lower):
        if name.startswith(_LEFT_OUT):
            continue
        try:
            yield f"{name} {version(name)}"
        except PackageNotFoundError:
            yield f"{name} is not installed"
