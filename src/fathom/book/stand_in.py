"""Code that names CUDA devices runs on the CPU: ``fathom book run --cpu-stand-in``."""

from __future__ import annotations

import ast
import re
from typing import Any

import torch

from fathom.d2l.frame import devices

_DEVICE = re.compile(r"(cuda|gpu)(:\d+)?")  # cuda, cuda:0, gpu:1


class CpuStandIn(ast.NodeTransformer):
    """Turns every constant that names a CUDA device into one that names the CPU, and counts them.

    Made once per process, it also makes ``Tensor.cuda()``, ``Module.cuda()``, ``torch.cuda.synchronize()`` and
    ``nn.parallel.scatter`` work on the CPU, and ``d2l.try_all_gpus()`` return the CPU twice, so that code for several
    devices runs.
    """

    def __init__(self) -> None:
        self.count = 0
        devices.gpu = lambda i=0: torch.device("cpu")  # the module itself: d2l's functions look it up there
        devices.try_all_gpus = lambda: [torch.device("cpu")] * 2  # two, for sections that train on several
        torch.Tensor.cuda = _to_cpu  # type: ignore[method-assign]
        torch.nn.Module.cuda = _to_cpu  # type: ignore[method-assign]
        torch.cuda.synchronize = lambda device=None: None  # nothing runs behind the CPU's back
        torch.nn.parallel.scatter = _scatter  # type: ignore[assignment]

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        """Replace "cuda" and "cuda:1"."""
        if isinstance(node.value, str) and _DEVICE.fullmatch(node.value):
            return self._cpu(node)
        return node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        """Replace f"cuda:{i}"."""
        match node.values:
            # text, then one number: nothing else is a device
            case [ast.Constant(value="cuda:" | "gpu:"), ast.FormattedValue()]:
                return self._cpu(node)
        return node

    def _cpu(self, node: ast.expr) -> ast.AST:
        self.count += 1
        return ast.copy_location(ast.Constant("cpu"), node)


def _to_cpu(self: Any, *args: object, **kwargs: object) -> Any:
    return self.cpu()


def _scatter(inputs: Any, target_gpus: list[object], dim: int = 0) -> Any:
    if isinstance(inputs, torch.Tensor):
        return inputs.chunk(len(target_gpus), dim)
    # a list of inputs: scattered each, then joined per device
    return list(zip(*(_scatter(part, target_gpus, dim) for part in inputs), strict=True))
