"""The notes' networks cut over two processes by torch's means: layers side by side; stages one behind the other."""

from __future__ import annotations

import copy

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.pipelining import PipelineStage, ScheduleGPipe
from torch.distributed.tensor import DTensor
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module

import fathom

torch.set_default_dtype(torch.float64)


def network(name):
    torch.manual_seed(0)
    return fathom.create_model(name, input_shape=(1, 28, 28), num_classes=10).double()


def batch():
    generator = torch.Generator().manual_seed(1)
    return torch.randn(8, 1, 28, 28, generator=generator), torch.randint(0, 10, (8,), generator=generator)


def learned(net, steps=3):
    """Train on one device; what it must be equal to."""
    X, y = batch()
    optimizer, losses = torch.optim.SGD(net.parameters(), lr=0.1), []
    for _ in range(steps):
        loss = nn.functional.cross_entropy(net(X), y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return losses, {name: p.detach() for name, p in net.named_parameters()}


def tensors(place):
    """The two linear layers of the MLP cut by columns, then by rows: one sum of activations between them."""
    alone = network("mlp")
    whole = copy.deepcopy(alone)
    linear = [name for name, layer in alone.named_modules() if isinstance(layer, nn.Linear)]
    mesh = init_device_mesh("cpu", (dist.get_world_size(),))
    cut = parallelize_module(alone, mesh, dict(zip(linear, (ColwiseParallel(), RowwiseParallel()), strict=True)))
    losses, weights = learned(cut)
    shapes = [list(p.to_local().shape) for p in weights.values() if isinstance(p, DTensor) and p.ndim == 2]
    expected, theirs = learned(whole)
    whole_weights = {n: p.full_tensor() if isinstance(p, DTensor) else p for n, p in weights.items()}
    return [losses, expected, max(float((whole_weights[n] - theirs[n]).abs().max()) for n in theirs), shapes]


def stages(place):
    """LeNet's convolutions in the first process, its linear layers in the second; four micro-batches on their way."""
    rank, X, y = dist.get_rank(), *batch()
    net = network("lenet")
    layers = list(net.children()) if len(list(net.children())) > 1 else list(next(net.children()).children())
    flatten = next(i for i, layer in enumerate(layers) if isinstance(layer, nn.Flatten))
    parts = [nn.Sequential(*layers[:flatten]), nn.Sequential(*layers[flatten:])]
    expected, theirs = learned(copy.deepcopy(nn.Sequential(*parts)))
    stage = PipelineStage(parts[rank], rank, 2, torch.device("cpu"))
    schedule = ScheduleGPipe(stage, 4, loss_fn=nn.functional.cross_entropy)
    optimizer, losses = torch.optim.SGD(parts[rank].parameters(), lr=0.1), []
    for _ in range(3):
        found = []
        if rank == 0:
            schedule.step(X)
        else:
            schedule.step(target=y, losses=found)
            losses.append(float(torch.stack(found).mean()))
        optimizer.step()
        optimizer.zero_grad()
    own = {f"{rank}.{name}": p.detach() for name, p in parts[rank].named_parameters()}
    return [losses, expected, max(float((own[n] - theirs[n]).abs().max()) for n in own), len(own)]
