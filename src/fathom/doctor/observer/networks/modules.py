"""Networks: which are called, in which mode, with what, and which of their layers take part."""

from __future__ import annotations

import contextlib
import copy
import io
import sys
import weakref
from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import module as module_hooks

from fathom.doctor.observer.graph import weight_of_first_not_finite
from fathom.doctor.observer.identity import IdentityMap
from fathom.doctor.observer.networks import probes
from fathom.doctor.observer.networks.axes import Axes
from fathom.doctor.observer.networks.evaluations import Evaluations
from fathom.doctor.observer.part import Part, own_work
from fathom.doctor.observer.places import user_place
from fathom.doctor.observer.record import LayerRecord, RootRecord
from fathom.doctor.observer.sampling import is_sampled
from fathom.doctor.observer.statistics import (
    all_tensors,
    describe_input,
    digest,
    first_tensor,
    has_equal_rows,
    repeated_in,
    spread_of,
    spread_over_samples,
    weights_of,
)

NORMS = (nn.modules.batchnorm._BatchNorm,)
_DROPOUTS = (nn.modules.dropout._DropoutNd,)
_ACTIVATIONS = (nn.ReLU, nn.Sigmoid, nn.Tanh, nn.Softmax)
QUIET_CALLS = 8  # without gradients in a row, after which the next are taken to be alike
_ENVELOPES = {"DistributedDataParallel", "TrainingStep"}  # around a network of several processes, which is what counts
MOST_ROOTS = 50  # networks of one script; a search over networks makes more, which are all alike


class Root:
    """An outermost network while it lives."""

    def __init__(self, module: nn.Module, record: RootRecord) -> None:
        self.module = weakref.ref(module)
        self.record = record
        self.is_described = False
        self._last_training = True
        self.last_output: Tensor | None = None
        self.digests: list[str] = []  # of the inputs of the first calls
        self.last_inputs: tuple[tuple[Any, ...], dict[str, Any]] | None = None

    @property
    def last_training(self) -> bool:
        """Whether it, or a layer of it that knows modes, was in training mode when it was last called with gradients.

        On steps that are not looked at closely its calls are not seen: it has the mode that it has now.
        """
        module = self.module()
        if self.last_inputs is None and module is not None:
            self._last_training = module.training or _has_training_layer(module)
        return self._last_training

    def called(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Tensor | None) -> None:
        """Note a call with gradients."""
        self._last_training = module.training or _has_training_layer(module)
        self.last_inputs, self.last_output = (args, kwargs), output

    def last_output_is_finite(self) -> bool:
        """Whether what it gave last is finite."""
        return self.last_output is not None and bool(torch.isfinite(self.last_output).all())


class Modules(Part):
    """Follows the calls of modules."""

    def install(self) -> list[Any]:
        self.roots: dict[int, Root] = {}
        self.current: Root | None = None  # the last one called with gradients
        self._without_parameters: IdentityMap[bool] = IdentityMap()
        self._stack: list[int] = []
        self._calls: IdentityMap[list[int]] = IdentityMap()
        self.call_places: IdentityMap[str] = IdentityMap()
        self.activation_places: dict[int, str] = {}  # where the module is made that a node of the graph comes from
        self._norm_values: IdentityMap[int] = IdentityMap()
        self._first_layer: tuple[str, Tensor] | None = None  # with weights, of the network under way, and its input
        self._quiet_outputs: list[int] = []  # addresses of what was computed without gradients
        self.evaluations = Evaluations()
        self.axes = Axes()
        self._handles: list[Any] = []
        self._quiet_calls = 0  # of outermost networks since the last waking
        self._quiet_blocks: Counter[str] = Counter()  # entered so far, by their lines
        for block in (torch.no_grad, torch.inference_mode):
            self.observer.patches.wrap(block, "__enter__", self._quiet_block_begins)
        self.wake()
        return []

    def wake(self) -> None:
        """Follow the calls of all modules. It takes time, so that on most steps they are not followed."""
        if not self._handles and not _is_in_forward():  # a part of a network would be taken for the whole
            self._stack.clear()
            self._quiet_calls = 0
            self._handles = [
                module_hooks.register_module_forward_pre_hook(self._before),
                # always: a forward pass that raises ends here too
                module_hooks.register_module_forward_hook(self._after, with_kwargs=True, always_call=True),
            ]

    def sleep(self, *, for_good: bool = False) -> None:
        """Follow them no longer; compiled code, which would be compiled anew at each change, stays followed."""
        if not self._handles or (self.record.compiled and not for_good):
            return
        self.release()
        for handle in self._handles:
            handle.remove()
            # PyTorch leaves this mark of a hook behind, and torch.compile then warns of global hooks for ever
            module_hooks._global_forward_hooks_with_kwargs.pop(handle.id, None)
        self._handles = []

    def _quiet_block_begins(self, original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Look whether a network is evaluated within a block without gradients: in some, for a loop may hold many."""
        if not self.observer.is_idle():
            place = user_place()
            if is_sampled(self._quiet_blocks[place]):
                self.wake()
            self._quiet_blocks[place] += 1
        return original(*args, **kwargs)

    def follow(self, module: nn.Module) -> None:
        """Look at a network before it is called."""
        if id(module) not in self.roots and next(module.parameters(), None) is not None:
            root = self.roots[id(module)] = self._new_root(module)
            self._describe(root, module)

    def calls_of(self, module: nn.Module) -> tuple[int, int]:
        """Return how often a module was called with and without gradients, on the steps that were looked at."""
        counts = self._calls.get(module) or [0, 0]
        return counts[0], counts[1]

    def _before(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        if self.observer.is_paused or torch.compiler.is_compiling() or type(module).__name__ in _ENVELOPES:
            return
        if not self._stack:
            self._first_layer = None
        self._stack.append(id(module))
        is_looked_at = self.observer.is_close or not torch.is_grad_enabled()
        if is_looked_at and self._first_layer is None and module._parameters and args and isinstance(args[0], Tensor):
            self._first_layer = (type(module).__name__, args[0])  # what is done to the data comes before it
        if self.observer.is_close:
            counts = self._calls.get(module)
            if counts is None:
                counts = self._calls[module] = [0, 0]
            counts[0 if torch.is_grad_enabled() else 1] += 1
            if counts[0] + counts[1] == 1:
                self.call_places[module] = user_place()
            if args and torch.is_grad_enabled():
                self.axes.called(module, args[0])
            if isinstance(module, NORMS) and module.training and args and isinstance(args[0], Tensor):
                values = args[0].numel() // max(1, module.num_features)
                self._norm_values[module] = max(values, self._norm_values.get(module) or 0)

    def place_of(self, module: nn.Module | None) -> str:
        """Return where a module is made, and where it was first called, if that is another line."""
        if module is None:
            return ""
        made, called = self.observer.module_places.get(module), self.call_places.get(module)
        return ", ".join(dict.fromkeys(filter(None, (made, called))))

    def _after(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        if self.observer.is_paused or torch.compiler.is_compiling() or type(module).__name__ in _ENVELOPES:
            return
        if self._stack and id(module) in self._stack:  # one that is not there: the hook came in between
            while self._stack.pop() != id(module):
                pass
        if self.observer.is_close and isinstance(module, _ACTIVATIONS):
            node = getattr(output, "grad_fn", None)
            if node is not None:
                self.activation_places[int(node._sequence_nr())] = self.observer.module_places.get(module) or ""
        if not self._stack and module not in self._without_parameters:
            self._root_called(module, args, kwargs, output, torch.is_grad_enabled())

    @own_work
    def _root_called(
        self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any, with_grad: bool
    ) -> None:
        x, y = first_tensor((args, kwargs)), first_tensor(output)
        if (x is not None and x.is_meta) or (y is not None and y.is_meta):
            return  # shapes alone, as Keras computes them
        root = self.roots.get(id(module))
        if root is None or root.module() is not module:
            if next(module.parameters(), None) is None:
                self._without_parameters[module] = True
                return
            if len(self.roots) >= MOST_ROOTS:
                return
            root = self.roots[id(module)] = self._new_root(module)
        self._note_feeding(root, args, kwargs)
        if not with_grad:
            self._evaluated(root, module, x)
            self._first_layer = None
            self._note_prediction(x, y)
            self._quiet_calls += 1
            if self._quiet_calls >= QUIET_CALLS and not self.observer.is_close:
                self.sleep()
            if y is not None and not y.is_sparse:
                self._quiet_outputs = [*self._quiet_outputs[-8:], y.untyped_storage().data_ptr()]
            return
        record = root.record
        if x is not None and not module.training:  # an evaluation may well carry gradients that nobody asks for
            self.evaluations.called(record, x, None if self._first_layer is None else self._first_layer[1], -1)
        record.calls_training += 1
        root.called(module, args, kwargs, y)
        self.current = root
        self.observer.loaders.called(module.training and bool(record.mode_modules), record)
        if x is not None and x.dim():
            record.batch_sizes[x.shape[0]] += 1
            if record.calls_training <= 2:
                root.digests.append(digest(x))
        record.call_place = record.call_place or user_place()
        if self.observer.is_close and y is not None and (spread := spread_over_samples(x, y)) is not None:
            record.spreads.append((self.observer.step, *spread))
        if not root.is_described and x is not None:
            root.is_described = True
            record.first_layer, first = self._first_layer or ("", x)
            record.inputs = describe_input(first)  # not x: a network may scale its input itself
            if y is not None:
                record.output = {"shape": tuple(y.shape), "is_finite": bool(torch.isfinite(y).all())}
            self._describe(root, module)
        self._first_layer = None

    def _evaluated(self, root: Root, module: nn.Module, x: Tensor | None) -> None:
        record = root.record
        record.calls_evaluating += 1
        if x is not None:
            first = None if self._first_layer is None else self._first_layer[1]
            self.evaluations.called(record, x, first, self.observer.step)
        in_training_mode = module.training and bool(record.mode_modules)
        if in_training_mode:
            record.calls_evaluating_in_training_mode += 1
            record.evaluation_place = record.evaluation_place or user_place()
        self.observer.loaders.called(in_training_mode, record)

    def _note_prediction(self, x: Tensor | None, y: Tensor | None) -> None:
        """Keep what is said of the samples of a loader's batch, beside their labels, if the batch holds them."""
        batch = all_tensors(self.observer.loaders.last_batch)
        if x is not None and y is not None and len(batch) == 2 and len(batch[1]) == len(y) and len(x) == len(y):
            self.observer.samples.predicted(y, batch[1])

    def _note_feeding(self, root: Root, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if not self._quiet_outputs:
            return
        for tensor in all_tensors((args, kwargs)):
            if not tensor.is_sparse and tensor.untyped_storage().data_ptr() in self._quiet_outputs:
                for other in self.roots.values():
                    other.record.feeds_others |= other is not root

    def _new_root(self, module: nn.Module) -> Root:
        self.observer.steps.foreign.look_for()
        places = self.observer.module_places
        record = RootRecord(type(module).__name__, type(module).__name__, places.get(module) or "")
        inner = getattr(module, "_orig_mod", None)
        record.is_compiled = inner is not None or isinstance(module, torch.jit.ScriptModule)
        for name, layer in module.named_modules():
            is_norm = isinstance(layer, NORMS)
            if is_norm or (isinstance(layer, _DROPOUTS) and layer.p > 0):
                record.mode_modules.append(name or record.name)
        record.has_loaded_weights = any(layer in self.observer.loaded for layer in module.modules())
        self.record.roots.append(record)
        return Root(module, record)

    def _describe(self, root: Root, module: nn.Module) -> None:
        """Note layers, parameters and initial weights, before the first step changes them."""
        record = root.record
        last = ""
        for name, layer in module.named_modules():
            if next(layer.parameters(recurse=False), None) is not None:
                record.layers[name] = LayerRecord(name, type(layer).__name__, self.place_of(layer))
            for key, weight in weights_of(layer).items():
                full = f"{name}.{key}".lstrip(".")
                last = full
                if isinstance(weight, nn.parameter.UninitializedParameter):
                    continue
                if has_equal_rows(weight):
                    record.equal_rows_at_start.add(full)
                    if not bool(weight.any()):
                        record.zero_at_start.add(full)
                record.initial_places[full] = self.observer.initial_place_of(weight)
                record.weights_at_start[full] = spread_of(weight)
            record.repeated |= {f"{name}.{key}".lstrip("."): self.place_of(each) for key, each in repeated_in(layer)}
        record.output_layer = last
        for name, parameter in module.named_parameters():
            record.parameters[name] = id(parameter)
            if parameter.requires_grad:
                record.trainable.add(name)

    def finish_first_steps(self) -> None:
        """Once the first steps are done: whether a sample's output depends on the others of its batch."""
        for root in self.roots.values():
            module = root.module()
            if module is None:
                continue
            for name, layer in module.named_modules():
                if layer in self._norm_values:
                    root.record.batch_norm[name or root.record.name] = self._norm_values.get(layer) or 0
            if root.record.probe or root.last_inputs is None:
                continue
            root.record.probe = self._probe(root, module)

    def _probe(self, root: Root, module: nn.Module) -> dict[str, Any]:
        if root.record.is_compiled:
            return {"reason": "the network is compiled"}
        args, kwargs = root.last_inputs or ((), {})
        tensors = all_tensors((args, kwargs))
        if len(tensors) != 1 or len(args) != 1 or tensors[0] is not args[0]:
            return {"reason": "the network takes more than one tensor"}
        if reason := probes.why_not_copied(module):
            return {"reason": reason}
        rows = self.observer.losses.last_batch_size
        y = root.last_output
        is_batch_first = rows is not None and y is not None and y.dim() <= 2 and len(y) == len(tensors[0]) == rows
        is_batch_first = is_batch_first and (tensors[0].dim() < 2 or tensors[0].shape[1] != rows)
        if not self.observer.loaders.is_batch(tensors[0]) and (len(set(root.digests)) < 2 or not is_batch_first):
            return {"reason": "it is not known which dimension of the input is the batch"}
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            try:
                network = copy.deepcopy(module)
                mixed = probes.mixes_samples(network, tensors[0].detach(), is_batch_first=is_batch_first)
                return mixed | probes.varies_in_evaluation(network, tensors[0].detach())
            except Exception as error:
                return {"reason": f"a copy of the network could not be run ({type(error).__name__})"}

    def locate_not_finite(self, batch: Any, loss: Tensor) -> tuple[str, str]:
        """Return where values first cease to be finite in the network that was called last, and a name for it.

        Args:
            batch: what a loader yielded last, for steps on which the inputs of the network were not seen.
        """
        root = self.current
        module = root.module() if root is not None else None
        if root is None or module is None:
            return "loss", ""
        for tensor in all_tensors(root.last_inputs if root.last_inputs is not None else batch):
            if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
                return "batch", f"the input of {root.record.name}"
        for name, parameter in module.named_parameters():
            if not bool(torch.isfinite(parameter).all()):
                return "parameter", name
        if root.last_inputs is None:
            weight = weight_of_first_not_finite(loss)
            return ("loss", "") if weight is None else ("layer", self.observer.steps.names.layer(weight))
        if root.last_output_is_finite():
            return "loss", ""
        if root.record.is_compiled or probes.why_not_copied(module):
            return "layer", root.record.name
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            try:
                name = probes.first_not_finite(copy.deepcopy(module), *root.last_inputs)
            except Exception:  # what cannot be copied or run again is not searched
                name = root.record.name
        return ("layer", name) if name else ("loss", "")

    def release(self) -> None:
        """Let go of the last batch."""
        self._quiet_outputs.clear()
        self.activation_places.clear()
        for root in self.roots.values():
            root.last_inputs = root.last_output = None


def _is_in_forward() -> bool:
    """Whether a forward pass of a module is under way."""
    codes = (nn.Module._call_impl.__code__, nn.Module._wrapped_call_impl.__code__)
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_code in codes:
            return True
        frame = frame.f_back  # type: ignore[assignment]
    return False


def _has_training_layer(module: nn.Module) -> bool:
    """Whether a layer that knows modes is in training mode though the network as a whole is not."""
    return any(layer.training for layer in module.modules() if isinstance(layer, (*NORMS, *_DROPOUTS)))
