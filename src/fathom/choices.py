"""The names a setting may have, each list in one place. Loads nothing.

Whoever acts on a choice (the trainer, the optimisers, the loaders), the settings that hold it and the command line that
offers it all take it from here.
"""

from __future__ import annotations

from typing import Literal

Precision = Literal["auto", "fp32", "bf16", "fp16"]
CompileMode = Literal["off", "forward", "step"]
Strategy = Literal["auto", "ddp", "fsdp"]
Balance = Literal["none", "weights", "sampler"]
Cache = Literal["auto", "memory", "none"]
Task = Literal["classification", "regression", "language"]
Fill = Literal["mean", "median"]
Level = Literal["char", "word"]
OptimizerName = Literal["sgd", "adam", "adamw", "rmsprop", "adagrad", "adadelta"]
LoggerName = Literal["csv", "tensorboard", "wandb", "mlflow"]
DoctorLevel = Literal["off", "light", "full"]
