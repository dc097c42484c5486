"""The processes that train one network together: who this one is among them, and what they tell one another.

Nothing else asks for a rank. Engine and transport are torch's: torchrun starts the processes, c10d connects them.
"""

from __future__ import annotations

import atexit
import contextlib
import datetime
import gc
import importlib
import itertools
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from safetensors.torch import load as load_tensors
from safetensors.torch import save as dump_tensors
from torch import Tensor
from torch._C._distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous

from fathom.errors import FathomError, UsageError
from fathom.phrases import enumerated
from fathom.processes import launched_size
from fathom.training.checkpoint import flatten, restore
from fathom.training.divergence import Diverged
from fathom.training.random_state import kept_random_state, random_state, restore_random_state
from fathom.training.signals import Interrupted

_TIMEOUT_S = 600.0  # torch's own ten minutes for NCCL
_SIGNS = (
    *("Connection closed by peer", "Connection reset by peer", "Timed out waiting", "Broken pipe", "Socket closed"),
    *("NCCL", "timed out", "Read error", "Connection refused", "Gloo connect", "process group watchdog"),
)
_MEET_S = 30.0
_SETTLE_S = 5.0
_REPORT_S = 3.0  # for the others to say that they are alive, once one is missing


@dataclass(frozen=True)
class World:
    """The place of this process among those that train together; without arguments it is alone."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0  # among the processes of this machine
    group: Any = field(default=None, repr=False, compare=False)  # for plain values: always on the CPU

    @property
    def is_first(self) -> bool:
        """Whether this process is the one that writes and speaks."""
        return self.rank == 0

    def gather(self, value: Any) -> list[Any]:
        """Return what each process gave, in their order; nested plain values and tensors."""
        if self.size == 1:
            return [value]
        packed = _pack(value)
        with self.naming_the_lost():
            lengths = [torch.zeros(1, dtype=torch.int64) for _ in range(self.size)]
            dist.all_gather(lengths, torch.tensor([len(packed)]), group=self.group)
            longest = int(max(lengths))
            own = torch.zeros(longest, dtype=torch.uint8)
            own[: len(packed)] = packed
            parts = [torch.zeros(longest, dtype=torch.uint8) for _ in range(self.size)]  # each (longest,)
            dist.all_gather(parts, own, group=self.group)
        return [_unpack(part[: int(length)]) for part, length in zip(parts, lengths, strict=True)]

    def broadcast(self, value: Any) -> Any:
        """Return what the first process gave."""
        if self.size == 1:
            return value
        packed = _pack(value) if self.is_first else torch.zeros(0, dtype=torch.uint8)
        with self.naming_the_lost():
            length = torch.tensor([len(packed)])
            dist.broadcast(length, 0, group=self.group)
            packed = packed if self.is_first else torch.zeros(int(length), dtype=torch.uint8)
            dist.broadcast(packed, 0, group=self.group)
        return value if self.is_first else _unpack(packed)

    @contextlib.contextmanager
    def shared_random(self) -> Iterator[None]:
        """Let every process draw what the first one draws; the others' own generators stay as they were."""
        device = torch.device("cpu")  # where loaders draw
        state = self.broadcast(random_state(device) if self.is_first else None)
        if self.is_first:
            yield
            return
        with kept_random_state(device):
            restore_random_state(state, device)
            yield

    @contextlib.contextmanager
    def naming_the_lost(self) -> Iterator[None]:
        """Turn the failure of a transfer into one line that names the process which is missing.

        Raises:  LostProcess
        """
        try:
            yield
        except RuntimeError as error:  # torch's DistBackendError and DistNetworkError are RuntimeErrors
            if not is_lost_connection(error):
                raise
            loss = self._describe_loss()
            _broken.append(loss)
            raise LostProcess(loss) from error

    def meet(self) -> None:
        """Wait until all are here. A process that ends while another still reads what it sent takes it away."""
        if self.size == 1:
            return
        meeting = next(_meetings)
        with contextlib.suppress(Exception):  # a process that does not come has told of its failure by itself
            store = _store()
            store.set(f"fathom/meeting/{meeting}/{self.rank}", "here")
            keys = [f"fathom/meeting/{meeting}/{rank}" for rank in range(self.size)]
            store.wait(keys, datetime.timedelta(seconds=_MEET_S))

    @contextlib.contextmanager
    def telling_failures(self) -> Iterator[None]:
        """Leave for the others why this process ends, so that their errors can say it."""
        try:
            yield
        except (LostProcess, Diverged, Interrupted):  # the others know
            raise
        except Exception as error:
            if self.size > 1:
                line = (str(error).strip().splitlines() or [type(error).__name__])[0]
                _broken.append(line)
                with contextlib.suppress(Exception):  # the store may be gone, and there is a failure to report already
                    _store().set(f"fathom/failure/{self.rank}", line)
            raise

    def _describe_loss(self) -> str:
        """Ask all processes to report, and say which of them did not."""
        reported: list[int] = []
        reasons: dict[int, str] = {}
        try:
            store = _store()
            store.set(f"fathom/alive/{self.rank}", "yes")
            deadline = time.monotonic() + _REPORT_S
            while time.monotonic() < deadline and len(reported) + len(reasons) < self.size:
                reported = [rank for rank in range(self.size) if store.check([f"fathom/alive/{rank}"])]
                failed = [rank for rank in range(self.size) if store.check([f"fathom/failure/{rank}"])]
                reasons = {rank: store.get(f"fathom/failure/{rank}").decode() for rank in failed}
                time.sleep(0.05)
        except Exception:  # whatever a store says that nobody serves any more
            return f"process {self.rank} lost its connection to the others (of {self.size})"
        if reasons:
            rank, reason = min(reasons.items())
            return f"process {rank} of {self.size} failed: {reason}"
        missing = [str(rank) for rank in range(self.size) if rank not in reported]
        if not missing:
            return f"the {self.size} processes lost their connection"
        words = "process" if len(missing) == 1 else "processes"
        return f"{words} {enumerated(missing)} of {self.size} ended or does not answer any more (counted from 0)"


ALONE = World()


class LostProcess(FathomError):
    """Another process of the same training is gone."""


def join_world(device_type: str) -> World:
    """Take a place among the processes that a launcher started; alone if there is none.

    A process that does not answer counts as lost after ten minutes, or as many seconds as FATHOM_TIMEOUT says.

    Raises:  UsageError if the environment names several processes and not how to reach them
    """
    if not dist.is_available():
        return World()
    if not dist.is_initialized():
        if launched_size() == 1:
            return World()
        missing = [name for name in ("RANK", "MASTER_ADDR", "MASTER_PORT") if not os.environ.get(name)]
        if missing:
            raise UsageError(
                f"WORLD_SIZE is {launched_size()} and {enumerated(missing)} not set: "
                "start the processes with torchrun, or unset WORLD_SIZE"
            )
        # its functions keep the main group as a default argument for ever, if there is one when they are made; it would
        # then outlive `leave_world`, and its threads the interpreter
        importlib.import_module("torch.distributed.nn")
        backend = "cpu:gloo,cuda:nccl" if device_type == "cuda" else "gloo"
        store, rank, size = next(rendezvous("env://", timeout=_timeout()))
        # torchrun keeps its store when it starts processes again, with the addresses of those that are gone
        store = PrefixStore(f"fathom-{os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}", store)
        dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=_timeout())
        atexit.register(leave_world)  # who joins leaves: threads that still wait would abort the interpreter's end
    size = dist.get_world_size()
    if size == 1:
        return World()
    local = os.environ.get("LOCAL_RANK", "")
    local_rank = int(local) if local.isdecimal() else dist.get_rank() % max(1, torch.accelerator.device_count())
    return World(dist.get_rank(), size, local_rank, _plain_group())


def _timeout() -> datetime.timedelta:
    text = os.environ.get("FATHOM_TIMEOUT", str(_TIMEOUT_S))
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e9:  # NaN too; 30 years are enough
        raise UsageError(f"FATHOM_TIMEOUT={text}: it must be a number of seconds above 0")
    return datetime.timedelta(seconds=seconds)


def leave_world() -> None:
    """Close the connections, once all have come to their end; after a failure nobody is waited for."""
    if not dist.is_initialized() or _broken:
        return
    World(dist.get_rank(), dist.get_world_size()).meet()
    _groups.clear()
    with contextlib.suppress(RuntimeError):  # another process is gone already
        dist.destroy_process_group()
    gc.collect()  # what still waits to be collected may hold a group, whose end joins its threads
    _wait_for_idle_threads()


def _wait_for_idle_threads() -> None:
    """Wait until no thread of gloo that is left still gives back what it has sent.

    Caches of DTensor keep a group, and its threads, to the very end. One that gives back a tensor needs the
    interpreter, and aborts the process if that is being taken down.
    """
    deadline, quiet = time.monotonic() + _SETTLE_S, 0
    while quiet < 3 and time.monotonic() < deadline:
        time.sleep(0.002)  # which lets go of the interpreter, so that nobody sleeps for want of it
        quiet = 0 if any(state != "S" for state in _states_of_threads("pt_gloo")) else quiet + 1


def _states_of_threads(beginning: str) -> list[str]:
    """Return the states of the threads of this process with such names, as Linux tells them: S if asleep."""
    found = []
    for folder in Path("/proc/self/task").glob("*"):
        with contextlib.suppress(OSError):  # it has just ended
            name, _, rest = (folder / "stat").read_text().partition("(")[2].rpartition(")")
            if name.startswith(beginning):
                found.append(rest.split()[0])
    return found


def is_broken() -> bool:
    """Whether the processes are no longer together, since one of them failed or is gone."""
    return bool(_broken)


def is_lost_connection(error: BaseException) -> bool:
    """Whether an error says that another process does not answer; torch tells it by its words alone."""
    text = str(error)
    return isinstance(error, dist.DistError) or any(sign in text for sign in _SIGNS)


_broken: list[str] = []  # why the processes are no longer together; a list, so that it can be added to
_meetings = itertools.count()
_groups: dict[int, Any] = {}  # for plain values, by the id of the main group beside which they are


def _plain_group() -> Any:
    """Return the group over which values on the CPU travel; None is torch's main one."""
    if "gloo" in str(dist.get_backend_config()):
        return None
    key = id(dist.group.WORLD)
    if key not in _groups:  # a script chose NCCL alone, which carries no tensor of the CPU
        _groups[key] = dist.new_group(backend="gloo")
    return _groups[key]


def _store() -> Any:
    return dist.distributed_c10d._get_default_store()


def _pack(value: Any) -> Tensor:
    """Put plain values and tensors into bytes; as in a checkpoint, nothing in them can execute code."""
    tensors: dict[str, Tensor] = {}
    tree = json.dumps(flatten(value, "", tensors)).encode()
    content = len(tree).to_bytes(8, "big") + tree + dump_tensors(tensors)
    return torch.frombuffer(bytearray(content), dtype=torch.uint8)  # (bytes,)


def _unpack(packed: Tensor) -> Any:
    content = packed.numpy().tobytes()
    length = int.from_bytes(content[:8], "big")
    return restore(json.loads(content[8 : 8 + length]), load_tensors(content[8 + length :]))
