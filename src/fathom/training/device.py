"""Where and how the arithmetic runs: device, precision, memory layout, compilation, allocator.

``auto`` picks what measured fastest (``bench/``) by rules that depend on the machine and the network alone, never on a
timing, so that a run can be repeated. Every choice comes with its reason and can be set by hand.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import itertools
import logging
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, get_args

import torch
from torch import Tensor, nn

from fathom.choices import CompileMode, Precision, Strategy
from fathom.errors import FathomError, UsageError, unknown
from fathom.preprocess import Preprocess
from fathom.training.distributed.world import ALONE, World, join_world

PRECISIONS = get_args(Precision)
COMPILE_MODES = get_args(CompileMode)
STRATEGIES = get_args(Strategy)

# bfloat16 halves the traffic and doubles the dot products where they are long; below this many input channels,
# weighted by FLOPs, the conversions cost more than they save (bench/choices).
_BF16_CHANNELS = 32
_BF16_FLOPS = 1e5  # for one sample; with less, converting is most of the work


@dataclass(frozen=True)
class Execution:
    """How a run computes. ``reasons`` says why, per choice, for the log."""

    device: torch.device
    precision: str = "fp32"
    channels_last: bool = False
    compile: str = "off"
    allocator: str = "default"
    reasons: dict[str, str] = field(default_factory=dict)
    world: World = ALONE
    strategy: str = "ddp"  # of several processes: ddp, each with all weights, or fsdp, each with a piece of them

    def describe(self) -> dict[str, str]:
        """Return every choice with its reason, as text."""
        values = {
            "device": str(self.device),
            "precision": self.precision,
            "memory format": "channels-last" if self.channels_last else "contiguous",
            "compile": self.compile,
            "allocator": self.allocator,
            "threads": str(torch.get_num_threads()),
        }
        if self.world.size > 1:
            values["processes"] = f"{self.world.size}, {self.strategy}"
        return {k: f"{v} ({self.reasons[k]})" if k in self.reasons else v for k, v in values.items()}

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        """Return the context a forward pass runs in; nothing at all in fp32."""
        if self.precision == "fp32":
            return contextlib.nullcontext()
        dtype = torch.bfloat16 if self.precision == "bf16" else torch.float16
        return torch.autocast(self.device.type, dtype)

    def forward(self, *, is_full: bool) -> contextlib.AbstractContextManager[Any]:
        """Return the context a forward pass runs in.

        Only full training batches take the compiled path: every other shape, and evaluation, would be compiled anew.
        """
        if self.compile == "off" or is_full:
            return self.autocast()
        stack = contextlib.ExitStack()
        stack.enter_context(torch.compiler.set_stance("force_eager"))
        stack.enter_context(self.autocast())
        return stack

    def prepare(self, module: nn.Module) -> None:
        """Move a module to the device and into the memory format."""
        module.to(self.device)
        memory_format = torch.channels_last if self.channels_last else torch.contiguous_format
        for parameter in module.parameters():
            if parameter.ndim == 4:  # the format exists for four dimensions only
                # .data: the parameter itself stays, for optimiser and hooks
                parameter.data = parameter.data.to(memory_format=memory_format)
        for part in module.modules():
            if isinstance(part, Preprocess):
                part.memory_format = memory_format

    def compiled(self, module: nn.Module) -> contextlib.AbstractContextManager[None]:
        """Return a context in which the module's forward pass is compiled, if it is to be."""
        return compiled_forward(module, self.device) if self.compile == "forward" else contextlib.nullcontext()

    def synchronize(self) -> None:
        """Wait until the device has done all that was asked of it."""
        if self.device.type != "cpu":
            torch.accelerator.synchronize()


def choose_execution(
    module: nn.Module,
    example: Tensor | None,
    *,
    device: str = "auto",
    precision: str = "auto",
    channels_last: bool | None = None,
    compile: str = "off",
    allocator: bool = True,
    devices: int | None = 1,
    strategy: str = "auto",
) -> Execution:
    """Settle every open choice for this machine and network.

    Args:
        example: a batch as the module takes it; None where there is none (then ``auto`` stays plain).
        compile: never chosen unasked: it takes tens of seconds and, next to the other choices, made a CPU's training
            at most an eighth faster and often slower (docs/benchmarks/choices.md).
        devices: processes that compute together, a device each; None: as many as a launcher started.
        strategy: how they share the work: ddp, fsdp, or auto, which is ddp.
    Raises:  UsageError for an unknown name or a device that is not there
    """
    if precision not in PRECISIONS:
        raise unknown("precision", precision, PRECISIONS)
    if compile not in COMPILE_MODES:
        raise unknown("compile mode", compile, COMPILE_MODES)
    where = find_device(device)
    world = ALONE if devices == 1 else join_world(where.type)
    if devices not in (None, world.size):
        raise UsageError(f"devices={devices}, and {world.size} were started: torchrun --nproc-per-node {devices} …")
    if world.size > 1 and where.type == "cuda" and where.index is None:
        where = torch.device("cuda", world.local_rank)
        torch.cuda.set_device(where)
    reasons: dict[str, str] = {}
    tuned = tune_allocator() if allocator and where.type == "cpu" else None
    if tuned:
        reasons["allocator"] = tuned
    layers, failure = _probe(module, example)
    flops = sum(layer[0] for layer in layers)
    if precision == "auto":
        precision, reasons["precision"] = _choose_precision(where, layers, flops)
        if failure is not None and where.type == "cpu":
            reasons["precision"] = failure
    if strategy not in STRATEGIES:
        raise unknown("strategy", strategy, STRATEGIES)
    if channels_last is None and failure is not None:
        channels_last, reasons["memory format"] = False, failure
    if channels_last is None:
        channels_last = where.type in ("cpu", "cuda") and any(is_conv for *_, is_conv in layers)
        if channels_last:
            reasons["memory format"] = "the network has convolutions"
    strategy = "ddp" if strategy == "auto" else strategy
    heap = "kept heap" if tuned else "default"
    return Execution(where, precision, channels_last, compile, heap, reasons, world, strategy)


def find_device(name: str = "auto") -> torch.device:
    """Find a device by name; ``auto`` takes an accelerator where there is one."""
    if name == "auto":
        found = torch.accelerator.current_accelerator(check_available=True)
        return found if found is not None else torch.device("cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        if name.lower() == "gpu":
            raise UsageError("unknown device 'gpu'; did you mean 'cuda'?") from None
        raise unknown("device", name, ("auto", "cpu", "cuda", "mps", "xpu")) from None
    if device.type != "cpu":
        found = torch.accelerator.current_accelerator(check_available=True)
        if found is None or found.type != device.type or (device.index or 0) >= torch.accelerator.device_count():
            raise UsageError(f"device {name!r} is not available on this machine; use --device auto or cpu")
    return device


@functools.cache
def tune_allocator() -> str | None:
    """Keep glibc from giving memory back to the system after every step; a reason, or None where that does not apply.

    Without it the large buffers of each step are mapped and unmapped anew, thousands of page faults a step.
    """
    if not sys.platform.startswith("linux") or platform.libc_ver()[0] != "glibc":
        return None
    if os.environ.get("LD_PRELOAD"):  # another allocator may be in charge
        return None
    mmap_threshold, trim_threshold = -3, -1  # M_MMAP_THRESHOLD, M_TRIM_THRESHOLD of <malloc.h>
    libc = ctypes.CDLL(None)
    # Buffers up to 1 GiB come from the heap, and of the heap nothing is given back below 2 GiB, the most that
    # mallopt's int can say.
    if not (libc.mallopt(mmap_threshold, 1 << 30) and libc.mallopt(trim_threshold, (1 << 31) - 1)):
        return None
    return "glibc does not trim between steps"


def _choose_precision(device: torch.device, layers: list[tuple[int, int, bool]], flops: int) -> tuple[str, str]:
    if device.type == "cuda":
        if torch.cuda.is_bf16_supported(including_emulation=False):  # before Ampere it is only emulated
            return "bf16", "the GPU computes in bfloat16"
        return "fp32", "the GPU has no bfloat16"
    if device.type != "cpu":
        return "fp32", "measured on CPU and CUDA only"
    if not cpu_computes_bf16():
        return "fp32", "the CPU has no bfloat16 dot product"
    if not flops:
        return "fp32", "no layers to weigh"
    if flops < _BF16_FLOPS:
        return "fp32", "there is too little arithmetic for bfloat16 to pay"
    channels = sum(f * c for f, c, _ in layers) / flops  # mean over FLOPs: the layer that costs most decides
    if channels < _BF16_CHANNELS:
        return "fp32", f"dot products over {channels:.0f} channels are too short for bfloat16 to pay"
    return "bf16", f"the CPU multiplies bfloat16; dot products run over {channels:.0f} channels"


@functools.cache
def cpu_computes_bf16() -> bool:
    """Whether the CPU has bfloat16 dot products (AVX512-BF16 or AMX)."""
    cpu = torch.cpu
    # private names of torch, which may go: hence hasattr
    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(cpu, name)() for name in checks if hasattr(cpu, name))


def _probe(module: nn.Module, example: Any) -> tuple[list[tuple[int, int, bool]], str | None]:
    """Return what ``_trace_arithmetic`` finds, or nothing and why: a module may take more than a batch's first part."""
    if example is None:
        return [], None
    try:
        return _trace_arithmetic(module, example), None
    except UsageError:  # what is wrong whatever the input is
        raise
    except Exception as error:  # whatever a network makes of an input that it was not made for
        return [], f"the module cannot be tried on the first part of a batch ({type(error).__name__})"


@torch.no_grad()
def _trace_arithmetic(module: nn.Module, example: Tensor) -> list[tuple[int, int, bool]]:
    """Return (FLOPs, input channels, is 2-D convolution) of every linear and convolutional layer, in one forward."""
    layers: list[tuple[int, int, bool]] = []

    def note(layer: nn.Module, _: Any, output: Tensor) -> None:
        is_conv = isinstance(layer, nn.Conv2d)  # the only kind that channels-last speeds up
        # in · kernel height · kernel width
        fan_in = layer.weight[0].numel()  # type: ignore[index]
        # of (out, in / groups, …): what one dot product runs over
        channels = layer.weight.shape[1]  # type: ignore[index]
        # a product and a sum a weight, for one sample
        layers.append((2 * fan_in * output[0].numel(), int(channels), is_conv))

    kinds = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
    hooks = [m.register_forward_hook(note) for m in module.modules() if isinstance(m, kinds)]
    try:
        try_forward(module, example)
    finally:
        for hook in hooks:
            hook.remove()
    return layers


@torch.no_grad()
def try_forward(module: nn.Module, example: Any) -> Any:
    """Pass a sample through a module, wherever the module is; that also gives lazy layers their shapes.

    Returns: what the module returned
    """
    was_training = module.training
    module.eval()  # keeps dropout from drawing and batch-norm from learning
    place = next(itertools.chain(module.parameters(), module.buffers()), None)  # None: a module without either
    before = {name: (parameter, parameter._version) for name, parameter in module.named_parameters()}
    if isinstance(example, Tensor) and place is not None:
        example = example.to(place.device)
    try:
        output = module(example)
        _refuse_changing(module, before, example)
        return output
    finally:
        module.train(was_training)


def _refuse_changing(module: nn.Module, before: dict[str, tuple[nn.Parameter, int]], example: Any) -> None:
    """Refuse a module that changes its parameters as it runs: the optimiser would move others than it computes with.

    Raises:  UsageError
    """
    if any(nn.parameter.is_lazy(parameter) for parameter, _ in before.values()):  # these get their values just now
        return
    cure = "a forward pass only reads parameters; change them in a callback, in on_step_end"
    for name, now in module.named_parameters():
        was, version = before.get(name, (None, 0))
        if now is not was:
            raise UsageError(f"{type(module).__name__} makes the parameter {name} anew in its forward pass: {cure}")
        if now._version == version:
            continue
        value = now.detach().clone()
        module(example)  # once more: writing the same values, as a bound does that holds already, harms nobody
        if not torch.equal(value, now):
            raise UsageError(f"{type(module).__name__} changes the parameter {name} in its forward pass: {cure}")


@contextlib.contextmanager
def compiled_forward(module: nn.Module, device: torch.device) -> Iterator[None]:
    """Compile a module's forward pass, in place, for the length of a ``with``; the names of its state stay.

    Raises:  FathomError if compiling is impossible on this platform
    """
    require_compiler(device)
    # Without a GPU the compiler's tool chain warns that CUDA_HOME is of no use.
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)
    target = module.net if isinstance(getattr(module, "net", None), nn.Module) else module
    try:
        target.compile()  # type: ignore[union-attr]
    except RuntimeError as error:
        raise FathomError(f"cannot compile here: {error}; use --compile off") from error
    try:
        yield
    finally:
        # what nn.Module.compile sets; torch has no undo
        target._compiled_call_impl = None  # type: ignore[union-attr]


def require_compiler(device: torch.device) -> None:
    """Raise a FathomError where torch.compile would look in vain for a C++ compiler."""
    if device.type == "cpu" and not _has_compiler():
        raise FathomError("compiling needs a C++ compiler and none was found: install g++, or use --compile off")


def _has_compiler() -> bool:
    # those that torch's inductor looks for
    return bool(shutil.which("g++") or shutil.which("clang++") or os.environ.get("CXX"))
