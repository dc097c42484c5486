"""What a run folder is made of: file names, the schema's version, the names and order of metrics.

```
runs/20250301-141500-lenet-fashion_mnist/
  config.yaml        the resolved configuration
  run.json           status, time, command, seed, versions, machine, choices
  metrics.jsonl      one record a line: event "step", "epoch" or "resume"
  metrics.csv        the epoch records as a table
  probes.jsonl       what the doctor measured while the network trained, and what it found
  log.txt            what happened, with the time
  data.json          the parts and their classes, what is wrong with the files, duplicates
  model.json         name, layers, class names, input; model.safetensors holds the weights beside it
  checkpoints/       best, last, previous
  evaluation.json    the test set, used once; mistakes/*.png and predictions.csv belong to it
  comparison.json    fine-tuning beside training from scratch; the runs are in repeats/ and scratch/
  prune.json         of a pruned network: what was taken out, and what that did
  findings.json      what the numbers of all these say
  report.html        all of the above for the eye, made from the folder alone
```

JSON here is strict: a number that is not finite is written as ``null``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fathom.errors import FathomError

SCHEMA = 2  # of all files of a run folder together

CONFIG = "config.yaml"
RUN = "run.json"
METRICS = "metrics.jsonl"
METRICS_TABLE = "metrics.csv"
PROBES = "probes.jsonl"
LOG = "log.txt"
DATA = "data.json"
MODEL = "model.json"
WEIGHTS = "model.safetensors"
CHECKPOINTS = "checkpoints"
EVALUATION = "evaluation.json"
MISTAKES = "mistakes"
PREDICTIONS = "predictions.csv"
COMPARISON = "comparison.json"
REPEATS, FROM_SCRATCH = "repeats", "scratch"
PRUNING = "prune.json"
FINDINGS = "findings.json"
REPORT = "report.html"

STUDY = "study.json"

# What tells the folder of several runs, which lie inside it
SERIES = {
    "crossval.json": "a cross-validation",
    "distill.json": "a distillation",
    "learning-curve.json": "a learning curve",
    STUDY: "a search for settings",
}

STATUSES = ("running", "done", "stopped", "failed")
# What a run is, as a user sees it: a killed one still says "running" in its file, and holds no lock any more.
CONDITIONS = ("running", "done", "stopped", "failed", "interrupted", "dry run", "damaged")

METRIC_ORDER = (  # in metrics.csv; others follow as they first appear
    "epoch",
    "step",
    "train_loss",
    "train_accuracy",
    "train_perplexity",
    "val_loss",
    "val_accuracy",
    "val_perplexity",
    "lr",
    "samples_per_s",
    "elapsed_s",
)


def check_schema(content: Mapping[str, object], path: Path) -> None:
    """Refuse a file that another version of Fathom wrote, or one that is not Fathom's.

    Raises:  FathomError naming the file, if ``schema`` is absent, no whole number, or not SCHEMA
    """
    version = content.get("schema")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:  # True is an int to Python
        raise FathomError(f"{path} has no schema number, so it was not written by Fathom")
    if version != SCHEMA:
        raise FathomError(f"{path} was {other_version(version)}")


def other_version(schema: int) -> str:
    """Return what there is to say of a file with another schema number, and what to do about it."""
    age, cure = ("a newer", "upgrade fathom") if schema > SCHEMA else ("an older", "make it again")
    return f"written by {age} Fathom (schema {schema}, this one reads {SCHEMA}); {cure}"
