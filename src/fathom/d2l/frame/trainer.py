"""The book's loop, in pieces that its readers replace one by one."""

from __future__ import annotations

import contextlib
from typing import Any

import torch
from torch import Tensor, nn

from fathom.d2l.frame import devices
from fathom.d2l.frame.hyperparameters import HyperParameters
from fathom.d2l.frame.loaders import Rows, make_loader
from fathom.d2l.frame.module import Module
from fathom.errors import FathomError, UsageError
from fathom.training.device import tune_allocator
from fathom.training.optimizers import clip_by_norm_


class Trainer(HyperParameters):
    """Fits a model to data. Every step is a method that a subclass or ``add_to_class`` may replace::

        fit(model, data)
          prepare_data(data); prepare_model(model); model.configure_optimizers()
          for each epoch
            fit_epoch()
              for each training batch
                training_step(prepare_batch(batch)); backward; clip_gradients; optimiser step
              for each validation batch
                validation_step(prepare_batch(batch))

    ``fathom.Trainer`` has checkpoints, schedules and records; this one is for the book's code, which needs a trainer
    that its models can call back.

    Args:
        num_gpus: GPUs to use, if present; the book uses the first.
        gradient_clip_val: largest joint norm of the gradients; 0 for none.
    """

    max_epochs: int
    num_gpus: int
    gradient_clip_val: float
    model: Any
    optim: Any
    train_dataloader: Any
    val_dataloader: Any

    def __init__(self, max_epochs: int, num_gpus: int = 0, gradient_clip_val: float = 0) -> None:
        self.save_hyperparameters()
        # as many as there are, at most those asked for
        self.gpus = [devices.gpu(i) for i in range(min(num_gpus, devices.num_gpus()))]
        self._settled: Any = None  # the model whose memory format has been chosen

    def prepare_data(self, data: Any) -> None:
        """Get the loaders from ``data``."""
        if not hasattr(data, "train_dataloader"):
            raise UsageError(f"a {type(data).__name__} has no train_dataloader; pass a d2l.DataModule")
        self.train_dataloader = self._place(data.train_dataloader())
        self.val_dataloader = self._place(data.val_dataloader())
        self.num_train_batches = _count_batches(self.train_dataloader)
        # validation is optional
        self.num_val_batches = 0 if self.val_dataloader is None else _count_batches(self.val_dataloader)

    def prepare_model(self, model: Module) -> None:
        """Connect model and trainer, on the GPU if there is one."""
        model.trainer = self
        model.board.xlim = [0, self.max_epochs]  # epochs on the x-axis
        if self.gpus:
            model.to(self.gpus[0])
        self.model = model

    def prepare_batch(self, batch: Any) -> Any:
        """Move a batch to the model's device."""
        if self.gpus:
            # non_blocking: the copy overlaps with computing
            return [part.to(self.gpus[0], non_blocking=True) for part in batch]
        return batch

    def fit(self, model: Module, data: Any) -> None:
        """Train ``model`` on ``data`` for ``max_epochs`` epochs, from its current weights."""
        if not self.gpus:
            tune_allocator()
        self.prepare_data(data)
        self.prepare_model(model)
        self._settled = None  # a new fit looks at the memory format anew
        self.optim = model.configure_optimizers()
        self.train_batch_idx = self.val_batch_idx = self.epoch = 0  # for the plots' x-axis
        try:
            for epoch in range(self.max_epochs):
                self.epoch = epoch
                self.fit_epoch()
        finally:
            model.board.finish()  # after an interruption too: the newest points are seen

    def fit_epoch(self) -> None:
        """Train on every training batch, then evaluate every validation batch."""
        model, optim = self.model, self.optim
        model.train()
        for batch in self.train_dataloader:
            batch = self.prepare_batch(batch)
            if self._settled is not model:
                choose_memory_format(model, batch)
                self._settled = model
            loss = model.training_step(batch)
            optim.zero_grad()  # after the forward pass, as the book's: no gradient is used twice
            loss.backward()
            with torch.no_grad():
                if self.gradient_clip_val > 0:  # 0 clips nothing
                    self.clip_gradients(self.gradient_clip_val, model)
                optim.step()
            self.train_batch_idx += 1
        if self.val_dataloader is None:
            return
        model.eval()
        with torch.no_grad():
            for batch in self.val_dataloader:
                model.validation_step(self.prepare_batch(batch))
                self.val_batch_idx += 1

    def clip_gradients(self, grad_clip_val: float, model: Module) -> None:
        """Scale all gradients together so that their joint norm is at most ``grad_clip_val``."""
        clip_by_norm_([p for p in model.parameters() if p.requires_grad and p.grad is not None], grad_clip_val)

    def _place(self, loader: Any) -> Any:
        """Keep in-memory data on the GPU, where gathering a batch is faster than copying it."""
        # only our own loaders: others may do more than gather
        rows = getattr(loader, "dataset", None)
        if not self.gpus or type(rows) is not Rows:
            return loader
        moved = Rows(*(tensor.to(self.gpus[0]) for tensor in rows.tensors), transform=rows.transform)
        shuffles = isinstance(loader.sampler, torch.utils.data.RandomSampler)  # a sequential sampler must stay one
        return make_loader(moved, loader.batch_size, shuffle=shuffles)


def choose_memory_format(model: nn.Module, batch: Any) -> None:
    """Keep convolution weights in the memory order that computes fastest, if the model allows it.

    Networks that depend on memory order, with ``view``, stay as they are. Lazy layers get their shapes here.
    """
    # the order of memory matters to convolutions alone
    if not any(isinstance(layer, nn.Conv2d) for layer in model.modules()):
        return
    # lazy ones get their shape in the trial pass
    parameters = [p for p in model.parameters() if p.ndim == 4 or nn.parameter.is_lazy(p)]
    two_samples = [part[:2] if isinstance(part, Tensor) else part for part in batch[:-1]]  # batch-norm needs two
    if not _can_forward(model, two_samples):
        return  # the training step raises the error, with the user's own code in the traceback
    weights = [p for p in parameters if p.ndim == 4]
    for weight in weights:
        weight.data = weight.data.contiguous(memory_format=torch.channels_last)
    if not _can_forward(model, two_samples):
        for weight in weights:
            # a layer of the user's may view() its input: back to the usual order
            weight.data = weight.data.contiguous()


@torch.no_grad()
def _can_forward(model: nn.Module, inputs: list[Any]) -> bool:
    was_training = {layer: layer.training for layer in model.modules()}
    model.eval()  # keeps dropout from drawing and batch-norm from learning
    try:
        model(*inputs)
    except Exception:
        return False
    finally:
        for layer, training in was_training.items():
            layer.training = training  # train() would set all layers alike; some may be frozen
    return True


def _count_batches(loader: Any) -> int:
    with contextlib.suppress(TypeError):
        return len(loader)
    raise FathomError(
        f"a {type(loader).__name__} has no length; return a loader from get_dataloader, as get_tensorloader does"
    )
