"""Weights, gradients and optimiser state cut into a piece for each process: torch's fully_shard (FSDP2)."""

from __future__ import annotations

import contextlib
import copy
import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard, register_fsdp_forward_method
from torch.distributed.tensor import DTensor

from fathom.findings import Finding
from fathom.module import Module
from fathom.training.distributed.engine import Engine, TrainingStep
from fathom.training.distributed.world import World
from fathom.training.divergence import not_finite

if TYPE_CHECKING:
    from fathom.training.trainer import Trainer

_SMALLEST = 4096  # parameters; a layer with fewer shares the transfer of the whole


class ShardedEngine(Engine):
    """Takes steps with a copy of the module whose parameters are cut along their first dimension.

    Each process keeps its piece of the parameters, their gradients and the optimiser's state; a layer is whole only
    while it computes. The module as given stands aside without weights until ``close`` fills it again.
    """

    def __init__(self, world: World, module: Module, device: torch.device) -> None:
        super().__init__(world, module)
        self.given = module
        # a copy: fully_shard changes classes and parameters for good
        self.module = copy.deepcopy(module)
        mesh = init_device_mesh(device.type, (world.size,))
        for layer in _layers(self.module):
            fully_shard(layer, mesh=mesh)
        like = next(p for p in self.module.parameters() if p.requires_grad)
        self._step = _Steps(self.module, torch.empty(0, dtype=like.dtype, device=like.device))
        fully_shard(self._step, mesh=mesh, ignored_params={self._step.flags})
        # steps of an evaluation begin at the outermost module too, as torch wants every forward pass to
        register_fsdp_forward_method(self._step, "validation_step")
        self.module.validation_step = self._step.validation_step  # type: ignore[method-assign]
        for parameter in module.parameters():
            parameter.data = torch.empty(0, dtype=parameter.dtype, device=parameter.device)

    def check(self, when: str) -> None:
        """Nothing is there twice to be compared, once the weights are cut."""
        if self._step is None:
            super().check(when)

    @contextlib.contextmanager
    def whole_weights(self) -> Iterator[None]:
        """Gather all weights in every process, for an evaluation of batches of its own."""
        parts = [part for part in self._root.modules() if isinstance(part, FSDPModule)]
        for part in parts:
            part.set_reshard_after_forward(False)
            part.unshard()
        try:
            yield
        finally:
            for part in parts:
                part.set_reshard_after_forward(True)
                part.reshard()

    def close(self) -> None:
        """Give the module its weights back, whole, in every process."""
        super().close()
        with self.world.naming_the_lost(), torch.no_grad():
            for (_, own), given in zip(self.module.named_parameters(), self.given.parameters(), strict=True):
                given.data = _whole(own)
            for buffer, given_buffer in zip(self.module.buffers(), self.given.buffers(), strict=True):
                given_buffer.copy_(buffer)

    @property
    def _root(self) -> nn.Module:
        assert self._step is not None
        return self._step

    def _prepare(self, batch: Any, trainer: Trainer) -> None:
        """There is nothing to learn from a batch: what has no part in the loss has no gradient."""

    def _holding_back(self, holds: bool) -> contextlib.AbstractContextManager[Any]:
        cast("FSDPModule", self._root).set_requires_gradient_sync(not holds)
        return contextlib.nullcontext()

    def _diagnose(self, trainer: Trainer, batch: Any) -> Finding:
        """Say where, and no more: looking for the layer would need the other processes' pieces."""
        place = f"step {trainer.step + 1} (epoch {trainer.epoch + 1}, batch {trainer.batch + 1})"
        return not_finite("loss", place=f"at {place}").finding

    def _listen(self, is_bad: bool) -> None:
        values = self._values(self._step.flags, is_bad).detach()  # type: ignore[union-attr]
        dist.all_reduce(values)
        self._take(values)


class _Steps(TrainingStep):
    """With the step of an evaluation beside that of training."""

    def validation_step(self, batch: Any) -> dict[str, Tensor]:
        return type(self.module).validation_step(self.module, batch)


def _layers(module: Module) -> list[nn.Module]:
    """Return the layers that travel by themselves: the outermost of a list of layers, if they are large enough."""
    net = module._modules.get("net") or module
    children = itertools.chain.from_iterable(
        layer if isinstance(layer, (nn.Sequential, nn.ModuleList)) else [layer] for layer in net.children()
    )
    large = [layer for layer in children if sum(p.numel() for p in layer.parameters()) >= _SMALLEST]
    return [layer for layer in dict.fromkeys(large) if not isinstance(layer, nn.ModuleList)]


def _whole(tensor: Tensor) -> Tensor:
    return tensor.full_tensor().detach() if isinstance(tensor, DTensor) else tensor.detach()
