"""A run trained again, without a folder, with a digest of every tensor of every step."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from fathom.build.plan import draft
from fathom.doctor.observer.statistics import all_tensors
from fathom.settings.config import Config, replace_in
from fathom.training.callbacks import Callback
from fathom.training.divergence import Diverged
from fathom.training.trainer import Trainer

# in the order in which they come about within a step
KINDS = ("initial weights", "batch", "output", "loss", "gradient", "weight")
INITIAL = 0  # the step of the initial weights

Key = tuple[str, str]  # kind, name


@dataclass
class Trace:
    """What a run computed.

    Args:
        digests: of every tensor, by step and (kind, name).
        losses: of every step, nine digits as in probes.jsonl.
        kept: the tensors of one step themselves.
    """

    digests: dict[int, dict[Key, str]] = field(default_factory=dict)
    losses: dict[int, float] = field(default_factory=dict)
    kept: dict[Key, Tensor] = field(default_factory=dict)


class _Reached(Exception):
    """Ends the training once the step is done."""


class _Tracer(Callback):
    """Takes the digests; put first, so that it sees what later callbacks do in the next step."""

    def __init__(self, upto: int, keep: int | None) -> None:
        self.trace, self.upto, self.keep = Trace(), upto, keep
        self._handles: list[Any] = []
        self._calls: dict[str, int] = {}
        self._num_batches = 0

    def on_fit_start(self, trainer: Trainer) -> None:
        """Take the initial weights; follow every layer's outputs."""
        for name, tensor in trainer.module.state_dict().items():
            self._take(INITIAL, ("initial weights", name), tensor)
        for name, layer in trainer.module.named_modules():
            if name and next(layer.children(), None) is None:  # the leaves: an outer one only passes on
                self._handles.append(layer.register_forward_hook(self._hook(trainer, name)))

    def on_step_start(self, trainer: Trainer) -> None:
        """Count anew."""
        self._calls, self._num_batches = {}, 0

    def _hook(self, trainer: Trainer, name: str) -> Any:
        def look(layer: nn.Module, inputs: Any, output: Any) -> None:
            if not torch.is_grad_enabled():  # validation
                return
            self._calls[name] = number = self._calls.get(name, 0) + 1
            for i, tensor in enumerate(all_tensors(output)):
                label = name + (f" (call {number})" if number > 1 else "") + (f" [{i}]" if i else "")
                self._take(trainer.step + 1, ("output", label), tensor)

        return look

    def on_batch_end(self, trainer: Trainer, batch: Any, outputs: dict[str, Tensor]) -> None:
        """Take batch, loss and the gradients, before they are clipped."""
        self._num_batches += 1
        step, more = trainer.step + 1, f" (batch {self._num_batches})" if self._num_batches > 1 else ""
        parts = ("inputs", "targets") if isinstance(batch, (tuple, list)) and len(batch) == 2 else ()
        for i, tensor in enumerate(all_tensors(batch)):
            self._take(step, ("batch", (parts[i] if i < len(parts) else f"part {i}") + more), tensor)
        loss = outputs.get("loss")
        if isinstance(loss, Tensor):
            self._take(step, ("loss", f"training loss{more}"), loss)
            self.trace.losses[step] = float(f"{float(loss.detach()):.9g}")
        # from the last layer to the first, as they are computed
        for name, p in reversed(list(trainer.module.named_parameters())):
            if p.grad is not None:
                self._take(step, ("gradient", name), p.grad)

    def on_step_end(self, trainer: Trainer) -> None:
        """Take the weights after the step."""
        for name, tensor in trainer.module.state_dict().items():
            self._take(trainer.step, ("weight", name), tensor)
        if trainer.step >= self.upto:
            raise _Reached

    def on_fit_end(self, trainer: Trainer) -> None:
        """Take the hooks away."""
        for handle in self._handles:
            handle.remove()

    @torch.no_grad()
    def _take(self, step: int, key: Key, tensor: Tensor) -> None:
        # a sparse gradient is compared as what it stands for
        content = tensor.detach().to_dense() if tensor.is_sparse else tensor.detach()
        content = content.cpu().contiguous()
        digest = hashlib.blake2b(str((content.dtype, tuple(content.shape))).encode(), digest_size=12)
        if content.numel():
            digest.update(content.reshape(-1).view(torch.uint8).numpy().data)
        self.trace.digests.setdefault(step, {})[key] = digest.hexdigest()
        if step == self.keep:
            self.trace.kept[key] = content.clone()


def trace_run(config: Config, choices: object, upto: int, *, keep: int | None = None) -> Trace:
    """Train as a run was trained, up to a step, and return the digests of its tensors.

    Args:
        choices: of the run's execution, as ``run.json`` has them: threads and precision as they were.
        keep: the step whose tensors are kept.
    Raises:  FathomError if the data cannot be read again; what training raised, before that step
    """
    plan = draft(_as_it_was(config, choices)).ready()
    tracer = _Tracer(upto, keep)
    # nothing is compiled: layers must be seen, and both runs are treated alike
    plan = dataclasses.replace(plan, execution=dataclasses.replace(plan.execution, compile="off"))
    trainer = plan.make_trainer([])
    trainer.callbacks.insert(0, tracer)
    try:
        trainer.fit(plan.module, plan.data)
    except (_Reached, Diverged):  # a run that diverges has no later steps
        pass
    finally:
        plan.data.close()
    return tracer.trace


def _as_it_was(config: Config, choices: object) -> Config:
    found = choices if isinstance(choices, Mapping) else {}
    known: dict[str, Any] = {}
    threads = str(found.get("threads", ""))
    precision = str(found.get("precision", "")).partition(" (")[0]
    if config.execution.threads == "auto" and threads.isdigit() and int(threads) > 0:
        known["threads"] = int(threads)
    if config.execution.precision == "auto" and precision in ("fp32", "bf16", "fp16"):
        known["precision"] = precision
    return replace_in(config, execution=known) if known else config
