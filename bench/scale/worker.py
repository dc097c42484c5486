"""One process of a measurement; the first one writes what it measured. Started by ``bench.scale``."""

from __future__ import annotations

import itertools
import json
import os
import resource
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

import fathom
from fathom.data.loaders.memory import MemoryLoader
from fathom.training.callbacks import Callback, Checkpointing
from fathom.training.device import choose_execution
from fathom.training.distributed.world import LostProcess


@dataclass(frozen=True)
class Network:
    """A network, the shape of its inputs, and the samples of a step in all processes."""

    make: Callable[[], nn.Module]
    shape: tuple[int, ...]
    batch: int

    def parameters(self) -> int:
        return sum(p.numel() for p in self.make().parameters())


def _named(name: str, shape: tuple[int, ...]) -> Callable[[], nn.Module]:
    return lambda: fathom.create_model(name, input_shape=shape, num_classes=10)


def _wide() -> nn.Module:
    layers = [nn.Sequential(nn.Linear(2048, 2048), nn.ReLU()) for _ in range(6)]
    return nn.Sequential(*layers, nn.Linear(2048, 10))


NETWORKS = {
    "mlp": Network(_named("mlp", (1, 28, 28)), (1, 28, 28), 256),
    "lenet": Network(_named("lenet", (1, 28, 28)), (1, 28, 28), 256),
    "resnet18": Network(_named("resnet18", (3, 32, 32)), (3, 32, 32), 64),
    "wide": Network(_wide, (2048,), 64),
}


class Clock(Callback):
    """Times of steps; the first sixth is warm-up."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_step_end(self, trainer: fathom.Trainer) -> None:
        self.ends.append(time.perf_counter())


def main() -> None:
    way, name, steps, per_process, out = sys.argv[1:]
    network, world = NETWORKS[name], int(os.environ.get("WORLD_SIZE", "1"))
    batch = int(per_process) * world or network.batch
    torch.manual_seed(0)
    X = torch.randn(batch * 4, *network.shape)
    y = torch.randint(0, 10, (len(X),))
    if way in ("link", "ring"):
        told = _time_messages(way, network)
    elif way == "hand":
        told = _train_by_hand(network, X, y, batch, int(steps))
    else:
        told = _train(way, network, MemoryLoader(X, y, batch, shuffle=True), int(steps))
    if told is not None and int(os.environ.get("RANK", "0")) == 0:
        Path(out).write_text(json.dumps(told))


def _train(way: str, network: Network, loader: MemoryLoader, steps: int) -> dict[str, Any] | None:
    module = fathom.Classifier(network.make())
    execution = choose_execution(module, None, device="cpu", precision="fp32", devices=None)
    execution = replace(execution, strategy="fsdp" if way == "fsdp" else "ddp")
    clock = Clock()
    callbacks: list[Callback] = [clock, *([_Death()] if way == "death" else [])]
    trainer = fathom.Trainer(
        -(-steps // len(loader)), optimizer="adam:lr=0.001", execution=execution, callbacks=callbacks, progress=False
    )
    try:
        trainer.fit(module, loader)
    except LostProcess:
        return {"noticed_s": time.time() - float(_death_note().read_text())}
    told = {"ms": _median_ms(clock.ends), "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}
    if way in ("fathom", "fsdp") and network is NETWORKS["wide"]:
        told["checkpoint_s"] = _time_checkpoint(module, loader, execution)
    return told


def _time_checkpoint(module: fathom.Module, loader: MemoryLoader, execution: Any) -> float:
    class Timed(Checkpointing):
        seconds = 0.0

        def save(self, trainer: fathom.Trainer) -> None:
            began = time.perf_counter()
            super().save(trainer)
            self.seconds = time.perf_counter() - began

    folder = Path(execution.world.broadcast(tempfile.mkdtemp(prefix="fathom-scale-")))
    timed = Timed(folder)
    trainer = fathom.Trainer(1, optimizer="adam:lr=0.001", execution=execution, callbacks=[timed], progress=False)
    trainer.fit(module, loader)
    return timed.seconds


class _Death(Callback):
    """The second process kills itself after twenty steps, and notes when."""

    def on_step_end(self, trainer: fathom.Trainer) -> None:
        if trainer.step == 20 and trainer.world.rank == 1:
            _death_note().write_text(str(time.time()))
            os.kill(os.getpid(), signal.SIGKILL)


def _death_note() -> Path:
    return Path(tempfile.gettempdir()) / f"fathom-scale-{os.environ['TORCHELASTIC_RUN_ID']}"


def _train_by_hand(network: Network, X: torch.Tensor, y: torch.Tensor, batch: int, steps: int) -> dict[str, float]:
    """The loop that everybody writes around DistributedDataParallel, and its time without communication."""
    dist.init_process_group("gloo")
    rank, size = dist.get_rank(), dist.get_world_size()
    model = DistributedDataParallel(network.make(), gradient_as_bucket_view=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001, fused=True)
    part = batch // size
    order = torch.Generator().manual_seed(0)

    def learn(number: int) -> list[float]:
        ends = []
        model.train()
        while len(ends) < number:
            places = torch.randperm(len(X), generator=order)
            for rows in places.split(batch):
                own = rows[rank * part : (rank + 1) * part]
                loss = nn.functional.cross_entropy(model(X[own]), y[own])
                loss.item()  # as a loop does that stops at NaN
                loss.backward()
                optimizer.step()
                optimizer.zero_grad()
                ends.append(time.perf_counter())
        return ends

    together = _median_ms(learn(steps))
    with model.no_sync():
        alone = _median_ms(learn(steps))
    dist.destroy_process_group()
    return {"ms": together, "communication": max(0.0, 1 - alone / together)}


def _time_messages(way: str, network: Network) -> dict[str, Any]:
    """Bandwidth and latency between two processes, or an all-reduce of the network's gradients."""
    dist.init_process_group("gloo")
    rank = dist.get_rank()

    def one_way(numbers: int) -> float:
        content, seconds = torch.zeros(numbers), []
        for _ in range(30):
            dist.barrier()
            began = time.perf_counter()
            for turn in (0, 1):  # there and back
                (dist.send if rank == turn else dist.recv)(content, 1 - turn if rank == turn else turn)
            seconds.append((time.perf_counter() - began) / 2)
        return statistics.median(seconds)

    if way == "link":
        latency = one_way(1)
        numbers = 4_000_000
        told: dict[str, Any] = {"link": [4 * numbers / (one_way(numbers) - latency), latency]}
    else:
        content, seconds = torch.zeros(network.parameters()), []
        for _ in range(30):
            dist.barrier()
            began = time.perf_counter()
            dist.all_reduce(content)
            seconds.append(time.perf_counter() - began)
        told = {"ms": 1e3 * statistics.median(seconds), "bytes": content.nbytes}
    dist.barrier()
    dist.destroy_process_group()
    return told


def _median_ms(ends: list[float]) -> float:
    steps = [b - a for a, b in itertools.pairwise(ends)]
    return 1e3 * statistics.median(steps[len(steps) // 6 :])


if __name__ == "__main__":
    main()
