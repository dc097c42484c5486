"""One step taken by several processes: torch's DistributedDataParallel around the training step of a module."""

from __future__ import annotations

import contextlib
import copy
import hashlib
import inspect
import math
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from fathom.errors import FathomError
from fathom.findings import Finding
from fathom.module import Module
from fathom.phrases import enumerated
from fathom.training.distributed.world import World
from fathom.training.divergence import Diverged
from fathom.training.random_state import kept_random_state
from fathom.training.step import loss_of

if TYPE_CHECKING:
    from fathom.training.distributed.division import Counted
    from fathom.training.trainer import Trainer

# What a process may have to say in a step. It travels as the gradient of a few numbers beside the parameters, in the
# same all-reduce: no step waits for a message of its own.
FLAGS = ("not_finite", "stop", "save")

# buffers are not sent around in every step: `sync_buffers` does it where they are needed; an option of two names
_OPTIONS = inspect.signature(DistributedDataParallel).parameters
_NO_BUFFERS: Any = {"forward_sync_buffers" if "forward_sync_buffers" in _OPTIONS else "broadcast_buffers": False}


class Engine:
    """Runs the batches of a step on the slice of this process and adds gradients up over all of them.

    The loss of a slice is a mean over its samples; it enters with its share of the samples of the whole step, so that
    the gradient is that of one process on the whole batch.

    Raises:  FathomError if the processes begin with different weights
    """

    def __init__(self, world: World, module: Module) -> None:
        self.world, self.module = world, module
        self._step: TrainingStep | None = None
        self._parallel: DistributedDataParallel | None = None
        self.wishes = dict.fromkeys(FLAGS, False)  # of this process, for the next step
        self.said = dict.fromkeys(FLAGS, False)  # by any of them, in the last step
        self.timings: list[dict[str, int] | None] = []
        with world.naming_the_lost():
            _take_from_first(module)
        self.check("at the start")

    def check(self, when: str) -> None:
        """Compare the weights of all processes.

        Raises:  FathomError if they differ
        """
        check_equal(self.world, self.module, when)

    def whole_weights(self) -> contextlib.AbstractContextManager[Any]:
        """Return a context in which each process has all weights, and can compute by itself."""
        return contextlib.nullcontext()

    def close(self) -> None:
        """Leave the module as it was given, with the weights it has learned; collect how long the processes took."""
        self.timings = self.world.gather(self._measure())
        self._parallel = None  # it holds the connections, and a trainer may be kept for long

    def describe(self) -> dict[str, str]:
        """Return what the report says of the processes: who was slow, and what the transfers took; once closed."""
        found = {"number": f"{self.world.size}"}
        times = [each for each in self.timings if each is not None]
        if len(times) < self.world.size:
            return found
        own = [each["forward"] + each["backward"] for each in times]  # nanoseconds a step
        bare = sum(each["transfer"] - each["overlap"] for each in times)  # while nothing is computed
        slowest = max(range(self.world.size), key=own.__getitem__)
        extra = own[slowest] / (sum(own) / len(own)) - 1
        found["arithmetic of a step"] = ", ".join(f"{time / 1e6:.2f}" for time in own) + " ms"
        found["slowest"] = f"process {slowest}, {extra:.0%} above the mean"
        found["communication"] = f"{bare / (bare + sum(own)):.0%} of a step, waiting for slower processes included"
        return found

    def _measure(self) -> dict[str, int] | None:
        """Return torch's own times of a step, in nanoseconds, taken at some of them; None where it has none."""
        if self._parallel is None:
            return None
        data = self._parallel._get_ddp_logging_data()
        names = {
            "forward": "avg_forward_compute_time",
            "backward": "avg_backward_compute_time",
            "transfer": "avg_backward_comm_time",
            "overlap": "avg_backward_compute_comm_overlap_time",
        }
        times = {short: int(data.get(name, 0)) for short, name in names.items()}
        return times if times["backward"] else None

    def run(self, trainer: Trainer, batches: list[Counted]) -> None:
        """Forward and backward of the batches of one step.

        Raises:  Diverged in all processes if the loss of one is not finite, where that can be seen without waiting;
            LostProcess
        """
        self._seed(trainer)
        self._prepare(batches[0][0], trainer)
        total = sum(whole for _, _, whole in batches)
        failure: Finding | None = None
        with self.world.naming_the_lost():
            for number, (batch, count, whole) in enumerate(batches, start=1):
                is_last = number == len(batches)
                # gradients travel once a step, with the last batch
                with self._holding_back(not is_last):
                    outputs, flags = self._forward(trainer, batch, count)
                    loss = loss_of(outputs)  # ()
                    if trainer.reading_is_free and failure is None and not math.isfinite(loss.item()):
                        failure = self._diagnose(trainer, batch)
                    # torch divides the sum by the number of processes
                    loss = loss * (count / total * self.world.size)
                    if is_last:
                        loss = loss + (flags * self._values(flags, failure is not None)).sum()
                    (loss if trainer.scaler is None else trainer.scaler.scale(loss)).backward()
                trainer.note(batch, outputs, count, whole)
            self._listen(failure is not None)
        if self.said["not_finite"]:
            self._stop_together(failure)

    def agreed(self, name: str, wish: bool) -> bool:
        """Whether a process wished it before the step that has just been taken; ``wish`` travels with the next one."""
        was_said, self.said[name] = self.said[name], False
        self.wishes[name] = wish and not was_said
        return was_said

    def sync_buffers(self) -> None:
        """Bring buffers together: statistics of batch norm are averaged, anything else is the first process's."""
        statistics = [tensor for layer in self.module.modules() for tensor in _statistics(layer)]
        averaged = set(map(id, statistics))
        with self.world.naming_the_lost(), torch.no_grad():
            for buffer in self.module.buffers():
                if id(buffer) in averaged:
                    dist.all_reduce(buffer)
                    buffer /= self.world.size
                else:
                    _broadcast(buffer)

    def _holding_back(self, holds: bool) -> contextlib.AbstractContextManager[Any]:
        """Return a context in which gradients stay here, if they are to."""
        assert self._parallel is not None
        return self._parallel.no_sync() if holds else contextlib.nullcontext()

    def _diagnose(self, trainer: Trainer, batch: Any) -> Finding:
        return finding_of(trainer.divergence(batch, ago=0))

    def _forward(self, trainer: Trainer, batch: Any, count: int) -> tuple[dict[str, Tensor], Tensor]:
        try:
            with trainer.execution.forward(is_full=count == trainer.feed.batch_size):
                return (self._parallel or self._step)(batch)  # type: ignore[misc]
        except RuntimeError as error:
            if "finished reduction in the prior iteration" not in str(error):
                raise
            raise FathomError(
                f"some parameters of {type(self.module).__name__} got no gradient in the last step: where layers are "
                "used in some steps only, set find_unused_parameters = True in the module"
            ) from error

    def _prepare(self, batch: Any, trainer: Trainer) -> None:
        """Wrap the module, once there is a batch: it shows whether each parameter has a part in the loss."""
        if self._parallel is not None:
            return
        like = next(p for p in self.module.parameters() if p.requires_grad)
        # of their type: what has another type travels by itself
        self._step = TrainingStep(self.module, like)
        unused = getattr(self.module, "find_unused_parameters", False) or _has_unused(self.module, batch, trainer)
        self._parallel = DistributedDataParallel(
            self._step,
            init_sync=False,  # done at the start, before callbacks saw the weights
            **_NO_BUFFERS,
            gradient_as_bucket_view=True,  # spares a copy of all gradients
            find_unused_parameters=any(self.world.gather(bool(unused))),
        )

    def _seed(self, trainer: Trainer) -> None:
        """Let each process draw other dropout masks; the first one draws what a single process would."""
        if not self.world.is_first:
            name = f"{trainer.seed} {self.world.rank} {trainer.step}".encode()
            # a function of seed, process and step: a resumed run draws the same
            torch.manual_seed(int.from_bytes(hashlib.blake2b(name, digest_size=7).digest(), "big"))

    def _values(self, flags: Tensor, is_bad: bool) -> Tensor:
        wishes = self.wishes | {"not_finite": is_bad}
        return torch.tensor([float(wishes[name]) for name in FLAGS], dtype=flags.dtype, device=flags.device)

    def _listen(self, is_bad: bool) -> None:
        """Read what was said. On an accelerator this waits for the step."""
        assert self._step is not None
        gradient = self._step.flags.grad
        assert gradient is not None
        self._step.flags.grad = None
        self._take(gradient)

    def _take(self, values: Tensor) -> None:
        # not > 0: a NaN in the sum counts as said
        self.said = {name: value != 0 for name, value in zip(FLAGS, values.tolist(), strict=True)}
        self.wishes = dict.fromkeys(FLAGS, False)

    def _stop_together(self, failure: Finding | None) -> None:
        """Raise the same error everywhere: of the first process that has one."""
        found = self.world.gather(None if failure is None else failure.to_dict())
        rank, finding = next((rank, found) for rank, found in enumerate(found) if found is not None)
        finding["message"] += f" in process {rank} of {self.world.size}"
        raise Diverged(Finding.from_dict(finding))


class TrainingStep(nn.Module):
    """Calls ``training_step`` as what DistributedDataParallel takes for a forward pass, with numbers for messages."""

    def __init__(self, module: Module, like: Tensor) -> None:
        super().__init__()
        self.module = module
        self.flags = nn.Parameter(torch.zeros(len(FLAGS), dtype=like.dtype, device=like.device))

    def forward(self, batch: Any) -> tuple[dict[str, Tensor], Tensor]:
        return self.module.training_step(batch), self.flags.clone()


def check_equal(world: World, module: nn.Module, when: str) -> None:
    """Compare the parameters of all processes by their digests.

    Raises:  FathomError naming the first parameter that differs, and the processes
    """
    digests = [digest_of(p) for p in module.parameters()]
    all_digests = world.gather(digests)
    for i, (name, _) in enumerate(module.named_parameters()):
        others = [str(rank) for rank, found in enumerate(all_digests) if found[i] != all_digests[0][i]]
        if others:
            raise FathomError(
                f"parameter {name!r} of process {enumerated(others)} is not that of process 0 {when}: "
                "something changes weights in one process alone, a callback that acts on the first one perhaps"
            )


@torch.no_grad()
def digest_of(tensor: Tensor) -> int:
    """Return a number that two tensors share only if they are equal to the bit, but for chance."""
    content = tensor.detach().contiguous().view(torch.uint8).flatten()  # (bytes,)
    padded = torch.nn.functional.pad(content, (0, -len(content) % 8)).view(torch.int64)  # (words,)
    # an odd factor for each place: a change of order counts too; sums wrap at 2^64
    places = torch.arange(len(padded), device=padded.device) * 0x5851F42D4C957F2D + 1
    return int((padded * (places | 1)).sum())


def _take_from_first(module: nn.Module) -> None:
    with torch.no_grad():
        for tensor in (*module.parameters(), *module.buffers()):
            _broadcast(tensor)


def _broadcast(tensor: Tensor) -> None:
    content = tensor.detach().contiguous()  # channels-last weights lie otherwise, and c10d sends what is contiguous
    dist.broadcast(content, 0)
    tensor.copy_(content)


def _statistics(layer: nn.Module) -> list[Tensor]:
    found = (getattr(layer, name, None) for name in ("running_mean", "running_var"))
    return [tensor for tensor in found if isinstance(tensor, Tensor)]


def _has_unused(module: Module, batch: Any, trainer: Trainer) -> bool:
    """Whether a parameter has no part in the loss of a batch; tried on a copy, so that nothing is changed by it."""
    try:
        twin = copy.deepcopy(module)
    except (RuntimeError, TypeError):  # a module that holds what cannot be copied; a step will tell
        return False
    with kept_random_state(trainer.device), trainer.execution.forward(is_full=False):
        loss = loss_of(twin.training_step(batch))
    loss.backward()
    return any(p.grad is None for p in twin.parameters() if p.requires_grad)


def finding_of(error: FathomError) -> Finding:
    return error.finding if isinstance(error, Diverged) else Finding("loss.not_finite", "error", str(error))
