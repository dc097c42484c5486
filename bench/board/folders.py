"""Run folders as training leaves them, many at once; and the same curves as TensorBoard's event files."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path

import yaml

STEPS, EPOCHS = 20, 10  # records of log intervals in an epoch, epochs


def make_runs(root: Path, count: int) -> Path:
    """Write ``count`` runs below a folder and return it."""
    rng = random.Random(0)
    for i in range(count):
        run = root / f"2025{1 + i // 84:02d}{1 + i % 28:02d}-{i % 24:02d}{i % 60:02d}00-mlp-digits-{i}"
        run.mkdir(parents=True)
        lr = rng.choice([0.01, 0.03, 0.1])
        training = {"epochs": EPOCHS, "optimizer": "sgd", "lr": lr, "schedule": "cosine"}
        model, data = {"name": "mlp", "options": {}}, {"name": "digits", "batch_size": 64}
        config = {"schema": 2, "model": model, "data": data, "training": training, "seed": i % 5}
        (run / "config.yaml").write_text(yaml.safe_dump(config))
        about = {"schema": 2, "status": "done", "created": f"2025-01-01T00:{i % 60:02d}:00+00:00", "seed": i % 5}
        (run / "run.json").write_text(json.dumps(about))
        (run / "metrics.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records(rng)))
    return root


def records(rng: random.Random) -> list[dict[str, object]]:
    """Return the records of one run."""
    found: list[dict[str, object]] = []
    for step in range(1, STEPS * EPOCHS + 1):
        loss = 2.3 * math.exp(-step / 60) + 0.1 * rng.random()
        found.append({"event": "step", "step": step, "epoch": step / STEPS, "train_loss": loss, "lr": 0.1,
                      "samples_per_s": 1e4, "elapsed_s": step / 10})  # fmt: skip
        if step % STEPS == 0:
            metrics = {"train_loss": loss, "val_loss": loss + 0.05, "val_accuracy": 1 - loss / 3, "lr": 0.1}
            found.append({"event": "epoch", "step": step, "epoch": step // STEPS, **metrics, "elapsed_s": step / 10})
    return found


def write_events(root: Path, target: Path) -> None:
    """Write the curves of all runs as TensorBoard's own writer does."""
    from torch.utils.tensorboard import SummaryWriter

    for run in sorted(root.iterdir()):
        with SummaryWriter(str(target / run.name)) as writer:
            for line in (run / "metrics.jsonl").read_text().splitlines():
                record = json.loads(line)
                for name in ("train_loss", "val_loss", "val_accuracy"):
                    if name in record:
                        writer.add_scalar(name, record[name], record["step"])
