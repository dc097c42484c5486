"""The commands of ``fathom``: where each stands and what it is for. A new command is one line here and one file."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Verb:
    """One command: its file under ``commands/``, its purpose, and what the command line does around it."""

    file: str  # group.name
    purpose: str
    trains: bool = False  # done by one process, unless several can join in it
    joins: bool = False  # takes --devices
    leads: bool = False  # of several processes the first does it, and the others train along
    fetches: bool = True  # may download data or weights: takes --offline

    @property
    def module(self) -> str:
        return f"fathom.cli.commands.{self.file}"


VERBS = {
    "train": Verb(
        "training.train", "train a network; write a run folder with model, metrics and report", trains=True, joins=True
    ),
    "forecast": Verb("training.forecast", "say how long a training will take, and how much memory, before it starts"),
    "eval": Verb("use.eval", "evaluate a run's model on a split of its data", joins=True),
    "generate": Verb("use.generate", "continue a text with a language model", fetches=False),
    "crossval": Verb(
        "training.crossval",
        "cross-validate: train on all folds but one, evaluate on that one; compare networks",
        trains=True,
        joins=True,
        leads=True,
    ),
    "learning-curve": Verb(
        "training.learning_curve", "train on parts of the data: would more data help, and how much?", trains=True
    ),
    "distill": Verb(
        "training.distill",
        "train a small network to imitate a run's model; show what that gains",
        trains=True,
        joins=True,
        leads=True,
    ),
    "predict": Verb("use.predict", "predict labels or values for images, folders, tables and texts with a run's model"),
    "serve": Verb("use.serve", "answer predictions over HTTP with a run's model or an exported one", fetches=False),
    "eject": Verb("use.eject", "write a run as one file of plain PyTorch, which repeats it without Fathom"),
    "export": Verb("use.export", "write a run's model as one ONNX or torch.export file"),
    "tune": Verb("training.tune", "search for better hyperparameters; train the best as a run", trains=True),
    "prune": Verb(
        "training.prune",
        "make a run's model smaller or sparser, fine-tune it, and show what that costs",
        trains=True,
        joins=True,
        leads=True,
    ),
    "check": Verb("inspection.check", "check data before training: splits, class balance, leakage, broken files"),
    "doctor": Verb(
        "inspection.doctor", "say what is wrong with a training script of your own, or with a run", fetches=False
    ),
    "board": Verb("inspection.board", "watch runs in the browser: live, local, offline", fetches=False),
    "report": Verb("inspection.report", "write report.html from a run folder", fetches=False),
    "runs": Verb("inspection.runs", "list the runs; delete some to a trash, and restore them", fetches=False),
    "compare": Verb("inspection.compare", "compare runs side by side", fetches=False),
    "diverge": Verb(
        "inspection.diverge", "say where two runs part: the first step, the first tensor, the settings", trains=True
    ),
    "models": Verb("study.models", "list the networks, or show the layers of one", fetches=False),
    "data": Verb("setup.data", "list the data sets, or show one"),
    "schedules": Verb("training.schedules", "list and draw the learning-rate schedules", fetches=False),
    "play": Verb("study.play", "play with a small network in the browser, truly trained", fetches=False),
    "scratch": Verb("study.scratch", "train networks written on NumPy beside PyTorch, step by step"),
    "lab": Verb("study.lab", "test claims of the notes on seeds and intervals; show the verdicts"),
    "book": Verb("study.book", "run code written for Dive into Deep Learning, unchanged"),
    "recipes": Verb("training.recipes", "list the shipped recipes, or show one", fetches=False),
    "completion": Verb("setup.completion", "print what lets a shell complete commands, options, runs", fetches=False),
}


def overview() -> str:
    """Return what ``fathom --help`` prints."""
    lines = [
        "usage: fathom COMMAND [...]",
        "",
        "Train networks you understand. `fathom train` alone learns to read digits.",
        "",
    ]
    lines += [f"  {name:<15}{verb.purpose}" for name, verb in VERBS.items()]
    lines += [
        "",
        "  fathom COMMAND --help   options of a command",
        "  --debug                 show the traceback of an error",
    ]
    return "\n".join([*lines, "  --version"])
