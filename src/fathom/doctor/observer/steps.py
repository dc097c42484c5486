"""Optimisers and backward passes: what each step changes, and from which gradients."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.optim.optimizer import Optimizer, register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from fathom.doctor.observer.foreign import ForeignSteps
from fathom.doctor.observer.graph import survey
from fathom.doctor.observer.names import Names
from fathom.doctor.observer.part import Part, guarded, own_work
from fathom.doctor.observer.places import user_place
from fathom.doctor.observer.record import Interval, NotFinite, OptimizerRecord
from fathom.doctor.observer.sampling import is_sampled
from fathom.doctor.observer.statistics import first_tensor, has_equal_rows, norms
from fathom.doctor.observer.units import Units

if TYPE_CHECKING:
    from fathom.doctor.observer.networks.modules import Root
    from fathom.doctor.observer.observer import Observer

FIRST_LOOK = 3  # steps, before layers are judged by what they have done
MOST_WEIGHTS = 50_000_000  # of an optimiser whose weights are copied to see what a step changes


class Followed:
    """An optimiser while it lives."""

    def __init__(self, optimizer: Any, record: OptimizerRecord, index: int) -> None:
        self.optimizer, self.record, self.index = weakref.ref(optimizer), record, index
        self.interval: Interval | None = Interval(0, starts_clean=True)
        self.before: list[tuple[str, Tensor, Tensor]] = []
        self.root: Root | None = None  # the network that it trains, if that has modes
        self.pending: list[tuple[Tensor, ...]] = []  # the losses of each step since they were last read

    def parameters(self) -> list[Tensor]:
        """Return what it optimises."""
        optimizer = self.optimizer()
        return [p for group in optimizer.param_groups for p in group["params"]] if optimizer is not None else []


class Steps(Part):
    """Follows optimisers."""

    def __init__(self, observer: Observer) -> None:
        super().__init__(observer)
        self.total = 0
        self.followed: dict[int, Followed] = {}
        self.names = Names(observer)
        self.foreign = ForeignSteps(observer)
        self.units = Units()
        self._losses: list[Tensor] = []  # of the backward passes since the last step
        self._last_losses: list[Tensor] = []
        self._loss_place = ""
        self._in_backward = False
        self._unstepped: dict[int, list[float]] = {}  # norms of the weights at the first backward pass

    def install(self) -> list[Any]:
        wrap = self.observer.patches.wrap
        wrap(torch.autograd, "backward", self._backward_called)  # which Tensor.backward calls too
        wrap(Optimizer, "__init__", self._optimizer_made)
        return [
            register_optimizer_step_pre_hook(self.before_step),
            register_optimizer_step_post_hook(self.after_step),
        ]

    def follow(self, optimizer: Any) -> Followed:
        """Return what is known of an optimiser, which may have been made before this began."""
        # accelerate's optimiser holds the one that steps
        while isinstance(inner := getattr(optimizer, "optimizer", None), Optimizer):
            optimizer = inner
        found = self.followed.get(id(optimizer))
        if found is None or found.optimizer() is not optimizer:
            kind = getattr(optimizer, "kind", type(optimizer).__name__)
            record = OptimizerRecord(kind, user_place())
            found = self.followed[id(optimizer)] = Followed(optimizer, record, len(self.record.optimizers))
            self.record.optimizers.append(record)
        return found

    def _optimizer_made(self, original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        result = original(*args, **kwargs)
        if not self.observer.is_idle():
            with self.observer.own_work("optimizer"):
                self.follow(args[0])
        return result

    def _backward_called(self, original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self._in_backward or self.observer.is_idle():
            return original(*args, **kwargs)
        loss = args[0] if args else kwargs.get("tensors")
        loss = loss[0] if isinstance(loss, (list, tuple)) and loss else loss
        if isinstance(loss, Tensor):
            self._note_loss(loss)
            if self.observer.is_close:
                self._before_backward(loss)
        self._in_backward = True
        try:
            return original(*args, **kwargs)
        finally:
            self._in_backward = False

    @guarded
    def _note_loss(self, loss: Tensor) -> None:
        """Keep the value; on every step, so without ``own_work``, which takes longer than this."""
        self.record.backwards += 1
        self.observer.loaders.backward_called()
        if loss.numel() != 1:
            return
        self._losses.append(loss.detach())
        if loss.device.type == "cpu" and self.record.not_finite is None and not math.isfinite(loss.item()):
            self._note_not_finite(loss)

    @own_work
    def _note_not_finite(self, loss: Tensor) -> None:
        where, name = self.observer.modules.locate_not_finite(self.observer.loaders.last_batch, loss)
        self.record.not_finite = NotFinite(self.total, where, name, user_place())

    @own_work
    def _before_backward(self, loss: Tensor) -> None:
        place = self._loss_place = user_place()
        found = survey(loss)
        reached = {id(variable) for variable in found.variables}
        self.names.note_reached(found.variables)
        graph = self.record.graph.setdefault(place, {"negated_loss": "", "backwards": 0, "broadcast": None})
        graph["backwards"] += 1
        graph["negated_loss"] = graph["negated_loss"] or found.negated_loss
        graph["broadcast"] = graph["broadcast"] or found.broadcast
        graph["into_loss"] = graph.get("into_loss") or found.into_loss
        self._note_softmaxes(graph, found.softmaxes)
        if not self.total:
            self._note_moves()
        self.units.add(found.activations, self.total, self.names)
        batch, value = self.observer.losses.last_batch_size, self.observer.losses.last_value
        factor = math.nan
        if value is not None and loss.numel() == 1 and float(value) != 0:
            factor = float(loss.detach()) / float(value)
        for each in self.followed.values():
            if each.interval is None:
                continue
            parameters = each.parameters()
            mine = [p for p in parameters if id(p) in reached]
            if not mine:
                continue
            graph.setdefault("optimizers", set()).add(each.index)
            graph["foreign"] = graph.get("foreign", False) or len(reached) > len(mine)
            each.interval.num_backwards += 1
            if batch is not None:
                each.interval.batch_sizes.append(batch)
                each.interval.factors.append(factor)
            gradients = [p.grad for p in parameters if p.grad is not None]
            stale = sum(value != 0 for value in norms(gradients)) if gradients else 0
            each.interval.starts_clean = bool(each.interval.starts_clean) or stale == 0
            each.interval.stale_share = max(each.interval.stale_share, stale / max(1, len(parameters)))

    def _note_softmaxes(self, graph: dict[str, Any], softmaxes: list[tuple[int, tuple[int, ...]]]) -> None:
        """Note one that goes over the samples: its shape begins with their number, and is no square of pairs."""
        root = self.observer.modules.current
        x = None if root is None else first_tensor(root.last_inputs)
        sizes = {self.observer.losses.last_batch_size, len(x) if x is not None and x.dim() else None} - {None}
        for dim, shape in softmaxes:
            is_batch = shape[0] in sizes if sizes and shape else len(shape) == 2
            if dim == 0 and len(shape) > 1 and is_batch and shape[1] not in (1, shape[0]):
                graph["over_batch"] = shape

    def _note_moves(self) -> None:
        """Note, as long as no optimiser steps, whether weights change all the same: by hand."""
        for each in self.followed.values():
            if each.optimizer() is None:  # made for something else, and let go of
                self.record.moves_by_itself = True
                continue
            found = norms(each.parameters())
            first = self._unstepped.setdefault(each.index, found)
            self.record.moves_by_itself |= first != found

    @guarded
    def before_step(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        """Look at gradients and weights before a step."""
        if self.observer.is_idle():
            return
        each = self.follow(optimizer)
        self._note_rate(optimizer, each.record)
        self._note_mode(each)
        if each.interval is not None:
            self._step_begins(optimizer, each, each.interval)

    @guarded
    def after_step(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        """Look at what a step did."""
        if self.observer.is_idle():
            return
        each = self.follow(optimizer)
        record = each.record
        self.total += 1
        record.steps += 1
        if self._losses:
            record.saw_losses = True
            self._last_losses, self._losses = self._losses, []
        each.pending.append(tuple(self._last_losses))
        # the first steps of all optimisers: what is known of the networks is complete after the third
        if each.interval is not None or self.total <= FIRST_LOOK or is_sampled(record.steps):
            self._step_ended(each)
        elif not self.observer.is_close:
            self.observer.modules.sleep()  # if an evaluation, or a new pass over a loader, woke it
        self.observer.check_limits()

    @own_work
    def _step_begins(self, optimizer: Any, each: Followed, interval: Interval) -> None:
        record = each.record
        parameters = each.parameters()
        if not record.num_parameters or len(parameters) != record.num_parameters:
            self._describe(optimizer, each, parameters)
        if record.kind == "LBFGS":  # its gradients are computed within the step
            return
        named = [(self.names.of(p), p) for p in parameters]
        with_gradient = [(name, p) for name, p in named if p.grad is not None]
        interval.gradient_norms = {name: None for name, p in named if p.requires_grad}
        values = norms([p.grad for _, p in with_gradient if p.grad is not None])
        interval.gradient_norms |= {name: value for (name, _), value in zip(with_gradient, values, strict=True)}
        record.parameters_with_gradient |= {name for name, p in with_gradient}
        for name, p in with_gradient:
            if p.dim() > 1 and not p.is_sparse and has_equal_rows(p):
                interval.equal_rows.add(name)
        if sum(p.numel() for p in parameters) <= MOST_WEIGHTS:
            each.before = [(name, p, p.detach().clone()) for name, p in with_gradient]
            weights = norms([p for _, p in with_gradient])
            interval.weight_norms = {name: value for (name, _), value in zip(with_gradient, weights, strict=True)}

    @own_work
    def _step_ended(self, each: Followed) -> None:
        """Close what was looked at, and say whether the next step is to be."""
        record = each.record
        if each.interval is not None:
            if each.before:
                values = norms([p.detach() - old for _, p, old in each.before])
                each.interval.update_norms = {n: v for (n, _, _), v in zip(each.before, values, strict=True)}
            each.before = []
            record.step_place = record.step_place or user_place()
            record.intervals.append(each.interval)
        if is_sampled(record.steps):
            self._flush(each)
            self._note_layers(each)
            if self._loss_place:
                record.loss_places[self._loss_place] += 1
        each.interval = Interval(record.steps) if is_sampled(record.steps) else None
        self.observer.look_closely(any(other.interval is not None for other in self._alive()))
        if self.total == FIRST_LOOK:  # two samples of inputs are known, and the weights have moved
            self.observer.modules.finish_first_steps()
        self.observer.modules.release()

    def _note_layers(self, each: Followed) -> None:
        """Note which layers take part, while they live: what a function made is gone when it returns."""
        if each.record.steps >= FIRST_LOOK:
            self.names.note_silent(each)
            self.names.note_unowned({i for optimizer in self.record.optimizers for i in optimizer.parameter_ids})

    def _alive(self) -> list[Followed]:
        """Return the optimisers that still step: one that stands still must not keep all others observed."""
        alive = [each for each in self.followed.values() if each.optimizer() is not None]
        most = max((each.record.steps for each in alive), default=0)
        return [each for each in alive if each.record.steps > 0 or most < 8]

    def _note_rate(self, optimizer: Any, record: OptimizerRecord) -> None:
        groups = optimizer.param_groups
        rate = groups[0].get("lr", math.nan)
        if type(rate) is not float and isinstance(rate, Tensor) and rate.device.type != "cpu":
            return  # reading it would wait for the device
        rate = float(rate)
        record.rates.append(rate)
        if rate == 0 and all(float(group.get("lr", math.nan)) == 0 for group in groups):
            record.zero_rate_steps += 1

    def _note_mode(self, each: Followed) -> None:
        record = each.record
        if each.interval is not None:  # on the steps between, the network is the same
            each.root = self._root_with_modes(record)
        root = each.root
        if root is None:
            return
        if root.last_training:  # the mode in which the gradients were computed
            record.steps_in_training_mode += 1
            record.last_steps_in_evaluation_mode = 0
        else:
            record.steps_in_evaluation_mode += 1
            record.last_steps_in_evaluation_mode += 1
            record.evaluation_mode_modules = root.record.mode_modules
            module = root.module()
            if module is not None and not record.evaluation_mode_place:
                record.evaluation_mode_place = self.observer.evaluation_places.get(module) or ""

    def _root_with_modes(self, record: OptimizerRecord) -> Root | None:
        """Return the network that was called last, if this optimiser trains it and it knows modes."""
        root = self.observer.modules.current
        if root is None or root.module() is None or not root.record.mode_modules:
            return None
        is_own = not record.parameter_ids or record.parameter_ids.intersection(root.record.parameters.values())
        return root if is_own else None

    def _describe(self, optimizer: Any, each: Followed, parameters: list[Tensor]) -> None:
        record = each.record
        record.num_parameters = len(parameters)
        record.parameter_ids = {id(p) for p in parameters}
        record.names = {self.names.of(p) for p in parameters if p.requires_grad}
        record.sizes = {self.names.of(p): p.numel() for p in parameters}
        record.maximizes = any(group.get("maximize", False) for group in optimizer.param_groups)
        for group in optimizer.param_groups:
            if not group.get("weight_decay"):
                continue
            for p in group["params"]:
                owner = self.names.owner(p)
                if isinstance(owner, (nn.modules.batchnorm._BatchNorm, nn.LayerNorm, nn.GroupNorm)):
                    record.decay_on.setdefault("norm", []).append(self.names.of(p))
                elif p.dim() == 1:
                    record.decay_on.setdefault("bias", []).append(self.names.of(p))

    def _flush(self, each: Followed) -> None:
        for losses in each.pending:  # on another device all but the last have long been computed
            each.record.losses.append(sum(float(loss) for loss in losses) if losses else math.nan)
        each.pending = []

    def finish(self) -> None:
        """Bring in what still waits on a device, and what of each layer and activation is known."""
        for each in self.followed.values():
            self._flush(each)
        self.record.units = self.units.finish()
