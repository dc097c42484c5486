"""``--devices``: the command starts itself again, once for each device, as ``torchrun`` would. Loads without torch."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fathom.cli.values import read_count, read_natural
from fathom.data.loaders.workers import available_cores
from fathom.errors import UsageError
from fathom.processes import launched_rank, launched_size

_COMMON = ("Diverged", "Interrupted", "LostProcess")  # by name: their files load torch
_LOOK_S = 0.1  # how often the processes are looked at: a dead one is noticed within it


def add_processes(parser: argparse.ArgumentParser, *, restarts: bool = True) -> None:
    """Declare how many processes compute together, and whether they start again if one dies."""
    group = parser.add_argument_group("several processes")
    group.add_argument(
        "--devices",
        type=_read_devices,
        metavar="N",
        help="processes that compute together, a GPU each, or without one parts of the CPU; auto: all GPUs",
    )
    if not restarts:
        parser.set_defaults(max_restarts=0)
        return
    group.add_argument(
        "--max-restarts",
        type=read_natural,
        default=0,
        metavar="N",
        help="start again from the last checkpoint, up to N times, if a process dies (default: 0)",
    )


def start_processes(args: argparse.Namespace, arguments: Sequence[str]) -> int | None:
    """Start as many processes as ``--devices`` says and wait for them.

    Returns: the exit code; None where this process is one of them, or the only one
    Raises:  UsageError if a launcher started another number
    """
    wanted = args.devices
    if wanted is None:
        return None
    if "LOCAL_WORLD_SIZE" in os.environ:  # started by torchrun, or by the lines below
        started = int(os.environ["LOCAL_WORLD_SIZE"])
        if wanted not in ("auto", started):
            raise UsageError(f"--devices {wanted}: torchrun started {started} here; leave the option out")
        return None
    number = _count_devices(args) if wanted == "auto" else wanted
    return None if number == 1 and not args.max_restarts else _launch(number, args.max_restarts, arguments)


def tell_launcher(message: str, error: BaseException) -> None:
    """Leave the line that this process ends with where whoever started it looks for it.

    What ends all processes alike is for the first one to say.
    """
    place = os.environ.get("TORCHELASTIC_ERROR_FILE")
    is_common = isinstance(error, UsageError) or type(error).__name__ in _COMMON
    if place and launched_size() > 1 and (speaks() or not is_common):
        content = {"message": message, "timestamp": str(int(time.time()))}
        Path(place).write_text(json.dumps(content), encoding="utf-8")


def _read_devices(text: str) -> int | str:
    return "auto" if text == "auto" else read_count(text)


def _count_devices(args: argparse.Namespace) -> int:
    import torch

    if str(getattr(args, "device", None) or "auto").startswith("cpu") or not torch.accelerator.is_available():
        return 1
    return torch.accelerator.device_count()


def _launch(number: int, max_restarts: int, arguments: Sequence[str]) -> int:
    import logging
    import uuid

    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    # its table of failures says less than the line below
    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)
    # torchrun gives one thread to each; here they share the cores
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, available_cores() // number)))
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=number,
        run_id=uuid.uuid4().hex,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",  # any free port
        max_restarts=max_restarts,
        monitor_interval=_LOOK_S,
    )
    try:
        elastic_launch(config, sys.executable)("-m", "fathom", *arguments)
        return 0
    except SignalException as stop:
        return 128 + int(stop.sigval)
    except ChildFailedError as failure:
        return _explain(failure, number)


def _explain(failure: Any, number: int) -> int:
    """Say which process ended the others, unless it said so itself; return its exit code."""
    # SIGTERM is what the launcher itself sends to the others
    own = {rank: each for rank, each in failure.failures.items() if each.exitcode != -signal.SIGTERM}
    rank, first = min((own or failure.failures).items(), key=lambda item: item[1].timestamp)
    if first.exitcode < 0:
        name = signal.Signals(-first.exitcode).name
        print(f"fathom: process {rank} of {number} (pid {first.pid}) was ended by {name}", file=sys.stderr)
        return 1
    has_line = os.path.isfile(first.error_file)
    if rank != 0 and has_line and not (0 in failure.failures and failure.failures[0].message == first.message):
        print(f"fathom: process {rank} of {number}: {first.message}", file=sys.stderr)
    return int(first.exitcode)


def speaks() -> bool:
    """Whether what this process prints is to be seen: that of the first one, or of the only one."""
    return launched_rank() == 0
