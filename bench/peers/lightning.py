"""Lightning: https://lightning.ai"""

from __future__ import annotations

import logging
from typing import Any

import torch
from torch import Tensor

from bench.gate import Gate
from bench.inputs import make_batches
from bench.networks import make_loss, make_net
from bench.problems import Problem


def run(problem: Problem, gate: Gate, feed: str = "tensors") -> None:
    """Train with ``Trainer.fit``."""
    import lightning

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)

    class Model(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net, self.loss = make_net(problem), make_loss(problem)

        def training_step(self, batch: tuple[Tensor, Tensor], batch_index: int) -> Tensor:
            X, y = batch
            output = self.net(X)
            loss = self.loss(output, y)
            self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=len(y))
            if not problem.is_regression:
                accuracy = (output.argmax(1) == y).float().mean()
                self.log("train_accuracy", accuracy, on_step=False, on_epoch=True, batch_size=len(y))
            return loss

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), lr=problem.lr)

    class AtGate(lightning.Callback):
        def on_train_epoch_start(self, trainer: Any, module: Any) -> None:
            gate.start_epoch()

        def on_train_epoch_end(self, trainer: Any, module: Any) -> None:
            gate.end_epoch(lambda: {name: value.item() for name, value in trainer.callback_metrics.items()})

    trainer = lightning.Trainer(
        max_epochs=gate.num_epochs,
        accelerator="cpu",
        callbacks=[AtGate()],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(Model(), make_batches(problem, feed))
