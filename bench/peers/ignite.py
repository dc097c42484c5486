"""PyTorch-Ignite: https://pytorch-ignite.ai"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from bench.gate import Gate
from bench.inputs import make_batches
from bench.networks import make_loss, make_net
from bench.problems import Problem


def run(problem: Problem, gate: Gate) -> None:
    """Train with an ``Engine`` and its metrics."""
    from ignite.engine import Engine, Events
    from ignite.metrics import Accuracy, Average

    net, loss_function = make_net(problem), make_loss(problem)
    optimizer = torch.optim.SGD(net.parameters(), lr=problem.lr)

    def update(engine: Engine, batch: tuple[Tensor, Tensor]) -> dict[str, Any]:
        X, y = batch
        net.train()
        optimizer.zero_grad()
        output = net(X)
        loss = loss_function(output, y)
        loss.backward()
        optimizer.step()
        return {"loss": loss.item(), "output": output.detach(), "y": y}

    trainer = Engine(update)
    Average(output_transform=lambda out: out["loss"]).attach(trainer, "train_loss")
    if not problem.is_regression:
        Accuracy(output_transform=lambda out: (out["output"], out["y"])).attach(trainer, "train_accuracy")
    trainer.add_event_handler(Events.EPOCH_STARTED, lambda: gate.start_epoch())
    # Added last, so that it runs after the metrics are computed.
    trainer.add_event_handler(Events.EPOCH_COMPLETED, lambda: gate.end_epoch(trainer.state.metrics))
    trainer.run(make_batches(problem), max_epochs=gate.num_epochs)
