"""The file that a run becomes, section by section: settings, data, order, network, training."""

from __future__ import annotations

import re
import sys
from typing import Any, cast

import torch

from fathom.build.plan import Plan
from fathom.eject.data.arrays import arrays_part
from fathom.eject.data.images import images_part
from fathom.eject.data.part import DataPart, dedent, in_words
from fathom.eject.data.tables import tables_part
from fathom.eject.data.texts import texts_part
from fathom.eject.loop import AUGMENTED, BATCHES, MAIN, PLAIN, training_code
from fathom.eject.model import model_code, optimizer_code, schedule_code
from fathom.eject.objective import hits_code, loss_code
from fathom.eject.source import Collected
from fathom.settings.config import Config
from fathom.version import VERSION

_HEAD = '''"""{run} as one file of plain PyTorch, written by Fathom {version}, which it does not need.

It repeats the run: the same data and splits, initial weights, order of samples and steps. On the same machine, with the
same versions (torch {torch}), its losses are those of the run to the bit.

    python {name}
"""

from __future__ import annotations
'''
_PARTS: dict[str, Any] = {
    "arrays": arrays_part,
    "array_files": arrays_part,
    "images": images_part,
    "tables": tables_part,
    "texts": texts_part,
}
_WIDTH = 118  # of a section's rule


class PlainFile:
    """The text of a run's file.

    Args:
        run, name: what the run and the file are called.
        epochs: that the run took, which early stopping may have ended.
    Raises:  FathomError for a part without code
    """

    def __init__(self, plan: Plan, run: str, name: str, *, epochs: int) -> None:
        self.plan, self.config, self.run, self.name, self.epochs = plan, plan.config, run, name, epochs
        self.is_text = plan.config.data.kind == "texts"
        self.part: DataPart = _PARTS[plan.config.data.kind](plan.config, plan.data)
        self.collected = Collected(imports={"import torch", "from torch import nn"} | self.part.imports)
        self._taken: set[str] = set()  # names of definitions that stand in a section already

    def text(self) -> str:
        """Return it."""
        sections = [
            ("Data", self._data()),
            ("Order of the samples", self._order()),
            ("Network", self._network()),
            ("Training", self._training()),
        ]
        body = []
        for title, parts in sections:
            body.append(f"# {title} {'-' * (_WIDTH - len(title))}")
            body += [piece for piece in parts if piece]
        # last, when all imports are known
        head = _HEAD.format(run=in_words(self.run), version=VERSION, torch=torch.__version__, name=in_words(self.name))
        code = "\n\n\n".join(body)
        if re.search(r"\bF\.", code):
            self.collected.imports.add("import torch.nn.functional as F")
        if "import torch.nn.functional as F" in self.collected.imports:  # one way of the two
            self.collected.imports.discard("from torch.nn import functional as F")
        imports = _sorted_imports(self.collected.imports)
        settings = "\n".join([*self._settings(), *self.part.settings])
        return "\n\n".join([f"{head}\n{imports}", f"{settings}\n", code]) + "\n"

    def _settings(self) -> list[str]:
        config: Config = self.config
        epochs = str(self.epochs)
        if self.epochs != config.training.epochs:
            epochs += f"  # the run stopped early, of {config.training.epochs}"
        lines = [
            f"SEED = {config.seed}",
            f"EPOCHS = {epochs}",
            f"LR = {config.training.lr}  # the peak, under a schedule",
            f"DEVICE = {str(self.plan.execution.device)!r}",
        ]
        if not self.is_text:
            data = cast("Any", self.plan.data)
            lines += [f"BATCH_SIZE, EVALUATION_BATCH = {data.batch_size}, {data.evaluation_batch}"]
        return lines

    def _data(self) -> list[str]:
        for module, used in self.part.uses:
            self.collected.add(module, used)
        return [*self._new_definitions(), self.part.code, self.part.tail]

    def _order(self) -> list[str]:
        self.collected.add("fathom.data.loaders.order", "mix")
        augment = getattr(self.plan.data, "augment", None)
        if augment is None:
            return [*self._new_definitions(), "" if self.is_text else dedent(BATCHES.format(augmented=PLAIN))]
        for step in (augment, *augment.steps):
            self.collected.add(type(step).__module__, type(step).__name__)
        made = f"AUGMENT = {augment!r}"
        return [*self._new_definitions(), made, dedent(BATCHES.format(augmented=AUGMENTED))]

    def _network(self) -> list[str]:
        code = model_code(self.plan, self.part, self.collected)
        return [*self._new_definitions(), *code]

    def _training(self) -> list[str]:
        plan, config = self.plan, self.config
        steps = len(cast("Any", plan.data.train_dataloader()))
        factor, optimizer = schedule_code(plan, steps, self.collected), optimizer_code(plan, self.collected)
        device, precision, clip = plan.execution.device, plan.execution.precision, config.training.clip_norm
        half = {"bf16": "torch.bfloat16", "fp16": "torch.float16"}.get(precision)
        facts = {
            "threads": str(torch.get_num_threads()),
            "autocast": f"torch.autocast({device.type!r}, {half})" if half else "",
            "clip": f"            nn.utils.clip_grad_norm_(model.parameters(), {clip})\n" if clip else "",
            "train_loss": loss_code(config, is_training=True),
            "val_loss": loss_code(config, is_training=False),
            "hits": "" if self.is_text else hits_code(plan),
            "to_device": "" if device.type == "cpu" else "X, y = X.to(DEVICE), y.to(DEVICE)",
        }
        training = training_code(facts, is_text=self.is_text)
        return [*self._new_definitions(), factor, optimizer, *training, dedent(MAIN)]

    def _new_definitions(self) -> list[str]:
        """Return the definitions that were collected since the last call."""
        found = {name: text for name, text in self.collected.definitions.items() if name not in self._taken}
        self._taken |= set(found)
        return list(found.values())


def _sorted_imports(lines: set[str]) -> str:
    """Return the lines in two groups: Python's own, then the libraries."""
    own = {line for line in lines if line.split()[1].partition(".")[0] in sys.stdlib_module_names}
    groups = (sorted(group, key=lambda line: (line.startswith("from"), line)) for group in (own, lines - own))
    return "\n\n".join("\n".join(group) for group in groups if group)
