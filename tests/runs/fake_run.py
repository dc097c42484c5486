"""Builds run folders as training leaves them, so that readers can be tested without training anything.

Loaded with ``runpy.run_path``, because test folders are no packages.
"""

from __future__ import annotations

import io
import json
import math
from pathlib import Path

import numpy as np
import yaml
from PIL import Image

CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
LAYERS = [
    ("0", "Conv2d", [6, 28, 28], 156, 235_200, 5), ("1", "ReLU", [6, 28, 28], 0, 0, 5),
    ("2", "MaxPool2d", [6, 14, 14], 0, 0, 6), ("3", "Conv2d", [16, 10, 10], 2416, 480_000, 14),
    ("4", "ReLU", [16, 10, 10], 0, 0, 14), ("5", "MaxPool2d", [16, 5, 5], 0, 0, 16),
    ("6", "Flatten", [400], 0, 0, None), ("7", "Linear", [120], 48_120, 96_000, None), ("8", "ReLU", [120], 0, 0, None),
    ("9", "Linear", [84], 10_164, 20_160, None), ("10", "ReLU", [84], 0, 0, None),
    ("11", "Linear", [10], 850, 1680, None),
]  # fmt: skip


def make_run(
    root: Path, name: str = "20250301-141500-lenet-fashion_mnist", *, classes=CLASSES, epochs=10, steps_per_epoch=215,
    validation=True, evaluation=True, status="done", message=None, seed=0, lr=0.1, lift=0.0, mistakes=24,
) -> Path:  # fmt: skip
    """Write a classifier's run folder; ``lift`` is added to every accuracy."""
    folder = root / name
    (folder / "mistakes").mkdir(parents=True)
    rng = np.random.default_rng(seed)
    write_common(folder, status=status, message=message, seed=seed, lr=lr, epochs=10, finished=status == "done")
    records = curve_records(rng, epochs + (status == "stopped"), steps_per_epoch, validation, lr, lift)
    if status == "stopped":  # a few steps into an epoch that never ended
        records = [record for record in records if record["step"] <= (epochs + 0.5) * steps_per_epoch]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records))
    layers = [dict(zip(("name", "type", "output_shape", "parameters", "flops", "receptive_field"), row, strict=True))
              for row in LAYERS]  # fmt: skip
    write_json(folder / "model.json", {
        "schema": 2, "kind": "classifier", "class_names": list(classes),
        "model": {"name": "lenet", "input_shape": [1, 28, 28], "num_classes": len(classes), "options": {}},
        "input": {"kind": "image", "channels": 1, "height": 28, "width": 28, "mean": [0.286], "std": [0.353]},
        "parameters": 61_706, "flops": 833_040, "layers": layers,
    })  # fmt: skip
    if evaluation:
        write_json(folder / "evaluation.json", make_evaluation(folder, rng, classes, lift, mistakes))
    return folder


def make_regression_run(root: Path, name: str = "20250301-150000-linear-synthetic_regression") -> Path:
    """Write a regressor's run folder: no accuracy, no classes, no validation."""
    folder = root / name
    folder.mkdir(parents=True)
    write_common(
        folder,
        status="done",
        message=None,
        seed=0,
        lr=0.03,
        epochs=3,
        finished=True,
        names=("linear", "synthetic_regression"),
    )
    records = []
    for step in range(10, 301, 10):
        loss = 12 * math.exp(-step / 25) + 5e-5
        records.append({"event": "step", "step": step, "epoch": step / 100, "train_loss": loss, "lr": 0.03,
                        "samples_per_s": 60_000.0, "elapsed_s": step / 6000})  # fmt: skip
        if step % 100 == 0:
            records.append({"event": "epoch", "step": step, "epoch": step // 100, "train_loss": loss, "lr": 0.03,
                            "samples_per_s": 60_000.0, "elapsed_s": step / 6000})  # fmt: skip
    (folder / "metrics.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records))
    write_json(folder / "model.json", {
        "schema": 2, "kind": "regressor", "class_names": [], "parameters": 3, "flops": 4,
        "model": {"name": "linear", "input_shape": [2], "num_classes": 1, "options": {}},
        "input": {"kind": "features", "size": 2},
        "layers": [{"name": "0", "type": "Linear", "output_shape": [1], "parameters": 3, "flops": 4,
                    "receptive_field": None}],
    })  # fmt: skip
    write_json(folder / "evaluation.json", {
        "schema": 2, "split": "test", "num_samples": 200, "loss": 5.2e-5, "rmse": 0.0102, "mae": 0.0081, "r2": 0.99999,
    })  # fmt: skip
    rng = np.random.default_rng(1)
    label = rng.normal(4, 4, 200)
    rows = [
        f"{i},{y:.5f},{p:.5f}," for i, (y, p) in enumerate(zip(label, label + rng.normal(0, 0.01, 200), strict=True))
    ]
    (folder / "predictions.csv").write_text("index,label,predicted,probability\n" + "\n".join(rows) + "\n")
    return folder


def curve_records(rng, epochs, steps_per_epoch, validation, lr, lift) -> list[dict]:
    records = []
    speed = 68_000 + 4000 * rng.random()
    total = epochs * steps_per_epoch

    def train_loss(at: float) -> float:
        return 0.16 + 2.1 * math.exp(-at * 3.2) + 0.42 * math.exp(-at / 3.4)

    for epoch in range(1, epochs + 1):
        for i in range(50, steps_per_epoch + 1, 50):
            step = (epoch - 1) * steps_per_epoch + i
            loss = train_loss(step / steps_per_epoch) * rng.normal(1, 0.035)
            records.append({
                "event": "step", "step": step, "epoch": round(step / steps_per_epoch, 4), "train_loss": loss,
                "train_accuracy": 1 - 0.36 * loss, "lr": 0.5 * lr * (1 + math.cos(math.pi * step / total)),
                "samples_per_s": speed * rng.normal(1, 0.02), "elapsed_s": round(step * 256 / speed, 3),
            })  # fmt: skip
        step = epoch * steps_per_epoch
        loss = train_loss(epoch - 0.5)
        record = {
            "event": "epoch", "step": step, "epoch": epoch, "train_loss": loss,
            "train_accuracy": 1 - 0.36 * loss + lift,
        }  # fmt: skip
        if validation:
            val = train_loss(epoch) + 0.055 + 0.016 * max(0, epoch - 5) ** 1.15 + 0.004 * rng.normal()
            record |= {
                "val_loss": val,
                "val_accuracy": 0.905 - 0.25 * math.exp(-epoch / 1.7) + lift + 0.002 * rng.normal(),
            }
        record |= {
            "lr": 0.5 * lr * (1 + math.cos(math.pi * step / total)), "samples_per_s": speed * rng.normal(1, 0.01),
            "elapsed_s": round(step * 256 / speed + 0.4 * epoch, 3),
        }  # fmt: skip
        records.append(record)
    return records


def make_evaluation(folder: Path, rng, classes, lift, mistakes) -> dict:
    size = len(classes)
    per_class = 1000 if size <= 30 else 50
    closeness = np.exp(rng.normal(-3, 1.6, (size, size)))
    for i, j in ((6, 0), (0, 6), (6, 2), (2, 4), (4, 2), (6, 4), (4, 6), (9, 7), (5, 7), (3, 0)):
        if size == 10:
            closeness[i, j] = 6 + 8 * rng.random()
    np.fill_diagonal(closeness, 0)
    errors = np.clip(rng.normal(0.095 - lift, 0.06, size), 0.01, 0.35)
    confusion = np.stack([rng.multinomial(per_class, [*(errors[i] * closeness[i] / closeness[i].sum()), 1 - errors[i]])
                          for i in range(size)])  # fmt: skip
    right = confusion[:, -1]
    confusion = confusion[:, :-1]
    np.fill_diagonal(confusion, right)
    table = []
    for i, name in enumerate(classes):
        precision, recall = confusion[i, i] / max(1, confusion[:, i].sum()), confusion[i, i] / per_class
        f1 = 2 * precision * recall / (precision + recall)
        table.append({"class": name, "precision": precision, "recall": recall, "f1": f1, "support": per_class})
    worst = []
    for rank in range(mistakes):
        i, j = rng.choice(size, 2, replace=False)
        index = int(rng.integers(10_000))
        image = f"mistakes/{index:05d}.png"
        (folder / image).write_bytes(draw_image(rng))
        worst.append({"index": index, "label": classes[i], "predicted": classes[j],
                      "probability": 0.998 - 0.006 * rank, "image": image})  # fmt: skip
    total = size * per_class
    accuracy = float(np.trace(confusion) / total)
    return {
        "schema": 2, "split": "test", "num_samples": total, "loss": 0.31 - lift, "accuracy": accuracy,
        "class_names": list(classes), "confusion": confusion.tolist(), "per_class": table, "mistakes": worst,
    }  # fmt: skip


def draw_image(rng, size: int = 28) -> bytes:
    """A grey blob with an edge, as a PNG."""
    y, x = np.mgrid[0:size, 0:size] / size - 0.5
    angle, stretch = rng.uniform(0, math.pi), rng.uniform(1, 3)
    u, v = x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)
    shade = (u**2 + (stretch * v) ** 2 < 0.12) * (150 + 80 * np.sin(20 * u)) + rng.normal(0, 6, (size, size))
    buffer = io.BytesIO()
    Image.fromarray(shade.clip(0, 255).astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def write_common(folder, *, status, message, seed, lr, epochs, finished, names=("lenet", "fashion_mnist")) -> None:
    config = {
        "schema": 2, "model": {"name": names[0], "options": {}}, "data": {"name": names[1], "validation": 0.1},
        "training": {"epochs": epochs, "batch_size": 256, "optimizer": "sgd", "lr": lr, "schedule": "cosine",
                     "momentum": 0.9, "weight_decay": 0.0},
        "execution": {"device": "cpu", "precision": "fp32", "compile": False}, "seed": seed,
    }  # fmt: skip
    (folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    write_json(folder / "run.json", {
        "schema": 2, "fathom": "0.1.0", "status": status, "created": "2025-03-01T14:15:00.123+01:00",
        "finished": "2025-03-01T14:15:41.000+01:00" if finished else None, "seed": seed, "message": message,
        "command": ["fathom", "train", names[0], "--data", names[1], "--lr", str(lr)],
        "versions": {"python": "3.11.9", "torch": "2.15.0", "numpy": "2.4.6"},
        "machine": {"cpu": "Example CPU @ 2.50GHz", "cores": 2, "device": "cpu"},
        "choices": {"allocator": "heap kept: 4.1 s → 3.1 s an epoch", "precision": "fp32"},
        "train_s": None,
    })  # fmt: skip


def write_json(path: Path, content: dict) -> None:
    path.write_text(json.dumps(content, indent=2))
