"""A student that learns from a teacher's outputs beside the labels: knowledge distillation.

Source:  Hinton, Vinyals & Dean 2015, "Distilling the Knowledge in a Neural Network"
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from fathom.data.module import LabelledData
from fathom.errors import FathomError, UsageError
from fathom.inference.saved import load_module
from fathom.losses import soft_targets
from fathom.module import Batch, Classifier, Module
from fathom.preprocess import Preprocess
from fathom.settings.config import Config, DistillConfig, split_seed
from fathom.settings.reading import read_config
from fathom.training.device import Execution, choose_execution
from fathom.training.evaluation import evaluate_batches

# Options that decide which sample is in which split, with their defaults.
_DIVIDING = {
    "test": None,
    "images": None,
    "split_column": "split",
    **dict.fromkeys(("levels", "group_by_name", "group_column", "time_column")),
}


class Student(Classifier):
    """A classifier that learns α·T²·KL(teacher ‖ student), both softened by T, plus (1 − α) of its own loss.

    Evaluated and saved, it is a plain classifier without its teacher. A training batch is (X, y), and the teacher is
    run on it; or (X, [y, teacher's logits]), if they were computed before.

    Args:
        teacher: maps the same stored samples to logits; it has its own preprocessing, and is never trained.
        temperature, alpha: T and α.
    """

    def __init__(
        self,
        net: nn.Module,
        teacher: Module,
        *,
        temperature: float = 4.0,  # softens both; 1 would leave them as they are
        alpha: float = 0.7,  # the teacher's share of the loss
        label_smoothing: float = 0.0,
        class_names: tuple[str, ...] = (),
        class_weights: Sequence[float] | None = None,
        preprocess: Preprocess | None = None,
    ) -> None:
        super().__init__(
            net,
            class_names=class_names,
            label_smoothing=label_smoothing,
            class_weights=class_weights,
            preprocess=preprocess,
        )
        # Hidden from nn.Module: its weights are neither trained nor saved, and train() must not reach it.
        # a tuple: nn.Module registers attributes that are modules
        self._hidden_teacher = (teacher.eval().requires_grad_(False),)
        self.temperature, self.alpha = temperature, alpha

    @property
    def teacher(self) -> Module:
        """The teacher, in evaluation mode."""
        return self._hidden_teacher[0]

    def training_step(self, batch: Batch) -> dict[str, Tensor]:
        """Return the mixed loss, its two parts, and the accuracy."""
        X, y = batch
        if y.ndim == 2:  # (N, 1 + K): label and stored logits, joined by the loader
            y, teacher_logits = y[:, 0].long(), y[:, 1:]
        else:
            with torch.no_grad():
                teacher_logits = self.teacher(X).float()  # float32: under autocast they come in half precision
        prediction = self(X).float()
        soft, hard = soft_targets(prediction, teacher_logits, self.temperature), self.train_loss(prediction, y)
        loss = self.alpha * soft + (1 - self.alpha) * hard
        parts = {"soft_loss": soft.detach(), "hard_loss": hard.detach()}  # detached: for the log alone
        return {"loss": loss, **parts, **self.outputs(prediction.detach(), y)}


def check_distillable(config: Config, data: LabelledData) -> None:
    """Refuse to distil anything but classification by cross-entropy.

    Raises:  UsageError
    """
    if data.task != "classification":
        raise UsageError(f"distillation softens the probabilities of classes; the task of {data.name} is {data.task}")
    if config.training.loss not in (None, "cross_entropy"):
        raise UsageError(f"distillation is for cross_entropy; the loss here is {config.training.loss}")


def build_student(net: nn.Module, config: Config, data: LabelledData, preprocess: Preprocess) -> Student:
    """Wrap a network together with the teacher that its settings name.

    Raises:  UsageError, FathomError if that teacher does not fit this data
    """
    settings, training = config.training.distill, config.training
    assert settings is not None
    teacher = load_teacher(settings, config, data)
    return Student(
        net,
        teacher,
        temperature=settings.temperature,
        alpha=settings.alpha,
        label_smoothing=training.label_smoothing,
        class_names=data.class_names,
        class_weights=data.class_weights(),
        preprocess=preprocess,
    )


def load_teacher(settings: DistillConfig, config: Config, data: LabelledData) -> Module:
    """Read the teacher; check that it fits the data and was not trained on the student's evaluation samples.

    Raises:  UsageError, FathomError
    """
    path = Path(settings.teacher)
    teacher, _ = load_module(path)
    names = tuple(getattr(teacher, "class_names", ()))
    # same classes in the same order: logits compare by place
    if teacher.kind != "classifier" or names != data.class_names:
        what = f"{len(names)} classes" if names else f"a {teacher.kind.replace('_', ' ')}"
        raise UsageError(
            f"the teacher {path.name} ({what}) does not know the {len(data.class_names)} classes of {data.name}"
        )
    if isinstance(teacher, Classifier) and teacher.multilabel:
        raise UsageError(f"the teacher {path.name} learned by bce_with_logits; distillation needs one by cross_entropy")
    own = read_config(path)
    check_same_split(own, config)
    is_own = own.data.name == config.data.name  # another data set may share no sample with it
    if (is_own or data.is_encoded) and not data.matches(teacher.preprocess):
        if is_own:
            raise FathomError(f"{data.name} has changed since the teacher {path.name} was trained")
        raise UsageError(f"the teacher {path.name} reads only rows of {own.data.name}, not those of {data.name}")
    try:
        # one real sample tells whether the shapes agree
        with torch.no_grad():
            teacher(data.example_input())
    except RuntimeError as error:
        raise UsageError(f"the teacher {path.name} cannot read samples of shape {data.input_shape}") from error
    return teacher


def check_same_split(teacher: Config, student: Config) -> None:
    """Refuse to evaluate a student on samples that its teacher was trained on.

    Raises:  UsageError if the same data is split in another way
    """
    if teacher.data.name != student.data.name:
        return
    for name, theirs, own in (  # what decides who is in which split
        ("data.val", teacher.data.val, student.data.val),
        ("data.split_seed", split_seed(teacher), split_seed(student)),
        ("data.fold", teacher.data.fold, student.data.fold),
        *(
            (f"data.options.{name}", *(config.data.options.get(name, default) for config in (teacher, student)))
            for name, default in _DIVIDING.items()
        ),
    ):
        if theirs != own:
            raise UsageError(
                f"the teacher split the same data with {name}={theirs}, not {own}: it was trained on samples that "
                f"the student is to be evaluated on; {'leave it out' if theirs is None else f'set {name}={theirs}'}"
            )


def attach_teacher(module: Module, data: LabelledData, execution: Execution) -> None:
    """Move a student's teacher to the device; if training samples never change, run it on all of them now.

    Raises:  UsageError if it must run at every step, and a whole step is to be compiled
    """
    if not isinstance(module, Student):
        return
    teacher = module.teacher
    own = choose_execution(
        teacher, data.example_input(), device=str(execution.device), precision="fp32", compile="off", devices=None
    )
    own.prepare(teacher)
    if data.takes_teacher_logits:  # no augmentation, so one pass before training replaces one a step
        logits, _ = evaluate_batches(teacher, data.train_eval_dataloader(), own, keep_outputs=True).pair()  # (N, K)
        data.set_teacher_logits(logits)
    elif execution.compile == "step":
        raise UsageError("--compile step cannot include a teacher that runs at every step; use --compile forward")
