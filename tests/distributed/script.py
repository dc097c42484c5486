"""A training script as a user writes it, under torchrun: it notes which samples every step learned from."""

import json
import os
import sys
import time
from pathlib import Path

import torch
from torch import nn

import fathom
from fathom.data.loaders.memory import MemoryLoader
from fathom.training.callbacks import Callback, Checkpointing
from fathom.training.checkpoint import load_latest
from fathom.training.device import choose_execution

out, epochs, pause = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])


class Notes(Callback):
    def on_batch_end(self, trainer, batch, outputs):
        line = {
            "attempt": os.environ["TORCHELASTIC_RESTART_COUNT"],
            "step": trainer.step,
            "ids": batch[0][:, 0].tolist(),
        }
        with (out / f"ids-{trainer.world.rank}.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")
        time.sleep(pause)

    def on_fit_start(self, trainer):
        (out / f"pid-{trainer.world.rank}").write_text(str(os.getpid()))


X = torch.arange(41.0)[:, None]
loader = MemoryLoader(X, (X[:, 0] > 20).long(), 6, shuffle=True, seed=1)
state = load_latest(out / "checkpoints")[0] if (out / "checkpoints" / "last").is_dir() else None
torch.manual_seed(0)
module = fathom.Classifier(nn.Sequential(nn.Linear(1, 4), nn.Tanh(), nn.Linear(4, 2)), lr=0.01)
execution = choose_execution(module, X[:1], device="cpu", devices=int(os.environ["WORLD_SIZE"]))
callbacks = [Notes(), Checkpointing(out / "checkpoints", every_s=0.3)]
trainer = fathom.Trainer(epochs, execution=execution, callbacks=callbacks, progress=False)
trainer.fit(module, loader, state=state)
if trainer.world.is_first:
    (out / "done").write_text(json.dumps(trainer.num_samples))
