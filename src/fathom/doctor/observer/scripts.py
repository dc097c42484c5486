"""What else a script may do that matters to an observer: compile, start processes, scale a loss, clip gradients."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from fathom.doctor.observer.places import user_place

if TYPE_CHECKING:
    from fathom.doctor.observer.observer import Observer


def install(observer: Observer) -> None:
    """Watch what is not a network, an optimiser, a schedule, a loss or a loader."""
    record, wrap = observer.record, observer.patches.wrap

    def compile_source(original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        # The compiler of TorchScript reads the source of the functions it meets: it must find PyTorch's own.
        with observer.patches.suspended():
            return original(*args, **kwargs)

    def compile_graph(original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        record.compiled = True
        return original(*args, **kwargs)

    def start_process(original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not observer.is_paused and not record.uses_subprocess and (place := user_place()):
            record.uses_subprocess = place
        return original(*args, **kwargs)

    def clip(original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not observer.is_idle():
            record.clips += 1
            if record.scaler.get("is_scaled") and not record.clips_before_unscale:
                record.clips_before_unscale = user_place()
        return original(*args, **kwargs)

    for name in ("script", "trace", "script_method"):
        wrap(torch.jit, name, compile_source)
    wrap(torch, "compile", compile_graph)
    wrap(subprocess.Popen, "__init__", start_process)
    import multiprocessing.process

    wrap(multiprocessing.process.BaseProcess, "start", start_process)
    for name in ("clip_grad_norm_", "clip_grad_value_"):
        wrap(torch.nn.utils, name, clip)
    _watch_scaler(observer)


def _watch_scaler(observer: Observer) -> None:
    """Follow the scale of mixed precision: what was scaled, whether it was unscaled, how often the scale fell."""
    from torch.amp import GradScaler

    facts = observer.record.scaler

    def scale(original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if args[0].is_enabled():
            facts["is_scaled"] = True
        return original(*args, **kwargs)

    def unscale(original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        facts["is_scaled"] = False
        return original(*args, **kwargs)

    def update(original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        scaler = args[0]
        before = scaler.get_scale() if scaler.is_enabled() else 1.0
        result = original(*args, **kwargs)
        facts["is_scaled"] = False
        if scaler.is_enabled():
            facts["updates"] = facts.get("updates", 0) + 1
            if scaler.get_scale() < before:
                facts.setdefault("halvings", []).append(facts["updates"])
        return result

    observer.patches.wrap(GradScaler, "scale", scale)
    observer.patches.wrap(GradScaler, "unscale_", unscale)
    observer.patches.wrap(GradScaler, "update", update)
